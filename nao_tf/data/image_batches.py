"""Batches of images for training and for evaluation, as `tf.data` and as arrays.

Letters: N images, B images of a batch, H height, W width, C channels, S steps.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from nao_tf.data.images import Part
from nao_tf.data.pixels import Pixels


def training_batches(
    part: Part,
    batch_size: int,
    *,
    seed: int,
    steps: int,
    first: int = 0,
    shift: int = 4,
    mirrored: bool = True,
    policy: bool = False,
) -> tf.data.Dataset:
    """Augmented batches, prepared during the previous step; a step's batch depends on seed and step alone.

    Every epoch has another order; the images at its end that do not fill a batch are left out. An image is moved by up
    to `shift` pixels, with zeros beyond the border, and mirrored every other time (authors' code: 4 pixels).

    Args:
        part: the images.
        batch_size: B.
        seed: of order and augmentation.
        steps: S, of the whole training.
        first: steps that are already done.
        shift: in pixels; 0 for none.
        mirrored: whether images are mirrored left to right at random.
        policy: whether AutoAugment's policy for CIFAR-10 changes them then, see `autoaugment`.

    Returns:
        S - first elements: step (int64 scalar), images uint8 `[B, H, W, C]`, labels int32 `[B]`.

    Raises:
        ValueError: there are fewer images than a batch has.
    """
    count = len(part)
    per_epoch = count // batch_size
    if not per_epoch:
        raise ValueError(f"batches of {batch_size} images; there are only {count} to train with")
    read, labels = reader(part.images), tf.constant(part.labels)
    seed = seed % 2**31

    def epoch(number):
        order = tf.random.experimental.stateless_shuffle(
            tf.range(count), tf.stack([tf.constant(seed, tf.int64), number])
        )
        batches = tf.reshape(order[: per_epoch * batch_size], [per_epoch, batch_size])
        done = tf.where(number == first // per_epoch, first % per_epoch, 0)
        return tf.data.Dataset.from_tensor_slices(batches[done:])

    def batch(step, indices):
        originals = read(indices)  # [B, H, W, C]
        of_step = tf.stack([tf.constant(seed, tf.int64), step])  # [2]
        changed = augment(originals, of_step, shift=shift, mirrored=mirrored)
        if policy:
            from nao_tf.data import autoaugment  # makes layers of Keras's

            numbers = step * batch_size + tf.range(batch_size, dtype=tf.int64)
            seeds = tf.stack([tf.fill([batch_size], tf.constant(seed, tf.int64)), numbers], 1)  # [B, 2]
            changed = tf.map_fn(
                lambda each: autoaugment.augment(*each), (changed, seeds), fn_output_signature=changed.dtype
            )
        return step, changed, tf.gather(labels, indices)

    epochs = tf.data.Dataset.range(first // per_epoch, -(-steps // per_epoch))
    numbered = tf.data.Dataset.zip(tf.data.Dataset.range(first, steps), epochs.flat_map(epoch))
    return numbered.map(batch, num_parallel_calls=1).prefetch(2).with_options(untuned())


def reader(images: Pixels) -> Callable[[tf.Tensor], tf.Tensor]:
    """What reads images `[B, H, W, C]` by their indices `[B]` in TensorFlow's graph, from memory or from their file."""
    if isinstance(images, np.ndarray):
        held = tf.constant(images)
        return lambda indices: tf.gather(held, indices)

    def read(indices):
        batch = tf.numpy_function(images.__getitem__, [indices], tf.uint8, stateful=False)
        return tf.ensure_shape(batch, [*indices.shape, *images.shape[1:]])

    return read


def untuned() -> tf.data.Options:
    """Options without tuning at run time.

    Its thread sleeps 10 ms, then 20, 40, …, and is not always woken when an iterator ends: the end of a training then
    waits for the next multiple, which may take as long as the training did (TensorFlow 2.21).
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return options


def augment(images: tf.Tensor, seed: tf.Tensor, *, shift: int, mirrored: bool) -> tf.Tensor:
    """Images moved and mirrored at random.

    Args:
        images: `[B, H, W, C]`.
        seed: `[2]` integers.
        shift: the most pixels that an image is moved by; 0 for none.
        mirrored: whether an image is mirrored with probability one half.

    Returns:
        `[B, H, W, C]` of the same type.
    """
    batch, height, width, _ = images.shape
    drawn = tf.random.stateless_uniform([3, batch], seed)  # [3, B]: two shifts, mirroring
    rows, columns = (tf.tile(tf.range(size)[None], [batch, 1]) for size in (height, width))  # [B, H], [B, W]
    if mirrored:
        columns = tf.where(drawn[2][:, None] < 0.5, width - 1 - columns, columns)
    if shift:
        images = tf.pad(images, [[0, 0], [shift, shift], [shift, shift], [0, 0]])  # [B, H + 2 shift, W + 2 shift, C]
        start = tf.cast(tf.floor(drawn[:2] * (2 * shift + 1)), tf.int32)[..., None]  # [2, B, 1]
        rows, columns = rows + start[0], columns + start[1]
    if shift or mirrored:
        images = tf.gather(images, rows, axis=1, batch_dims=1)  # [B, H, W + 2 shift, C]
        images = tf.gather(images, columns, axis=2, batch_dims=1)  # [B, H, W, C]
    return images


def evaluation_batches(part: Part, batch_size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All images in batches of one size, in order.

    The last batch is filled up with the first images, of weight 0, so that statistics over a batch are always those of
    real images.

    Args:
        part: the images.
        batch_size: B; all images where there are fewer.

    Returns:
        The indices of the images, labels int32 and weights float32, each `[batches, B]`.
    """
    count = len(part)
    batch_size = min(batch_size, count)
    batches = -(-count // batch_size)
    indices = np.arange(batches * batch_size).reshape(batches, batch_size)  # [batches, B]
    weights = (indices < count).astype(np.float32)
    indices %= count
    return indices, part.labels[indices], weights
