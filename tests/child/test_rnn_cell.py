import numpy as np
import pytest
import tensorflow as tf

from nao_tf.architecture import RecurrentSpace
from nao_tf.child.rnn_cell import RecurrentCell, SharedRecurrentCell, unroll

SPACE = RecurrentSpace()
STEPS, BATCH, UNITS, NODES = 4, 3, 5, 11
NUMPY = {
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "identity": lambda x: x,
}
PLAIN = {"tanh": tf.tanh, "relu": tf.nn.relu, "sigmoid": tf.sigmoid, "identity": tf.identity}


def plain(projected, state, first, kernels, mask, values, average_first, sigmoid, activations, matmul):
    """The cell as its equations read, node by node; NumPy or TensorFlow."""
    outputs, units = [], UNITS
    for t in range(STEPS):
        product = projected[t] + matmul(state * mask, first)
        nodes = [state + sigmoid(product[:, :units]) * (activations["tanh"](product[:, units:]) - state)]
        for i in range(NODES):
            source, activation = nodes[values[2 * i]], activations[SPACE.activations[values[2 * i + 1]]]
            product = matmul(source * mask, kernels[i])
            nodes.append(source + sigmoid(product[:, :units]) * (activation(product[:, units:]) - source))
        used = nodes if average_first else nodes[1:]
        state = sum(used) / len(used)
        outputs.append(state)
    return outputs


def random_inputs(seed):
    generator = np.random.default_rng(seed)
    shapes = [[STEPS, BATCH, 2 * UNITS], [BATCH, UNITS], [UNITS, 2 * UNITS], [NODES, UNITS, 2 * UNITS]]
    mask = (generator.random([BATCH, UNITS]) < 0.75) / 0.75
    return [generator.normal(size=shape) * 0.7 for shape in shapes], mask


@pytest.mark.parametrize("average_first", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_outputs_equal_numpy(seed, average_first):
    inputs, mask = random_inputs(seed)
    values = SPACE.complete((), np.random.default_rng(seed)).values
    found = unroll(*map(tf.constant, inputs), tf.constant(mask), tf.constant(values), average_first)
    expected = plain(*inputs, mask, values, average_first, NUMPY["sigmoid"], NUMPY, np.matmul)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("average_first", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_gradients_equal_unfused_differentiation(seed, average_first):
    inputs, mask = random_inputs(seed)
    values = SPACE.complete((), np.random.default_rng(seed)).values
    inputs, mask = [tf.constant(array) for array in inputs], tf.constant(mask)
    weights = tf.constant(np.random.default_rng(9).normal(size=[STEPS, BATCH, UNITS]))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs)
        ours = tf.reduce_sum(weights * unroll(*inputs, mask, tf.constant(values), average_first))
        unfused = plain(*inputs, mask, values, average_first, tf.sigmoid, PLAIN, tf.matmul)
        theirs = tf.reduce_sum(weights * tf.stack(unfused))
    for found, expected in zip(tape.gradient(ours, inputs), tape.gradient(theirs, inputs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_shared_cell_uses_the_matrices_of_its_pairs():
    cell = SharedRecurrentCell(UNITS)
    cell.build()
    assert cell.kernels.shape[0] == 264
    values = SPACE.parse("NAO-WS").values
    expected, offset = [], 0
    for node in range(NODES):  # node by node, then predecessor, then activation
        expected.append(offset + 4 * values[2 * node] + values[2 * node + 1])
        offset += 4 * (node + 1)
    assert cell.rows(tf.constant(values)).numpy().tolist() == expected


def test_published_size():
    from nao_tf.child.language_model import LanguageModel

    model = LanguageModel(RecurrentCell(850), 10_000)
    model.build()
    assert model.count_params() == 27_295_000
