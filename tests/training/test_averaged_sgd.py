"""The trigger and the mean against plain computations."""

import keras
import numpy as np
import pytest

from nao_tf.training.averaged_sgd import WeightAverage, stopped_falling


@pytest.mark.parametrize(
    "history, latest, expected",
    [
        ([5, 4, 3, 2, 1], 9, False),  # no epoch is more than five old
        ([3, 5, 5, 5, 5, 5], 4, True),
        ([3, 5, 5, 5, 5, 5], 3, False),  # equal is not higher
        ([9, 1, 1, 1, 1, 1], 5, False),  # the last five do not count
        ([], 1, False),
    ],
)
def test_trigger(history, latest, expected):
    assert stopped_falling(history, latest, patience=5) is expected


def variables():
    return [keras.Variable(np.zeros([2, 3], np.float32)), keras.Variable(np.zeros([4], np.float32))]


def test_mean_of_iterates_is_exact_and_starts_with_its_start():
    items, generator = variables(), np.random.default_rng(0)
    average, iterates = WeightAverage(items), []
    for step in range(12):
        if step == 5:
            average.start()
        for item in items:
            item.assign(generator.normal(size=item.shape))
        average.add()
        iterates.append([np.asarray(item) for item in items])
        used = iterates[5:] if step >= 5 else iterates[-1:]
        for found, *values in zip(average.values(), *used, strict=True):
            np.testing.assert_allclose(found, np.mean(values, 0), rtol=1e-5, atol=1e-7)


def test_restored_mean_goes_on_and_a_diverged_one_is_forgotten():
    items, other = variables(), None
    average = WeightAverage(items)
    assert average.arrays() == {"averaged": -1}
    average.start()
    for value in (1.0, 2.0):
        for item in items:
            item.assign(np.full(item.shape, value))
        average.add()
    kept = average.arrays()
    other = WeightAverage(items)
    other.restore(kept)
    for item in items:
        item.assign(np.full(item.shape, np.nan))
    average.add()
    assert np.isnan(average.values()[0]).all()
    average.stop()
    average.start()
    for item in items:
        item.assign(np.full(item.shape, 6.0))
    average.add(), other.add()
    np.testing.assert_allclose(average.values()[0], 6.0)
    np.testing.assert_allclose(other.values()[0], 3.0, rtol=1e-6)
