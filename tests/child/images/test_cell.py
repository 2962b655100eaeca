"""Every operation and whole cells against plain NumPy with the same weights."""

import numpy as np
import pytest
import tensorflow as tf

from nao_tf.architecture import ConvolutionalSpace
from nao_tf.architecture.cells import IDENTITY, OPERATIONS, ZERO
from nao_tf.child.images.cell import ConvolutionalCell
from nao_tf.child.images.operations import (
    CONVOLUTIONS,
    EPSILON,
    POOLINGS,
    ConvolutionStep,
    FactorisedReduction,
    Operation,
    rectify,
)

GENERATOR = np.random.default_rng(0)
F = 4


def windows(values, height, width, stride, dilation=1, outside=0.0):
    """What every place of a padded kernel sees, `[B, H', W', h, w, C]`; TensorFlow's SAME padding by its definition."""
    sizes, padding = [], [(0, 0)]
    for size, kernel in zip(values.shape[1:3], (height, width), strict=True):
        reach = (kernel - 1) * dilation + 1
        count = -(-size // stride)
        total = max((count - 1) * stride + reach - size, 0)
        sizes.append(count)
        padding.append((total // 2, total - total // 2))
    padded = np.pad(values, [*padding, (0, 0)], constant_values=outside)
    found = np.empty([len(values), *sizes, height, width, values.shape[-1]])
    for row in range(height):
        for column in range(width):
            top, left = row * dilation, column * dilation
            part = padded[:, top : top + (sizes[0] - 1) * stride + 1 : stride]
            found[:, :, :, row, column] = part[:, :, left : left + (sizes[1] - 1) * stride + 1 : stride]
    return found


def normalised(values, layer):
    """With the statistics of the batch."""
    mean, variance = values.mean((0, 1, 2)), values.var((0, 1, 2))
    return (values - mean) / np.sqrt(variance + EPSILON) * np.asarray(layer.scale) + np.asarray(layer.offset)


def step_by_hand(layer, values):
    values = np.maximum(values, 0) if layer.relu else values
    seen = windows(values, layer.height, layer.width, layer.stride, layer.dilation)
    if layer.separable:
        values = np.einsum("bxyhwc,hwcm->bxyc", seen, np.asarray(layer.kernel))
        values = values @ np.asarray(layer.pointwise)[0, 0]
    else:
        values = np.einsum("bxyhwc,hwcf->bxyf", seen, np.asarray(layer.kernel))
    return normalised(values, layer.normalisation)


def reduction_by_hand(layer, values):
    values = np.maximum(values, 0)
    shifted = np.pad(values[:, 1:, 1:], [(0, 0), (0, 1), (0, 1), (0, 0)])
    halves = [
        part[:, ::2, ::2] @ np.asarray(kernel)[0, 0]
        for part, kernel in zip((values, shifted), layer.kernels, strict=True)
    ]
    return normalised(np.concatenate(halves, -1), layer.normalisation)


def operation_by_hand(layer, values):
    if layer.operation == ZERO:
        return np.zeros_like(values[:, :: layer.stride, :: layer.stride])
    if layer.operation in POOLINGS:
        kind, size = POOLINGS[layer.operation].kind, POOLINGS[layer.operation].size
        if kind == "average":
            seen, counts = (windows(array, size, size, layer.stride) for array in (values, np.ones_like(values)))
            return seen.sum((3, 4)) / counts.sum((3, 4))
        sign = -1 if kind == "min" else 1
        return sign * windows(sign * values, size, size, layer.stride, outside=-np.inf).max((3, 4))
    for step in layer.steps:
        by_hand = reduction_by_hand if isinstance(step, FactorisedReduction) else step_by_hand
        values = by_hand(step, values)
    return values


def randomise(layer):
    for weight in layer.trainable_weights:
        weight.assign(GENERATOR.normal(size=weight.shape))


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("size", [8, 7])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", [*OPERATIONS, ZERO])
def test_every_operation_is_what_it_says(name, stride, size):
    for factorised in (False, True) if name == IDENTITY and stride == 2 else (False,):
        layer = Operation(name, F, stride, factorised)
        values = GENERATOR.normal(size=[2, size, size, F]).astype(np.float32)
        layer.build(values.shape)
        randomise(layer)
        found = layer(tf.constant(values), training=True)
        assert found.shape == layer.compute_output_shape(values.shape)
        close(found, operation_by_hand(layer, values))


def cell_by_hand(cell, older, newer):
    for layer in cell.older:
        older = (reduction_by_hand if isinstance(layer, FactorisedReduction) else step_by_hand)(layer, older)
    for layer in cell.newer:
        newer = step_by_hand(layer, newer)
    states, operations = [older, newer], iter(cell._operations)
    for node in cell.nodes:
        states.append(sum(operation_by_hand(next(operations), states[source]) for source, _ in node))
    read = {source for node in cell.nodes for source, _ in node}
    for state, layer in cell.loose_inputs.items():
        states[int(state)] = reduction_by_hand(layer, states[int(state)])
    return np.concatenate([state for at, state in enumerate(states) if at not in read], -1)


CELLS = {
    "NAONet, normal": ("nao", "NAONet", False, "nao", (8, 6), (8, 5)),
    "NAONet, normal behind a reduction": ("nao", "NAONet", False, "nao", (16, 6), (8, 5)),
    "NAONet, reduction": ("nao", "NAONet", True, "nao", (8, F), (8, 5)),
    "NAO-WS, normal": ("enas", "NAO-WS", False, "nao_ws", (8, 6), (8, 5)),
    "NAO-WS, reduction": ("enas", "NAO-WS", True, "nao_ws", (8, 6), (8, F)),
    "AmoebaNet-B, normal": ("nao19", "AmoebaNet-B", False, "nao", (8, 6), (8, 5)),
    "AmoebaNet-B, reduction": ("nao19", "AmoebaNet-B", True, "nao", (8, 6), (8, 5)),
}


@pytest.mark.parametrize("case", CELLS)
def test_a_whole_cell_is_what_its_architecture_says(case):
    space_name, name, reduction, macro, older, newer = CELLS[case]
    space = ConvolutionalSpace(space_name)
    nodes = space.cells_of(space.published[name])[int(reduction)].nodes
    cell = ConvolutionalCell(
        [[[branch.source, branch.operation] for branch in node] for node in nodes], F, reduction, macro
    )
    inputs = [GENERATOR.normal(size=[2, size, size, channels]).astype(np.float32) for size, channels in (older, newer)]
    cell.build(*(array.shape for array in inputs))
    randomise(cell)
    found = cell(*map(tf.constant, inputs), training=True)
    assert found.shape == cell.compute_output_shape(*(array.shape for array in inputs))
    close(found, cell_by_hand(cell, *inputs))


def test_an_input_that_nothing_reads_is_halved_in_a_reduction_cell():
    nodes = [[[0, IDENTITY], [0, "max pooling 3x3"]]] + [[[2, IDENTITY], [2, IDENTITY]]] * 4
    cell = ConvolutionalCell(nodes, F, True)
    inputs = [GENERATOR.normal(size=[2, 8, 8, 3]).astype(np.float32) for _ in range(2)]
    cell.build(*(array.shape for array in inputs))
    randomise(cell)
    found = cell(*map(tf.constant, inputs), training=True)
    assert found.shape == (2, 4, 4, 5 * F)  # node 2 and the four nodes that nothing reads
    close(found, cell_by_hand(cell, *inputs))


def test_drop_path_drops_operations_of_images_but_no_identity():
    nodes = [[[0, IDENTITY], [1, "max pooling 3x3"]]] + [[[2, IDENTITY], [2, IDENTITY]]] * 4
    cell = ConvolutionalCell(nodes, F)
    inputs = [tf.constant(GENERATOR.normal(size=[2, 8, 8, F]), tf.float32) for _ in range(2)]
    cell.build(*(value.shape for value in inputs))
    masks = np.ones([10, 2], np.float32)
    masks[0], masks[1] = 0, (0, 2)  # the identity; the pooling of the first image, and twice that of the second
    older, newer = cell.older, cell.newer
    states = [layers[0](value) if layers else value for layers, value in zip((older, newer), inputs, strict=True)]
    first = states[0] + tf.constant([0.0, 2.0])[:, None, None, None] * tf.nn.max_pool2d(states[1], 3, 1, "SAME")
    found = cell(*inputs, masks=tf.constant(masks))
    np.testing.assert_allclose(found[..., -F:], 2 * first, rtol=1e-5, atol=1e-5)


def test_all_operations_of_the_spaces_are_there():
    assert set(CONVOLUTIONS) | set(POOLINGS) | {IDENTITY} == set(OPERATIONS)
    with pytest.raises(ValueError, match="operation 'conv 9x9'; known are zero, identity, conv 1x1"):
        Operation("conv 9x9", F)


def test_evaluation_takes_moving_averages():
    layer = ConvolutionStep(F, 3, 3)
    values = GENERATOR.normal(size=[5, 6, 6, 3]).astype(np.float32)
    layer.build(values.shape)
    for _ in range(200):
        layer(tf.constant(values), training=True)
    biased = layer(tf.constant(values), training=True).numpy()
    np.testing.assert_allclose(layer(tf.constant(values)), biased, rtol=0.01, atol=0.01)


@pytest.mark.parametrize("channels", [16, 20])  # another operation of TensorFlow for each
def test_a_relu_and_its_gradient(channels):
    values = GENERATOR.normal(size=[2, 3, 3, channels]).astype(np.float32)
    values[0, 0, 0, :2] = 0, -0.0
    upstream = GENERATOR.normal(size=values.shape).astype(np.float32)
    given = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(given)
        found = rectify(given)
    np.testing.assert_array_equal(found, np.maximum(values, 0))
    np.testing.assert_array_equal(tape.gradient(found, given, upstream), np.where(values > 0, upstream, 0))
