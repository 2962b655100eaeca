"""Ladders: who is promoted, what is counted, and that a stopped search goes on as if undisturbed."""

import json
import re

import numpy as np
import pytest
from searches import SPACE, make, relus

from nao_tf.architecture import NasBench201Space
from nao_tf.controller import Prediction
from nao_tf.errors import InputError
from nao_tf.search.evaluator import FunctionEvaluator
from nao_tf.search.ladder import FIRST, LadderPredictor, due, halving, promotion
from nao_tf.search.loop import Rounds, search
from nao_tf.search.pool import Candidate, Evaluation, Pool
from nao_tf.search.rungs import Rung

RUNGS = (Rung("short", 0.25), Rung("long", 1.0))
THREE = (Rung("short", 0.125), Rung("middle", 0.5), Rung("long", 1.0))


def score(architecture, rung):
    """A cheap score that is the exact one and an error of its own for each architecture."""
    error = np.random.default_rng(architecture.values).normal(0, 1.5) if rung == 0 else 0.0
    return float(relus(architecture) + error)


class Stop(Exception):
    pass


def climb(name, path=None, *, budget=20, rungs=RUNGS, seed=1, stop_after=None):
    """The pool of a search on a ladder that is made anew, or goes on with the file at `path`."""
    calls = []

    def counted(architecture, rung):
        if len(calls) == stop_after:
            raise Stop
        calls.append(rung)
        return score(architecture, rung)

    pool = Pool(path, SPACE, metric="score", higher_is_better=True, rungs=rungs)
    evaluator = FunctionEvaluator(counted, rungs=rungs)
    search(make(name, seed), evaluator, pool=pool, rounds=Rounds(budget=budget, initial=12, proposals=7))
    return pool


def pool_of(scores, *, promoted=(), rungs=RUNGS):
    """A pool of random architectures with given scores on rung 0, and of some of them on rung 1."""
    pool = Pool(None, SPACE, metric="score", higher_is_better=True, rungs=rungs)
    generator = np.random.default_rng(3)
    for id, value in enumerate(scores):
        pool.append(Evaluation(id, Candidate(SPACE.sample(generator), "random"), 0, value, None))
    for round, (id, value) in enumerate(promoted, start=1):
        pool.append(Evaluation(id, promotion(pool.get(id), 1), round, value, None))
    return pool


# ---- the pool


def test_a_member_has_a_score_on_each_rung(tmp_path):
    path = tmp_path / "pool.jsonl"
    climb("random", path)
    pool = Pool(path, SPACE, metric="score", higher_is_better=True, rungs=RUNGS)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert {(line["rung"], line["cost"]) for line in lines} == {("short", 0.25), ("long", 1.0)}
    assert pool.cost == sum(line["cost"] for line in lines) == pytest.approx(20, abs=0.25)
    high = [line for line in lines if line["rung"] == "long"]
    assert high and all(line["origin"] == "promotion" and line["id"] == line["parent"] for line in high)
    assert pool.best.score == max(line["score"] for line in high) and pool.best.candidate.rung == 1
    low = pool.lowest
    assert len(low) == len(pool) and [low.get(id).score for id in range(len(low))] == [
        line["score"] for line in lines if line["rung"] == "short"
    ]


def test_lines_of_another_ladder_are_refused(tmp_path):
    path = tmp_path / "pool.jsonl"
    climb("random", path, budget=8)
    with pytest.raises(InputError, match='line 1 of .*rung "short" of a ladder, and this search has none'):
        Pool(path, SPACE, metric="score", higher_is_better=True)
    with pytest.raises(InputError, match="line 1 of .*'cost' is 0.25; rung short costs 0.125"):
        Pool(path, SPACE, metric="score", higher_is_better=True, rungs=THREE)
    path.write_bytes(re.sub(rb', "check": "[0-9a-f]{8}"', b"", path.read_bytes()).replace(b'"short"', b'"long"', 1))
    with pytest.raises(InputError, match="line 1 of "):
        Pool(path, SPACE, metric="score", higher_is_better=True, rungs=RUNGS)


def test_a_member_skips_no_rung(tmp_path):
    path = tmp_path / "pool.jsonl"
    pool = Pool(path, SPACE, metric="score", higher_is_better=True, rungs=THREE)
    architecture = SPACE.sample(np.random.default_rng(1))
    pool.append(Evaluation(0, Candidate(architecture, "random"), 0, 1.0, None))
    pool.append(Evaluation(0, Candidate(architecture, "promotion", rung=2), 1, 1.0, None))
    with pytest.raises(InputError, match="line 2 of .*comes to rung long from the rung below it"):
        Pool(path, SPACE, metric="score", higher_is_better=True, rungs=THREE)


# ---- successive halving


def test_the_best_quarter_is_promoted_each_once():
    pool = pool_of([5.0, 1.0, 9.0, None, 7.0, 2.0, 8.0, 3.0], promoted=[(6, 1.0)])
    assert [candidate.architecture for candidate in halving(pool, 5)] == [pool.get(2).candidate.architecture]
    assert [(candidate.rung, candidate.parent, candidate.origin) for candidate in halving(pool, 5)] == [
        (1, 2, "promotion")
    ]
    assert halving(pool, 0) == [] and due(pool, 1) == 1 and due(pool, 0) == 0


def test_costs_that_are_decimal_fractions_are_counted_exactly():
    rungs = (Rung("a", 0.1), Rung("b", 1.0))
    assert due(pool_of([float(number) for number in range(30)], rungs=rungs), 1) == 3


def test_every_rung_gets_its_share_of_the_cost():
    pool = climb("random", rungs=THREE, budget=60)
    costs = np.zeros(3)
    for evaluation in pool.history:
        costs[evaluation.candidate.rung] += pool.cost_of(evaluation.candidate.rung)
    assert np.all(np.abs(costs - costs.mean()) < 4)


# ---- searches


@pytest.mark.parametrize("name", ["random", "evolution", "local", "mlp", "reinforce"])
def test_a_stopped_search_ends_as_an_undisturbed_one(name, tmp_path):
    climb(name, tmp_path / "whole")
    for stop_after in (5, 31, 40):
        path = tmp_path / f"stopped-{stop_after}"
        with pytest.raises(Stop):
            climb(name, path, stop_after=stop_after)
        climb(name, path)
        assert path.read_bytes() == (tmp_path / "whole").read_bytes()
    before = (tmp_path / "whole").read_bytes()
    climb(name, tmp_path / "whole")
    assert (tmp_path / "whole").read_bytes() == before


@pytest.mark.parametrize("name", ["random", "local", "mlp"])
def test_a_larger_budget_later_gives_the_pool_that_it_would_have_given_at_once(name, tmp_path):
    for budget in (2, 9, 9.6, 13, 20):
        climb(name, tmp_path / "steps", budget=budget)
        assert Pool(tmp_path / "steps", SPACE, metric="score", higher_is_better=True, rungs=RUNGS).cost <= budget
    climb(name, tmp_path / "once")
    assert (tmp_path / "steps").read_bytes() == (tmp_path / "once").read_bytes()


def test_nao_climbs():
    pool = climb("nao", budget=18)
    origins = [evaluation.candidate.origin for evaluation in pool.history]
    assert "ascent" in origins and origins.count("promotion") >= FIRST
    assert pool.best.candidate.rung == 1 and 16 < pool.cost <= 18


# ---- the prediction of the last rung


class Known:
    """Predicts scores on the lowest rung from given numbers, 0 of all others."""

    def __init__(self, values):
        self.values = values

    def predict(self, architectures):
        return Prediction(
            np.array([self.values.get(each, 0.0) for each in architectures]), np.zeros(len(architectures))
        )


def test_without_promotions_the_order_is_that_of_the_lowest_rung():
    pool = pool_of([float(number) for number in range(30)])
    members = [evaluation.candidate.architecture for evaluation in pool.evaluations]
    predictor = LadderPredictor(Known({member: float(id) for id, member in enumerate(members)}), pool)
    assert np.all(np.diff(predictor.predict(members).mean) > 0)
    promotions = predictor.promotions(9, exploration=0.0)
    assert [candidate.parent for candidate in promotions] == [29, 28]


def test_promotions_begin_when_the_first_are_due():
    members = 4 * FIRST
    pool = pool_of([float(number) for number in range(members - 1)])
    assert due(pool, 1) == FIRST - 1
    assert LadderPredictor(Known({}), pool).promotions(9, exploration=0.0) == []


def test_what_the_dear_rung_prefers_is_learnt():
    """Architectures are cells of NAS-Bench-201; the dear score rewards 3x3 convolutions, of which the cheap one is
    ignorant."""
    space = NasBench201Space()
    generator = np.random.default_rng(0)
    pool = Pool(None, space, metric="score", higher_is_better=True, rungs=RUNGS)
    cheap, dear = {}, {}
    while len(cheap) < 80:
        cell = space.sample(generator)
        if cell not in cheap:
            cheap[cell] = generator.normal()
            dear[cell] = cheap[cell] + 1.5 * sum(value == 3 for value in cell.values)
            pool.append(Evaluation(len(pool), Candidate(cell, "random"), 0, cheap[cell], None))
    for round, id in enumerate(range(30), start=1):
        cell = pool.get(id).candidate.architecture
        pool.append(Evaluation(id, promotion(pool.get(id), 1), round, dear[cell], None))
    others = [evaluation.candidate.architecture for evaluation in pool.evaluations[30:]]
    truth = [dear[cell] for cell in others]
    predicted = LadderPredictor(Known(cheap), pool).predict(others).mean
    assert np.corrcoef(predicted, truth)[0, 1] > np.corrcoef([cheap[cell] for cell in others], truth)[0, 1] + 0.1


def test_a_cheap_rung_that_ranks_nothing_is_found_out():
    generator = np.random.default_rng(1)
    scores = generator.normal(size=120)
    pool = pool_of(list(scores), promoted=[(id, float(generator.normal())) for id in range(60)])
    members = [evaluation.candidate.architecture for evaluation in pool.evaluations]
    others = members[60:]
    predictor = LadderPredictor(Known(dict(zip(members, scores, strict=True))), pool)
    assert np.std(predictor.predict(others).mean) < 0.6 * np.std(scores[60:])
