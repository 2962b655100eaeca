"""What is dropped in training: words and units of language models, branches and squares of images.

In a language model one mask a sequence is held over time (Gal and Ghahramani, 2016; Merity et al., 2018). Masks are
drawn from a seed that is data, so that a training step is a function of its inputs and a resumed training draws what an
undisturbed one would have drawn. Letters: T time steps, B sequences or images, U units, V
words, H height, W width, C channels.
"""

from collections.abc import Sequence

import tensorflow as tf

# Salts of the random numbers of one step of an image classifier.
CUTOUT, DROPOUT, DROP_PATH = range(3)


def mask(
    shape: Sequence[int] | tf.Tensor, rate: float, *, seed: tf.Tensor, salt: int, dtype: tf.DType = tf.float32
) -> tf.Tensor | None:
    """A mask of 0 and 1 / (1 - rate), of `shape`; None when nothing is dropped.

    Args:
        shape: of the mask.
        rate: share of zeros, a Python number.
        seed: `[2]` int32, of the step.
        salt: distinguishes the masks of one step.
        dtype: of the mask.
    """
    if not rate:
        return None
    kept = tf.random.stateless_uniform(shape, seed=tf.stack([seed[0] + salt, seed[1]])) >= rate
    return tf.cast(kept, dtype) / (1 - rate)


def activation_penalties(
    dropped: tf.Tensor,
    outputs: tf.Tensor,
    *,
    activation: float,
    temporal: float,
    length: tf.Tensor | int | None = None,
) -> tf.Tensor:
    """AR and TAR (Merity et al., 2017): activation * mean(dropped^2) + temporal * mean((h_t+1 - h_t)^2).

    Args:
        dropped: outputs after dropout, `[T, B, U]`.
        outputs: outputs before dropout, `[T, B, U]`.
        activation: alpha, a Python number.
        temporal: beta, a Python number.
        length: scalar int32, the time steps that count, at least 2; None for all T.
    """
    penalty = tf.zeros([], outputs.dtype)
    if activation:
        penalty += activation * _mean_over_time(tf.square(dropped), length)
    if temporal:
        steps = None if length is None else length - 1
        penalty += temporal * _mean_over_time(tf.square(outputs[1:] - outputs[:-1]), steps)
    return penalty


def step_weights(steps: int, length: tf.Tensor | int, *, dtype: tf.DType = tf.float32) -> tf.Tensor:
    """1 / length for the first `length` of T time steps and 0 after them, `[T]`; `length` is data, at least 1."""
    counts = tf.cast(tf.range(steps) < length, dtype)  # [T]
    return counts / tf.cast(tf.maximum(length, 1), dtype)


def _mean_over_time(values, length):
    if length is None:
        return tf.reduce_mean(values)
    means = tf.reduce_mean(values, [1, 2])  # [T]
    return tf.reduce_sum(means * step_weights(values.shape[0], length, dtype=values.dtype))


def path_masks(
    keep: tf.Tensor,
    branches: int,
    *,
    batch: tf.Tensor | int,
    seed: tf.Tensor,
    salt: int,
    dtype: tf.DType = tf.float32,
) -> tf.Tensor:
    """Drop-path: whole branches of a cell, drawn for each image (Larsson et al., 2017; Zoph et al., 2018).

    Args:
        keep: the share that is kept in each cell, `[cells]`.
        branches: of a cell.
        batch: B.
        seed: `[2]` int32, of the step.
        salt: distinguishes the masks of one step.
        dtype: of the masks.

    Returns:
        `[cells, branches, B]`, 0 and 1 / keep.
    """
    keep = tf.reshape(keep, [-1, 1, 1])
    shape = [keep.shape[0], branches, batch]
    drawn = tf.random.stateless_uniform(shape, seed=tf.stack([seed[0] + salt, seed[1]]))
    return tf.cast(tf.cast(drawn < keep, tf.float32) / keep, dtype)


def cutout(images: tf.Tensor, size: int, *, seed: tf.Tensor, salt: int) -> tf.Tensor:
    """Images `[B, H, W, C]` with a square of zeros each, cut off at the border (DeVries and Taylor, 2017).

    Args:
        images: normalised, so that 0 is the mean.
        size: of the square, in pixels; 0 for none.
        seed: `[2]` int32, of the step.
        salt: distinguishes the masks of one step.
    """
    if not size:
        return images
    height, width = images.shape[1:3]
    drawn = tf.random.stateless_uniform([2, tf.shape(images)[0]], seed=tf.stack([seed[0] + salt, seed[1]]))

    def inside(centre, length):
        # the centre is a pixel; an even square reaches one pixel further to the left, as in its authors' code
        start = tf.cast(tf.floor(centre * length), tf.int32)[:, None] - size // 2  # [B, 1]
        pixels = tf.range(length)[None]
        return (pixels >= start) & (pixels < start + size)  # [B, length]

    hole = inside(drawn[0], height)[:, :, None] & inside(drawn[1], width)[:, None, :]  # [B, H, W]
    return tf.where(hole[..., None], tf.zeros([], images.dtype), images)
