"""The front of a pool: the members that no other surpasses in the score and in all sizes that are objectives."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from nao_tf.errors import RunError
from nao_tf.search.pool import Evaluation, Pool
from nao_tf.search.settings import SCORE
from nao_tf.study.latencies import Latencies
from nao_tf.tasks.sizes import LATENCY, all_sizes, front
from nao_tf.tasks.task import Task


def of_pool(pool: Pool, task: Task, *, latencies: Latencies | None) -> list[tuple[Evaluation, dict[str, float]]]:
    """The front of the members whose scores can be compared, the best score first, each with its sizes.

    Args:
        pool: of a search.
        task: of the search, whose settings have the objectives.
        latencies: of networks; None where the task knows them, or nobody asks.
    """
    members = pool.comparable
    sizes = [all_sizes(task, member.candidate.architecture, latency=latencies) for member in members]
    objectives = [name for name in task.settings.objectives if name != SCORE]
    return _front(list(zip(members, sizes, strict=True)), pool, objectives)


def _front(members, pool, objectives):
    goodness = [(pool.goodness(member), *(-sizes[name] for name in objectives)) for member, sizes in members]
    return [members[place] for place in front(goodness)]


def in_order(
    pool: Pool, task: Task, *, latencies: Latencies | None, notice: Callable[[str], object]
) -> Iterator[Evaluation]:
    """The members in the order in which they are trained to the end: those of the front first, the best score first.

    What a measured export shows to be too slow is left out.

    Args:
        pool: of a search.
        task: of the search.
        latencies: see `of_pool`.
        notice: is told what is left out.

    Raises:
        RunError: all members are too slow.
    """
    limit, fastest = task.settings.max_latency_ms, math.inf
    for evaluation in _front_first(pool, task, latencies=latencies):
        if limit is not None and latencies is not None:
            milliseconds = latencies.measure(evaluation.candidate.architecture)
            fastest = min(fastest, milliseconds)
            if milliseconds > limit:
                notice(
                    f"architecture {evaluation.id} is not trained to the end: its export takes {milliseconds:.3g} ms a "
                    f"request, more than --max_latency_ms={limit:g}"
                )
                continue
        yield evaluation
    if limit is not None and limit < fastest < math.inf:
        raise RunError(
            f"no architecture of the pool keeps --max_latency_ms={limit:g}: the fastest export takes {fastest:.3g} ms "
            "a request; give more, or smaller final models"
        )


def _front_first(pool, task, *, latencies):
    first: set[int] = set()
    if len(task.settings.objectives) > 1 and pool.ranked:
        for evaluation, _ in of_pool(pool, task, latencies=latencies):
            first.add(evaluation.id)
            yield evaluation
    yield from (evaluation for evaluation in pool.ranked if evaluation.id not in first)


def rows(
    pool: Pool, task: Task, *, latencies: Latencies | None, finalists: Sequence[dict[str, Any]]
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
    members = of_pool(pool, task, latencies=latencies)
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
