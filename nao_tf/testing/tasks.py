"""What every task keeps: its evaluator, its final models, and a whole study."""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib

import numpy as np

from nao_tf.architecture import SearchSpace
from nao_tf.observer import Observer
from nao_tf.search.evaluator import Evaluator
from nao_tf.study.study import Study
from nao_tf.tasks.task import Task
from nao_tf.testing.evaluators import EvaluatorContract


class TaskContract(EvaluatorContract):
    """Inherit, override `make_task`, and name the class `Test…`.

    Attributes:
        budget: of the first study; the continued one has one more.
    """

    budget = 4

    def make_task(self) -> Task:
        """A new task with small data, so that a training takes a second or two."""
        raise NotImplementedError

    def make_space(self) -> SearchSpace:
        """See `EvaluatorContract`."""
        return self.make_task().space

    def make_evaluator(self, directory: pathlib.Path) -> Evaluator:
        """See `EvaluatorContract`."""
        return self.make_task().evaluator(seed=1, directory=directory)

    def study(self, work: pathlib.Path, *, budget: int) -> Study:
        """A study by random search."""
        task = self.make_task()
        settings = dataclasses.replace(task.settings, budget=budget, initial=2, proposals=2, finalists=1)
        task.settings = settings
        return Study(task, work, strategy="random")

    def test_data_and_sizes_are_plain_json(self) -> None:
        """For --dry_run and result.json; the fingerprint names the same data again."""
        task, architecture = self.make_task(), self.architectures()[0]
        for content in (task.dataset(), task.description(architecture), task.identity(), task.score_identity()):
            assert json.loads(json.dumps(content)) == json.loads(json.dumps(content, sort_keys=True))
        assert task.fingerprint() == self.make_task().fingerprint() and task.data_lines()
        assert all(line is None or line for line in (task.length_line(), task.length_line(training=True)))

    def test_a_final_model_goes_on_with_its_checkpoint(self, tmp_path: pathlib.Path) -> None:
        """A model that was trained, and one that finds the state of that training, have the same figures."""
        architecture = self.architectures()[0]
        figures = []
        for _ in range(2):
            model = self.make_task().final(architecture, seed=1)
            model.train(tmp_path / "checkpoint.npz", label="final", observer=Observer())
            value = model.validate()
            assert math.isfinite(value)
            figures.append((value, json.dumps(model.measure())))
        assert figures[0] == figures[1]

    def test_a_study_leaves_a_result_and_goes_on_with_more_budget(self, tmp_path: pathlib.Path) -> None:
        """Equal pools, whether a budget was given at once or in two pieces."""
        result = self.study(tmp_path / "run", budget=self.budget).run()
        content = json.loads((tmp_path / "run" / "result.json").read_text())
        assert content["evaluations"] == self.budget and content["best"]["text"] == result.architecture.text
        assert content["finalists"] and content["test"] == json.loads(json.dumps(result.test))
        before = (tmp_path / "run" / "pool.jsonl").read_bytes()
        self.study(tmp_path / "run", budget=self.budget + 1).run()
        self.study(tmp_path / "at once", budget=self.budget + 1).run()
        after = (tmp_path / "run" / "pool.jsonl").read_bytes()
        assert after.startswith(before) and after == (tmp_path / "at once" / "pool.jsonl").read_bytes()

    def test_the_winner_is_the_best_finalist_by_validation(self, tmp_path: pathlib.Path) -> None:
        """By the task's own metric and direction."""
        study = self.study(tmp_path, budget=self.budget)
        study.task.settings = dataclasses.replace(study.task.settings, finalists=2)
        winner = study.run().winner
        metric = study.task.final_metric
        assert winner is not None
        values = {row["id"]: row[metric.name] for row in winner.finalists if row[metric.name] is not None}
        best = max(values, key=lambda member: values[member] if metric.higher_is_better else -values[member])
        assert winner.evaluation.id == best and np.isfinite(values[best])
