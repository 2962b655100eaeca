"""Where work runs: the contract of executors, and of the work that they do in other processes."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar

from nao_tf.errors import RunError
from nao_tf.observer import Observer

Item = TypeVar("Item", contravariant=True)
Result = TypeVar("Result", covariant=True)


class Executor(Protocol):
    """Applies a function to items, one after the other or many at once."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """The results in the order of the items, each as soon as it and those before it are there."""
        ...


def divided(executor: Executor, count: int) -> Executor:
    """An executor for a few long items, such as final trainings, among which the whole machine is divided.

    Args:
        executor: of many short items. One without a method `divided` is used as it is.
        count: of the items.
    """
    make = getattr(executor, "divided", None)
    return executor if make is None else make(count)


def at_once(executor: Executor) -> int:
    """How many items an executor works on at the same time: its `workers`; one where it has none."""
    return getattr(executor, "workers", 1)


def close(executor: Executor | None) -> None:
    """Ends the processes of an executor that has some; it may start them again."""
    end = getattr(executor, "close", None)
    if end is not None:
        end()


class LostError(RunError):
    """An item ended every process that worked on it."""


class Work(abc.ABC):
    """A function that an executor applies to items in other processes, and what the process that waits does about it.

    Every executor may call it as the function that it is; one with processes of its own also tells what became of them.

    Attributes:
        observer: receives the progress of the work. In another process it passes the events on to this one.
    """

    def __init__(self, observer: Observer | None = None):
        self.observer = observer or Observer()

    @abc.abstractmethod
    def __call__(self, item: Any) -> Any:
        """The result of an item."""

    def arrived(self, item: Any, result: Any) -> None:  # noqa: B027, most work waits for nothing
        """Called in the process that waits as soon as a result is there, perhaps long before its turn."""

    def lost(self, item: Any, reason: str) -> Any:
        """The result of an item that no process can work on, called in the process that waits.

        Args:
            item: that was tried for the last time.
            reason: how the process ended, for people.

        Raises:
            LostError: there is no result without the work.
        """
        raise LostError(reason)

    def __getstate__(self) -> dict[str, Any]:
        # an observer stays where it is: terminals and files are not sent to other processes
        return {**self.__dict__, "observer": Observer()}
