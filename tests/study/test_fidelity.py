"""How long children must train, measured: what is tried, what is chosen, and that a kill costs nothing."""

import dataclasses
import types

import numpy as np
import pytest
from toys import SPACE, ToyTask

from nao_tf.errors import InputError
from nao_tf.search.evaluator import FunctionEvaluator, Outcome
from nao_tf.search.rungs import rungs_of_steps
from nao_tf.study import fidelity
from nao_tf.study.audit import Agreement
from nao_tf.study.work_directory import WorkDirectory
from nao_tf.tasks import LanguageTask, TableTask

NOISE = {10: 30.0, 100: 0.3, 1000: 0.01}  # of a score, by the steps of its training


class LadderTask(ToyTask):
    """Longer trainings have scores with less noise."""

    repeats = True

    def __init__(self, lengths=tuple(NOISE), architectures=12):
        super().__init__()
        self.lengths, self.settings = (
            lengths,
            types.SimpleNamespace(rungs=lengths, score=None, fidelity_architectures=architectures),
        )

    def evaluator(self, *, seed, directory=None, executor=None):
        def score(architecture, rung):
            self.evaluated.append((rung, architecture.values, seed))
            steps = self.lengths[rung]
            noise = NOISE[steps] * np.random.default_rng([seed, steps, *architecture.values]).normal()
            worth = sum(number * value for number, value in enumerate(architecture.values, 1))
            return Outcome(100.0 - worth + noise, seconds=steps / 10)

        return FunctionEvaluator(score, executor=executor, rungs=rungs_of_steps(self.lengths))


def length(steps, tau, *, chance=0.001):
    return fidelity.Length(steps, 1.0, Agreement(12, tau, (tau - 0.2, tau + 0.2), chance))


def settings(*, budget=100, steps=400, rungs=(), architectures=12):
    base = LanguageTask.presets("ptb", "cpu", weight_sharing=False)
    score = dataclasses.replace(base.score, steps=steps)
    return dataclasses.replace(base, budget=budget, score=score, rungs=rungs, fidelity_architectures=architectures)


def test_the_length_that_ranks_is_found_and_noise_is_not_taken_for_a_rank(tmp_path):
    found = fidelity.measure(LadderTask(), WorkDirectory(tmp_path), seed=1)
    noisy, useful, longest = found.lengths
    assert not noisy.agreement.is_told and useful.agreement.kendall_tau > 0.8 and longest.agreement.kendall_tau > 0.9
    assert found.rungs == (100, 1000) and found.steps == 12 * (10 + 100 + 1000 + 1000)
    assert (useful.seconds, useful.tau_per_minute) == (10, pytest.approx(6 * useful.agreement.kendall_tau))
    assert len(found.table()) == 4 and [line.endswith("<-") for line in found.table()] == [False, False, True, True]


def test_what_was_measured_before_a_kill_is_not_measured_again(tmp_path):
    whole = fidelity.measure(LadderTask(), WorkDirectory(tmp_path / "whole"), seed=1)
    killed, work = LadderTask(), WorkDirectory(tmp_path / "killed")
    killed.evaluated = Ending(15)
    with pytest.raises(KeyboardInterrupt):
        fidelity.measure(killed, work, seed=1)
    again = LadderTask()
    assert fidelity.measure(again, work, seed=1).to_json() == whole.to_json()
    assert len(again.evaluated) == 4 * 12 - 14
    same = LadderTask()
    fidelity.measure(same, work, seed=1)
    assert same.evaluated == []


class Ending(list):
    """A list that is interrupted when it has so many."""

    def __init__(self, count):
        super().__init__()
        self.count = count

    def append(self, item):
        super().append(item)
        if len(self) == self.count:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("lengths", "chosen"),
    [
        ([length(100, 0.5), length(400, 0.7)], (100, 400)),  # a quarter of the cost for most of what it tells
        ([length(100, 0.2), length(400, 0.8)], (400,)),  # tells less per step
        ([length(300, 0.6), length(400, 0.7)], (400,)),  # no cheaper
        ([length(100, 0.7), length(400, 0.7)], (100,)),  # as good
        ([length(100, 0.6, chance=0.2), length(400, 0.7)], (400,)),  # may be chance
        ([length(100, -0.7), length(400, -0.7)], ()),
        ([length(100, 0.4), length(200, 0.5), length(800, 0.6)], (100, 800)),
        ([fidelity.Length(100, None, Agreement(3)), length(400, 0.7)], (400,)),
    ],
)
def test_the_choice_weighs_what_a_length_tells_against_its_steps(lengths, chosen):
    assert fidelity.chosen(lengths) == chosen


def test_a_measurement_takes_a_tenth_of_the_budget_at_most():
    assert fidelity.candidates(settings(), affordable=False) == (50, 100, 200, 400, 800, 1600)
    for budget in (300, 400, 700, 2000):
        tried = fidelity.candidates(settings(budget=budget), affordable=True)
        assert 12 * (sum(tried) + tried[-1]) <= budget * 400 / 10 and 400 in tried
    assert tried == (50, 100, 200, 400, 800, 1600)
    with pytest.raises(InputError, match="--budget=270 would do"):
        fidelity.candidates(settings(budget=100), affordable=True)
    assert fidelity.candidates(settings(budget=270), affordable=True) == (100, 400)
    assert fidelity.candidates(settings(rungs=(20, 40), steps=40), affordable=False) == (20, 40)


def test_the_search_gets_what_is_left():
    found = fidelity.Fidelity(12, (length(100, 0.5), length(800, 0.7)), 12 * 1700, (100, 800))
    after = fidelity.with_lengths(settings(budget=600), found)
    assert (after.rungs, after.score.steps, after.budget) == ((100, 800), 800, (600 * 400 - 12 * 1700) // 800)
    alone = fidelity.with_lengths(settings(budget=600), dataclasses.replace(found, rungs=(800,)))
    assert (alone.rungs, alone.score.steps) == ((), 800)
    nothing = dataclasses.replace(found, rungs=())
    stays = fidelity.with_lengths(settings(budget=600), nothing)
    assert (stays.rungs, stays.score.steps, stays.budget) == ((), 400, (600 * 400 - 12 * 1700) // 400)
    assert "noise" in nothing.words[0]
    with pytest.raises(InputError, match="leaves nothing"):
        fidelity.with_lengths(settings(budget=50), found)


def test_architectures_are_drawn_once_each():
    drawn = fidelity.drawn(SPACE, 100, seed=1)
    assert len({one.values for one in drawn}) == len(drawn) == 100
    assert len(fidelity.drawn(SPACE, 1000, seed=1)) <= 256


def test_tables_and_shared_weights_have_no_lengths():
    shared = types.SimpleNamespace(independent_scores=False, settings=settings(), uses_tensorflow=True, name="ptb")
    with pytest.raises(InputError, match="one child is trained for all"):
        fidelity.check(shared)
    table = types.SimpleNamespace(
        independent_scores=False, settings=None, uses_tensorflow=False, name=TableTask.names[0]
    )
    with pytest.raises(InputError, match="scores are looked up"):
        fidelity.check(table)
