"""Scores by training, with a child that trains nothing."""

import numpy as np
import pytest
from nao_tf.search.trained_evaluators import FromScratch, SharedWeights

from nao_tf.architecture import ConvolutionalSpace
from nao_tf.errors import DivergedError
from nao_tf.search.pool import Candidate, Pool

SPACE = ConvolutionalSpace("enas")
CANDIDATES = [Candidate(SPACE.sample(np.random.default_rng(number)), "random") for number in range(6)]


class Child:
    """Records its calls. The score of an architecture is a function of it; some diverge in training, others later."""

    def __init__(self, diverging=(), without=()):
        self.calls, self.diverging, self.without, self.files = [], diverging, without, set()

    def parameters(self, architecture):
        return 100 + sum(architecture.values)

    def start(self, seed):
        self.calls.append(("start", seed))

    def train(self, architecture, *, seed, report=None):
        self.calls.append(("train", architecture, seed))
        if architecture in self.diverging:
            raise DivergedError("training loss is nan at step 3")

    def train_together(self, architectures, *, seed, report=None, shares=None):
        self.calls.append(("train", architectures, seed, shares))

    def score(self, architecture):
        if architecture in self.without:
            raise DivergedError("validation loss is nan")
        return sum(architecture.values) / 100

    def save(self, path):
        self.files.add(path)
        self.calls.append(("save", path.name))

    def load(self, path):
        if path in self.files:
            self.calls.append(("load", path.name))
        return path in self.files


CHILD = Child()


def architecture(index):
    return CANDIDATES[index].architecture


def evaluated(evaluator, pool, candidates, round=0):
    evaluations = []
    for evaluation in evaluator.evaluate(pool, candidates, round):
        pool.append(evaluation)
        evaluations.append(evaluation)
    return evaluations


def empty():
    return Pool(None, SPACE, "loss", higher_is_better=False)


def test_each_is_trained_from_the_same_seed_and_failures_have_a_reason():
    child, pool = Child(diverging=[architecture(1)], without=[architecture(2)]), empty()
    evaluations = evaluated(FromScratch(child, seed=7), pool, CANDIDATES[:4])
    assert child.calls == [("train", architecture(index), 7) for index in range(4)]
    assert [evaluation.score for evaluation in evaluations] == [
        CHILD.score(architecture(0)),
        None,
        None,
        CHILD.score(architecture(3)),
    ]
    assert [evaluation.reason for evaluation in evaluations] == [
        None,
        "training loss is nan at step 3",
        "validation loss is nan",
        None,
    ]
    assert [evaluation.parameters for evaluation in evaluations] == [
        CHILD.parameters(architecture(index)) for index in range(4)
    ]


def test_known_architectures_are_not_trained_again():
    child, known, pool = Child(diverging=[architecture(1)]), empty(), empty()
    evaluated(FromScratch(child, seed=7), known, CANDIDATES[:2])
    child.calls.clear()
    evaluations = evaluated(
        FromScratch(child, seed=7, known=known), pool, [CANDIDATES[1], CANDIDATES[2], CANDIDATES[0]]
    )
    assert child.calls == [("train", architecture(2), 7)]
    assert [(evaluation.score, evaluation.reason) for evaluation in evaluations[::2]] == [
        (None, "training loss is nan at step 3"),
        (CHILD.score(architecture(0)), None),
    ]
    assert not evaluated(FromScratch(child, seed=7, known=known), pool, CANDIDATES[:3])  # nothing is new


@pytest.mark.parametrize("by_parameters", [False, True])
def test_all_members_are_trained_together_and_scored_again_in_every_round(by_parameters, tmp_path):
    child, pool = Child(), empty()
    evaluator = SharedWeights(child, seed=7, directory=tmp_path, by_parameters=by_parameters)

    def training(count):
        pool = [architecture(index) for index in range(count)]
        return ("train", pool, 7, [CHILD.parameters(each) for each in pool] if by_parameters else None)

    evaluated(evaluator, pool, CANDIDATES[:3])
    assert child.calls == [("start", 7), training(3), ("save", "round-0.npz")]
    child.calls.clear()
    evaluations = evaluated(evaluator, pool, CANDIDATES[3:5], round=1)
    assert child.calls == [("load", "round-0.npz"), training(5), ("save", "round-1.npz")]
    assert [(evaluation.id, evaluation.round) for evaluation in evaluations] == [(index, 1) for index in range(5)]
    child.calls.clear()
    assert not evaluated(evaluator, pool, CANDIDATES[3:5], round=1)  # as after a kill at the end of the round
    assert child.calls == [("load", "round-1.npz")]
