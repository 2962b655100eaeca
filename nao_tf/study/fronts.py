"""The front of a pool: the members that no other surpasses in the score and in all sizes that are objectives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nao_tf.search.pool import Evaluation, Pool
from nao_tf.search.settings import SCORE
from nao_tf.study.latencies import Latencies
from nao_tf.tasks.sizes import LATENCY, all_sizes, front
from nao_tf.tasks.task import Task


def of_pool(pool: Pool, task: Task, latencies: Latencies | None) -> list[tuple[Evaluation, dict[str, float]]]:
    """The front of the members whose scores can be compared, the best score first, each with its sizes.

    Args:
        pool: of a search.
        task: of the search, whose settings have the objectives.
        latencies: of networks; None where the task knows them, or nobody asks.
    """
    members = pool.comparable
    sizes = [all_sizes(task, member.candidate.architecture, latencies) for member in members]
    objectives = [name for name in task.settings.objectives if name != SCORE]
    return _front(list(zip(members, sizes, strict=True)), pool, objectives)


def _front(members, pool, objectives):
    goodness = [(pool.goodness(member), *(-sizes[name] for name in objectives)) for member, sizes in members]
    return [members[place] for place in front(goodness)]


def in_order(pool: Pool, task: Task, latencies: Latencies | None) -> Iterator[Evaluation]:
    """The members in the order in which they are trained to the end: those of the front first, the best score first."""
    first: set[int] = set()
    if len(task.settings.objectives) > 1 and pool.ranked:
        for evaluation, _ in of_pool(pool, task, latencies):
            first.add(evaluation.id)
            yield evaluation
    yield from (evaluation for evaluation in pool.ranked if evaluation.id not in first)


def rows(
    pool: Pool, task: Task, latencies: Latencies | None, *, finalists: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The front as result.json has it.

    Each row has id, architecture, text, score, the sizes of its final model and, where that was trained, its figure of
    validation. Latencies are measured: of those that the predicted ones leave on the front.

    Args:
        pool: of a search.
        task: of the search.
        latencies: see `of_pool`.
        finalists: of the search, as result.json has them.
    """
    metric = task.final_metric.name
    trained = {row["id"]: row[metric] for row in finalists if row[metric] is not None and task.seeds_differ}
    members = of_pool(pool, task, latencies)
    if latencies is not None:
        measured = [
            (member, {**sizes, LATENCY: latencies.measure(member.candidate.architecture)}) for member, sizes in members
        ]
        members = _front(measured, pool, [name for name in task.settings.objectives if name != SCORE])
    found = []
    for evaluation, sizes in members:
        row = {**pool.summary(evaluation), **sizes}
        if evaluation.id in trained:
            row[f"final_{metric}" if metric == pool.metric else metric] = trained[evaluation.id]
        found.append(row)
    return found
