import math

import numpy as np
import tensorflow as tf
from by_hand import floats, layer_by_hand, randomise

from nao_tf.child.images.auxiliary_head import AuxiliaryHead


def test_parameters_of_the_published_head():
    # of NAONet, 128 filters, which has three loose ends: 1,536 channels of 8 x 8 pixels; by hand from its structure
    head = AuxiliaryHead(10)
    head.build((None, 8, 8, 1536))
    pointwise, whole = 1536 * 128 + 2 * 128, 2 * 2 * 128 * 768 + 2 * 768
    assert sum(math.prod(weight.shape) for weight in head.trainable_weights) == pointwise + whole + 768 * 10 + 10
    assert pointwise + whole + 7690 == 599_306


def test_it_computes_its_definition():
    head, values = AuxiliaryHead(3), floats(4, 8, 8, 5)
    head.build(values.shape)
    randomise(head)
    positive = np.maximum(values, 0)
    windows = [[positive[:, y : y + 5, x : x + 5] for x in (0, 3)] for y in (0, 3)]
    pooled = np.stack([[window.mean((1, 2)) for window in row] for row in windows])  # [2, 2, B, C]
    narrow = np.maximum(layer_by_hand(head.narrow, pooled.transpose(2, 0, 1, 3)), 0)  # [B, 2, 2, 128]
    whole = np.maximum(layer_by_hand(head.whole, narrow.reshape(4, 1, 1, -1)), 0)[:, 0, 0]
    expected = whole @ np.asarray(head.dense.kernel) + np.asarray(head.dense.bias)
    result = head(tf.constant(values), training=True)
    # four values a channel: a variance near 0 magnifies the rounding of float32
    np.testing.assert_allclose(result, expected, rtol=1e-2, atol=1e-2 * np.abs(expected).max())
