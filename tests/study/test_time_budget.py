"""A search that ends in time, on a clock that the tests set."""

import dataclasses
import json

import numpy as np
import pytest
from toys import SPACE, ToyTask

from nao_tf.errors import InputError, RunError
from nao_tf.observer import Observer
from nao_tf.search.pool import Candidate, Evaluation, Pool
from nao_tf.study import time_budget
from nao_tf.study.study import Study
from nao_tf.study.time_budget import TimeBudget


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when a test says so."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(time_budget, "time", clock)
    return clock


def pool_of(count):
    pool, draw = Pool(None, SPACE, metric="distance", higher_is_better=False), np.random.default_rng(1)
    while len(pool) < count:
        architecture = SPACE.sample(draw)
        if architecture not in pool:
            pool.append(Evaluation(len(pool), Candidate(architecture, "random"), 0, 1.0, None))
    return pool


def test_the_evaluations_that_are_left_fit_before_everything_after_them(clock, tmp_path):
    budget = TimeBudget(tmp_path, 10)  # 600 s
    budget.final_seconds = 200.0
    budget.begin_search(searches=1)
    assert budget.left(pool_of(0)) == 1
    clock.now += 100
    assert budget.left(pool_of(10)) == 30 and not budget.enough(pool_of(10))  # 300 s at 10 s each
    clock.now += 295
    assert budget.left(pool_of(40)) == 0 and budget.enough(pool_of(40))


def test_other_searches_take_as_long_as_this_one(clock, tmp_path):
    budget = TimeBudget(tmp_path, 10)
    budget.final_seconds = 200.0
    budget.begin_search(searches=2)
    clock.now += 100
    assert budget.left(pool_of(10)) == 10  # 600 - 200 - 2 x 100 = 200 s, at 20 s each


def test_the_time_of_earlier_processes_counts(clock, tmp_path):
    one = TimeBudget(tmp_path, 10)
    one.final_seconds = 100.0
    one.begin_search(searches=1)
    clock.now += 200
    one.enough(pool_of(20))
    clock.now += 10_000  # nobody works on it
    two = TimeBudget(tmp_path, 10)
    assert two.final_seconds == 100.0 and two.evaluations is None
    two.begin_search(searches=1)
    assert two.seconds == 200 and two.left(pool_of(20)) == 30


def test_what_the_minutes_came_to_holds_for_the_same_minutes_only(clock, tmp_path):
    budget = TimeBudget(tmp_path, 10)
    budget.final_seconds = 1.0
    budget.begin_search(searches=1)
    clock.now += 500
    budget.end_search(pool_of(7))
    assert TimeBudget(tmp_path, 10).evaluations == 7
    more = TimeBudget(tmp_path, 20)
    assert more.evaluations is None and more.seconds == 500


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), float("inf")])
def test_minutes_that_are_none_are_refused(minutes, tmp_path):
    with pytest.raises(InputError, match="--minutes"):
        TimeBudget(tmp_path, minutes)


@pytest.mark.parametrize(
    "content", [b"[]", b"{}", b'{"minutes": 1, "seconds": "a", "search": 0}', b'{"minutes": 1', b"\xff"]
)
def test_a_damaged_file_is_one_line(content, tmp_path):
    (tmp_path / "minutes.json").write_bytes(content)
    with pytest.raises(InputError, match="minutes.json is damaged .*; delete it"):
        TimeBudget(tmp_path, 10)


class Lines(Observer):
    def __init__(self):
        self.lines = []

    def notice(self, text):
        self.lines.append(text)


def timed_task(clock, *, seconds):
    """A task whose evaluations take so many seconds of the clock."""
    task = ToyTask()
    evaluator_of = task.evaluator

    def evaluator(**named):
        evaluator = evaluator_of(**named)
        score = evaluator.function

        def slow(architecture):
            clock.now += seconds
            return score(architecture)

        evaluator.function = slow
        return evaluator

    task.evaluator = evaluator
    return task


def run(work, clock, *, minutes, budget=10**9, seconds=10, **named):
    task = timed_task(clock, seconds=seconds)
    task.settings = dataclasses.replace(task.settings, budget=budget)
    lines = Lines()
    study = Study(task, work, strategy="random", observer=lines, minutes=minutes, **named)
    study.run(["evolution", "brick"])
    return lines.lines


def test_a_search_ends_in_time_and_its_number_of_evaluations_gives_the_same_pool(clock, tmp_path):
    # 2 finalists one after the other for each of two searches and the hand-made network: 5 trainings of 100 steps of
    # 0.02 s and a margin leave 289 of 300 s; two searches at 10 s an evaluation come to 14
    lines = run(tmp_path / "timed", clock, minutes=5)
    assert "5 minutes came to 14 evaluations: --budget=14" in lines
    result = json.loads((tmp_path / "timed" / "result.json").read_text())
    assert result["evaluations"] == 14 and result["minutes"] == 5
    assert result["baselines"]["evolution"]["evaluations"] == 14
    run(tmp_path / "counted", clock, minutes=None, budget=14)
    for pool in ("pool.jsonl", "pool_evolution.jsonl"):
        assert (tmp_path / "timed" / pool).read_bytes() == (tmp_path / "counted" / pool).read_bytes()


def test_a_run_that_ended_keeps_its_number_and_goes_on_with_more_minutes(clock, tmp_path):
    run(tmp_path, clock, minutes=5)
    before = (tmp_path / "pool.jsonl").read_bytes()
    run(tmp_path, clock, minutes=5, seconds=1000)
    assert (tmp_path / "pool.jsonl").read_bytes() == before
    run(tmp_path, clock, minutes=15)
    after = (tmp_path / "pool.jsonl").read_bytes()
    assert after.startswith(before) and len(after) > len(before)


def test_minutes_that_do_not_hold_the_final_trainings_are_refused_before_the_search(clock, tmp_path):
    with pytest.raises(RunError, match=r"--minutes=0.1 is too short: the final trainings alone take about 0.2 minutes"):
        run(tmp_path, clock, minutes=0.1)
    assert not (tmp_path / "pool.jsonl").exists()


def test_a_budget_ends_a_search_before_its_minutes(clock, tmp_path):
    run(tmp_path, clock, minutes=50, budget=9)
    assert len((tmp_path / "pool.jsonl").read_bytes().splitlines()) == 9
