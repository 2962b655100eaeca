"""What a run is compared with: strategies that search with the same budget, and the task's hand-made network."""

from __future__ import annotations

from collections.abc import Iterable

from nao_tf.errors import InputError
from nao_tf.search.strategies import STRATEGIES
from nao_tf.tasks.task import Task


def rivals_of(task: Task | type[Task], baselines: Iterable[str], *, strategy: str) -> list[str]:
    """The baselines of a study without its own strategy, each once. Raises InputError for an unknown one."""
    known = [*([task.rival] if task.rival else []), *STRATEGIES]
    rivals = [name for name in dict.fromkeys(baselines) if name != strategy]
    for name in rivals:
        if name not in known:
            raise InputError(f"--baselines: {name!r} is not one of {', '.join(known)}")
    return rivals


def rivals_of_training(task: Task | type[Task], baselines: Iterable[str]) -> list[str]:
    """The baselines of the training of a given architecture, each once. Raises InputError for a strategy."""
    rivals = list(dict.fromkeys(baselines))
    for name in rivals:
        if name != task.rival:
            raise InputError(f"--baselines: {name!r} is not {task.rival}, the hand-made network of this task")
    return rivals


def searches_of(strategy: str, baselines: Iterable[str]) -> list[str]:
    """The strategies that search in a run: its own first, then those of the baselines, each once."""
    return list(dict.fromkeys([strategy, *(name for name in baselines if name in STRATEGIES)]))
