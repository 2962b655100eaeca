"""AutoAugment's operations against Pillow's, and its policy."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageOps

from nao_tf.data import autoaugment
from nao_tf.data.image_batches import training_batches
from nao_tf.data.images import Part

SIZE = 32
GREY = (128, 128, 128)


def picture(seed=0):
    """Smooth with an edge, so that a shift by a pixel shows."""
    y, x = np.mgrid[:SIZE, :SIZE]
    waves = np.random.default_rng(seed).uniform(0.05, 0.3, [2, 3])
    pixels = 100 * (1 + np.sin(waves[0] * x[..., None] + waves[1] * y[..., None]))
    pixels[10:20, 5:25] += 50
    return pixels.astype(np.uint8)


def affine(image, matrix, resample=Image.Resampling.NEAREST):
    return image.transform(image.size, Image.Transform.AFFINE, matrix, resample, fillcolor=GREY)


def rotated(image, degrees):
    return image.rotate(degrees, fillcolor=GREY)


# By operation: Pillow's, of an image, a level and a sign; and the mean difference that rounding may leave.
PILLOW = {
    "shear y": (lambda image, level, sign: affine(
        image, (1, 0, 0, sign * 0.3 * level / 9, 1, 0), Image.Resampling.BILINEAR), 4),
    "translate x": (lambda image, level, sign: affine(image, (1, 0, sign * 150 / 331 * SIZE * level / 9, 0, 1, 0)), 2),
    "translate y": (lambda image, level, sign: affine(image, (1, 0, 0, 0, 1, sign * 150 / 331 * SIZE * level / 9)), 2),
    "rotate": (lambda image, level, sign: rotated(image, sign * 30 * level / 9), 2),
    "autocontrast": (lambda image, level, sign: ImageOps.autocontrast(image), 1),
    "equalize": (lambda image, level, sign: ImageOps.equalize(image), 0),
    "solarize": (lambda image, level, sign: ImageOps.solarize(image, 256 - 256 * level / 9), 0),
    "posterize": (lambda image, level, sign: ImageOps.posterize(
        image, int(np.round(np.linspace(8, 4, 10))[level])), 0),
    "invert": (lambda image, level, sign: ImageOps.invert(image), 0),
    "color": (lambda image, level, sign: ImageEnhance.Color(image).enhance(1 + sign * 0.9 * level / 9), 1),
    "contrast": (lambda image, level, sign: ImageEnhance.Contrast(image).enhance(1 + sign * 0.9 * level / 9), 1),
    "brightness": (lambda image, level, sign: ImageEnhance.Brightness(image).enhance(1 + sign * 0.9 * level / 9), 1),
    "sharpness": (lambda image, level, sign: ImageEnhance.Sharpness(image).enhance(1 + sign * 0.9 * level / 9), 1),
}  # fmt: skip


@pytest.mark.parametrize("name", autoaugment.OPERATIONS)
def test_every_operation_is_pillows(name):
    expected, tolerance = PILLOW[name]
    for level, sign in ((2, 1.0), (7, -1.0), (9, 1.0)):
        pixels = picture(level)
        found = autoaugment.OPERATIONS[name](tf.constant(pixels, tf.float32), tf.constant(level), tf.constant(sign))
        other = np.asarray(expected(Image.fromarray(pixels), level, sign), float)
        assert np.abs(np.clip(found, 0, 255) - other).mean() <= tolerance, (level, sign)


def test_one_level_is_equalised_to_itself():
    flat = tf.fill([SIZE, SIZE, 3], 77.0)
    np.testing.assert_array_equal(autoaugment.OPERATIONS["equalize"](flat, tf.constant(0), tf.constant(1.0)), flat)


def test_the_policy_is_the_published_one():
    assert len(autoaugment.POLICY) == 25 and {name for pair in autoaugment.POLICY for name, *_ in pair} == set(PILLOW)
    # sums over the published table, so that a slip of the pen shows
    rows = [row for pair in autoaugment.POLICY for row in pair]
    assert sum(probability for _, probability, _ in rows) == pytest.approx(26.5)
    assert sum(level for *_, level in rows) == 267


def test_images_are_changed_at_random_and_depend_on_their_seed_alone():
    pixels = tf.constant(picture())
    run = tf.function(lambda number: autoaugment.augment(pixels, tf.stack([tf.constant(3, tf.int64), number])))
    images = np.array([run(tf.constant(number, tf.int64)) for number in range(40)])
    assert images.dtype == np.uint8 and len({image.tobytes() for image in images}) > 12
    assert 0 < sum((image == pixels.numpy()).all() for image in images) < 15
    np.testing.assert_array_equal(images[7], run(tf.constant(7, tf.int64)))


def test_batches_of_a_policy_are_those_without_it_changed():
    generator = np.random.default_rng(0)
    part = Part(generator.integers(0, 256, [10, 16, 16, 3]).astype(np.uint8), np.arange(10, dtype=np.int32))
    plain, changed = (
        [images.numpy() for _, images, _ in training_batches(part, 5, seed=1, steps=4, shift=2, policy=policy)]
        for policy in (False, True)
    )
    differ = [(one != other).any() for one, other in zip(np.concatenate(plain), np.concatenate(changed), strict=True)]
    assert 6 <= sum(differ) <= 20
    expected = autoaugment.augment(tf.constant(plain[1][2]), tf.constant([1, 7], tf.int64))
    np.testing.assert_array_equal(changed[1][2], expected)
