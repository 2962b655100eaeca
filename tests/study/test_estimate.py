"""What dry runs tell of minutes and bytes."""

import json
import types

import pytest
from toys import SPACE, ToyTask

from nao_tf.report.dry_run import rows_of_cost
from nao_tf.search.evaluator import FromScratch
from nao_tf.search.settings import StudySettings
from nao_tf.study import estimate
from nao_tf.study.estimate import ChildPace, Duration, Plan
from nao_tf.study.time_budget import Pace

PLAN = Plan(evaluations=24, searches=2, finalists=2, hand_made=True, workers=4, audited=2)


class Trained(ToyTask):
    """Its children take 10 steps, and every training is one of its own."""

    uses_tensorflow, independent_scores, copies_of_weights = True, True, 4

    def __init__(self):
        super().__init__(StudySettings(budget=24, final_seeds=3))
        self.settings = types.SimpleNamespace(**vars(self.settings), score=types.SimpleNamespace(steps=10))

    def final_settings(self):
        return None

    def score_identity(self):
        return {"score": "short"}


def test_minutes_come_from_a_few_steps_if_they_may_be_timed(tmp_path, monkeypatch):
    paces = {estimate.TimeChild: ChildPace(7.0, 0.5, 3.0), estimate.TimeFinal: Pace(4.0, 100, 0.06)}
    monkeypatch.setattr(estimate, "_in_a_process", lambda work, architecture, threads: paces[type(work)])
    untold = estimate.duration(Trained(), PLAN, work=tmp_path, seed=1, timed=False)
    assert (untold.search, untold.final) == (None, None) and "--estimate" in untold.reason
    told = estimate.duration(Trained(), PLAN, work=tmp_path, seed=1, timed=True)
    # 24 children of 10 steps for either search and two more for the audit, four at a time
    assert told.search == pytest.approx(50 * (10 * 0.5 + 3) / 4 + 7)
    # three seeds of two searches; of the hand-made network two rounds more
    assert told.final == pytest.approx((2 * 3 + 2) * 10)
    assert rows_of_cost(told, 3.14159e8) == [
        ("minutes", "about 3.1: 1.8 of the search, 1.3 of final trainings, by a few steps that were timed now; exports "
         "come on top"),
        ("disk", "about 310 MB"),
    ]  # fmt: skip
    alone = estimate.duration(ToyTask(), PLAN, work=tmp_path, seed=1, timed=True)
    assert rows_of_cost(alone, None)[0][1].startswith("not estimated: rows are looked up") and alone.search is None


def test_minutes_come_from_an_earlier_run_of_the_same_trainings(tmp_path):
    task = Trained()
    identities = {"pool.jsonl": {"score": "short"}, "final": {"settings": task.final_identity()}}
    (tmp_path / "settings.json").write_text(json.dumps(identities))
    (tmp_path / "pool.jsonl").write_text("{}\n")
    rows = [{"pool": "pool.jsonl", "id": id, "rung": 0, "seconds": seconds} for id, seconds in enumerate((9, 2, 2))]
    rows += [{"stage": "retrain_nao", "seconds": 30}]
    (tmp_path / "timings.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = estimate.duration(task, PLAN, work=tmp_path, seed=1, timed=False)
    assert told == Duration(25.0, 30, "as fast as the run that the work directory holds")
    (tmp_path / "settings.json").write_text(json.dumps({**identities, "pool.jsonl": {"score": "long"}}))
    assert estimate.duration(task, PLAN, work=tmp_path, seed=1, timed=False).search is None


def test_a_child_is_timed_by_its_second_training(monkeypatch):
    clock = iter([0.0, 10.0, 15.0, 21.0, 22.0])  # made, trained, scored; trained and scored again
    monkeypatch.setattr(estimate.time, "monotonic", lambda: next(clock))
    asked = []
    child = types.SimpleNamespace(
        train=lambda architecture, *, seed, steps: asked.append(steps), score=lambda architecture: asked.append("score")
    )
    task = Trained()
    task.evaluator = lambda **options: FromScratch(lambda: child, seed=1)
    pace = estimate.TimeChild(task, seed=1)(SPACE.architecture([0, 0, 0, 0]))
    assert pace == ChildPace(15 - 6 - 1, 6 / estimate.STEPS, 1.0)
    assert asked == [estimate.STEPS, "score"] * 2


def test_bytes_come_from_parameters():
    # 2 searches of 2 finalists and the hand-made network, three seeds each, four copies; an export and Keras's two
    trained = 4 * 1e6 * 4 * 3 * (2 * 2 + 1)
    assert estimate.disk(Trained(), PLAN, parameters=1e6) == trained + 12e6 + estimate.GRAPH + estimate.CONTROLLER
    assert estimate.disk(Trained(), PLAN, parameters=None) is None
