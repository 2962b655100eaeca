"""Winner and rivals trained with several seeds, the verdict on them, and the audit of a search's scores."""

import json

import pytest
from test_study import Recorder, content, lines, study
from toys import SPACE, ToyTask

from nao_tf.errors import InputError, RunError
from nao_tf.search.settings import StudySettings


def files_of(task, *, new=True):
    return [file for _, file, resumed in task.trainings if resumed != new]


def test_winner_and_rivals_are_trained_with_all_seeds_and_compared(tmp_path):
    task = ToyTask(noise=1.0)
    result = study(tmp_path, task, final_seeds=3, finalists=1).run(["brick", "evolution"])
    found = content(tmp_path)
    total = sum(found["best"]["architecture"])
    assert found["trainings"]["seeds"] == [2, 3, 4] and found["trainings"]["metric"] == "test"
    assert found["trainings"]["values"] == pytest.approx([total + 0.2, total + 0.3, total + 0.4])
    assert found["trainings"]["mean"] == pytest.approx(total + 0.3)
    assert found["trainings"]["standard_deviation"] == pytest.approx(0.1)
    assert found["test"]["test"] == pytest.approx(total + 0.3)  # the model that validates best has seed 3
    label = f"final_random_{found['best']['id']}"
    assert {f"{label}.npz", f"{label}_seed3.npz", f"{label}_seed4.npz"} <= set(files_of(task))
    brick = found["baselines"]["brick"]
    assert len(brick["trainings"]["values"]) == 3 and brick["steps"] == 200
    plans = list((tmp_path / "checkpoints").glob("brick_of_*.json"))
    assert [plan.name for plan in plans] == [f"brick_of_{label}.json"]  # decided once, for all seeds
    rival = found["verdict"]["rivals"]["brick"]
    assert rival["difference"] == pytest.approx(total - found["baselines"]["brick"]["width"])
    assert set(found["verdict"]["rivals"]) == {"brick", "evolution"} and found["verdict"]["finalists"] == 1
    assert result.words[0] == f"test {total + 0.3:.1f} ± 0.1 (mean ± standard deviation, 3 seeds)"
    finalist = found["finalists"][0]
    assert len(finalist["values"]) == 3 and finalist["validation"] == pytest.approx(sum(finalist["values"]) / 3)
    assert finalist["left"] is None and "score" in finalist


def test_with_one_seed_nothing_is_trained_twice_and_the_words_say_what_would_tell(tmp_path):
    task = ToyTask()
    result = study(tmp_path, task, finalists=1).run(["brick", "evolution"])
    assert not [file for file in files_of(task) if "seed" in file]
    found = content(tmp_path)
    assert found["trainings"]["values"] == [found["test"]["test"]] and found["verdict"]["winner"]["mean"] is not None
    assert found["verdict"]["rivals"]["brick"]["outcome"] == "untold" and "values" not in found["finalists"][0]
    assert "cannot be told; --final_seeds=3 goes on from here and tells it" in result.words[-1]


def test_more_seeds_train_only_what_is_new(tmp_path):
    study(tmp_path, finalists=1).run(["brick"])
    before = content(tmp_path)
    task = ToyTask()
    study(tmp_path, task, finalists=1, final_seeds=3).run(["brick"])
    assert len(files_of(task)) == 4 and all("_seed" in file for file in files_of(task))
    assert content(tmp_path)["trainings"]["values"][0] == before["trainings"]["values"][0]
    again = ToyTask()
    study(tmp_path, again, finalists=1, final_seeds=3).run(["brick"])
    assert not files_of(again)


def test_finalists_race_and_who_is_beaten_is_trained_no_further(tmp_path):
    study(tmp_path / "a").run()
    ranked = sorted(lines(tmp_path / "a"), key=lambda row: (row["score"], row["id"]))
    best = tuple(ranked[1]["architecture"])
    task, observer = ToyTask(noise=1.0, shift={best: 100.0}), Recorder()
    study(tmp_path / "b", task, final_seeds=4, observer=observer).run()
    found = content(tmp_path / "b")
    beaten, winner = found["finalists"]
    assert found["best"]["id"] == winner["id"] == ranked[1]["id"] and len(winner["values"]) == 4
    assert len(beaten["values"]) == 2 and beaten["left"] == "beaten after 2 seeds"
    assert f"architecture {beaten['id']} leaves the race: beaten after 2 seeds" in observer.events
    assert found["verdict"]["finalists"] == 2


def test_a_finalist_that_fails_with_a_later_seed_does_not_win(tmp_path):
    study(tmp_path / "a", final_seeds=3).run()
    first = content(tmp_path / "a")["best"]
    task = ToyTask(diverging=[(tuple(first["architecture"]), 3)])
    study(tmp_path / "b", task, final_seeds=3).run()
    found = content(tmp_path / "b")
    assert found["best"]["id"] != first["id"]
    left = {row["id"]: row["left"] for row in found["finalists"]}
    assert left[first["id"]] == "failed: too steep" and left[found["best"]["id"]] is None


def test_failed_trainings_of_a_single_finalist_are_told(tmp_path):
    task = ToyTask(diverging=[(tuple(values), 3) for values in SPACE.strings()])
    result = study(tmp_path, task, finalists=1, final_seeds=3).run(["brick"])
    assert content(tmp_path)["trainings"]["failed"] == 1 and len(content(tmp_path)["trainings"]["values"]) == 2
    assert "(1 of 3 trainings failed)" in result.words[0]


def test_all_finalists_may_fail_with_a_later_seed(tmp_path):
    task = ToyTask(diverging=[(tuple(values), 3) for values in SPACE.strings()])
    study(tmp_path, task, finalists=2, final_seeds=3).run()
    assert content(tmp_path)["trainings"]["failed"] == 1 and len(content(tmp_path)["trainings"]["values"]) == 1


def test_a_hand_made_network_that_fails_with_its_first_seed_is_trained_with_the_others(tmp_path):
    study(tmp_path / "a", finalists=1).run(["brick"])
    width = content(tmp_path / "a")["baselines"]["brick"]["width"]
    task = ToyTask(diverging=[((width,), 2)])
    study(tmp_path / "b", task, finalists=1, final_seeds=3).run(["brick"])
    brick = content(tmp_path / "b")["baselines"]["brick"]
    assert brick["trainings"]["failed"] == 1 and brick["steps"] == 200
    always = ToyTask(diverging=[(width,)])
    study(tmp_path / "c", always, finalists=1, final_seeds=3).run(["brick"])
    assert content(tmp_path / "c")["baselines"]["brick"] == {"failed": "too steep"}


def test_a_rival_that_has_learnt_nothing_is_told_and_not_compared(tmp_path):
    task = ToyTask()
    task.useless = lambda figures: (
        "no better than a guess" if "width" in figures or figures["parameters"] < 11 else None
    )
    study(tmp_path, task, finalists=1).run(["brick", "evolution"])
    found = content(tmp_path)
    brick = found["baselines"]["brick"]
    assert brick["failed"] == brick["learnt_nothing"] == "no better than a guess" and "steps" in brick
    assert "learnt_nothing" not in found["test"] and "learnt_nothing" not in found["baselines"]["evolution"]
    assert set(found["verdict"]["rivals"]) == {"evolution"}


def test_a_winner_that_has_learnt_nothing_is_told_instead_of_a_verdict(tmp_path):
    task = ToyTask()
    task.useless = lambda figures: "no better than a guess"
    result = study(tmp_path, task, finalists=1, final_seeds=2).run(["evolution"])
    assert result.verdict.words == ("no better than a guess",)
    assert content(tmp_path)["test"]["learnt_nothing"] == "no better than a guess"
    assert content(tmp_path)["trainings"]["failed"] == 2 and content(tmp_path)["trainings"]["values"] == []


def test_the_same_architecture_found_twice_is_the_same_network(tmp_path):
    given = [SPACE.architecture((3, 3, 3, 3))]
    result = study(tmp_path, given=given, finalists=1).run(["evolution"])
    assert result.words == ("the best of evolution is the same network",)


def test_a_given_architecture_is_trained_with_all_seeds(tmp_path):
    study(tmp_path, final_seeds=3).train(SPACE.architecture((3, 1, 0, 2)), ["brick"])
    found = content(tmp_path)
    assert found["trainings"]["seeds"] == [1, 2, 3] and found["trainings"]["mean"] == pytest.approx(6.2)
    assert found["verdict"]["rivals"]["brick"]["mean"] == pytest.approx(6.2)
    names = {path.name for path in (tmp_path / "checkpoints").iterdir()}
    assert {"final.npz", "final_seed2.npz", "brick_of_final_seed3.npz"} <= names
    everything = ToyTask(diverging=SPACE.strings())
    with pytest.raises(RunError, match="too steep"):
        study(tmp_path / "b", everything, final_seeds=2).train(SPACE.architecture((3, 1, 0, 2)))


# ---- the audit


class Noisy(ToyTask):
    repeats = True


def test_members_are_scored_again_with_another_seed_and_remembered(tmp_path):
    task = Noisy()
    result = study(tmp_path, task, budget=30, audited=8).run(["evolution"])
    again, first = lines(tmp_path, "pool_audit.jsonl"), {row["text"]: row for row in lines(tmp_path)}
    assert len(again) == 8 and len(task.evaluated) == len(set(task.evaluated)) + 8
    assert all(row["score"] != first[row["text"]]["score"] for row in again)
    repeated = content(tmp_path)["audit"]["repeated"]
    assert repeated["architectures"] == 8 and -1 <= repeated["interval"][0] <= repeated["kendall_tau"] <= 1
    assert content(tmp_path)["audit"]["finals"]["architectures"] >= 2 and "audit" in content(tmp_path)["seconds"]
    assert result.words[-2].endswith("of 30 scores are within their noise of the best one")
    more = Noisy()
    study(tmp_path, more, budget=30, audited=10).run(["evolution"])
    assert len(more.evaluated) == 2 and len(lines(tmp_path, "pool_audit.jsonl")) == 10


def test_a_pool_of_an_audit_belongs_to_its_search(tmp_path):
    study(tmp_path, Noisy(), budget=30, audited=8).run()
    (tmp_path / "pool.jsonl").unlink()
    with pytest.raises(InputError, match=r"pool_audit.jsonl: seed: 10001, now 10002"):
        study(tmp_path, Noisy(), budget=30, audited=8, seed=2).run()


@pytest.mark.parametrize(("budget", "audited", "count"), [(100, None, 8), (40, None, 0), (100, 0, 0), (20, 6, 6)])
def test_how_many_are_scored_again(budget, audited, count, tmp_path):
    study(tmp_path, Noisy(), budget=budget, audited=audited, finalists=1).run()
    assert (tmp_path / "pool_audit.jsonl").exists() == bool(count)
    assert not count or len(lines(tmp_path, "pool_audit.jsonl")) == count
    assert (content(tmp_path)["audit"] is None) == (not count)


def test_an_audit_of_scores_that_are_no_trainings_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="--audited=8 is of no use"):
        study(tmp_path / "work", audited=8).run()
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("wrong", [{"final_seeds": 0}, {"audited": -1}])
def test_numbers_that_are_none_are_refused(wrong):
    with pytest.raises(ValueError, match="at least"):
        StudySettings(**wrong)


def test_the_result_is_json(tmp_path):
    result = study(tmp_path, Noisy(noise=1.0), budget=30, audited=8, final_seeds=2).run(["brick", "evolution"])
    assert json.loads(json.dumps(result.to_json(), allow_nan=False)) == content(tmp_path)
