"""What a worker does in its process: it learns functions, applies them to items, and sends progress and results."""

from __future__ import annotations

import functools
import os
import pickle
import traceback
from collections.abc import Callable
from typing import Any

from nao_tf.observer import Observer
from nao_tf.search.executors.executor import Work
from nao_tf.search.executors.workers import Event, Finished

EVENTS = tuple(name for name in vars(Observer) if not name.startswith("_"))


def learnt(pickled: bytes, send: Callable[[Event], None]) -> Callable[[Any], Any]:
    """The function of a `SentFunction`, from the process that this one works for.

    Args:
        pickled: of the function. One that cannot be read is a function that raises why.
        send: receives the progress of the work.
    """
    try:
        function = pickle.loads(pickled)
    except Exception as error:  # raised in the place of the first result
        return functools.partial(_raise, error)
    if isinstance(function, Work):
        function.observer = _Forwarding(send)
    return function


def finished(function: Callable[[Any], Any], pickled: bytes) -> Finished:
    """The result of an item, or the exception in its place.

    Args:
        function: to apply.
        pickled: of the item.
    """
    try:
        raised, value = False, function(pickle.loads(pickled))
    except Exception as error:  # all of them go to the process that waits, which raises them
        raised, value = True, _sendable(error)
    return Finished(value, raised, resident_memory(os.getpid()))


def resident_memory(process: int | None) -> int:
    """Bytes that a process holds in memory; 0 where the system does not tell."""
    try:
        with open(f"/proc/{process}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


class _Forwarding(Observer):
    """Sends the events of a worker to the process that waits."""

    def __init__(self, send: Callable[[Event], None]):
        for name in EVENTS:
            setattr(self, name, self._forward(send, name))

    @staticmethod
    def _forward(send, name):
        return lambda *arguments, **named: send(Event(name, arguments, named))


def _raise(error, item):
    raise error


def _sendable(error):
    """An exception as the other process can raise it, with the place where it was raised."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # an exception of anyone's
        return RuntimeError("".join(traceback.format_exception(error)))
    return error
