import numpy as np
import pytest
import scipy.stats

from nao_tf.controller.quality import hamming_distance, kendall_tau, pairwise_accuracy


@pytest.mark.parametrize("ties", [False, True])
def test_kendall_tau_is_that_of_scipy(ties):
    generator = np.random.default_rng(0)
    for _ in range(10):
        scores, predictions = generator.random([2, 30])
        if ties:
            scores, predictions = np.round(4 * scores), np.round(3 * predictions)
        np.testing.assert_allclose(
            kendall_tau(scores, predictions), scipy.stats.kendalltau(scores, predictions).statistic, rtol=1e-12
        )


def test_pairwise_accuracy_counts_ordered_pairs():
    assert pairwise_accuracy([1, 2, 3], [10, 30, 20]) == pytest.approx(2 / 3)
    assert pairwise_accuracy([1, 1], [2, 2]) == 1
    assert pairwise_accuracy([1, 1], [2, 3]) == 0


def test_undefined_is_none():
    assert pairwise_accuracy([1], [1]) is None
    assert kendall_tau([1, 1, 1], [1, 2, 3]) is None
    assert kendall_tau([1, 2, 3], [1, 1, 1]) is None
    assert hamming_distance(np.zeros([0, 3]), np.zeros([0, 3])) is None


def test_hamming_distance_counts_tokens():
    assert hamming_distance([[1, 2, 3], [4, 5, 6]], [[1, 2, 3], [4, 0, 0]]) == 1.0


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError):
        kendall_tau([1, 2], [1])
    with pytest.raises(ValueError):
        hamming_distance([1, 2], [1, 2])
