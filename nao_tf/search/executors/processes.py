"""Workers that are processes of this machine: each may be killed, hang or run out of memory alone."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import pathlib
import pickle
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from nao_tf.errors import InputError
from nao_tf.files import sent_by_reference
from nao_tf.search.executors.workers import (
    Begun,
    Died,
    Message,
    SentFunction,
    Worker,
    Workers,
    thread_variables,
    variables_set,
)
from nao_tf.search.executors.working import finished, learnt, resident_memory


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> list[str]:
    """The GPUs of this machine that this process may use, as `CUDA_VISIBLE_DEVICES` names them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip() not in ("", "-1")]
    devices = (path.name.removeprefix("nvidia") for path in pathlib.Path("/dev").glob("nvidia[0-9]*"))
    return sorted(devices, key=int)


class Processes(Workers):
    """Worker processes on this machine, started once and used for everything that is mapped.

    A worker that dies costs the item it worked on, which is tried again, `ATTEMPTS` times in all, or more where others
    die as well. Functions and items are pickled; a program's main module must not do anything when it is imported
    (`if __name__ == "__main__":`).

    Args:
        workers: processes at a time.
        threads: of each, for TensorFlow and the libraries below it.
        minutes: an item that takes longer is given up at once; None: no limit.
        memory: bytes that a worker may hold. A larger one is replaced between two items, and at one and a half times
            as much ended within an item. None: its share of four fifths of the machine's memory.
        gpus: what `CUDA_VISIBLE_DEVICES` names; each worker gets one of them, in turn. Empty: no worker sees a GPU.

    Raises:
        InputError: a number below 1.
    """

    def __init__(
        self,
        workers: int,
        *,
        threads: int = 1,
        minutes: float | None = None,
        memory: int | None = None,
        gpus: Sequence[str] = (),
    ):
        if workers < 1 or threads < 1:
            raise InputError(f"{workers} workers of {threads} threads; at least one each")
        memory = _physical_memory() * 4 // 5 // workers if memory is None else memory
        super().__init__(workers, minutes=minutes, memory=memory)
        self.threads, self.gpus = threads, tuple(gpus)
        self._started = 0

    def divided(self, count: int) -> Processes:
        """An executor for a few long items, without a limit of time: as many processes as items, with all cores.

        Args:
            count: of the items; where they are as many as the workers, and there is no limit, it is this executor.
        """
        workers = max(1, min(count, self.workers))
        if workers == self.workers and self.minutes is None:
            return self
        threads = 1 if self.gpus else max(1, self.workers * self.threads // workers)
        return Processes(workers, threads=threads, gpus=self.gpus)

    def sent(self, function: Callable) -> SentFunction:
        """See `Workers`; large data in files are read from there."""
        with sent_by_reference():
            return super().sent(function)

    def _new_worker(self) -> Worker:
        environment = thread_variables(self.threads)
        environment["CUDA_VISIBLE_DEVICES"] = self.gpus[self._started % len(self.gpus)] if self.gpus else "-1"
        self._started += 1
        return _Process(environment)

    def _wait(self, busy: Sequence[Any], seconds: float) -> Iterator[tuple[Worker, Message]]:
        by_connection = {worker.connection: worker for worker in busy}
        for ready in multiprocessing.connection.wait(list(by_connection), seconds):
            worker = by_connection[ready]
            try:
                message = worker.connection.recv()
            except (EOFError, OSError):
                message = Died(worker.end_of_process())
            yield worker, message


class _Process(Worker):
    """A process and the connection to it.

    Args:
        environment: variables of the process.
    """

    tells_begin = True

    def __init__(self, environment: Mapping[str, str]):
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, environment), daemon=True, name="nao_tf worker")
        with variables_set(environment):  # some libraries read theirs before anything of ours runs
            self._process.start()
        theirs.close()
        self._known: set[bytes] = set()  # digests of functions
        self._began = time.monotonic()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.is_alive()

    @property
    def seconds(self) -> float:
        """Since it began with its item."""
        return time.monotonic() - self._began

    @property
    def memory(self) -> int:
        """Bytes that it holds."""
        return resident_memory(self._process.pid)

    def work(self, function: SentFunction, item: Any) -> Died | None:
        """See `Worker`. A function that the process knows is not sent again: it would be compiled again."""
        try:
            self.connection.send_bytes(_FUNCTION + function.digest)
            if function.digest not in self._known:
                self.connection.send_bytes(function.pickled)
                self._known.add(function.digest)
            self._began = time.monotonic()
            self.connection.send_bytes(_ITEM + pickle.dumps(item))
        except (BrokenPipeError, ConnectionResetError):
            return Died(self.end_of_process())
        return None

    def kill(self) -> None:
        """Ends the process at once."""
        self._process.kill()
        self._process.join()
        self.connection.close()
        self._process.close()

    def end_of_process(self) -> str:
        """How it ended, for people."""
        self._process.join(5)
        code = self._process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            hint = ", perhaps for want of memory" if name == "SIGKILL" else ""
            return f"its process was ended by {name}{hint}"
        return f"its process ended with status {code}"


# What messages to a worker begin with: the digest of a function, before the function itself if it is new; an item.
_FUNCTION, _ITEM = b"function", b"item"


def _physical_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


# ---- in the worker


def _serve(connection, environment):
    """A worker: learns functions, works on items, until the other process is gone."""
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that waits hears it, and ends this one
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _end_with_parent()
    _quiet()
    functions: dict[bytes, Callable] = {}
    function: Any = None
    while True:
        try:
            message = connection.recv_bytes()
            if message.startswith(_FUNCTION):
                if message not in functions:
                    functions[message] = learnt(connection.recv_bytes(), connection.send)
                function = functions[message]
                continue
        except (EOFError, OSError):
            return
        connection.send(Begun())
        connection.send(finished(function, message[len(_ITEM) :]))


def _end_with_parent():
    """Ends this process when the one that started it is gone, however that ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch():
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _quiet():
    """Sends what libraries write to a file nobody reads: the terminal shows one run, not every process of it."""
    sys.stderr.flush()
    sink = tempfile.TemporaryFile()  # open as long as the process
    os.dup2(sink.fileno(), 2)
