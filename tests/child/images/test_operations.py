"""Every row of the table, as a layer and as a row of shared weights, against plain NumPy with the same weights."""

import numpy as np
import pytest
import tensorflow as tf
from by_hand import BY_HAND, GENERATOR, assert_close, floats, layer_by_hand, randomise

from nao_tf.architecture.cells import IDENTITY
from nao_tf.architecture.cells import OPERATIONS as SEARCHED
from nao_tf.child.images.layers import BranchOperation, ConvolutionStep
from nao_tf.child.images.operations import HALVINGS, OPERATIONS, Convolution, operation_called, rectify
from nao_tf.child.images.weights import Weight

F = 4


@pytest.mark.parametrize("size", [8, 7])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_computes_its_definition(name, stride, size):
    rows = {operation_called(name, stride=stride, halving=halving): halving for halving in HALVINGS}
    for halving in rows.values():
        layer = BranchOperation(name, F, stride=stride, halving=halving)
        values = floats(2, size, size, F)
        layer.build(values.shape)
        randomise(layer)
        result = layer(tf.constant(values), training=True)
        assert result.shape == layer.compute_output_shape(values.shape)
        assert_close(result, layer_by_hand(layer, values))


def test_every_searched_operation_has_a_row_and_every_row_a_definition():
    assert set(SEARCHED) <= set(OPERATIONS)
    assert {type(row) for row in OPERATIONS.values()} <= set(BY_HAND)
    with pytest.raises(ValueError, match="operation 'conv 9x9'; known are zero, identity, conv 1x1"):
        BranchOperation("conv 9x9", F)
    with pytest.raises(ValueError, match="halving 'none'; known are pointwise, factorised, linear"):
        BranchOperation(IDENTITY, F, stride=2, halving="none")
    with pytest.raises(ValueError, match="weight 'bias' starts as 'twos'; known are kernel, zeros, ones"):
        Weight("bias", (F,), start="twos")


@pytest.mark.parametrize("name", OPERATIONS)
def test_parameters_are_those_of_the_layer(name):
    layer = BranchOperation(name, F)
    layer.build((None, 8, 8, F))
    assert OPERATIONS[name].parameters(F, F) == sum(weight.numpy().size for weight in layer.trainable_weights)


def test_multiply_adds_by_hand():
    # 3x3 depthwise and pointwise, twice, on 8 x 8 pixels; the scale and offset of normalisations are not counted
    assert OPERATIONS["separable conv 3x3"].multiply_adds(F, F, shape=(8, 8)) == 2 * 64 * (9 * F + F * F)
    assert Convolution(1, 7).multiply_adds(3, F, shape=(2, 5)) == 10 * 7 * 3 * F
    assert Convolution(1, 7).multiply_adds(3, F, shape=(4, 9), stride=2) == 10 * 7 * 3 * F
    both = OPERATIONS["conv 1x7+7x1"].multiply_adds(F, F, shape=(5, 6), stride=2)
    divided = operation_called("conv 1x7+7x1", stride=2, halving="linear")
    assert both == 2 * 9 * 7 * F * F
    assert divided.multiply_adds(F, F, shape=(5, 6), stride=2) == (15 + 9) * 7 * F * F  # 5 x 3 pixels, then 3 x 3
    assert divided.multiply_adds(F, F, shape=(5, 6)) == 2 * 30 * 7 * F * F
    assert Weight("matrix", (6, 2)).multiply_adds(64) == 12  # once an image
    assert Weight("bias", (6,), start="zeros").multiply_adds(64) == 0


def test_only_the_identity_is_safe_from_drop_path():
    assert [name for name, row in OPERATIONS.items() if not row.droppable] == [IDENTITY]
    assert not BranchOperation(IDENTITY, F, stride=2).droppable  # nor the convolution that stands for it


def test_kernels_start_as_the_initializer_says():
    layer = ConvolutionStep(64, height=3, width=3, initializer="glorot_normal")
    layer.build((None, 8, 8, 64))
    kernel = layer.by_name["kernel"].numpy()
    assert kernel.std() == pytest.approx(np.sqrt(2 / (2 * 9 * 64)), rel=0.05)
    assert (layer.by_name["normalisation_scale"].numpy() == 1).all()


@pytest.mark.parametrize("channels", [16, 20])  # another operation of TensorFlow for each
def test_a_relu_and_its_gradient(channels):
    values = floats(2, 3, 3, channels)
    values[0, 0, 0, :2] = 0, -0.0
    upstream = GENERATOR.normal(size=values.shape).astype(np.float32)
    given = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(given)
        result = rectify(given)
    np.testing.assert_array_equal(result, np.maximum(values, 0))
    np.testing.assert_array_equal(tape.gradient(result, given, upstream), np.where(values > 0, upstream, 0))
