"""The stages of a study, on a task that trains nothing."""

import dataclasses
import json

import pytest
from toys import SPACE, ToyTask

import nao_tf.search.strategy
import nao_tf.study.searches
from nao_tf.errors import InputError, RunError
from nao_tf.observer import Observer
from nao_tf.report.run import read_run
from nao_tf.search.evaluator import FunctionEvaluator, Outcome
from nao_tf.search.settings import StudySettings
from nao_tf.study.study import Study
from nao_tf.testing import TaskContract


class TestToyTask(TaskContract):
    def make_task(self):
        return ToyTask()


class Recorder(Observer):
    def __init__(self):
        self.events = []

    def notice(self, text):
        self.events.append(text)

    def evaluation(self, strategy, evaluation, *, pool):
        self.events.append((strategy, evaluation.id))

    def result(self, result):
        self.events.append(result)


def study(work, task=None, **changes):
    named = {name: changes.pop(name) for name in ("strategy", "seed", "given", "observer") if name in changes}
    task = task or ToyTask()
    task.settings = dataclasses.replace(task.settings, **changes)
    return Study(task, work, **{"strategy": "random", **named})


def content(work, file="result.json"):
    return json.loads((work / file).read_text())


def lines(work, file="pool.jsonl"):
    return [json.loads(line) for line in (work / file).read_text().splitlines()]


def test_the_stages_leave_a_result_an_export_and_the_pools(tmp_path):
    observer = Recorder()
    result = study(tmp_path, observer=observer).run(["brick", "evolution"])
    found = content(tmp_path)
    assert found["evaluations"] == 12 == len(lines(tmp_path)) == len(lines(tmp_path, "pool_evolution.jsonl"))
    assert found["task"] == "toys" and found["strategy"] == "random" and found["seed"] == 1
    best = max(found["finalists"], key=lambda row: row["validation"])
    assert found["best"]["id"] == best["id"] and len(found["finalists"]) == 2
    assert json.loads((tmp_path / "export" / "child" / "1" / "model.json").read_text()) == found["best"]["architecture"]
    assert found["test"]["test"] == pytest.approx(sum(found["best"]["architecture"]) + 0.2)  # models have seed + 1
    evolved = found["baselines"]["evolution"]
    assert evolved["test"]["validation"] == evolved["validation"] == evolved["finalists"][0]["validation"]
    assert set(found["seconds"]) == {"search_random", "retrain_random", "controller", "brick", "search_evolution",
                                     "retrain_evolution"}  # fmt: skip
    assert observer.events[-1] is result and ("random", 11) in observer.events


def test_the_seconds_of_evaluations_are_kept_beside_the_pool(tmp_path):
    def evaluator(*, seed, directory=None, executor=None):
        return FunctionEvaluator(
            lambda architecture: Outcome(float(sum(architecture.values)), seconds=architecture.values[0] or None)
        )

    def task():
        toys = ToyTask()
        toys.evaluator = evaluator
        return toys

    result = study(tmp_path, task()).run(["evolution"])
    known = [row["architecture"][0] or None for row in result.pool.rows]
    assert [row["seconds"] for row in result.pool.rows] == known and None in known and len(set(known)) > 2
    assert not any("seconds" in line for line in lines(tmp_path))
    assert not any(name.startswith("pool") for name in content(tmp_path)["seconds"])
    timings = [line for line in lines(tmp_path, "timings.jsonl") if "pool" in line]
    assert {line["pool"] for line in timings} == {"pool.jsonl", "pool_evolution.jsonl"}
    again = study(tmp_path, task()).run(["evolution"])  # evaluates nothing
    assert [row["seconds"] for row in again.pool.rows] == known
    assert [row.seconds for row in read_run(tmp_path).main.rows] == known


def test_a_result_without_a_search_has_no_table(tmp_path):
    with pytest.raises(InputError, match="no evaluations to be a table"):
        study(tmp_path).train(SPACE.parse("a=1, b=2, c=3, d=0")).to_dataframe()


def test_a_rival_that_is_made_by_hand_is_as_large_and_trains_as_many_seconds(tmp_path):
    task = ToyTask()
    study(tmp_path, task).run(["brick"])
    figures = content(tmp_path)["baselines"]["brick"]
    assert figures["steps"] == 200  # a step takes half the time of the winner's
    assert figures["width"] == content(tmp_path)["test"]["parameters"] // 10
    again = ToyTask()
    again.final_steps = task.final_steps
    study(tmp_path, again).run(["brick"])
    assert content(tmp_path)["baselines"]["brick"] == figures  # its length was decided once


@pytest.mark.parametrize(
    "plan", [b"", b"[]", b'{"steps": "9"}', b'{"steps": 0}', b'{"steps": true}', b'{"steps": 1', b"\xff"]
)
def test_a_damaged_length_of_a_rival_is_one_line(plan, tmp_path):
    study(tmp_path).run(["brick"])
    (file,) = (tmp_path / "checkpoints").glob("brick_of_*.json")
    file.write_bytes(plan)
    with pytest.raises(InputError, match=rf"{file.name} is damaged .*; delete it and {file.stem}.npz"):
        study(tmp_path).run(["brick"])


def test_a_figure_that_is_not_finite_is_null_in_the_result(tmp_path):
    task = ToyTask()
    task.rival_of = lambda model: (_ for _ in ()).throw(RunError("none"))
    result = study(tmp_path, task).run()
    strange = dataclasses.replace(result, test={"a": float("nan"), "curve": [1.0, float("inf")]})
    assert strange.to_json()["test"] == {"a": None, "curve": [1.0, None]}


def test_a_start_that_failed_keeps_no_corrected_one_from_the_directory(tmp_path):
    task = ToyTask()
    task.evaluator = lambda **named: (_ for _ in ()).throw(InputError("no such device"))
    with pytest.raises(InputError, match="no such device"):
        study(tmp_path, task, seed=1).run()
    study(tmp_path, seed=2, strategy="evolution").run()
    assert content(tmp_path)["seed"] == 2


def test_a_finalist_that_diverges_gives_its_place_to_the_next(tmp_path):
    study(tmp_path / "a").run()
    ranked = sorted(lines(tmp_path / "a"), key=lambda row: (row["score"], row["id"]))
    task = ToyTask(diverging=[tuple(ranked[0]["architecture"])])
    study(tmp_path / "b", task).run()
    found = content(tmp_path / "b")
    assert [row["id"] for row in found["finalists"]] == [row["id"] for row in ranked[:3]]
    assert found["finalists"][0]["validation"] is None and "too steep" in found["finalists"][0]["reason"]
    everything = ToyTask(diverging=SPACE.strings())
    with pytest.raises(RunError, match="no architecture of the pool can be trained"):
        study(tmp_path / "c", everything).run()


def test_a_rival_that_fails_is_reported_and_ends_nothing(tmp_path):
    task = ToyTask()
    task.rival_of = lambda model: (_ for _ in ()).throw(RunError("no brick is so small"))
    study(tmp_path, task).run(["brick", "evolution"])
    baselines = content(tmp_path)["baselines"]
    assert baselines["brick"] == {"failed": "no brick is so small"} and baselines["evolution"]["evaluations"] == 12


def test_the_validation_of_final_models_chooses_not_the_score(tmp_path):
    study(tmp_path / "a").run()
    ranked = sorted(lines(tmp_path / "a"), key=lambda row: (row["score"], row["id"]))
    task = ToyTask(shift={tuple(ranked[1]["architecture"]): 100.0})
    study(tmp_path / "b", task).run()
    assert content(tmp_path / "b")["best"]["id"] == ranked[1]["id"]


@pytest.mark.parametrize("strategy", ["random", "evolution", "local", "mlp", "reinforce"])
@pytest.mark.parametrize("smaller", [3, 9, 10, 20])  # within the first round, after a round, within one
def test_more_budget_goes_on_in_a_finished_run(strategy, smaller, tmp_path):
    study(tmp_path / "run", strategy=strategy, budget=smaller).run()
    before = (tmp_path / "run" / "pool.jsonl").read_bytes()
    task = ToyTask()
    study(tmp_path / "run", task, strategy=strategy, budget=40).run()
    study(tmp_path / "at once", strategy=strategy, budget=40).run()
    after = (tmp_path / "run" / "pool.jsonl").read_bytes()
    assert after == (tmp_path / "at once" / "pool.jsonl").read_bytes() and after.startswith(before)
    assert len(task.evaluated) == 40 - smaller


def test_a_baseline_that_is_added_to_a_finished_run_trains_only_what_is_new(tmp_path):
    study(tmp_path).run([])
    task = ToyTask()
    study(tmp_path, task).run(["evolution"])
    seen = {tuple(row["architecture"]) for row in lines(tmp_path)}
    assert len(task.evaluated) < 12 and not seen & set(task.evaluated)  # what the pool holds is not evaluated again
    trained = [label for label, _, resumed in task.trainings if not resumed]
    assert len(trained) == len(set(trained)) == 2 and all(label.startswith("final_evolution") for label in trained)
    assert len(lines(tmp_path, "pool_evolution.jsonl")) == 12


def test_more_finalists_train_only_the_new_ones(tmp_path):
    study(tmp_path, finalists=1).run()
    task = ToyTask()
    study(tmp_path, task, finalists=3).run()
    assert len(content(tmp_path)["finalists"]) == 3
    assert [resumed for _, _, resumed in task.trainings][:3] == [True, False, False]


def test_other_final_trainings_have_checkpoints_of_their_own(tmp_path):
    study(tmp_path).run()
    task = ToyTask(final_steps=50)
    study(tmp_path, task).run()
    assert not any(resumed for label, _, resumed in task.trainings[:2])
    again = ToyTask()
    study(tmp_path, again).run()
    assert all(resumed for _, _, resumed in again.trainings)  # the first ones are still there


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"seed": 2}, "seed: 1, now 2"),
        ({"strategy": "evolution"}, "strategy"),
        ({"initial": 5}, "initial: 6, now 5"),
        ({"proposals": 4}, "proposals: 3, now 4"),
        ({"given": [SPACE.architecture((0, 1, 2, 3))]}, "given"),
        ({"task": ToyTask(data="two")}, "data"),
    ],
)
def test_what_decides_a_pool_may_not_change(changes, said, tmp_path):
    study(tmp_path).run()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=said):
        study(tmp_path, **changes).run()
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_settings_of_a_strategy_bind_only_its_own_pool(tmp_path):
    study(tmp_path).run()
    settings = StudySettings().evolution
    changed = dataclasses.replace(settings, population=settings.population + 1)
    study(tmp_path, evolution=changed).run(["evolution"])  # searched with it for the first time
    with pytest.raises(InputError, match=r"pool_evolution.jsonl: evolution.population"):
        study(tmp_path).run(["evolution"])


def test_given_architectures_are_evaluated_first(tmp_path):
    given = [SPACE.architecture((3, 3, 3, 2)), SPACE.architecture((0, 0, 0, 1))]
    study(tmp_path, given=given).run(["evolution"])
    for file in ("pool.jsonl", "pool_evolution.jsonl"):
        rows = lines(tmp_path, file)
        assert [row["architecture"] for row in rows[:2]] == [[3, 3, 3, 2], [0, 0, 0, 1]] and len(rows) == 12
        assert [row["origin"] for row in rows[:6]] == ["given"] * 2 + ["random"] * 4
        assert rows[6]["round"] == 1


def test_unknown_names_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="guess.*random"):
        study(tmp_path / "work", strategy="guess")
    with pytest.raises(InputError, match="lstm.*brick"):
        study(tmp_path / "work").run(["lstm"])
    assert not (tmp_path / "work").exists()


def test_a_given_architecture_is_trained_tested_exported_and_compared(tmp_path):
    architecture = SPACE.architecture((3, 1, 0, 2))
    study(tmp_path).train(architecture, ["brick"])
    found = content(tmp_path)
    assert found["architecture"] == [3, 1, 0, 2] and found["text"] == architecture.text
    assert found["test"]["test"] == pytest.approx(6.1) and found["baselines"]["brick"]["steps"] == 200
    assert (tmp_path / "export" / "child" / "1").is_dir()
    with pytest.raises(InputError, match="architecture"):
        study(tmp_path).train(SPACE.architecture((3, 1, 0, 3)))
    with pytest.raises(InputError, match="random"):
        study(tmp_path).train(architecture, ["random"])


@pytest.mark.parametrize("strategy", ["random", "evolution", "mlp"])
@pytest.mark.parametrize("kept", [11, 6, 4, 0])
def test_lines_that_were_deleted_at_the_end_of_a_pool_are_made_again(tmp_path, strategy, kept):
    study(tmp_path, strategy=strategy).run(["brick"])
    pool, result = (tmp_path / "pool.jsonl").read_bytes(), content(tmp_path)
    (tmp_path / "pool.jsonl").write_bytes(b"".join(pool.splitlines(keepends=True)[:kept]))
    task = ToyTask()
    study(tmp_path, task, strategy=strategy).run(["brick"])
    assert (tmp_path / "pool.jsonl").read_bytes() == pool and len(task.evaluated) == 12 - kept
    assert {**content(tmp_path), "seconds": None} == {**result, "seconds": None}


def test_a_budget_beyond_the_space_is_told(tmp_path, monkeypatch):
    observer = Recorder()
    study(tmp_path / "listed", observer=observer, budget=1_300).search("random")
    assert len(lines(tmp_path / "listed")) == 256
    assert observer.events[-1] == "random: all 256 architectures were evaluated; the budget of 1,300 is not used up"
    for module in (nao_tf.search.strategy, nao_tf.study.searches):
        monkeypatch.setattr(module, "LARGEST_ENUMERATED", 255)
    study(tmp_path / "not listed", observer=observer, budget=1_300).search("random")
    found = len(lines(tmp_path / "not listed"))
    assert observer.events[-1] == (
        f"random: after {found} architectures no other one was found; the budget of 1,300 is not used up"
    )


def test_a_clock_that_is_set_back_changes_nothing(tmp_path, monkeypatch):
    study(tmp_path / "a").run(["evolution", "brick"])
    backwards = iter(range(10**9, 0, -3600))
    monkeypatch.setattr("time.time", lambda: float(next(backwards)))
    study(tmp_path / "b").run(["evolution", "brick"])
    assert (tmp_path / "a" / "pool.jsonl").read_bytes() == (tmp_path / "b" / "pool.jsonl").read_bytes()
    ended, whole = content(tmp_path / "b"), content(tmp_path / "a")
    assert all(seconds >= 0 for seconds in ended.pop("seconds").values())
    whole.pop("seconds")
    assert ended == whole
