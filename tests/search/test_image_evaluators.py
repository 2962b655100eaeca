"""How pairs of cells get their scores, with a trainer that trains nothing."""

import math

import numpy as np
import pytest

from nao_tf.architecture import ConvolutionalSpace
from nao_tf.errors import DivergedError
from nao_tf.search.image_evaluators import METRIC, ImagesFromScratch, ImagesWithSharedWeights
from nao_tf.search.pool import Candidate, Pool
from nao_tf.training.images import Quality

SPACE = ConvolutionalSpace("enas")
CANDIDATES = [Candidate(SPACE.sample(np.random.default_rng(number)), "random") for number in range(6)]


def parameters(values):
    return 100 + sum(values)


class Trainer:
    """Remembers what it was asked for. The loss of an architecture is a function of it; some diverge or have none."""

    def __init__(self, diverging=(), without=()):
        self.calls, self.diverging, self.without = [], diverging, without
        self.parameters = parameters
        self.files = set()

    def start(self, seed):
        self.calls.append(("start", seed))

    def train(self, pool, seed, report=None, shares=None):
        self.calls.append(("train", [tuple(values) for values in pool], seed, shares))
        if tuple(pool[0]) in self.diverging:
            raise DivergedError("training loss is nan at step 3")

    def evaluate(self, values):
        return Quality(math.nan if tuple(values) in self.without else sum(values) / 100, 0.5)

    def save(self, path):
        self.files.add(path)
        self.calls.append(("save", path.name))

    def load(self, path):
        if path in self.files:
            self.calls.append(("load", path.name))
        return path in self.files


def values(index):
    return CANDIDATES[index].architecture.values


def evaluated(evaluator, pool, candidates, round=0):
    found = []
    for evaluation in evaluator.evaluate(pool, candidates, round):
        pool.append(evaluation)
        found.append(evaluation)
    return found


def empty():
    return Pool(None, SPACE, METRIC, higher_is_better=False)


def test_each_is_trained_from_the_same_seed_and_what_fails_says_why():
    trainer, pool = Trainer(diverging=[values(1)], without=[values(2)]), empty()
    found = evaluated(ImagesFromScratch(trainer, 7), pool, CANDIDATES[:4])
    expected = [call for index in range(4) for call in (("start", 7), ("train", [values(index)], 7, None))]
    assert trainer.calls == expected
    assert [evaluation.score for evaluation in found] == [sum(values(0)) / 100, None, None, sum(values(3)) / 100]
    assert [evaluation.reason for evaluation in found] == [
        None,
        "training loss is nan at step 3",
        "validation loss is nan",
        None,
    ]
    assert [evaluation.parameters for evaluation in found] == [parameters(values(index)) for index in range(4)]


def test_what_a_rival_knows_is_not_trained_again():
    trainer, known, pool = Trainer(diverging=[values(1)]), empty(), empty()
    evaluated(ImagesFromScratch(trainer, 7), known, CANDIDATES[:2])
    trainer.calls.clear()
    found = evaluated(ImagesFromScratch(trainer, 7, known), pool, [CANDIDATES[1], CANDIDATES[2], CANDIDATES[0]])
    assert trainer.calls == [("start", 7), ("train", [values(2)], 7, None)]
    assert [(evaluation.score, evaluation.reason) for evaluation in found[::2]] == [
        (None, "training loss is nan at step 3"),
        (sum(values(0)) / 100, None),
    ]
    assert not evaluated(ImagesFromScratch(trainer, 7, known), pool, CANDIDATES[:3])  # nothing is new


@pytest.mark.parametrize("by_parameters", [False, True])
def test_all_members_are_trained_together_and_scored_again_in_every_round(by_parameters, tmp_path):
    trainer, pool = Trainer(), empty()
    evaluator = ImagesWithSharedWeights(trainer, 7, tmp_path, by_parameters)

    def training(count):
        pool = [values(index) for index in range(count)]
        return ("train", pool, 7, [parameters(each) for each in pool] if by_parameters else None)

    evaluated(evaluator, pool, CANDIDATES[:3])
    assert trainer.calls == [("start", 7), training(3), ("save", "round-0.npz")]
    trainer.calls.clear()
    found = evaluated(evaluator, pool, CANDIDATES[3:5], round=1)
    assert trainer.calls == [("load", "round-0.npz"), training(5), ("save", "round-1.npz")]
    assert [(evaluation.id, evaluation.round) for evaluation in found] == [(index, 1) for index in range(5)]
    trainer.calls.clear()
    assert not evaluated(evaluator, pool, CANDIDATES[3:5], round=1)  # as after a kill behind the last of the round
    assert trainer.calls == [("load", "round-1.npz")]
