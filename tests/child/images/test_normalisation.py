"""Batch normalisation against NumPy, in training and with moving averages."""

import numpy as np
import tensorflow as tf
from by_hand import floats

from nao_tf.child.images.layers import ConvolutionStep
from nao_tf.child.images.normalisation import EPSILON, MOMENTUM, normalise_by_batch


def test_statistics_are_those_of_the_batch():
    values, scale, offset = floats(3, 4, 5, 2), floats(2), floats(2)
    result, mean, variance = normalise_by_batch(tf.constant(values), scale, offset=offset)
    np.testing.assert_allclose(mean, values.mean((0, 1, 2)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(variance, values.var((0, 1, 2), ddof=1), rtol=1e-4)
    expected = (values - values.mean((0, 1, 2))) / np.sqrt(values.var((0, 1, 2)) + EPSILON) * scale + offset
    np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1e-4)


def test_evaluation_takes_moving_averages():
    layer = ConvolutionStep(4, height=3, width=3)
    values = floats(5, 6, 6, 3)
    layer.build(values.shape)
    outputs = tf.nn.conv2d(np.maximum(values, 0), layer.by_name["kernel"].numpy(), 1, "SAME").numpy()
    mean, variance = np.zeros(4), np.ones(4)
    for _ in range(3):
        layer(tf.constant(values), training=True)
        mean = MOMENTUM * mean + (1 - MOMENTUM) * outputs.mean((0, 1, 2))
        variance = MOMENTUM * variance + (1 - MOMENTUM) * outputs.var((0, 1, 2), ddof=1)
    expected = (outputs - mean) / np.sqrt(variance + EPSILON)
    np.testing.assert_allclose(layer(tf.constant(values)), expected, rtol=1e-3, atol=1e-4)


def test_without_moving_averages_evaluation_takes_the_batch():
    layer = ConvolutionStep(4, moving=False)
    values = tf.constant(floats(5, 6, 6, 3))
    layer.build(values.shape)
    assert not layer.non_trainable_weights
    np.testing.assert_array_equal(layer(values), layer(values, training=True))
    np.testing.assert_allclose(tf.reduce_mean(layer(values), [0, 1, 2]), np.zeros(4), atol=1e-5)
