"""AutoAugment's policy for CIFAR-10 (Cubuk et al., 2019, table 7), one image at a time, in TensorFlow's graph.

Of 25 pairs of operations one is drawn for an image, and each of its operations is applied with a probability of its
own. The policy was found with Pillow's operations; magnitudes, and grey where an image was moved away, are those of the
authors' PyTorch program. Keras's layers compute what they compute alike; brightness, contrast and equalisation are
written here, since Keras's add instead of multiplying, take another mean, and spread a histogram of 1,024 pixels
otherwise.

Letters: S height and width of an image, C channels (3).
"""

import math
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

LEVELS = 9  # magnitudes are 0 to 9
GREY = 128.0  # where an image was moved away
SHEAR, TRANSLATION, ROTATION, ENHANCEMENT = 0.3, 150 / 331, 30.0, 0.9  # at the highest level
BITS = np.round(np.linspace(8, 4, LEVELS + 1)).astype(np.int32)  # that posterising leaves, by level
_SALTS = range(1, 6)  # of the random numbers of one image: pair, and whether and where to of each operation

# Operation, probability and level of both operations of every pair.
POLICY: tuple[tuple[tuple[str, float, int], tuple[str, float, int]], ...] = (
    (("invert", 0.1, 7), ("contrast", 0.2, 6)),
    (("rotate", 0.7, 2), ("translate x", 0.3, 9)),
    (("sharpness", 0.8, 1), ("sharpness", 0.9, 3)),
    (("shear y", 0.5, 8), ("translate y", 0.7, 9)),
    (("autocontrast", 0.5, 8), ("equalize", 0.9, 2)),
    (("shear y", 0.2, 7), ("posterize", 0.3, 7)),
    (("color", 0.4, 3), ("brightness", 0.6, 7)),
    (("sharpness", 0.3, 9), ("brightness", 0.7, 9)),
    (("equalize", 0.6, 5), ("equalize", 0.5, 1)),
    (("contrast", 0.6, 7), ("sharpness", 0.6, 5)),
    (("color", 0.7, 7), ("translate x", 0.5, 8)),
    (("equalize", 0.3, 7), ("autocontrast", 0.4, 8)),
    (("translate y", 0.4, 3), ("sharpness", 0.2, 6)),
    (("brightness", 0.9, 6), ("color", 0.2, 8)),
    (("solarize", 0.5, 2), ("invert", 0.0, 3)),
    (("equalize", 0.2, 0), ("autocontrast", 0.6, 0)),
    (("equalize", 0.2, 8), ("equalize", 0.6, 4)),
    (("color", 0.9, 9), ("equalize", 0.6, 6)),
    (("autocontrast", 0.8, 4), ("solarize", 0.2, 8)),
    (("brightness", 0.1, 3), ("color", 0.7, 0)),
    (("solarize", 0.4, 5), ("autocontrast", 0.9, 3)),
    (("translate y", 0.9, 9), ("translate y", 0.7, 9)),
    (("autocontrast", 0.9, 2), ("solarize", 0.8, 3)),
    (("equalize", 0.8, 8), ("invert", 0.1, 3)),
    (("translate y", 0.7, 9), ("autocontrast", 0.9, 1)),
)


def augment(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """An image changed by the policy.

    Args:
        image: uint8 `[S, S, C]`.
        seed: `[2]` int64, of the image in this step.

    Returns:
        uint8 `[S, S, C]`.
    """
    names = list(OPERATIONS)
    numbers = tf.constant([[names.index(name) for name, _, _ in pair] for pair in POLICY])  # [pairs, 2]
    probabilities = tf.constant([[probability for _, probability, _ in pair] for pair in POLICY])
    levels = tf.constant([[level for *_, level in pair] for pair in POLICY])

    def drawn(salt, shape=()):
        return tf.random.stateless_uniform(shape, tf.stack([seed[0] * 8 + salt, seed[1]]))

    pair = tf.cast(drawn(_SALTS[0]) * len(POLICY), tf.int32)
    values = tf.cast(image, tf.float32)
    for place in range(2):
        whether, where = drawn(_SALTS[1 + 2 * place]), drawn(_SALTS[2 + 2 * place])
        sign = tf.where(where < 0.5, -1.0, 1.0)
        number, level = numbers[pair, place], levels[pair, place]
        changes = [
            lambda operation=operation, values=values, level=level, sign=sign: operation(values, level, sign)
            for operation in OPERATIONS.values()
        ]
        changed = tf.cond(
            whether < probabilities[pair, place],
            lambda number=number, changes=changes: tf.switch_case(number, changes),
            lambda values=values: values,
        )
        values = tf.ensure_shape(changed, image.shape)
    return tf.cast(tf.round(tf.clip_by_value(values, 0.0, 255.0)), tf.uint8)


def _share(level):
    return tf.cast(level, tf.float32) / LEVELS


# ---- what Keras has; transformations are given, so that nothing is drawn in the layers


def _shear(axis):
    layer = keras.layers.RandomShear(1.0, 1.0, fill_mode="constant", fill_value=GREY)

    def apply(image, level, sign):
        factors = tf.one_hot([axis], 2) * sign * SHEAR * _share(level)  # [1, 2]
        return layer.transform_images(image[None], {"shear_factor": factors})[0]

    return apply


def _translate(axis):
    layer = keras.layers.RandomTranslation(1.0, 1.0, fill_mode="constant", fill_value=GREY, interpolation="nearest")

    def apply(image, level, sign):
        # to the left or up by a positive number of pixels, as Pillow's matrix has it
        pixels = -sign * TRANSLATION * image.shape[1 - axis] * _share(level)
        return layer.transform_images(image[None], {"translations": tf.one_hot([axis], 2) * pixels})[0]

    return apply


def _rotate(image, level, sign):
    angle = sign * ROTATION * _share(level) * (math.pi / 180)  # against the clock
    cosine, sine = tf.cos(angle), tf.sin(angle)
    x, y = ((size - 1) / 2 for size in (image.shape[1], image.shape[0]))  # around the middle
    matrix = [cosine, -sine, x - cosine * x + sine * y, sine, cosine, y - sine * x - cosine * y, 0.0, 0.0]
    return keras.ops.image.affine_transform(
        image[None], tf.stack(matrix)[None], interpolation="nearest", fill_mode="constant", fill_value=GREY
    )[0]


def _autocontrast():
    layer = keras.layers.AutoContrast()
    return lambda image, level, sign: layer.transform_images(image[None])[0]


def _solarize():
    layer = keras.layers.Solarization()

    def apply(image, level, sign):
        given = {"thresholds": 256 * (1 - _share(level)), "additions": tf.zeros([])}
        return layer.transform_images(image[None], given)[0]

    return apply


def _posterize():
    layer = keras.layers.RandomPosterization(8)

    def apply(image, level, sign):
        lost = tf.cast(8 - tf.gather(tf.constant(BITS), level), tf.uint8)
        return layer.transform_images(image[None], {"shift_factor": lost[None]})[0]

    return apply


def _sharpness():
    layer = keras.layers.RandomSharpness(1.0)

    def apply(image, level, sign):
        sharper = layer.transform_images(image[None], {"factor": _factor(level, sign)[None] / 2})[0]
        return tf.pad(sharper[1:-1, 1:-1], [[1, 1], [1, 1], [0, 0]]) + image * _border(image)  # Pillow's leaves it

    return apply


def _border(image):
    inner = tf.ones([image.shape[0] - 2, image.shape[1] - 2, 1])
    return 1 - tf.pad(inner, [[1, 1], [1, 1], [0, 0]])  # [S, S, 1]


def _color():
    layer = keras.layers.RandomColorDegeneration(1.0)
    return lambda image, level, sign: layer.transform_images(image[None], {"factor": 1 - _factor(level, sign)})[0]


# ---- what is written here


def _factor(level, sign):
    """Of an enhancement: 1 leaves the image as it is."""
    return 1 + sign * ENHANCEMENT * _share(level)


def _brightness(image, level, sign):
    return tf.clip_by_value(image * _factor(level, sign), 0.0, 255.0)


def _contrast(image, level, sign):
    mean = tf.floor(tf.reduce_mean(tf.round(tf.image.rgb_to_grayscale(image))) + 0.5)
    return tf.clip_by_value(mean + _factor(level, sign) * (image - mean), 0.0, 255.0)


def _equalize(image, level, sign):
    """Every channel with levels that are as frequent as each other, as far as they can be (Pillow's tables)."""

    def channel(values):  # [S, S] int32
        counts = tf.math.bincount(tf.reshape(values, [-1]), minlength=256, maxlength=256)  # [256]
        last = tf.boolean_mask(counts, counts > 0)[-1]
        step = (tf.reduce_sum(counts) - last) // 255
        table = (step // 2 + tf.cumsum(counts, exclusive=True)) // tf.maximum(step, 1)
        return tf.where(step > 0, tf.gather(tf.minimum(table, 255), values), values)

    levels = tf.cast(tf.round(image), tf.int32)
    return tf.cast(tf.stack([channel(each) for each in tf.unstack(levels, axis=-1)], -1), tf.float32)


# Each is called with an image float32 `[S, S, C]` of 0 to 255, a level, and a sign, -1.0 or 1.0.
OPERATIONS: dict[str, Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "shear y": _shear(1),
    "translate x": _translate(0),
    "translate y": _translate(1),
    "rotate": _rotate,
    "autocontrast": _autocontrast(),
    "equalize": _equalize,
    "solarize": _solarize(),
    "posterize": _posterize(),
    "invert": lambda image, level, sign: 255 - image,
    "color": _color(),
    "contrast": _contrast,
    "brightness": _brightness,
    "sharpness": _sharpness(),
}
