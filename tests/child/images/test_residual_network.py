"""The residual network against a sum of its layers by hand, and the widths of equal size."""

import numpy as np
import pytest
import tensorflow as tf
from by_hand import assert_close, floats, layer_by_hand, randomise

from nao_tf.child.images.residual_network import ResidualNetwork, width_of_equal_size
from nao_tf.child.images.size import size_of_residual


def parameters(width):
    """Of 20 layers for CIFAR-10."""
    return size_of_residual(width, 3, image_shape=(32, 32, 3), classes=10).parameters


def test_blocks_are_added_to_their_input():
    network, values = ResidualNetwork(2, 2), floats(3, 9, 9, 3)
    network.build(values.shape)
    randomise(network)
    result = network(tf.constant(values), training=True)
    expected = layer_by_hand(network.stem, values)
    for block, (first, second) in enumerate(zip(network.first, network.second, strict=True)):
        changed = layer_by_hand(second, layer_by_hand(first, expected))
        shortcut = network.shortcuts.get(str(block))
        expected = changed + (expected if shortcut is None else layer_by_hand(shortcut, expected))
    assert list(network.shortcuts) == ["2", "4"]  # where a stage begins
    assert result.shape == network.compute_output_shape(values.shape) == (3, 3, 3, 8)
    assert_close(result, expected)


def test_published_parameters():
    # 269,722 of the network with 20 layers, and 2,752 of the two shortcuts that its authors give no weights
    assert parameters(16) == 269_722 + 2_752
    assert np.isclose(size_of_residual(16, 3, image_shape=(32, 32, 3), classes=10).multiply_adds, 41e6, rtol=0.02)


@pytest.mark.parametrize(
    "target, width",
    [
        (10, 1),
        (parameters(2), 2),
        (parameters(7) + 5, 7),
        (parameters(19), 20),
        (681_658, 24),
        (745_626, 28),
    ],
)
def test_the_width_of_equal_size_is_one_that_is_fast(target, width):
    assert width_of_equal_size(target, blocks=3, channels=3, classes=10) == width
