"""Dropout of a language model: one mask a sequence, held over time (Gal and Ghahramani, 2016; Merity et al., 2018).

Masks are drawn from a seed that is data, so that a training step is a function of its inputs and a resumed training
draws what an undisturbed one would have drawn. Letters: T time steps, B sequences, U units, V words.
"""

from __future__ import annotations

import tensorflow as tf


def mask(shape, rate, seed, salt, dtype=tf.float32):
    """A mask of 0 and 1 / (1 - rate), of `shape`; None when nothing is dropped.

    Args:
        shape: of the mask.
        rate: share of zeros, a Python number.
        seed: `[2]` int32, of the step.
        salt: tells masks of one step apart.
        dtype: of the mask.
    """
    if not rate:
        return None
    kept = tf.random.stateless_uniform(shape, seed=tf.stack([seed[0] + salt, seed[1]])) >= rate
    return tf.cast(kept, dtype) / (1 - rate)


def activation_penalties(dropped, outputs, activation, temporal, length=None):
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


def step_weights(steps, length, dtype=tf.float32):
    """1 / length for the first `length` of T time steps and 0 behind them, `[T]`; `length` is data, at least 1."""
    counts = tf.cast(tf.range(steps) < length, dtype)  # [T]
    return counts / tf.cast(tf.maximum(length, 1), dtype)


def _mean_over_time(values, length):
    if length is None:
        return tf.reduce_mean(values)
    means = tf.reduce_mean(values, [1, 2])  # [T]
    return tf.reduce_sum(means * step_weights(values.shape[0], length, values.dtype))
