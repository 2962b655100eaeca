import pytest
from searches import make, run

from nao_tf.search.strategies.evolution import EvolutionSettings


def test_parents_are_young_and_children_one_change_away():
    pool = run("evolution", budget=80, initial=30, proposals=1)
    for evaluation in pool.evaluations[30:]:
        candidate = evaluation.candidate
        assert candidate.origin == "mutation"
        assert evaluation.id - 20 <= candidate.parent < evaluation.id  # the population is the youngest 20


def test_a_tournament_of_all_has_the_best_as_parent():
    pool = run("evolution", budget=30, initial=20)
    strategy = make(
        "evolution", evolution={"population": 20, "tournament": 10_000}
    )  # drawn with replacement: all of them
    best = max(pool.evaluations[-20:], key=pool.goodness).score
    assert {pool.get(candidate.parent).score for candidate in strategy.ask(pool, 3, 5)} == {best}


def test_a_member_dies_of_age_however_good():
    pool = run("evolution", budget=30, initial=20)
    strategy = make("evolution", evolution={"population": 1})
    assert {candidate.parent for candidate in strategy.ask(pool, 3, 5)} == {29}


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="population 0; at least 1"):
        EvolutionSettings(population=0)
    with pytest.raises(ValueError, match="tournament 0; at least 1"):
        EvolutionSettings(tournament=0)
