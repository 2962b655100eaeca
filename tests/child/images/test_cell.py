"""Whole cells against plain NumPy with the same weights."""

import numpy as np
import pytest
import tensorflow as tf
from by_hand import assert_close, cell_by_hand, floats, randomise

from nao_tf.architecture import ConvolutionalSpace
from nao_tf.architecture.cells import IDENTITY
from nao_tf.child.images.cell import ConvolutionalCell, cell_from_lists, cell_to_lists, cells_of

F = 4
CELLS = {
    "NAONet, normal": ("nao", "NAONet", False, "nao", (8, 6), (8, 5)),
    "NAONet, normal after a reduction": ("nao", "NAONet", False, "nao", (16, 6), (8, 5)),
    "NAONet, reduction": ("nao", "NAONet", True, "nao", (8, F), (8, 5)),
    "NAO-WS, normal": ("enas", "NAO-WS", False, "nao_ws", (8, 6), (8, 5)),
    "NAO-WS, reduction": ("enas", "NAO-WS", True, "nao_ws", (8, 6), (8, F)),
    "AmoebaNet-B, normal": ("nao19", "AmoebaNet-B", False, "nao", (8, 6), (8, 5)),
    "AmoebaNet-B, reduction": ("nao19", "AmoebaNet-B", True, "nao", (8, 6), (8, 5)),
}


@pytest.mark.parametrize("case", CELLS)
def test_a_whole_cell_computes_its_architecture(case):
    space, name, reduction, macro, older, newer = CELLS[case]
    half = cells_of(ConvolutionalSpace(space).parse(name))[int(reduction)]
    cell = ConvolutionalCell(half, F, reduction=reduction, macro=macro)
    inputs = [floats(2, size, size, channels) for size, channels in (older, newer)]
    cell.build(*(array.shape for array in inputs))
    randomise(cell)
    result = cell(*map(tf.constant, inputs), training=True)
    assert result.shape == cell.compute_output_shape(*(array.shape for array in inputs))
    assert_close(result, cell_by_hand(cell, *inputs))


def small(pooled):
    """A cell whose first node adds an identity and a pooling of the input `pooled`; nothing reads its last four."""
    return cell_from_lists([[[0, IDENTITY], [pooled, "max pooling 3x3"]]] + [[[2, IDENTITY], [2, IDENTITY]]] * 4)


def test_an_input_that_nothing_reads_is_halved_in_a_reduction_cell():
    cell = ConvolutionalCell(small(pooled=0), F, reduction=True)
    inputs = [floats(2, 8, 8, 3) for _ in range(2)]
    cell.build(*(array.shape for array in inputs))
    randomise(cell)
    result = cell(*map(tf.constant, inputs), training=True)
    assert result.shape == (2, 4, 4, 5 * F)  # node 2 and the four nodes that nothing reads
    assert_close(result, cell_by_hand(cell, *inputs))


def test_drop_path_drops_operations_of_images_but_no_identity():
    cell = ConvolutionalCell(small(pooled=1), F)
    inputs = [tf.constant(floats(2, 8, 8, F)) for _ in range(2)]
    cell.build(*(value.shape for value in inputs))
    masks = np.ones([10, 2], np.float32)
    masks[0], masks[1] = 0, (0, 2)  # the identity; the pooling of the first image, and twice that of the second
    prepared = zip((cell.older, cell.newer), inputs, strict=True)
    states = [layers[0](value) if layers else value for layers, value in prepared]
    first = states[0] + tf.constant([0.0, 2.0])[:, None, None, None] * tf.nn.max_pool2d(states[1], 3, 1, "SAME")
    result = cell(*inputs, masks=tf.constant(masks))
    np.testing.assert_allclose(result[..., -F:], 2 * first, rtol=1e-5, atol=1e-5)


def test_an_identity_is_dropped_where_the_program_says_so():
    cell = ConvolutionalCell(small(pooled=1), F, drop_identity=True)
    inputs = [tf.constant(floats(2, 8, 8, F)) for _ in range(2)]
    cell.build(*(value.shape for value in inputs))
    masks = np.ones([10, 2], np.float32)
    masks[0], masks[1] = 0, 0
    np.testing.assert_array_equal(cell(*inputs, masks=tf.constant(masks))[..., -F:], np.zeros([2, 8, 8, F]))


def test_a_cell_is_read_as_it_was_written():
    for cell in cells_of(ConvolutionalSpace("nao").parse("NAONet")):
        assert cell_from_lists(cell_to_lists(cell)) == cell
