"""Searches become studies that Optuna reads: the same scores, decisions, failures and rungs."""

import json

import pytest
from made_runs import decision_run, table_run

from nao_tf.errors import InputError
from nao_tf.report.optuna_study import write_studies
from nao_tf.report.run import read_run

optuna = pytest.importorskip("optuna")
STATES = optuna.trial.TrialState
WORDS = {"depth": ["2", "4"], "width": ["16", "32"]}


def member(id, values, score, **fields):
    texts = ", ".join(f"{name}={words[value]}" for (name, words), value in zip(WORDS.items(), values, strict=True))
    failed = {"status": "failed", "reason": "it diverged"} if score is None else {}
    return {"id": id, "architecture": list(values), "text": texts, "score": score, **failed, **fields}


def written(runs, tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    return [optuna.load_study(study_name=name, storage=url) for name in write_studies(runs, url)]


def test_a_run_of_two_strategies_is_two_studies(invented_table, tmp_path):
    table_run(invented_table, tmp_path / "cells", budget=12, initial=6)
    run = read_run(tmp_path / "cells")
    studies = written([run], tmp_path)
    assert [study.study_name for study in studies] == ["cells-evolution", "cells-random"]
    for study, search in zip(studies, run.searches.values(), strict=True):
        assert study.direction == optuna.study.StudyDirection.MAXIMIZE and study.metric_names == ["seen"]
        assert study.user_attrs["strategy"] == search.strategy and study.user_attrs["seed"] == 1
        assert [trial.value for trial in study.trials] == [row.score for row in search.rows]
        assert study.best_trial.user_attrs["architecture"] == list(search.ranked[0].values)
        for trial, row in zip(study.trials, search.rows, strict=True):
            assert [*trial.params] == [position.description for position in run.space.positions]
            assert run.space.from_words([*trial.params.values()]).values == row.values
            assert trial.user_attrs["round"] == row.round and trial.user_attrs["origin"] == row.origin
    with pytest.raises(InputError, match="study cells-evolution is there already"):
        written([run], tmp_path)


def test_failures_directions_durations_and_storages_that_cannot_be_used(tmp_path):
    rows = [member(0, (0, 0), 3.0, parameters=7), member(1, (1, 0), None), member(2, (1, 1), 2.0, origin="mutation")]
    work = decision_run(tmp_path / "mine", rows, decisions=WORDS)
    timings = [{"pool": "pool.jsonl", "id": id, "rung": 0, "seconds": 10.0 + id} for id in range(3)]
    (work / "timings.jsonl").write_text("".join(json.dumps(row) + "\n" for row in timings))
    [study] = written([read_run(work)], tmp_path)
    assert study.direction == optuna.study.StudyDirection.MINIMIZE and study.best_trial.number == 2
    assert [trial.state for trial in study.trials] == [STATES.COMPLETE, STATES.FAIL, STATES.COMPLETE]
    assert study.trials[1].user_attrs["reason"] == "it diverged" and study.trials[0].user_attrs["parameters"] == 7
    assert study.best_trial.params == {"depth": "4", "width": "32"} and not study.best_trial.intermediate_values
    assert study.best_trial.distributions["width"].choices == ("16", "32")
    assert [trial.duration.total_seconds() for trial in study.trials] == pytest.approx([10, 11, 12])
    (tmp_path / "text.db").write_text("this is no database, and longer than the header of one would be" * 20)
    for url in (
        "study.db",
        f"sqlite:///{tmp_path}/none/a.db",
        f"sqlite:///{tmp_path}/text.db",
        "nothing://u:secret@h/d",
    ):
        with pytest.raises(InputError, match="sqlite:///study.db") as error:
            write_studies([read_run(work)], url)
        assert "\n" not in str(error.value) and "secret" not in str(error.value)
    with pytest.raises(InputError, match="two work directories"):
        write_studies([read_run(work), read_run(work)], f"sqlite:///{tmp_path}/b.db")


def test_rungs_and_rounds_are_intermediate_values(tmp_path):
    low, high = {"rung": "100", "cost": 0.2}, {"rung": "500", "cost": 1.0}
    rows = [member(0, (0, 0), 3.0, **low), member(1, (1, 0), 2.5, **low), member(1, (1, 0), 2.9, round=1, **high)]
    ladder = decision_run(tmp_path / "ladder", rows, decisions=WORDS)
    rows = [member(0, (0, 0), 3.0), member(0, (0, 0), 2.0, round=1), member(1, (1, 0), 2.5, round=1)]
    shared = decision_run(tmp_path / "shared", rows, decisions=WORDS, weight_sharing=True)
    first, second = written([read_run(ladder), read_run(shared)], tmp_path)
    assert [trial.state for trial in first.trials] == [STATES.PRUNED, STATES.COMPLETE]
    assert [trial.intermediate_values for trial in first.trials] == [{100: 3.0}, {100: 2.5, 500: 2.9}]
    assert first.best_trial.number == 1 and first.best_value == 2.9
    assert [trial.intermediate_values for trial in second.trials] == [{0: 3.0, 1: 2.0}, {}]
    assert second.best_value == 2.0
