"""The one-pass softmax loss against TensorFlow's own in float64."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from nao_tf.child.language.softmax import log_likelihoods, softmax_loss

U, V = 4, 11


def draw(rows):
    """Outputs `[rows, U]`, embedding `[V, U]`, bias `[V]`, targets `[rows]` and weights `[rows]`."""
    generator = np.random.default_rng(rows)
    targets = generator.integers(V, size=rows).astype(np.int32)
    weights = generator.random(rows)
    weights[::3], targets[::6] = 0, -1  # rows without weight, half of them without a target
    return *(generator.normal(size=shape) for shape in ([rows, U], [V, U], [V])), targets, weights


def naive_log_probabilities(outputs, embedding, bias, targets):
    """Read from the whole table of log probabilities."""
    everything = tf.nn.log_softmax(tf.matmul(outputs, embedding, transpose_b=True) + bias)
    return tf.gather(everything, tf.maximum(targets, 0), batch_dims=1)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("rows, piece", [(1, 5), (5, 5), (7, 5), (11, 5), (20, 5), (23, 5), (23, 1), (23, 640)])
def test_loss_and_gradients_equal_naive_ones(rows, piece, compiled):
    *operands, targets, weights = (tf.constant(value) for value in draw(rows))

    @tf.function(jit_compile=compiled)
    def fused(operands):
        with tf.GradientTape() as tape:
            tape.watch(operands)
            outputs, embedding, bias = operands
            loss = softmax_loss(outputs, embedding, bias=bias, targets=targets, weights=weights, piece=piece)
            loss = 3 * loss
        return loss, tape.gradient(loss, operands)

    with tf.GradientTape() as tape:
        tape.watch(operands)
        expected = -3 * tf.reduce_sum(weights * naive_log_probabilities(*operands, targets))
    loss, gradients = fused(operands)
    np.testing.assert_allclose(loss, expected, rtol=1e-12)
    for gradient, reference in zip(gradients, tape.gradient(expected, operands), strict=True):
        np.testing.assert_allclose(gradient, reference, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rows, piece", [(1, 5), (5, 5), (7, 5), (23, 5), (23, 640)])
def test_log_likelihoods_equal_naive_ones(rows, piece):
    outputs, embedding, bias, targets, _ = (tf.constant(value) for value in draw(rows))
    expected = naive_log_probabilities(outputs, embedding, bias, targets)

    def run(outputs, targets):
        return log_likelihoods(outputs, embedding, bias=bias, targets=targets, piece=piece)

    np.testing.assert_allclose(run(outputs, targets), expected, rtol=1e-12)
    unknown_rows = tf.function(
        run, input_signature=[tf.TensorSpec([None, U], tf.float64), tf.TensorSpec([None], tf.int32)]
    )
    np.testing.assert_allclose(unknown_rows(outputs, targets), expected, rtol=1e-12)


def test_large_logits_do_not_overflow():
    outputs, embedding, targets = tf.constant([[1e4], [-1e4]]), tf.constant([[1.0], [-1.0]]), tf.constant([0, 0])
    loss = softmax_loss(outputs, embedding, bias=tf.zeros([2]), targets=targets, weights=tf.ones([2]))
    np.testing.assert_allclose(loss, 2e4)
    likelihoods = log_likelihoods(outputs, embedding, bias=tf.zeros([2]), targets=targets)
    np.testing.assert_allclose(likelihoods, [0, -2e4])


# Prints the rise of the process's peak memory, MB, while a loss and its gradients are computed.
MEMORY = """
import resource
import numpy as np, tensorflow as tf
from nao_tf.child.language.softmax import log_likelihoods, softmax_loss
R, U, V = 6400, 4, 33278
generator = np.random.default_rng(0)
outputs, embedding = (tf.constant(generator.normal(size=[n, U]), tf.float32) for n in (R, V))
targets = tf.constant(generator.integers(V, size=R), tf.int32)
weights, bias = tf.fill([R], 1 / R), tf.zeros([V])

@tf.function(jit_compile=True)
def run(outputs, embedding, bias):
    with tf.GradientTape() as tape:
        tape.watch([outputs, embedding, bias])
        loss = softmax_loss(outputs, embedding, bias=bias, targets=targets, weights=weights)
    gradients = tape.gradient(loss, [outputs, embedding, bias])
    return loss, gradients, log_likelihoods(outputs, embedding, bias=bias, targets=targets)

concrete = run.get_concrete_function(outputs, embedding, bias)
tf.reduce_sum(outputs).numpy()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
loss = float(run(outputs, embedding, bias)[0])
assert abs(loss - np.log(V)) < 5, loss
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def test_memory_does_not_grow_with_words_times_tokens():
    root = pathlib.Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stderr[-3000:]
    whole = 6400 * 33278 * 4 / 2**20  # of one array of all logits: 812 MB
    assert float(done.stdout) < 0.6 * whole, done.stdout
