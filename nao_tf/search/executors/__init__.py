"""Where evaluations run. The results arrive in the order of the items, whatever finishes first."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping

from nao_tf.search.executors.executor import Executor, LostError, Work, at_once, close, divided
from nao_tf.search.executors.inline import Inline
from nao_tf.search.executors.processes import Processes, gpus, usable_cores

__all__ = [
    "EXECUTORS",
    "Executor",
    "Inline",
    "LostError",
    "Processes",
    "Work",
    "at_once",
    "close",
    "divided",
    "workers_of_machine",
]


def workers_of_machine() -> int:
    """As many workers as this machine can use: one a GPU, or one a core where it has none."""
    return len(gpus()) or usable_cores()


def _processes(workers: int | None, minutes: float | None) -> Executor:
    return Processes(workers or len(gpus()) or usable_cores(), minutes=minutes, gpus=gpus())


def _inline(workers: int | None, minutes: float | None) -> Executor:
    return Inline()


# By name: called with the number of workers, None for as many as there is room for, and the minutes of an item.
EXECUTORS: Mapping[str, Callable[[int | None, float | None], Executor]] = types.MappingProxyType(
    {"inline": _inline, "processes": _processes}
)
