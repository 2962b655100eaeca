"""Where evaluations run. The results arrive in the order of the items, whatever finishes first."""

from __future__ import annotations

import dataclasses
import os
import types
from collections.abc import Callable, Mapping

from nao_tf.search.executors.executor import Executor, LostError, Work, at_once, close, divided
from nao_tf.search.executors.inline import Inline
from nao_tf.search.executors.processes import Processes, gpus, usable_cores
from nao_tf.search.executors.ray import Ray
from nao_tf.search.executors.slurm import Slurm

__all__ = [
    "EXECUTORS",
    "Executor",
    "ExecutorRequest",
    "Inline",
    "LostError",
    "Processes",
    "Ray",
    "Slurm",
    "Work",
    "at_once",
    "close",
    "divided",
    "workers_of_machine",
]


def workers_of_machine() -> int:
    """As many workers as this machine can use: one a GPU, or one a core where it has none."""
    return len(gpus()) or usable_cores()


@dataclasses.dataclass(frozen=True)
class ExecutorRequest:
    """What may be said about an executor; each uses what concerns it.

    Attributes:
        workers: at a time; None: as many as there is room for.
        minutes: that an item may take; None: any.
        folder: that an executor may write to.
        address: of a cluster; None: the usual one.
        resources: of a worker, names with numbers or words.
    """

    workers: int | None = None
    minutes: float | None = None
    folder: os.PathLike | str = "."
    address: str | None = None
    resources: Mapping[str, float | str] = dataclasses.field(default_factory=dict)


def _inline(asked: ExecutorRequest) -> Executor:
    return Inline()


def _processes(asked: ExecutorRequest) -> Executor:
    return Processes(asked.workers or workers_of_machine(), minutes=asked.minutes, gpus=gpus())


def _ray(asked: ExecutorRequest) -> Executor:
    return Ray(asked.workers, address=asked.address, resources=asked.resources, minutes=asked.minutes)


def _slurm(asked: ExecutorRequest) -> Executor:
    return Slurm(asked.workers, folder=asked.folder, parameters=asked.resources, minutes=asked.minutes)


EXECUTORS: Mapping[str, Callable[[ExecutorRequest], Executor]] = types.MappingProxyType(
    {"inline": _inline, "processes": _processes, "ray": _ray, "slurm": _slurm}
)
