"""Evaluations in processes of their own, some at a time: each may be killed, hang or run out of memory alone.

The results come in the order of the items, so a search has the same pool with any number of processes, and with
processes that die. Every process computes with one thread, also when it is the only one: sums of floats depend on how
many threads share them.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import hashlib
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
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from nao_tf.errors import InputError
from nao_tf.observer import Observer
from nao_tf.search.executors.executor import Item, LostError, Result, Work

ATTEMPTS = 3  # at an item, before it is given up
CHECK_SECONDS = 1.0  # between two looks at times and memory
EVENTS = tuple(name for name in vars(Observer) if not name.startswith("_"))


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


class Processes:
    """Worker processes on this machine, started once and used for everything that is mapped.

    A worker that dies costs the item it worked on, which is tried again, up to `ATTEMPTS` times. Functions and items
    are pickled; a program's main module must not do anything when it is imported (`if __name__ == "__main__":`).

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
        self.workers, self.threads, self.minutes = workers, threads, minutes
        self.memory = _physical_memory() * 4 // 5 // workers if memory is None else memory
        self.gpus = tuple(gpus)
        self._idle: list[_Worker] = []
        self._started = 0

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the workers."""
        for worker in self._idle:
            worker.kill()
        self._idle.clear()

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

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """See `Executor`. An exception of the function is raised in the place of its result."""
        items = list(items)
        if items:
            yield from _Map(self, function, items).results()

    def _take(self) -> _Worker:
        """A worker that lives."""
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            worker.kill()
        return self._new_worker()

    def _new_worker(self) -> _Worker:
        environment = {name: str(self.threads) for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")}
        environment |= {name: str(self.threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        for name, default in (("TF_CPP_MIN_LOG_LEVEL", "3"), ("TF_FORCE_GPU_ALLOW_GROWTH", "true")):
            environment[name] = os.environ.get(name, default)  # one that grows leaves others their part of a GPU
        environment["CUDA_VISIBLE_DEVICES"] = self.gpus[self._started % len(self.gpus)] if self.gpus else "-1"
        self._started += 1
        return _Worker(environment)


class _Plain(Work):
    """A function that is no `Work`."""

    def __init__(self, function: Callable):
        super().__init__()
        self._function = function

    def __call__(self, item: Any) -> Any:
        return self._function(item)


@dataclasses.dataclass(frozen=True)
class _Function:
    """A function as it is sent. It may hold whole data sets, so it is pickled and digested once for all items."""

    pickled: bytes
    digest: bytes

    @classmethod
    def of(cls, function: Callable) -> _Function:
        """Pickles a function. Raises InputError where it cannot be sent."""
        try:
            pickled = pickle.dumps(function)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise InputError(
                f"{function!r} cannot be sent to another process ({error}); make it a function or an object of a module"
            ) from error
        return cls(pickled, hashlib.blake2b(pickled).digest())


@dataclasses.dataclass
class _Failed:
    """An exception in the place of a result."""

    error: BaseException


class _Map:
    """One call of `Processes.map`.

    Args:
        processes: that work.
        function: to apply.
        items: at least one.
    """

    def __init__(self, processes: Processes, function: Callable, items: Sequence[Any]):
        self._processes, self._items = processes, items
        self._work = function if isinstance(function, Work) else _Plain(function)
        self._message = _Function.of(function)
        self._waiting = collections.deque(range(len(items)))
        self._attempts: collections.Counter[int] = collections.Counter()
        self._busy: dict[_Worker, int] = {}  # which item each works on
        self._results: dict[int, Any] = {}

    def results(self) -> Iterator[Any]:
        try:
            for index in range(len(self._items)):
                while index not in self._results:
                    self._assign()
                    self._wait(index)
                result = self._results.pop(index)
                if isinstance(result, _Failed):
                    raise result.error
                yield result
        finally:
            for worker in self._busy:  # nobody waits for them any more
                worker.kill()

    def _assign(self):
        while self._waiting and len(self._busy) < self._processes.workers:
            index = self._waiting.popleft()
            worker = self._processes._take()
            self._attempts[index] += 1
            try:
                worker.learn(self._message)
                worker.work(self._items[index])
            except (BrokenPipeError, ConnectionResetError):
                self._died(worker, index)
            else:
                self._busy[worker] = index

    def _wait(self, next_index):
        """Until a worker says something or ends, at most `CHECK_SECONDS`."""
        by_connection = {worker.connection: worker for worker in self._busy}
        for ready in multiprocessing.connection.wait(list(by_connection), CHECK_SECONDS):
            worker = by_connection[ready]
            index = self._busy[worker]
            try:
                kind, content = worker.connection.recv()
            except (EOFError, OSError):
                del self._busy[worker]
                self._died(worker, index)
                continue
            if kind == "event":
                if index == next_index or content[0] == "epoch":  # one line of progress: of what is waited for
                    self._pass_on(*content)
            else:
                del self._busy[worker]
                self._finished(worker, index, kind, content)
        self._check()

    def _pass_on(self, name, arguments, named):
        getattr(self._work.observer, name)(*arguments, **named)

    def _finished(self, worker, index, kind, content):
        value, held = content
        if held > self._processes.memory:
            worker.kill()
        else:
            self._processes._idle.append(worker)
        self._put(index, value if kind == "result" else _Failed(value))

    def _put(self, index, result):
        self._results[index] = result
        if not isinstance(result, _Failed):
            self._work.arrived(self._items[index], result)

    def _died(self, worker, index):
        self._lose(worker, index, worker.end_of_process(), for_good=False)

    def _check(self):
        """Ends workers that take too long or hold too much."""
        processes = self._processes
        for worker, index in list(self._busy.items()):
            if processes.minutes is not None and worker.seconds > 60 * processes.minutes:
                self._end(worker, index, f"took longer than {processes.minutes:g} minutes")
            elif worker.memory > 1.5 * processes.memory:
                self._end(worker, index, f"out of memory: its process held {worker.memory / 2**30:.1f} GiB")

    def _end(self, worker, index, reason):
        del self._busy[worker]
        self._lose(worker, index, reason, for_good=True)

    def _lose(self, worker, index, reason, *, for_good):
        worker.kill()
        if not for_good and self._attempts[index] < ATTEMPTS:
            self._waiting.appendleft(index)
            return
        if not for_good:
            reason = f"{reason}, {ATTEMPTS} times"
        try:
            result = self._work.lost(self._items[index], reason)
        except LostError as error:
            result = _Failed(error)
        self._put(index, result)


class _Worker:
    """A process and the connection to it.

    Args:
        environment: variables of the process.
    """

    def __init__(self, environment: Mapping[str, str]):
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, environment), daemon=True, name="nao_tf worker")
        with _environment(environment):  # some libraries read theirs before anything of ours runs
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

    def learn(self, function: _Function) -> None:
        """Names the function to work with, and sends it unless it was sent before."""
        self.connection.send_bytes(_FUNCTION + function.digest)
        if function.digest not in self._known:  # sent again, it would be compiled again
            self.connection.send_bytes(function.pickled)
            self._known.add(function.digest)

    def work(self, item: Any) -> None:
        """Sends an item."""
        self._began = time.monotonic()
        self.connection.send_bytes(_ITEM + pickle.dumps(item))

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


@contextlib.contextmanager
def _environment(variables):
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _physical_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def resident_memory(process: int | None) -> int:
    """Bytes that a process holds in memory; 0 where the system does not tell."""
    try:
        with open(f"/proc/{process}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


# ---- in the worker


class _Forwarding(Observer):
    """Sends the events of a worker to the process that waits."""

    def __init__(self, send: Callable[[tuple], None]):
        for name in EVENTS:
            setattr(self, name, self._forward(send, name))

    @staticmethod
    def _forward(send, name):
        return lambda *arguments, **named: send(("event", (name, arguments, named)))


def _serve(connection, environment):
    """A worker: learns functions, works on items, until the other process is gone."""
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that waits hears it, and ends this one
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _end_with_parent()
    _quiet()
    functions: dict[bytes, Any] = {}
    function: Any = None
    while True:
        try:
            message = connection.recv_bytes()
            if message.startswith(_FUNCTION):
                if message not in functions:
                    functions[message] = _learnt(connection.recv_bytes(), connection)
                function = functions[message]
                continue
        except (EOFError, OSError):
            return
        try:
            kind, value = "result", function(pickle.loads(message[len(_ITEM) :]))
        except Exception as error:  # all of them go to the process that waits, which raises them
            kind, value = "error", _sendable(error)
        connection.send((kind, (value, resident_memory(os.getpid()))))


def _learnt(message, connection):
    """The function of a message, which comes from the process that started this one."""
    try:
        function = pickle.loads(message)
    except Exception as error:  # raised in the place of the first result
        return functools.partial(_raise, error)
    if isinstance(function, Work):
        function.observer = _Forwarding(connection.send)
    return function


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
