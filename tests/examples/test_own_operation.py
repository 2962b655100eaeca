"""The example of an own operation runs, as its own process, and its row computes the definition."""

import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


def run(*arguments):
    """Standard output of a Python that finds the package: a row stays in the table of its process."""
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def output():
    """What the example prints."""
    return run(EXAMPLES / "own_operation.py")


def test_it_is_counted_as_keras_counts_it(output):
    parameters, counted = re.search(r"has ([\d,]+) parameters \(Keras counts ([\d,]+)\)", output).groups()
    assert parameters == counted


def test_the_winner_uses_it_and_learns(output):
    assert int(re.search(r"the best has (\d+) branches of squeeze and excitation", output)[1]) > 0
    assert float(re.search(r"loss (\d+\.\d+)", output)[1]) < np.log(10)  # better than to guess
    assert float(re.search(r"classifies (\d+\.\d)% of the validation images", output)[1]) > 50


CHECK = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np, tensorflow as tf
import own_operation
from nao_tf.child.images.layers import BranchOperation
from nao_tf.child.images.shared_cell import apply_row

layer, generator = BranchOperation(own_operation.NAME, 4, stride=2), np.random.default_rng(0)
values = generator.normal(size=[3, 7, 7, 4]).astype(np.float32)
layer.build(values.shape)
for weight in layer.trainable_weights:
    weight.assign(generator.normal(size=weight.shape))
squeeze, squeeze_bias, excite, excite_bias = map(np.asarray, layer.trainable_weights)


def by_hand(values):
    narrow = np.maximum(values.mean((1, 2)) @ squeeze + squeeze_bias, 0)
    return values / (1 + np.exp(-(narrow @ excite + excite_bias)))[:, None, None]


np.testing.assert_allclose(layer(values), by_hand(values[:, ::2, ::2]), rtol=1e-5, atol=1e-6)
row = np.concatenate([*(np.ravel(weight) for weight in layer.trainable_weights), [7]]).astype(np.float32)
shared = apply_row(own_operation.OPERATIONS[own_operation.NAME], tf.constant(values), row=tf.constant(row))
np.testing.assert_allclose(shared, by_hand(values), rtol=1e-5, atol=1e-6)
print("equal")
"""


def test_the_row_computes_its_definition_in_both_kinds_of_network():
    assert run("-c", CHECK, EXAMPLES).endswith("equal\n")
