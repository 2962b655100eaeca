"""Pictures of any size as images of one size: the crops and changes of colour that ImageNet's networks are trained on,
and the crop that they are measured on (authors' PyTorch program; Szegedy et al., 2015).

Everything runs in TensorFlow's graph, one picture at a time, and random numbers depend on a seed that is given.

Letters: h, w height and width of a picture, S of an image, C channels (3).
"""

import math
import pathlib

import numpy as np
import tensorflow as tf

from nao_tf.data.imagenet import CENTRE
from nao_tf.data.orientation import is_jpeg, orientation_of, upright
from nao_tf.data.picture import read_picture

RATIOS = (3 / 4, 4 / 3)  # width / height of training crops
ATTEMPTS = 10  # crops that are drawn until one lies within the picture
_CROP, _RATIO, _PLACE, _MIRROR, _STRENGTH, _HUE, _ORDER = range(7)  # salts of the random numbers of one picture


def decode(content: tf.Tensor) -> tf.Tensor:
    """The picture that a file holds, upright, uint8 `[h, w, C]`.

    JPEG files are decoded by TensorFlow, all others by Pillow; both give the pixels of `picture.read_picture`.

    Args:
        content: of the file, a string scalar.
    """
    return tf.cond(is_jpeg(content), lambda: _decode_jpeg(content), lambda: _decode_other(content))


def training_image(
    content: tf.Tensor, seed: tf.Tensor, *, size: int, smallest: float, jitter: float, mirrored: bool
) -> tf.Tensor:
    """A random crop of a picture, mirrored every other time, with changed colours, uint8 `[S, S, C]`.

    Of a JPEG file only the crop is decoded.

    Args:
        content: of the file, a string scalar.
        seed: `[2]` int64, of the picture in this step.
        size: S.
        smallest: share of the picture's area that a crop has at least.
        jitter: see `change_colours`; 0 for none.
        mirrored: whether images are mirrored left to right at random.
    """

    def of_jpeg():
        window = random_window(tf.io.extract_jpeg_shape(content)[:2], seed, smallest=smallest)
        return tf.image.decode_and_crop_jpeg(content, window, channels=3)

    def of_other():
        picture = decode(content)
        top, left, height, width = tf.unstack(random_window(tf.shape(picture)[:2], seed, smallest=smallest))
        return picture[top : top + height, left : left + width]

    is_upright = is_jpeg(content)
    is_upright = tf.cond(is_upright, lambda: orientation_of(content) == 1, lambda: is_upright)
    image = resized(tf.cond(is_upright, of_jpeg, of_other), size)  # [S, S, C], 0 to 255
    if mirrored:
        image = tf.cond(_drawn([], seed, _MIRROR) < 0.5, lambda: image[:, ::-1], lambda: image)
    if jitter:
        image = change_colours(image, seed, strength=jitter)
    return tf.cast(tf.round(image), tf.uint8)


def centre_image(content: tf.Tensor, *, size: int, share: float = CENTRE) -> tf.Tensor:
    """The square in the middle of a picture, uint8 `[S, S, C]`.

    Args:
        content: of the file, a string scalar.
        size: S.
        share: of the shorter side.
    """
    return tf.cast(tf.round(centre(decode(content), size=size, share=share)), tf.uint8)


def centre(picture: tf.Tensor, *, size: int, share: float = CENTRE) -> tf.Tensor:
    """The middle of a picture `[h, w, C]` whose shorter side is brought to S / share pixels, float32 `[S, S, C]`.

    Bilinear, without aliasing, as Pillow does it; what is cut off is not computed.
    """
    sides = tf.shape(picture)[:2]
    shorter, target = tf.reduce_min(sides), round(size / share)
    resized_sides = target * sides // shorter  # rounded down, as in the published evaluation
    scale = tf.cast(resized_sides, tf.float32) / tf.cast(sides, tf.float32)
    moved = tf.round(tf.cast(resized_sides - size, tf.float32) / 2)
    image = tf.raw_ops.ScaleAndTranslate(
        images=picture[None], size=[size, size], scale=scale, translation=-moved, kernel_type="triangle", antialias=True
    )[0]
    return tf.clip_by_value(tf.ensure_shape(image, [size, size, 3]), 0.0, 255.0)


def resized(picture: tf.Tensor, size: int) -> tf.Tensor:
    """A picture of 0 to 255 brought to S x S pixels, float32; bilinear, without aliasing, as Pillow does it."""
    image = tf.image.resize(picture, [size, size], "bilinear", antialias=True)
    image.set_shape([size, size, 3])
    return tf.clip_by_value(image, 0.0, 255.0)


def random_window(sides: tf.Tensor, seed: tf.Tensor, *, smallest: float) -> tf.Tensor:
    """A random crop: its area and its proportions are drawn, then its place (Szegedy et al., 2015).

    Args:
        sides: h and w, `[2]` int32.
        seed: `[2]` int64.
        smallest: share of the area that it has at least.

    Returns:
        Top, left, height and width, `[4]` int32. Where none of ten lies within the picture, the largest in its middle
        that keeps the proportions allowed.
    """
    height, width = tf.unstack(tf.cast(sides, tf.float32))
    areas = height * width * _drawn([ATTEMPTS], seed, _CROP, smallest, 1.0)
    ratios = tf.exp(_drawn([ATTEMPTS], seed, _RATIO, *map(math.log, RATIOS)))
    heights, widths = tf.round(tf.sqrt(areas / ratios)), tf.round(tf.sqrt(areas * ratios))  # [attempts] each
    fits = (heights >= 1) & (widths >= 1) & (heights <= height) & (widths <= width)
    first = tf.argmax(fits)  # of equal ones the first
    fallback = tf.minimum(height, tf.round(width / RATIOS[0])), tf.minimum(width, tf.round(height * RATIOS[1]))
    found = tf.reduce_any(fits)
    crop = tf.stack(
        [tf.where(found, drawn[first], whole) for drawn, whole in zip((heights, widths), fallback, strict=True)]
    )
    room = tf.cast(sides, tf.float32) - crop  # [2]
    place = tf.where(found, tf.floor(_drawn([2], seed, _PLACE) * (room + 1)), tf.floor(room / 2))
    return tf.cast(tf.concat([place, crop], 0), tf.int32)


def change_colours(image: tf.Tensor, seed: tf.Tensor, *, strength: float) -> tf.Tensor:
    """An image of 0 to 255 `[S, S, C]` with other brightness, contrast, saturation and hue, in random order.

    Args:
        image: float32.
        seed: `[2]` int64.
        strength: brightness, contrast and saturation are multiplied by 1 - strength to 1 + strength; the hue is turned
            by up to half of it, of a whole turn.
    """
    factors = _drawn([3], seed, _STRENGTH, 1 - strength, 1 + strength)
    turn = _drawn([], seed, _HUE, -strength / 2, strength / 2)
    order = tf.argsort(_drawn([4], seed, _ORDER))

    def mixed(values, other, factor):
        return tf.clip_by_value(other + factor * (values - other), 0.0, 255.0)

    def grey(values):
        return tf.image.rgb_to_grayscale(values)

    for place in range(4):
        changes = [
            lambda values=image: mixed(values, 0.0, factors[0]),
            lambda values=image: mixed(values, tf.reduce_mean(grey(values)), factors[1]),
            lambda values=image: mixed(values, grey(values), factors[2]),
            lambda values=image: tf.image.adjust_hue(values / 255, turn) * 255,
        ]
        image = tf.ensure_shape(tf.switch_case(order[place], changes), image.shape)
    return tf.clip_by_value(image, 0.0, 255.0)


def _drawn(shape, seed, salt, lowest=0.0, highest=1.0):
    """Uniform numbers of one picture; the salt tells what they are for."""
    return tf.random.stateless_uniform(shape, tf.stack([seed[0] * 8 + salt, seed[1]]), lowest, highest)


def _decode_jpeg(content):
    return upright(tf.io.decode_jpeg(content, channels=3), orientation_of(content))


def _decode_other(content):
    image = tf.numpy_function(_read, [content], tf.uint8)
    image.set_shape([None, None, 3])
    return image


def _read(content: bytes | np.ndarray) -> np.ndarray:
    return read_picture(pathlib.Path("a picture"), content.item() if isinstance(content, np.ndarray) else content)
