"""The examples of evaluators, strategies and tasks, run as they are."""

import json

from examples import own_evaluator, own_strategy, own_task
from examples.own_strategy import TestSimulatedAnnealing  # noqa: F401, its contract is tested here
from nao_tf.testing import TaskContract


def test_a_function_of_ones_own_is_searched(capsys):
    pool = own_evaluator.main()
    assert len(pool) == 60 and any(evaluation.score is None for evaluation in pool.evaluations)  # some overflow
    first = capsys.readouterr().out.splitlines()[0]
    assert first.endswith(pool.best.candidate.architecture.text) and -pool.best.score < 0.6


def test_a_strategy_of_ones_own_beats_chance():
    best = own_strategy.main()
    assert best["annealing"] > best["random"]


def test_a_task_of_ones_own_is_searched_trained_tested_and_exported(tmp_path):
    result = own_task.main(str(tmp_path), budget=6)
    content = json.loads((tmp_path / "result.json").read_text())
    assert content["task"] == "dense" and content["evaluations"] == 6 and content["test"]["accuracy"] > 0.5
    assert (tmp_path / "export" / "child" / "1" / "saved_model.pb").exists()
    assert content["best"]["text"] == result.architecture.text
    assert content["baselines"]["random"]["evaluations"] == 6


class TestDenseTask(TaskContract):
    budget = 3

    def make_task(self):
        import nao_tf

        return own_task.DenseTask(nao_tf.StudySettings(budget=3, initial=2, proposals=1))
