import numpy as np
import pytest
import tensorflow as tf

from nao_tf.data.image_batches import augment, evaluation_batches, training_batches
from nao_tf.data.images import Part

COUNT = 23
IMAGES = np.arange(COUNT * 6 * 5 * 2).reshape(COUNT, 6, 5, 2).astype(np.uint8) | 1  # never 0, which is the border
PART = Part(IMAGES, np.arange(COUNT, dtype=np.int32))


def batches(**options):
    settings = dict(batch_size=5, seed=3, steps=10, shift=2) | options
    return [tuple(array.numpy() for array in batch) for batch in training_batches(PART, **settings)]


def test_an_epoch_has_every_image_at_most_once_and_another_order_than_the_next():
    drawn = batches()
    assert [int(step) for step, _, _ in drawn] == list(range(10))
    first, second = (np.concatenate([labels for _, _, labels in drawn[start : start + 4]]) for start in (0, 4))
    assert len(set(first)) == len(set(second)) == 20 and list(first) != list(second)


@pytest.mark.parametrize("first", [1, 4, 7])
def test_a_resumed_training_gets_the_batches_of_an_undisturbed_one(first):
    whole = batches()
    for resumed, expected in zip(batches(first=first), whole[first:], strict=True):
        for one, other in zip(resumed, expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_images_are_moved_and_mirrored():
    seen = set()
    for _, images, labels in batches(steps=40):
        for image, label in zip(images, labels, strict=True):
            padded = np.pad(IMAGES[label], [[2, 2], [2, 2], [0, 0]])
            matches = [
                (top, left, mirrored)
                for top in range(5)
                for left in range(5)
                for mirrored in (False, True)
                if np.array_equal(image, padded[top : top + 6, left : left + 5][:, :: -1 if mirrored else 1])
            ]
            assert matches
            seen.add(matches[0])
    assert len(seen) > 40  # of 50


def test_without_augmentation_images_are_unchanged():
    for _, images, labels in batches(shift=0, mirrored=False):
        np.testing.assert_array_equal(images, IMAGES[labels])
    assert augment(tf.constant(IMAGES), tf.constant([1, 2]), shift=0, mirrored=False).dtype == tf.uint8


def test_too_few_images_for_a_batch():
    with pytest.raises(ValueError, match="batches of 24 images; there are only 23"):
        training_batches(PART, 24, seed=0, steps=1)


@pytest.mark.parametrize("batch_size, shape", [(5, (5, 5)), (100, (1, 23)), (23, (1, 23))])
def test_every_image_is_evaluated_once(batch_size, shape):
    indices, labels, weights = evaluation_batches(PART, batch_size)
    images = IMAGES[indices]
    assert labels.shape == weights.shape == indices.shape == shape
    assert sorted(labels[weights == 1]) == list(range(COUNT))
    np.testing.assert_array_equal(images[0, 0], IMAGES[0])
    np.testing.assert_array_equal(images[weights == 0], IMAGES[: int((weights == 0).sum())])
