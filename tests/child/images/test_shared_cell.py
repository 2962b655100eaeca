import numpy as np
import pytest
import tensorflow as tf

from nao_tf.architecture import ConvolutionalSpace
from nao_tf.child.images.layers import BranchOperation, ConvolutionStep
from nao_tf.child.images.operations import OPERATIONS
from nao_tf.child.images.shared_cell import SharedCell, apply_row, chooser, row_width

GENERATOR = np.random.default_rng(0)
F = 4


def floats(*shape):
    return tf.constant(GENERATOR.normal(size=shape), tf.float32)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_from_a_row_is_the_layer_with_the_same_weights(name):
    layer, values = BranchOperation(name, F), floats(3, 6, 6, F)
    layer.build(values.shape)
    for weight in layer.trainable_weights:
        weight.assign(GENERATOR.normal(size=weight.shape))
    pieces = [np.ravel(weight) for weight in layer.trainable_weights]
    row = np.concatenate([*pieces, [7.0]]).astype(np.float32)  # what follows the operation's own weights is not read
    assert len(row) - 1 == row_width(OPERATIONS[name], F)
    np.testing.assert_allclose(
        apply_row(OPERATIONS[name], values, row=tf.constant(row)), layer(values, training=True), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("name", ["max pooling 3x3", "min pooling 2x2"])
def test_the_gradient_of_a_chosen_pooling_goes_to_the_pixel_that_was_chosen(name):
    rows = (OPERATIONS["identity"], OPERATIONS[name])
    values, upstream = (GENERATOR.normal(size=[2, 6, 5, F]).astype(np.float32) for _ in range(2))

    @tf.function
    def gradient(number, values, upstream):
        with tf.GradientTape() as tape:
            tape.watch(values)
            pooled = chooser(rows)(number, values, tf.zeros([1]))
        return tape.gradient(pooled, values, upstream)

    sign, size, before = (1, 3, 1) if name.startswith("max") else (-1, 2, 0)  # pixels before the one that is written
    expected = np.zeros_like(values)
    for image, row, column, channel in np.ndindex(*values.shape):
        top, left = max(row - before, 0), max(column - before, 0)
        seen = sign * values[image, top : row - before + size, left : column - before + size, channel]
        down, right = np.unravel_index(seen.argmax(), seen.shape)
        expected[image, top + down, left + right, channel] += upstream[image, row, column, channel]
    result = gradient(tf.constant(1), tf.constant(values), tf.constant(upstream))
    np.testing.assert_allclose(result, expected, rtol=1e-6, atol=1e-6)


def independent_cell(cell, older, newer, nodes):
    """The same cell in plain Python, with the same weights."""
    states = [older, newer]
    for layers, at in ((cell.older, 0), (cell.newer, 1)):
        for layer in layers:
            states[at] = layer(states[at])
    table, read = np.asarray(cell.table), set()
    weighted = [name for name in cell.operations if row_width(OPERATIONS[name], F)]
    first = 0  # the first row of the branch
    for index, node in enumerate(nodes):
        total = 0
        for branch in node:
            readable = index + 2 if cell.per_input else 1
            row = table[-1]
            if branch.operation in weighted:
                source = branch.source if cell.per_input else 0
                row = table[first + source * len(weighted) + weighted.index(branch.operation)]
            first += readable * len(weighted)
            read.add(branch.source)
            total = total + apply_row(OPERATIONS[branch.operation], states[branch.source], row=tf.constant(row))
        states.append(total)
    mixed = sum(
        tf.tensordot(tf.nn.relu(state), np.asarray(cell.mixing)[at], 1)
        for at, state in enumerate(states)
        if at not in read
    )
    mean, variance = tf.nn.moments(mixed, [0, 1, 2])
    standard = (mixed - mean) / tf.sqrt(variance + 1e-5)
    return standard * cell.by_name["normalisation_scale"] + cell.by_name["normalisation_offset"]


@pytest.mark.parametrize("space_name, reduction, per_input", [("enas", False, True), ("nao", True, False)])
def test_a_cell_computes_its_architecture_with_one_trace(space_name, reduction, per_input):
    space = ConvolutionalSpace(space_name)
    first = space.numbering.first_searched
    cell = SharedCell(space.operations, F, first=first, reduction=reduction, per_input=per_input)
    older, newer = floats(2, 8, 8, 3), floats(2, 8, 8, 5)
    cell.build(older.shape, newer.shape)
    names = [weight.name for weight in cell.trainable_weights]
    assert len(names) == len({id(weight) for weight in cell.trainable_weights})

    @tf.function
    def run(architecture):
        with tf.GradientTape() as tape:
            output = cell(older, newer, architecture=architecture)
            loss = tf.reduce_sum(tf.sin(3 * output))
        return output, tape.gradient(loss, [weight.value for weight in cell.trainable_weights])

    for _ in range(3):
        architecture = space.sample(GENERATOR)
        half = slice(20, 40) if reduction else slice(0, 20)
        output, gradients = run(tf.constant(architecture.values[half]))
        with tf.GradientTape() as tape:
            nodes = space.cells_of(architecture.values)[int(reduction)].nodes
            expected = independent_cell(cell, older, newer, nodes)
            loss = tf.reduce_sum(tf.sin(3 * expected))
        assert output.shape == ((2, 4, 4, F) if reduction else (2, 8, 8, F))
        np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-4)
        prepared = cell.older[0].by_name["kernel_0" if reduction else "kernel"]
        at = next(index for index, weight in enumerate(cell.trainable_weights) if weight is prepared)
        by_hand = tape.gradient(loss, prepared.value)
        if by_hand is not None:  # an architecture may read one input only
            np.testing.assert_allclose(gradients[at], by_hand, rtol=1e-3, atol=1e-3)
    assert run.experimental_get_tracing_count() == 1


def test_weights_start_as_those_of_the_layers_do():
    cell = SharedCell(ConvolutionalSpace("nao").operations, 16)
    cell.build((None, 8, 8, 16), (None, 8, 8, 16))
    layer = ConvolutionStep(16, height=3, width=3)
    layer.build((None, 8, 8, 16))
    weighted = [name for name in cell.operations if row_width(OPERATIONS[name], 16)]
    rows = np.asarray(cell.table)[weighted.index("conv 3x3") : -1 : len(weighted)]
    size = 9 * 16 * 16
    assert np.std(rows[:, :size]) == pytest.approx(np.std(np.asarray(layer.by_name["kernel"])), rel=0.1)
    np.testing.assert_array_equal(rows[:, size : size + 16], 1)
    assert not rows[:, size + 16 : size + 32].any()
