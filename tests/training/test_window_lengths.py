"""Windows cover the text; random lengths are drawn as the authors' scripts draw them."""

import numpy as np
import pytest

from nao_tf.training.window_lengths import equal_windows, padded, random_windows


@pytest.mark.parametrize("rows, window, deviation", [(2, 35, 5.0), (400, 35, 5.0), (401, 35, 0.0), (36, 35, 0.0)])
def test_windows_cover_every_token_to_predict_once(rows, window, deviation):
    windows = random_windows(rows, window, deviation=deviation, generator=np.random.default_rng(1))
    covered = np.concatenate(
        [np.arange(start, start + length) for start, length in zip(windows.starts, windows.lengths, strict=True)]
    )
    np.testing.assert_array_equal(covered, np.arange(rows - 1))
    if not deviation:
        assert set(windows.lengths[:-1]) <= {window} and (windows.rates == 1).all()


def test_lengths_are_normal_with_one_in_twenty_half_as_long():
    windows = random_windows(2_000_000, 35, deviation=5.0, generator=np.random.default_rng(2))
    lengths, rates = windows.lengths[:-1], windows.rates[:-1]
    assert lengths.min() >= 5 and lengths.max() <= 55
    np.testing.assert_allclose(rates, lengths / 35, rtol=1e-6)
    # int() cuts half a time step off on average
    np.testing.assert_allclose(lengths.mean(), 0.95 * 35 + 0.05 * 17.5 - 0.5, atol=0.1)
    np.testing.assert_allclose(np.mean(lengths < 22), 0.05 * 0.816 + 0.95 * 0.0047, atol=0.004)
    np.testing.assert_allclose(np.mean(lengths > 40), 0.95 * 0.1151, atol=0.005)  # six steps are 1.2 deviations


def test_the_last_window_keeps_the_rate_of_the_length_that_was_drawn():
    windows = random_windows(4, 35, deviation=5.0, generator=np.random.default_rng(0))
    assert list(windows.lengths) == [3] and windows.rates[0] >= 5 / 35


def test_few_programs_serve_all_lengths():
    sizes = {padded(length, 35, deviation=5.0) for length in range(1, 56)}
    assert sizes == {20, 25, 30, 35, 40, 45, 50, 55}
    assert all(padded(length, 35, deviation=5.0) >= length for length in range(1, 56))
    assert {padded(length, 35, deviation=0.0) for length in range(1, 36)} == {35}


@pytest.mark.parametrize("rows, starts", [(36, [0]), (70, [0]), (71, [0, 35]), (72, [0, 35])])
def test_equal_windows_are_whole(rows, starts):
    windows = equal_windows(rows, 35)
    assert windows.starts.tolist() == starts
    assert windows.lengths.tolist() == [35] * len(starts) and windows.rates.tolist() == [1] * len(starts)
