import numpy as np
import pytest
import tensorflow as tf

from nao_tf.child.softmax import log_likelihoods, softmax_loss

ROWS, UNITS, WORDS = 11, 4, 7


@pytest.fixture
def problem():
    generator = np.random.default_rng(0)
    outputs, embedding, bias = (tf.constant(generator.normal(size=s)) for s in ([ROWS, UNITS], [WORDS, UNITS], [WORDS]))
    targets = generator.integers(0, WORDS, ROWS).astype(np.int32)
    weights = generator.random(ROWS)
    targets[-1], weights[-1] = -1, 0  # padding
    return (outputs, embedding, bias), tf.constant(targets), tf.constant(weights)


@pytest.mark.parametrize("piece", [3, 11, 640])
def test_loss_and_gradients_equal_the_plain_softmax(problem, piece):
    inputs, targets, weights = problem
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs)
        ours = softmax_loss(*inputs, targets, weights, piece) * 2
        logits = tf.matmul(inputs[0], inputs[1], transpose_b=True) + inputs[2]
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(targets, 0), logits)
        plain = tf.reduce_sum(weights * losses) * 2
    np.testing.assert_allclose(ours, plain, rtol=1e-12)
    for found, expected in zip(tape.gradient(ours, inputs), tape.gradient(plain, inputs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("piece", [3, 640])
def test_log_likelihoods_equal_numpy(problem, piece):
    (outputs, embedding, bias), targets, _ = problem
    logits = outputs.numpy() @ embedding.numpy().T + bias.numpy()
    table = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = table[np.arange(ROWS), np.maximum(targets, 0)]
    np.testing.assert_allclose(log_likelihoods(outputs, embedding, bias, targets, piece), expected, rtol=1e-10)
