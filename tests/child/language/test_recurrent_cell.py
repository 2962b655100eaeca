"""The recurrent cell against NumPy, plain automatic differentiation in float64, and finite differences."""

import numpy as np
import pytest
import tensorflow as tf

from nao_tf.architecture import RecurrentSpace
from nao_tf.child.language import layout
from nao_tf.child.language.recurrent_cell import (
    ACTIVATIONS,
    DERIVATIVE,
    FORMULA,
    RecurrentCell,
    SharedRecurrentCell,
    activate,
    choose,
    derivative,
    unroll,
)

T, B, U, N = 4, 3, 5, 11
FUNCTIONS = {
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "identity": lambda x: x,
}


@pytest.fixture(params=[1, U + 1], ids=["units first", "sequences first"])
def both_layouts(request, monkeypatch):
    """A test that uses it runs in both layouts."""
    monkeypatch.setattr(layout, "UNITS_FIRST_FROM", request.param)


def draw(seed=0, nodes=N):
    """Operands of `unroll` in float64, by name."""
    generator = np.random.default_rng(seed)
    return {
        "projected": generator.normal(size=[T, B, 2 * U]),
        "state": generator.normal(size=[B, U]),
        "first_kernel": generator.normal(size=[U, 2 * U]) * 0.6,
        "kernels": generator.normal(size=[nodes, U, 2 * U]) * 0.6,
    }


def draw_mask(masked):
    """A state mask of 0 and 4 / 3, or none."""
    return (np.random.default_rng(9).random([B, U]) < 0.75) / 0.75 if masked else None


def numpy_cell(projected, state, first_kernel, kernels, mask, architecture, average_first):
    """The equations of the cell, one after the other."""
    mask = np.ones_like(state) if mask is None else mask
    outputs = []
    for inputs in projected:
        gate, value = np.split(inputs + (state * mask) @ first_kernel, 2, -1)
        nodes = [state + FUNCTIONS["sigmoid"](gate) * (np.tanh(value) - state)]
        for kernel, predecessor, activation in zip(kernels, architecture[0::2], architecture[1::2], strict=True):
            source = nodes[predecessor]
            gate, value = np.split((source * mask) @ kernel, 2, -1)
            value = FUNCTIONS[ACTIVATIONS[activation]](value)
            nodes.append(source + FUNCTIONS["sigmoid"](gate) * (value - source))
        state = np.mean(nodes if average_first else nodes[1:], axis=0)
        outputs.append(state)
    return np.array(outputs)


def plain_cell(projected, state, first_kernel, kernels, mask, architecture, average_first):
    """The same in TensorFlow, unfused and with Python control flow, for automatic differentiation."""
    functions = (tf.tanh, tf.nn.relu, tf.sigmoid, tf.identity)
    mask = tf.ones_like(state) if mask is None else mask
    outputs = []
    for inputs in tf.unstack(projected):
        gate, value = tf.split(inputs + (state * mask) @ first_kernel, 2, -1)
        nodes = [state + tf.sigmoid(gate) * (tf.tanh(value) - state)]
        for i, kernel in enumerate(tf.unstack(kernels)):
            source = nodes[architecture[2 * i]]
            gate, value = tf.split((source * mask) @ kernel, 2, -1)
            nodes.append(source + tf.sigmoid(gate) * (functions[architecture[2 * i + 1]](value) - source))
        state = tf.add_n(nodes if average_first else nodes[1:]) / (len(nodes) - (not average_first))
        outputs.append(state)
    return tf.stack(outputs)


def run_unroll(projected, state, first_kernel, kernels, mask, architecture, average_first):
    """`unroll` with the parameters of the two cells above, in their order."""
    return unroll(
        projected,
        state,
        first_kernel=first_kernel,
        kernels=kernels,
        mask=mask,
        architecture=architecture,
        average_first=average_first,
    )


def random_architecture(seed):
    """Legal integers of the space."""
    return RecurrentSpace().sample(np.random.default_rng(seed)).values


ARCHITECTURES = [random_architecture(seed) for seed in range(3)] + [
    tuple(value for node in range(N) for value in (node, activation)) for activation in range(4)
]


@pytest.mark.usefixtures("both_layouts")
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("average_first", [False, True])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_unroll_equals_numpy(architecture, average_first, masked):
    operands, mask = draw(), draw_mask(masked)
    expected = numpy_cell(*operands.values(), mask, architecture, average_first)
    for dtype, tolerance in ((tf.float64, 1e-12), (tf.float32, 1e-5)):
        cast = [tf.constant(value, dtype) for value in operands.values()]
        cast_mask = None if mask is None else tf.constant(mask, dtype)
        outputs = run_unroll(*cast, cast_mask, tf.constant(architecture), average_first)
        assert outputs.dtype == dtype
        np.testing.assert_allclose(outputs, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.usefixtures("both_layouts")
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("average_first", [False, True])
def test_gradients_equal_plain_differentiation(average_first, masked, compiled):
    mask, upstream = draw_mask(masked), tf.constant(np.random.default_rng(5).normal(size=[T, B, U]))
    mask = None if mask is None else tf.constant(mask)

    @tf.function(jit_compile=compiled)
    def fused(operands, architecture):
        with tf.GradientTape() as tape:
            tape.watch(operands)
            outputs = run_unroll(*operands, mask, architecture, average_first)
        return tape.gradient(outputs, operands, upstream)

    for architecture in ARCHITECTURES:
        operands = [tf.constant(value) for value in draw().values()]
        with tf.GradientTape() as tape:
            tape.watch(operands)
            outputs = plain_cell(*operands, mask, architecture, average_first)
        expected = tape.gradient(outputs, operands, upstream)
        for gradient, reference in zip(fused(operands, tf.constant(architecture)), expected, strict=True):
            np.testing.assert_allclose(gradient, reference, rtol=1e-9, atol=1e-11)
    assert fused.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("name", ["projected", "state", "first_kernel", "kernels"])
def test_gradients_equal_finite_differences(name):
    operands, architecture = draw(3), random_architecture(3)
    upstream, generator = np.random.default_rng(6).normal(size=[T, B, U]), np.random.default_rng(7)

    def value(changed):
        return np.sum(upstream * numpy_cell(*changed.values(), None, architecture, True))

    tensors = [tf.constant(operand) for operand in operands.values()]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        outputs = run_unroll(*tensors, None, tf.constant(architecture), True)
    gradient = dict(zip(operands, tape.gradient(outputs, tensors, tf.constant(upstream)), strict=True))[name].numpy()
    for _ in range(8):
        entry = tuple(generator.integers(size) for size in operands[name].shape)
        step = np.zeros_like(operands[name])
        step[entry] = 1e-6
        rise = value({**operands, name: operands[name] + step}) - value({**operands, name: operands[name] - step})
        np.testing.assert_allclose(gradient[entry], rise / 2e-6, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("average_first", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("make", [RecurrentCell, SharedRecurrentCell])
def test_layers_equal_numpy_with_their_weights(make, masked, average_first):
    cell = make(U, average_first=average_first, scale=0.6)
    cell.build()
    generator = np.random.default_rng(1)
    inputs, state = generator.normal(size=[T, B, U]), generator.normal(size=[B, U])
    input_mask, state_mask = (draw_mask(True), draw_mask(True)[::-1].copy()) if masked else (None, None)
    first, table = np.asarray(cell.first_kernel, np.float64), np.asarray(cell.kernels, np.float64)
    for architecture in ARCHITECTURES:
        if make is SharedRecurrentCell:  # node i's matrices come after those of the nodes before it, four a predecessor
            by_choice = iter(table)
            named = {(i, p, a): next(by_choice) for i in range(N) for p in range(i + 1) for a in range(4)}
            kernels = [named[i, architecture[2 * i], architecture[2 * i + 1]] for i in range(N)]
        else:
            kernels = table
        masked_inputs = inputs if input_mask is None else inputs * input_mask
        expected = numpy_cell(
            masked_inputs @ first[:U], state, first[U:], kernels, state_mask, architecture, average_first
        )
        outputs, carried = cell(
            tf.constant(inputs, tf.float32),
            tf.constant(state, tf.float32),
            tf.constant(architecture),
            input_mask=None if input_mask is None else tf.constant(input_mask, tf.float32),
            state_mask=None if state_mask is None else tf.constant(state_mask, tf.float32),
        )
        np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(carried, outputs[-1])


def test_shared_cell_trains_only_the_matrices_of_the_architecture():
    cell, architecture = SharedRecurrentCell(U), random_architecture(4)
    cell.build()
    with tf.GradientTape() as tape:
        outputs, _ = cell(tf.ones([T, B, U]), cell.initial_state(B), tf.constant(architecture))
    gradient = tf.convert_to_tensor(tape.gradient(outputs, cell.kernels.value))
    touched = np.flatnonzero(np.abs(gradient.numpy()).sum((1, 2)))
    np.testing.assert_array_equal(touched, cell.rows(tf.constant(architecture)))
    assert cell.kernels.shape == (264, U, 2 * U) and len(set(touched)) == N


@pytest.mark.usefixtures("both_layouts")
def test_unroll_takes_shapes_known_only_at_run_time():
    operands, architecture = draw(), random_architecture(5)
    specs = [[None, None, 2 * U], [None, U], [U, 2 * U], [N, U, 2 * U]]
    run = tf.function(
        lambda *tensors: run_unroll(*tensors, None, tf.constant(architecture), False),
        input_signature=[tf.TensorSpec(shape, tf.float64) for shape in specs],
    )
    for steps, batch in ((1, 1), (4, 3), (3, 2)):
        operands_now = [operands["projected"][:steps, :batch], operands["state"][:batch], *list(operands.values())[2:]]
        np.testing.assert_allclose(run(*operands_now), numpy_cell(*operands_now, None, architecture, False), rtol=1e-10)
    assert run.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("count", range(1, 13))
def test_choose_picks_every_node(count):
    nodes = [tf.fill([2], float(node)) for node in range(count)]
    for index in range(count):
        np.testing.assert_array_equal(choose(nodes, tf.constant(index)), [index, index])


@pytest.mark.parametrize("make", [RecurrentCell, SharedRecurrentCell])
def test_a_tuple_of_integers_gives_the_same_as_a_tensor_of_them(make):
    cell = make(U, scale=0.6)
    cell.build()
    inputs, state = tf.constant(np.random.default_rng(8).normal(size=[T, B, U]), tf.float32), cell.initial_state(B)
    for architecture in RecurrentSpace().published.values():
        outputs, _ = cell(inputs, state, tf.constant(architecture))
        by_tuple, _ = cell(inputs, state, architecture=architecture)
        np.testing.assert_allclose(by_tuple, outputs, rtol=1e-6, atol=1e-7)
        assert outputs.shape == (T, B, U) and np.ptp(outputs) > 0


def test_the_formulas_are_those_of_the_activations_of_the_space():
    values = np.random.default_rng(0).normal(size=9) * 2
    for name, formula, row in zip(RecurrentSpace().activations, FORMULA, DERIVATIVE, strict=True):
        activated = activate(tf.constant(values), tf.constant(formula))
        np.testing.assert_allclose(activated, FUNCTIONS[name](values), rtol=1e-6, atol=1e-6, err_msg=name)
        rise = (FUNCTIONS[name](values + 1e-6) - FUNCTIONS[name](values - 1e-6)) / 2e-6
        np.testing.assert_allclose(derivative(activated, tf.constant(row)), rise, rtol=1e-5, atol=1e-6, err_msg=name)
