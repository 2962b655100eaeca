"""What a study tells of its final models: which have learnt nothing, which rivals failed, and who is better."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from nao_tf.errors import RunError
from nao_tf.study.verdict import Sample, Verdict, judge
from nao_tf.tasks.task import Task

CALLED = {"random": "random search", "local": "local search"}  # strategies, by people
ADVICE = "--final_seeds=3 goes on from here and tells it"  # where each network was trained once
NOTHING = "learnt_nothing"  # the reason, in the figures of a model that is no better than a guess


def told(task: Task, figures: Mapping[str, Any]) -> Mapping[str, Any]:
    """The figures of a winner; with the reason where it has learnt nothing."""
    useless = task.useless(figures)
    return figures if useless is None else {NOTHING: useless, **figures}


def figures_of_rivals(
    task: Task, names: Iterable[str], *, measure: Callable[[str], dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """The figures of each rival; of one that fails, or has learnt nothing, `failed`, the reason.

    Of one that has learnt nothing, the reason is also there as `learnt_nothing`, and its figures.

    Args:
        task: of the study.
        names: of the rivals.
        measure: trains a rival and gives its figures.
    """
    figures: dict[str, dict[str, Any]] = {}
    for name in names:
        try:
            figures[name] = measure(name)
        except RunError as error:
            figures[name] = {"failed": str(error)}
            continue
        row = figures[name]
        own = row["test"] if "finalists" in row else row  # a strategy's are also there by themselves
        useless = task.useless(own)
        if useless is not None:
            figures[name] = {"failed": useless, NOTHING: useless, **row}
    return figures


def verdict_of(
    task: Task,
    trainings: Mapping[str, Any],
    *,
    figures: Mapping[str, Any],
    baselines: Mapping[str, Mapping[str, Any]],
    finalists: int = 1,
    same: Collection[str] = (),
) -> Verdict:
    """What can be said of a winner and its rivals.

    Args:
        task: of the study.
        trainings: of the winner, see `FinalModels.figures_of_seeds`.
        figures: of the winner's final model.
        baselines: figures of each rival, see `figures_of_rivals`.
        finalists: among which the winner was chosen.
        same: rivals that found the winner too.
    """
    able = {name: row for name, row in baselines.items() if "failed" not in row}
    verdict = judge(
        _sample(trainings),
        {name: _sample(row["trainings"]) for name, row in able.items()},
        metric=task.test_metric or task.final_metric,
        finalists=finalists,
        same=same,
        called={
            name: f"the hand-made {name}" if name == task.rival else f"the best of {CALLED.get(name, name)}"
            for name in able
        },
        advice=ADVICE if task.seeds_differ else None,
    )
    useless = task.useless(figures)
    return verdict if useless is None else dataclasses.replace(verdict, words=(useless,))


def _sample(trainings) -> Sample:
    """The sample of what `FinalModels.figures_of_seeds` tells."""
    return Sample(tuple(trainings["values"]), trainings["failed"])
