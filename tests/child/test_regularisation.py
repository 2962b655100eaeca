"""Dropout masks and penalties."""

import numpy as np
import pytest
import tensorflow as tf

from nao_tf.child.language.dropout_rates import Dropout
from nao_tf.child.regularisation import activation_penalties, mask

SEED = tf.constant([3, 4])


@pytest.mark.parametrize("rate", [0.2, 0.75])
def test_masks_are_scaled_and_drop_their_rate(rate):
    found = mask([200, 200], rate, SEED, 0).numpy()
    np.testing.assert_allclose(np.unique(found), [0, 1 / (1 - rate)], rtol=1e-6)
    assert abs(np.mean(found == 0) - rate) < 0.01
    assert abs(np.mean(found) - 1) < 0.05


def test_masks_are_functions_of_seed_and_salt():
    first = mask([50, 50], 0.5, SEED, 0).numpy()
    np.testing.assert_array_equal(first, mask([50, 50], 0.5, SEED, 0))
    for seed, salt in ((SEED, 1), (SEED + [0, 1], 0), (SEED + [1024, 0], 0)):
        assert 0.4 < np.mean(first != mask([50, 50], 0.5, seed, salt)) < 0.6
    assert mask([50, 50], 0.0, SEED, 0) is None


@pytest.mark.parametrize("activation, temporal", [(0.0, 0.0), (2.0, 0.0), (0.0, 1e-3), (0.5, 0.25)])
def test_penalties_are_mean_squares(activation, temporal):
    generator = np.random.default_rng(0)
    dropped, outputs = generator.normal(size=[2, 6, 3, 4])
    expected = activation * np.mean(dropped**2) + temporal * np.mean((outputs[1:] - outputs[:-1]) ** 2)
    found = activation_penalties(tf.constant(dropped), tf.constant(outputs), activation, temporal)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_impossible_rates_are_refused(rate):
    with pytest.raises(ValueError, match="hidden"):
        Dropout(hidden=rate)
