"""Proposals of an invented ascent, which needs no controller."""

import numpy as np
import pytest

from nao_tf.architecture import Position, SearchSpace
from nao_tf.controller.proposals import propose

LEVELS = tuple(f"level {value}" for value in range(10))
SPACE = SearchSpace("levels", [Position(f"place {index}", "level", LEVELS) for index in range(2)])


def ascend(architectures, step_sizes):
    """Member 0 raises the first integer by the step size, member 1 the second; not above 9."""
    moved = np.zeros([len(step_sizes), 2, len(architectures), 2], np.int32)
    for (size, member, index), _ in np.ndenumerate(moved[..., 0]):
        values = list(architectures[index].values)
        values[member] = min(9, values[member] + int(step_sizes[size]))
        moved[size, member, index] = SPACE.tokens(values)
    return moved


def predict(architectures):
    """Two members, of which only the first counts the first integer twice."""
    values = np.array([architecture.values for architecture in architectures])
    return np.stack([2 * values[:, 0] + values[:, 1], values[:, 0] + values[:, 1]]) / 10


def proposals(starts, sizes, **options):
    architectures = [SPACE.architecture(start) for start in starts]
    return propose(SPACE, architectures, step_sizes=sizes, ascend=ascend, predict=predict, **options)


def test_each_architecture_comes_once_with_its_smallest_step_size():
    results = {proposal.architecture.values: proposal for proposal in proposals([(8, 0)], [4, 1, 2])}
    assert set(results) == {(9, 0), (8, 1), (8, 2), (8, 4)}
    assert results[9, 0].step_size == 1  # 2 and 4 lead there too
    assert results[8, 4].step_size == 4 and results[8, 4].parent.values == (8, 0)


def test_the_mean_and_the_spread_of_the_members_rank():
    ranked = proposals([(1, 1)], [1, 2])
    by_hand = {values: predict([SPACE.architecture(values)])[:, 0] for values in [(2, 1), (3, 1), (1, 2), (1, 3)]}
    for proposal in ranked:
        members = by_hand[proposal.architecture.values]
        assert (proposal.predicted, proposal.spread) == pytest.approx((members.mean(), members.std()))
    assert [p.architecture.values for p in ranked] == sorted(by_hand, key=lambda values: -by_hand[values].mean())
    doubtful = proposals([(1, 3), (3, 0)], [1], exploration=20.0)
    bounds = [proposal.predicted + 20 * proposal.spread for proposal in doubtful]
    means = [proposal.predicted for proposal in doubtful]
    assert bounds == sorted(bounds, reverse=True) and means != sorted(means, reverse=True)


def test_starts_are_never_proposed():
    results = proposals([(1, 1), (2, 1)], [1])  # the ascent leads from the first to the second
    assert (2, 1) not in {proposal.architecture.values for proposal in results}


def test_further_ascents_go_on_from_the_most_promising_results():
    once, twice = proposals([(0, 0)], [1]), proposals([(0, 0)], [1], ascents=2)
    assert {proposal.architecture.values for proposal in once} == {(1, 0), (0, 1)}
    assert {proposal.architecture.values for proposal in twice} == {(1, 0), (0, 1), (2, 0), (1, 1)}
    assert {proposal.parent.values for proposal in twice} == {(0, 0)}


def test_ascents_end_where_nothing_new_is_left():
    assert proposals([(9, 9)], [1], ascents=3) == []
    assert [proposal.architecture.values for proposal in proposals([(9, 8)], [1], ascents=5)] == [(9, 9)]


def test_wrong_input_is_refused():
    for sizes in ([], [0.0], [-1.0], [float("nan")]):
        with pytest.raises(ValueError, match="step sizes"):
            proposals([(0, 0)], sizes)
    with pytest.raises(ValueError, match="0 ascents; at least one"):
        proposals([(0, 0)], [1], ascents=0)
