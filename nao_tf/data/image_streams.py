"""Batches of pictures that stay in their files: read, decoded, cropped and changed in parallel, while a step computes.

Everything is `tf.data`. A picture's crop and colours depend on the seed and the step alone, so a training that goes on
sees what an undisturbed one would have seen. Pictures of TFDS come in the order of its shards, shuffled among some
thousands; to go on within an epoch, those that were seen are read again but not decoded.

Letters: B pictures of a batch, S height and width of an image.
"""

import os
import pathlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from nao_tf.data.image_batches import untuned
from nao_tf.data.image_crops import centre_image, training_image
from nao_tf.data.imagenet import PictureFiles, PreparedPictures, Streamed
from nao_tf.data.picture import read_picture

SHUFFLED = 4096  # encoded pictures of TFDS among which the next one is drawn
_SHARDS = 16  # of TFDS that are read in turn
_AHEAD = 2  # batches that are prepared before a step asks for them


def stream_batches(
    part: Streamed,
    batch_size: int,
    *,
    size: int,
    seed: int,
    steps: int,
    first: int = 0,
    smallest: float,
    jitter: float,
    mirrored: bool = True,
) -> Iterator[tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
    """Training batches: random crops, mirrored and with changed colours.

    Every epoch has another order; the pictures at its end that do not fill a batch are left out.

    Args:
        part: the pictures.
        batch_size: B.
        size: S.
        seed: of order, crops and changes.
        steps: of the whole training.
        first: steps that are already done.
        smallest: see `image_crops.training_image`, as the next two.
        jitter: of colours.
        mirrored: whether images are mirrored at random.

    Yields:
        Step (int64 scalar), images uint8 `[B, S, S, 3]`, labels int32 `[B]`.

    Raises:
        ValueError: there are fewer pictures than a batch has.
        InputError: a file is no picture, damaged, or cannot be read; the message names it.
    """
    if len(part) < batch_size:
        raise ValueError(f"batches of {batch_size} images; there are only {len(part)} to train with")
    seed = seed % 2**31
    examples = _in_random_order(part, batch_size, seed=seed, steps=steps, first=first)

    def image(number, reference, label):
        of_picture = tf.stack([tf.constant(seed, tf.int64), number])
        content = _content(part, reference)
        made = training_image(content, of_picture, size=size, smallest=smallest, jitter=jitter, mirrored=mirrored)
        return number // batch_size, made, label

    numbers = tf.data.Dataset.range(first * batch_size, steps * batch_size)
    numbered = tf.data.Dataset.zip(numbers, examples).map(lambda number, example: (number, *example))
    batches = numbered.map(image, num_parallel_calls=_parallel(), deterministic=True)
    batches = batches.batch(batch_size, drop_remainder=True).map(lambda step, *rest: (step[0], *rest))
    return _naming_files(batches.prefetch(_AHEAD).with_options(untuned()), part, examples, batch_size)


def evaluation_stream(
    part: Streamed, batch_size: int, *, size: int
) -> Iterator[tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
    """All pictures in batches of one size, in order: the middle of each.

    The last batch is filled up with the first pictures, of weight 0.

    Args:
        part: the pictures.
        batch_size: B; all pictures where there are fewer.
        size: S.

    Yields:
        Images uint8 `[B, S, S, 3]`, labels int32 `[B]`, weights float32 `[B]`.

    Raises:
        InputError: see `stream_batches`.
    """
    batch_size = min(batch_size, len(part))
    total = -(-len(part) // batch_size) * batch_size
    examples = _in_order(part).repeat().take(total)

    def image(number, reference, label):
        made = centre_image(_content(part, reference), size=size)
        return made, label, tf.cast(number < len(part), tf.float32)

    numbered = tf.data.Dataset.zip(tf.data.Dataset.range(total), examples)
    numbered = numbered.map(lambda number, example: (number, *example))
    batches = numbered.map(image, num_parallel_calls=_parallel(), deterministic=True)
    batches = batches.batch(batch_size, drop_remainder=True).prefetch(_AHEAD).with_options(untuned())
    return _naming_files(batches, part, examples, batch_size)


def _parallel():
    return max(2, os.cpu_count() or 1)


def _content(part, reference):
    return tf.io.read_file(reference) if isinstance(part, PictureFiles) else reference


def _in_random_order(part, batch_size, *, seed, steps, first):
    """References and labels from a step on, B for each step: the path of a file, or the content of one."""
    per_epoch = len(part) // batch_size
    begun, done = first // per_epoch, first % per_epoch * batch_size
    epochs = tf.data.Dataset.range(begun, -(-steps // per_epoch))
    if isinstance(part, PictureFiles):
        paths, labels = _paths(part), tf.constant(part.labels)

        def epoch(number):
            seeds = tf.stack([tf.constant(seed, tf.int64), number])
            order = tf.random.experimental.stateless_shuffle(tf.range(len(part)), seeds)[: per_epoch * batch_size]
            return tf.data.Dataset.from_tensor_slices(order[tf.where(number == begun, done, 0) :])

        return epochs.flat_map(epoch).map(lambda index: (paths[index], labels[index]))
    # each epoch is a data set of its own, since the order of TFDS's shards is fixed when one is made
    datasets = (
        _prepared(part, seed=seed + number).take(per_epoch * batch_size).skip(done if number == begun else 0)
        for number in range(begun, -(-steps // per_epoch))
    )
    return _one_after_another(datasets)


def _one_after_another(datasets):
    """The examples of data sets that are made when they are needed."""
    element = (tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.int32))

    def examples():
        for dataset in datasets:
            yield from dataset

    return tf.data.Dataset.from_generator(examples, output_signature=element)


def _in_order(part):
    if isinstance(part, PictureFiles):
        return tf.data.Dataset.from_tensor_slices((_paths(part), tf.constant(part.labels)))
    return _prepared(part, seed=None)


def _paths(part):
    return tf.constant([os.fsencode(path) for path in part.paths])


def _prepared(part: PreparedPictures, *, seed):
    """Contents of files and labels of a split of TFDS, in its order or shuffled."""
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(part.directory)
    reading = tfds.ReadConfig(interleave_cycle_length=1)
    if seed is not None:
        reading = tfds.ReadConfig(
            shuffle_seed=seed, interleave_cycle_length=_SHARDS, shuffle_reshuffle_each_iteration=False
        )
    dataset = builder.as_dataset(
        split=part.split,
        shuffle_files=seed is not None,
        decoders={"image": tfds.decode.SkipDecoding()},
        read_config=reading,
    )
    if seed is not None:
        dataset = dataset.shuffle(SHUFFLED, seed=seed, reshuffle_each_iteration=False)
    return dataset.map(lambda row: (row["image"], tf.cast(row["label"], tf.int32)))


def _naming_files(batches, part, examples, batch_size):
    """The batches; a failure that a file is the reason of becomes one that names it."""
    given = 0
    iterator = iter(batches)
    while True:
        try:
            batch = next(iterator)
        except StopIteration:
            return
        except tf.errors.OpError:
            if isinstance(part, PictureFiles):
                # of the batch that failed, read again in the way that says what is wrong
                for path, _ in examples.skip(given * batch_size).take(batch_size):
                    read_picture(pathlib.Path(os.fsdecode(path.numpy())))
            raise
        given += 1
        yield batch


def without_filling(
    batches: Iterator[tuple[tf.Tensor, tf.Tensor, tf.Tensor]],
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Images and labels of evaluation batches as arrays, without what only fills the last one up."""
    for images, labels, weights in batches:
        real = weights.numpy() > 0
        yield images.numpy()[real], labels.numpy()[real]
