"""Searches of a table with invented figures, by contenders."""

import pytest

from benchmarks import searches
from nao_tf.architecture import NasBench201Space
from nao_tf.data.table import read_table
from nao_tf.search.loop import Rounds, search
from nao_tf.search.pool import Pool
from nao_tf.search.rungs import rungs_of
from nao_tf.search.strategies import STRATEGIES
from nao_tf.search.strategies.local import LocalSearch
from nao_tf.tasks.table import TableEvaluator


@pytest.fixture(scope="module")
def table(invented_table):
    return read_table(invented_table, NasBench201Space(), score_column="seen", test_column="told")


def test_sizes_and_presets_of_contenders():
    assert searches.contender("evolution").proposals == 1
    assert searches.contender("evolution", initial=7, proposals=3).initial == 7
    paper = searches.contender("nao:paper")
    assert (paper.name, paper.initial, paper.proposals) == ("nao", 50, 20)
    assert paper.settings["controller"].predictor_reading == "mean" and not paper.settings["ascent"].ranked
    assert searches.contender("nao").settings["controller"].predictor_reading == "states"
    assert searches.contender("local").settings == {}


def test_figures_are_those_of_the_course(table):
    contender = searches.contender("local", initial=5)
    course = searches.run(contender, 3, table=table, budgets=[120], held_out=0)
    pool = Pool(None, table.space, metric="seen", higher_is_better=True)
    search(
        LocalSearch(table.space, 3), TableEvaluator(table), pool=pool, rounds=Rounds(budget=120, initial=5, proposals=1)
    )
    scores = [evaluation.score for evaluation in pool.evaluations]
    for number in (1, 7, 60, 120):
        best = pool.evaluations[scores.index(max(scores[:number]))].candidate.architecture
        assert course.test[number - 1] == table.row(best).test
    assert max(scores) == table.best.score and course.evaluations_to_best == scores.index(max(scores)) + 1


def test_a_predictor_is_judged_on_cells_outside_the_pool(table):
    strategy, pool = (
        STRATEGIES["mlp"].make(table.space, 1),
        Pool(None, table.space, metric="seen", higher_is_better=True),
    )
    search(strategy, TableEvaluator(table), pool=pool, rounds=Rounds(budget=60, initial=50, proposals=10))
    figures = searches.predictor_quality(strategy, pool, table=table, budgets=[50, 60], held_out=40)
    assert set(figures) == {50, 60} and figures[60]["held_out"] == 40 and figures[50] != figures[60]
    nothing = searches.predictor_quality(strategy, pool, table=table, budgets=[50], held_out=0)
    unable = STRATEGIES["random"].make(table.space, 1)
    assert nothing == searches.predictor_quality(unable, pool, table=table, budgets=[50], held_out=5) == {}


def test_the_cost_is_that_of_all_evaluations_until_the_best(ladder_table):
    rungs = rungs_of(["short:0.1", "seen:1"])
    table = read_table(
        ladder_table, NasBench201Space(), score_column="seen", test_column="told", lower_columns=["short"]
    )
    contender = searches.contender("local")
    course = searches.run_on_ladder(contender, 3, table=table, budgets=[30], rungs=rungs)
    pool = Pool(None, table.space, metric="seen", higher_is_better=True, rungs=rungs)
    search(
        LocalSearch(table.space, 3),
        TableEvaluator(table, rungs=rungs),
        pool=pool,
        rounds=Rounds(budget=30, initial=contender.initial, proposals=contender.proposals),
    )
    spent, low = 0.0, {}
    for evaluation in pool.history:
        row = table.row(evaluation.candidate.architecture)
        assert evaluation.score == (row.score if evaluation.candidate.rung else row.lower[0])
        spent += (0.1, 1.0)[evaluation.candidate.rung]
        low.setdefault(evaluation.id, evaluation.candidate.rung)
        if evaluation.candidate.rung and row is table.best:
            break
    assert course.evaluations_to_best == pytest.approx(spent) and set(low.values()) == {0}
