"""Streams and windows."""

import numpy as np
import pytest

from nao_tf.data.streams import evaluation_streams, streams, window_count
from nao_tf.errors import InputError


def test_streams_are_contiguous_columns():
    stream = streams(np.arange(11), 3)  # [3, 3]
    assert stream.dtype == np.int32
    assert stream.T.tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


@pytest.mark.parametrize("tokens, batch_size", [(5, 3), (1, 1), (10, 0), (10, -2)])
def test_streams_that_cannot_be(tokens, batch_size):
    with pytest.raises(InputError, match="batch_size is"):
        streams(np.arange(tokens), batch_size)


@pytest.mark.parametrize("steps, count", [(1, 8), (3, 2), (8, 1)])
def test_windows_are_whole_and_leave_the_last_row_as_a_target(steps, count):
    assert window_count(streams(np.arange(18), 2), steps) == count  # [9, 2]: 8 steps to predict


@pytest.mark.parametrize("steps, message", [(0, "steps is 0"), (9, "a window has 9 steps, .* only 8")])
def test_windows_that_cannot_be(steps, message):
    with pytest.raises(InputError, match=message):
        window_count(streams(np.arange(18), 2), steps)


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 19, 20, 64])
def test_evaluation_scores_every_token_but_the_first_once(batch_size, steps):
    tokens = np.random.default_rng(0).permutation(20)
    inputs, targets, weights = evaluation_streams(tokens, batch_size, steps=steps)
    assert inputs.shape == targets.shape == weights.shape
    assert inputs.shape[1] == batch_size and inputs.shape[0] % steps == 0
    assert weights.sum() == len(tokens) - 1
    assert inputs.dtype == targets.dtype == np.int32 and weights.dtype == np.float32
    scored = weights.T == 1  # [B, T]: column by column is the order of the text
    np.testing.assert_array_equal(inputs.T[scored], tokens[:-1])
    np.testing.assert_array_equal(targets.T[scored], tokens[1:])
    assert (targets[weights == 0] == -1).all() and (inputs >= 0).all()


def test_a_memoryless_loss_does_not_depend_on_the_batch_size():
    tokens = np.random.default_rng(1).integers(0, 9, 1001)
    losses = np.random.default_rng(2).uniform(size=(9, 9))
    expected = sum(losses[a, b] for a, b in zip(tokens, tokens[1:], strict=False)) / 1000
    for batch_size in (1, 8, 33):
        inputs, targets, weights = evaluation_streams(tokens, batch_size)
        assert (losses[inputs, targets] * weights).sum() / weights.sum() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "tokens, batch_size, steps, message",
    [(1, 1, 1, "at least 2 tokens"), (5, 0, 1, "batch_size is 0"), (5, 1, 0, "steps is 0")],
)
def test_evaluation_that_cannot_be(tokens, batch_size, steps, message):
    with pytest.raises(InputError, match=message):
        evaluation_streams(np.arange(tokens), batch_size, steps=steps)
