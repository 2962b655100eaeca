"""Finalists in a race over seeds."""

import numpy as np
import pytest
from toys import SPACE

from nao_tf.search.pool import Candidate, Evaluation
from nao_tf.study.final_training import Trained
from nao_tf.study.race import Finalist, best_of, drop_the_beaten
from nao_tf.tasks.task import Metric

HIGH, LOW = Metric("accuracy", higher_is_better=True), Metric("loss", higher_is_better=False)


def finalists(*values):
    architecture = SPACE.architecture((0, 0, 0, 0))
    return [
        Finalist(
            Evaluation(id=number, candidate=Candidate(architecture, "random"), round=0, score=0.0, parameters=None),
            [(None, Trained(value, reason="steep" if value is None else None)) for value in row],
        )
        for number, row in enumerate(values)
    ]


def ids(members):
    return [member.evaluation.id for member in members]


def test_who_is_far_behind_leaves_and_who_is_near_stays():
    racing = finalists((0.90, 0.91), (0.89, 0.90), (0.30, 0.31))
    assert ids(drop_the_beaten(racing, seeds=3, metric=HIGH)) == [2]
    assert racing[2].left == "beaten after 2 seeds" and racing[0].left is racing[1].left is None
    assert ids(drop_the_beaten(finalists((0.9, 0.9), (0.3, 0.31)), seeds=3, metric=LOW)) == [0]


def test_nobody_leaves_after_one_seed_nor_after_the_last():
    assert drop_the_beaten(finalists((0.9,), (0.1,)), seeds=3, metric=HIGH) == []
    assert drop_the_beaten(finalists((0.9, 0.91), (0.1, 0.11)), seeds=2, metric=HIGH) == []


def test_who_fails_with_a_seed_leaves_the_race():
    racing = finalists((0.9, None), (0.8, 0.81))
    assert ids(drop_the_beaten(racing, seeds=3, metric=HIGH)) == [0] and racing[0].left == "failed: steep"
    assert best_of(racing, metric=HIGH) is racing[1]


def test_the_best_is_the_best_mean_of_those_in_the_race():
    racing = finalists((0.5, 0.7), (0.62, 0.6), (0.61, 0.61), (None,))
    assert best_of(racing, metric=HIGH) is racing[1] and best_of(racing, metric=LOW) is racing[0]
    for member in racing:
        member.left = "failed"
    assert best_of(racing, metric=HIGH) is racing[1]  # all failed with a later seed
    assert best_of(racing[3:], metric=HIGH) is None


@pytest.mark.parametrize("seeds", [3, 5])
def test_the_best_finalist_is_lost_in_at_most_a_twentieth_of_the_races(seeds):
    """Four finalists, of which three are equal and one is a little better."""
    rng, lost = np.random.default_rng(seeds), 0
    for _ in range(200):
        values = rng.normal(size=(4, seeds)) + np.array([[0.01], [0], [0], [0]])
        racing = finalists(*values[:, :1])
        for number in range(1, seeds):
            for member, row in zip(racing, values, strict=True):
                if member.left is None:
                    member.trainings.append((None, Trained(row[number])))
            drop_the_beaten(racing, seeds=seeds, metric=HIGH)
        lost += racing[0].left is not None
    assert lost <= 10


def test_a_race_saves_trainings_of_finalists_that_are_far_apart():
    rng = np.random.default_rng(0)
    left = [
        len(drop_the_beaten(finalists(*rng.normal(size=(3, 2)) + [[0], [12], [24]]), seeds=5, metric=HIGH))
        for _ in range(20)
    ]
    assert np.mean(left) > 1
