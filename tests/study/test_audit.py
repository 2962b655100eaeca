"""How far scores can be trusted."""

import numpy as np
import pytest
from toys import SPACE

from nao_tf.search.pool import Candidate, Evaluation, Pool
from nao_tf.study.audit import Agreement, agreement, audit, members_to_repeat, usual_count


def pool_of(scores):
    pool = Pool(None, SPACE, metric="score", higher_is_better=True)
    for id, (values, score) in enumerate(zip(SPACE.strings(), scores, strict=False)):
        candidate = Candidate(SPACE.architecture(values), "random")
        pool.append(Evaluation(id=id, candidate=candidate, round=0, score=score, parameters=None))
    return pool


def test_the_interval_of_tau_holds_the_truth_nineteen_times_in_twenty():
    """Normal scores of correlation 0.75: tau is 2 / pi arcsin(0.75)."""
    rng, truth, held = np.random.default_rng(0), 2 / np.pi * np.arcsin(0.75), 0
    for _ in range(100):
        first, noise = rng.normal(size=(2, 10))
        low, high = agreement(first, 0.75 * first + np.sqrt(1 - 0.75**2) * noise).interval
        held += low <= truth <= high
    assert held >= 0.92 * 100


def test_noise_agrees_by_chance_in_at_most_a_twentieth():
    rng = np.random.default_rng(1)
    assert sum(agreement(*rng.normal(size=(2, 8))).is_told for _ in range(100)) <= 5


def test_an_order_that_is_the_same_is_told_with_an_interval_that_is_no_point():
    same = agreement(range(8), range(8))
    low, high = same.interval
    assert same.kendall_tau == 1 and same.is_told and 0.3 < low < 0.99 and high > 0.99
    assert not agreement(range(8), range(8, 0, -1)).is_told  # the other way round


@pytest.mark.parametrize("pair", [([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]), ([1] * 8, list(range(8)))])
def test_of_too_few_or_of_equal_scores_no_tau_is_told(pair):
    assert agreement(*pair) == Agreement(len(pair[0])) and not agreement(*pair).is_told


def test_a_pool_that_grows_keeps_the_members_that_are_repeated():
    scores = np.random.default_rng(0).normal(size=80)
    small, large = pool_of(scores[:40]), pool_of(scores)
    drawn = {member.id for member in members_to_repeat(small, 8, seed=1)}
    more = {member.id for member in members_to_repeat(small, 12, seed=1)}
    grown = {member.id for member in members_to_repeat(large, 16, seed=1)}
    assert len(drawn) == 8 and drawn < more and len(drawn & grown) >= 6
    assert drawn != {member.id for member in members_to_repeat(small, 8, seed=2)}
    failed = pool_of([None, 1.0, None])
    assert [member.id for member in members_to_repeat(failed, 8, seed=1)] == [1]


def test_noise_tells_how_many_members_are_level_with_the_best():
    pool = pool_of([10.0, 9.9, 9.0, 5.0, 4.0])
    # a seed that is kinder by 3 to all of them, and noise of 0.1 for each score
    repeated = [(10.0, 13.1), (9.9, 12.8), (9.0, 12.1), (5.0, 7.9)]
    found = audit(pool, repeated, finals=[])
    differences = np.array([3.1, 2.9, 3.1, 2.9])
    assert found.noise == pytest.approx(np.std(differences, ddof=1) / np.sqrt(2))
    assert found.level_with_best == 2 and found.members == 5
    assert found.words == (
        "4 members do not tell whether scores repeat (6 could)",
        "2 of 5 scores are within their noise of the best one",
    )


def test_the_words_say_what_cannot_be_distinguished_from_chance():
    rng = np.random.default_rng(3)
    pool = pool_of(rng.normal(size=30))
    scores = rng.normal(size=8)
    found = audit(pool, list(zip(scores, scores + 0.01 * rng.normal(size=8), strict=True)), finals=[(1, 2)] * 3)
    assert found.words[0].startswith("scores repeat with another seed with tau 1.00, 95 % interval")
    assert found.words[0].endswith("(8 members)")
    assert found.words[2] == "3 finalists do not tell whether scores rank final models (6 could)"
    noise = audit(pool, [], finals=[(1, 3), (2, 6), (3, 1), (4, 5), (5, 2), (6, 4)])
    assert noise.repeated is None and noise.noise is None
    assert noise.words[0].endswith("not distinguishable from 0, so the score does not choose among them")
    assert noise.to_json()["finals"]["architectures"] == 6 and noise.to_json()["repeated"] is None


def test_an_audit_that_nobody_asked_for_costs_a_twelfth_or_nothing():
    assert [usual_count(budget) for budget in (20, 95, 96, 100, 240, 3200)] == [0, 0, 8, 8, 20, 24]
