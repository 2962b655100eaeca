"""The three evaluators, with children that train nothing, and the loop that numbers what they tell."""

import functools
import pickle

import numpy as np
import pytest

from nao_tf.architecture import CategoricalSpace
from nao_tf.errors import DivergedError
from nao_tf.observer import Observer
from nao_tf.search.evaluator import FromScratch, FunctionEvaluator, Outcome, SharedWeights
from nao_tf.search.finished import Finished
from nao_tf.search.loop import Rounds, search
from nao_tf.search.outcome import MOST_LOSSES, Losses
from nao_tf.search.pool import Pool
from nao_tf.search.rungs import Rung
from nao_tf.search.strategies.random import RandomSearch
from nao_tf.testing import EvaluatorContract

SPACE = CategoricalSpace("letters", {name: tuple("0123456789") for name in ("a", "b", "c")})
ONE, TWO, THREE, FOUR = (SPACE.architecture(values) for values in ((1, 0, 0), (2, 0, 5), (3, 3, 0), (4, 9, 9)))


class Child:
    """Records its calls. The score of an architecture is a function of it; some diverge in training, others later."""

    def __init__(self, diverging=(), without_score=()):
        self.calls, self.diverging, self.without_score, self.files = [], diverging, without_score, {}
        self.state = 0

    def parameters(self, architecture):
        return 100 + sum(architecture.values)

    def start(self, seed):
        self.calls.append(("start", seed))

    def train(self, architecture, *, seed, report=None):
        self.calls.append(("train", architecture, seed))
        report(5, 1.25)
        if architecture in self.diverging:
            raise DivergedError("training loss is nan at step 3")

    def train_together(self, architectures, *, seed, shares=None, report=None):
        self.calls.append(("train", list(architectures), seed, shares))
        self.state += 1

    def score(self, architecture):
        if architecture in self.without_score:
            raise DivergedError("validation loss is nan")
        return float(architecture.values[0] + 10 * self.state)

    def save(self, path):
        self.files[path.name] = self.state
        self.calls.append(("save", path.name))

    def load(self, path):
        if path.name in self.files:
            self.state = self.files[path.name]
            self.calls.append(("load", path.name))
        return path.name in self.files


class TestFunctionEvaluator(EvaluatorContract):
    def make_space(self):
        return SPACE

    def make_evaluator(self, directory):
        return FunctionEvaluator(lambda architecture: float(sum(architecture.values)))


class TestFromScratch(TestFunctionEvaluator):
    def make_evaluator(self, directory):
        return FromScratch(Child, seed=1)


class ClimbingChild(Child):
    """Its score falls with the steps of its training, by an amount that depends on the architecture."""

    def train(self, architecture, *, seed, steps=None, report=None):
        self.calls.append(("train", architecture, steps))
        self.steps = steps

    def score(self, architecture):
        return 100 - self.steps * (0.5 + sum(architecture.values) / 30)


class TestSharedWeights(TestFunctionEvaluator):
    def make_evaluator(self, directory):
        return SharedWeights(Child, seed=1, directory=directory)


def test_a_function_may_tell_an_outcome_or_fail():
    def function(architecture):
        if architecture == TWO:
            raise DivergedError("too steep")
        return Outcome(3.0, parameters=7) if architecture == THREE else 1

    outcomes = list(FunctionEvaluator(function).evaluate([ONE, TWO, THREE], round=0))
    assert outcomes == [Outcome(1.0), Outcome(None, reason="too steep"), Outcome(3.0, parameters=7)]
    with pytest.raises(ZeroDivisionError):  # a fault of the function, not of an architecture
        list(FunctionEvaluator(lambda architecture: 1 / 0).evaluate([ONE], round=0))


def test_each_is_trained_from_the_same_seed_and_failures_have_a_reason():
    child = Child(diverging=[TWO], without_score=[THREE])
    heard = []

    class Listener(Observer):
        def training(self, label, step, *, loss, steps=None):
            heard.append((label, step, loss))

    evaluator = FromScratch(lambda: child, seed=7)
    outcomes = list(evaluator.evaluate([ONE, TWO, THREE, FOUR], round=0, observer=Listener()))
    assert child.calls == [("train", architecture, 7) for architecture in (ONE, TWO, THREE, FOUR)]
    assert [outcome.score for outcome in outcomes] == [1.0, None, None, 4.0]
    assert outcomes[1].reason == "training loss is nan at step 3" and outcomes[2].reason == "validation loss is nan"
    assert [outcome.parameters for outcome in outcomes] == [101, 107, 106, 122]
    assert heard == [("child", 5, 1.25)] * 4


def test_the_unit_of_work_travels_to_other_processes():
    evaluator = FromScratch(Child, seed=7)
    (whole,) = evaluator.evaluate([FOUR], round=0)
    sent = pickle.loads(pickle.dumps(evaluator._score))
    assert sent((FOUR, 0)) == whole and sent.child is not evaluator._score.child


def test_an_executor_runs_the_evaluations():
    class Backwards:
        def map(self, function, items):
            return iter([function(item) for item in list(items)[::-1]][::-1])  # results in the order of the items

    child = Child()
    outcomes = FromScratch(lambda: child, seed=7, executor=Backwards()).evaluate([ONE, TWO], round=0)
    assert [outcome.score for outcome in outcomes] == [1.0, 2.0] and [call[1] for call in child.calls] == [TWO, ONE]


def rounds_of(pool):
    return [(evaluation.id, evaluation.round, evaluation.score) for evaluation in pool.history]


def run(evaluator, path=None, *, budget=5, known=None):
    pool = Pool(path, SPACE, metric="loss", higher_is_better=False, rungs=evaluator.rungs)
    rounds = Rounds(budget=budget, initial=3, proposals=2)
    search(RandomSearch(SPACE, 1), evaluator, pool=pool, rounds=rounds, known=known)
    return pool


@pytest.mark.parametrize("by_parameters", [False, True])
def test_all_members_are_trained_together_and_scored_again_in_every_round(by_parameters, tmp_path):
    child = Child()
    pool = run(SharedWeights(lambda: child, seed=7, directory=tmp_path, by_parameters=by_parameters))
    members = [evaluation.candidate.architecture for evaluation in pool.evaluations]

    def training(count):
        shares = [child.parameters(member) for member in members[:count]] if by_parameters else None
        return "train", members[:count], 7, shares

    assert child.calls == [
        ("start", 7), training(3), ("save", "round-0.npz"),
        ("load", "round-0.npz"), training(5), ("save", "round-1.npz"),
    ]  # fmt: skip
    scores = [member.values[0] for member in members]
    assert rounds_of(pool) == [(id, 0, scores[id] + 10) for id in range(3)] + [
        (id, 1, scores[id] + 20) for id in range(5)
    ]


@pytest.mark.parametrize("lines", range(8))
def test_a_shared_search_goes_on_after_a_kill_at_any_line(lines, tmp_path):
    child = Child()
    run(SharedWeights(lambda: child, seed=7, directory=tmp_path), tmp_path / "pool")
    whole = (tmp_path / "pool").read_bytes()
    (tmp_path / "cut").write_bytes(b"".join(whole.splitlines(keepends=True)[:lines]))
    child.state, child.calls = 0, []
    run(SharedWeights(lambda: child, seed=7, directory=tmp_path), tmp_path / "cut")
    assert (tmp_path / "cut").read_bytes() == whole
    assert not [call for call in child.calls if call[0] in ("start", "train")]  # the files of both rounds were there


def test_a_cut_round_of_a_shared_search_is_completed_with_the_child_of_the_cut_round(tmp_path):
    """The exception that `search` names: the members added later did not take part in that round's training."""
    child = Child()
    evaluator = SharedWeights(lambda: child, seed=7, directory=tmp_path)
    run(evaluator, tmp_path / "pool", budget=4)
    smaller = (tmp_path / "pool").read_bytes()
    trainings = len([call for call in child.calls if call[0] == "train"])
    pool = run(evaluator, tmp_path / "pool", budget=5)
    assert (tmp_path / "pool").read_bytes().startswith(smaller) and len(pool) == 5
    assert len([call for call in child.calls if call[0] == "train"]) == trainings
    assert rounds_of(pool)[-1][:2] == (4, 1)


def test_what_another_pool_knows_is_not_evaluated_again():
    child, again = Child(), Child()
    known = run(FromScratch(lambda: child, seed=7))
    pool = run(FromScratch(lambda: again, seed=7), budget=7, known=known)
    assert rounds_of(pool)[:5] == rounds_of(known) and len(again.calls) == 2
    assert [evaluation.parameters for evaluation in pool.evaluations[:5]] == [
        evaluation.parameters for evaluation in known.evaluations
    ]


def test_reports_of_no_one_are_lost_quietly():
    (outcome,) = FromScratch(functools.partial(Child, (), ()), seed=np.int64(3)).evaluate([ONE], round=0)
    assert outcome.score == 1.0


class TwoAtATime:
    """Finishes the later of two items first, as processes may; ends after some items as a killed process does."""

    def __init__(self, stops_after=99):
        self.left, self.worked = stops_after, []

    def map(self, function, items):
        items = list(items)
        for pair in (items[start : start + 2] for start in range(0, len(items), 2)):
            results = {}
            for item in pair[::-1]:
                if not self.left:
                    raise KeyboardInterrupt
                self.left -= 1
                self.worked.append(item)
                results[item] = function(item)
                function.arrived(item, results[item])
            yield from (results[item] for item in pair)


def test_on_a_ladder_each_rung_is_a_training_of_its_own_length():
    child = ClimbingChild()
    evaluator = FromScratch(lambda: child, seed=7, steps=(10, 40))
    assert evaluator.rungs == (Rung("10", 0.25), Rung("40", 1.0))
    outcomes = list(evaluator.evaluate([ONE, TWO], round=1, rungs=[1, 0]))
    assert child.calls == [("train", ONE, 40), ("train", TWO, 10)]
    assert [outcome.score for outcome in outcomes] == pytest.approx(
        [100 - 40 * (0.5 + 1 / 30), 100 - 10 * (0.5 + 7 / 30)]
    )


@pytest.mark.parametrize("steps", [(40,), (40, 10), (10, 10), (0, 10)])
def test_a_ladder_rises(steps):
    with pytest.raises(ValueError, match="at least two numbers of steps that rise"):
        FromScratch(ClimbingChild, seed=7, steps=steps)


@pytest.mark.parametrize("steps", [(), (10, 40)], ids=["alike", "ladder"])
@pytest.mark.parametrize("stops_after", range(9))
def test_what_is_finished_before_its_turn_survives_a_kill(stops_after, steps, tmp_path):
    make, budget = (ClimbingChild, 5) if steps else (Child, 8)

    def evaluator(executor):
        return FromScratch(make, seed=7, executor=executor, directory=tmp_path / "files", steps=steps)

    whole, killed, after = tmp_path / "whole.jsonl", tmp_path / "killed.jsonl", TwoAtATime()
    made = run(FromScratch(make, seed=7, steps=steps), whole, budget=budget)
    assert len(made.history) == 8 if not steps else len(made.history) > len(made)  # some have climbed
    before = TwoAtATime(stops_after)
    try:
        run(evaluator(before), killed, budget=budget)
    except KeyboardInterrupt:
        run(evaluator(after), killed, budget=budget)
    assert killed.read_bytes() == whole.read_bytes()
    assert len(before.worked + after.worked) == len(made.history)  # none was trained twice
    assert not (tmp_path / "files" / "finished.jsonl").exists()


def test_a_cut_line_of_finished_outcomes_is_trained_again(tmp_path):
    finished = Finished(tmp_path / "finished.jsonl")
    finished.add(ONE, Outcome(1.5, 10, losses=((50, 6.5), (100, 5.5))))
    assert finished.read()[ONE.values, 0].losses == ((50, 6.5), (100, 5.5))
    finished.add(TWO, Outcome(None, 20, "diverged"), rung=1)
    content = (tmp_path / "finished.jsonl").read_bytes()
    for end in range(len(content) + 1):
        (tmp_path / "finished.jsonl").write_bytes(content[:end])
        found = finished.read()
        assert set(found) <= {(ONE.values, 0), (TWO.values, 1)}
        finished.add(THREE, Outcome(3.0))
        assert finished.read() == found | {(THREE.values, 0): Outcome(3.0)}


def test_an_outcome_tells_a_few_losses_of_its_training():
    first, diverged = FromScratch(lambda: Child(diverging=[TWO]), seed=7).evaluate([ONE, TWO], round=0)
    assert first.losses == diverged.losses == ((5, 1.25),)
    losses = Losses()
    for step in range(10_000):
        losses.add(step, float("nan") if step == 0 else 1.0 / step)
    steps = [step for step, _ in losses.kept]
    assert MOST_LOSSES // 2 <= len(steps) <= MOST_LOSSES and losses.kept[0] == (steps[0], 1.0 / steps[0])
    assert len(set(np.diff(steps))) == 1 and steps[-1] > 9_000  # evenly


def test_an_architecture_that_ends_every_process_has_failed():
    class Losing:
        def map(self, function, items):
            return iter([function.lost(item, "ended by SIGKILL, 3 times") for item in items])

    (outcome,) = FromScratch(Child, seed=7, executor=Losing()).evaluate([ONE], round=0)
    assert outcome == Outcome(None, None, "ended by SIGKILL, 3 times")
