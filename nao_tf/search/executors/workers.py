"""An executor with workers: processes or jobs that work on one item at a time and may die alone.

The results come in the order of the items, so a search has the same pool with any number of workers, and with workers
that die. What differs between one machine and a cluster is how a worker starts, how it is sent work and how one waits
for it: `Processes`, `Ray` and `Slurm` say that.
"""

from __future__ import annotations

import abc
import collections
import contextlib
import dataclasses
import hashlib
import math
import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from nao_tf.errors import InputError
from nao_tf.search.executors.executor import Item, LostError, Result, Work

ATTEMPTS, MOST_ATTEMPTS = 3, 100  # at an item, before it is given up
STARTS = 10  # of workers that died before they had begun with an item
REMEMBERED = 40  # attempts at other items, by which the deaths of an item's workers are judged
BY_CHANCE = 0.001  # that all workers of an item died though it has no part in it
CHECK_SECONDS = 1.0  # between two looks at times and memory


@dataclasses.dataclass(frozen=True)
class Event:
    """Progress of an item: a method of an observer and what it is called with."""

    name: str
    arguments: tuple
    named: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Begun:
    """A worker has loaded what its function needs, and begins with its item."""


@dataclasses.dataclass(frozen=True)
class Finished:
    """The result of an item, or with `raised` the exception in its place.

    Attributes:
        value: result or exception.
        raised: which of them.
        held: bytes that the worker held afterwards.
    """

    value: Any
    raised: bool = False
    held: int = 0


@dataclasses.dataclass(frozen=True)
class Died:
    """A worker ended without a result.

    Attributes:
        reason: how, for people.
    """

    reason: str


Message = Event | Begun | Finished | Died


class Worker(abc.ABC):
    """Works on one item at a time, elsewhere."""

    lasts = True  # whether it can be given another item afterwards
    tells_begin = False  # whether it says when it begins with an item; else that is when it is given it

    @property
    def alive(self) -> bool:
        """Whether it can be given an item."""
        return True

    @property
    @abc.abstractmethod
    def seconds(self) -> float:
        """How long it has worked on its item; 0 while it waits for its place."""

    @property
    def memory(self) -> int:
        """Bytes that it holds; 0 where that is not known."""
        return 0

    @abc.abstractmethod
    def work(self, function: SentFunction, item: Any) -> Died | None:
        """Sends it an item and returns; what became of the worker, where it was gone."""

    @abc.abstractmethod
    def kill(self) -> None:
        """Ends it at once."""


class Workers(abc.ABC):
    """The executor.

    Args:
        workers: at a time.
        minutes: an item that takes longer is given up at once; None: no limit.
        memory: bytes that a worker may hold. A larger one is replaced between two items, and at one and a half times
            as much ended within an item. None: no limit.

    Raises:
        InputError: a number of workers below 1.
    """

    def __init__(self, workers: int, *, minutes: float | None = None, memory: int | None = None):
        if workers < 1:
            raise InputError(f"{workers} workers; at least one")
        self.workers, self.minutes, self.memory = workers, minutes, memory
        self._idle: list[Worker] = []
        # the item of each of the last attempts, an object of its own, and whether the worker died
        self._attempted: collections.deque[tuple[object, bool]] = collections.deque(maxlen=REMEMBERED)

    def sent(self, function: Callable) -> SentFunction:
        """A function as it is sent to the workers. Raises InputError where it cannot be."""
        return SentFunction.of(function)

    @abc.abstractmethod
    def _new_worker(self) -> Worker:
        """Starts a worker."""

    @abc.abstractmethod
    def _wait(self, busy: Sequence[Worker], seconds: float) -> Iterable[tuple[Any, Message]]:
        """What workers have to say, as soon as one has something; after some seconds nothing."""

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the workers."""
        for worker in self._idle:
            worker.kill()
        self._idle.clear()

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """See `Executor`. An exception of the function is raised in the place of its result."""
        items = list(items)
        if items:
            yield from _Map(self, function, items).results()

    def _attempts_at(self, item: object) -> int:
        """How many workers an item may cost: more than `ATTEMPTS` where those of other items die as well.

        Then the machine is to blame, or somebody who ends processes, and an item that needs long would be given up
        because it is often hit.
        """
        others = [died for other, died in self._attempted if other is not item]
        share = sum(others) / (len(others) + 1)
        if not share:
            return ATTEMPTS
        return min(max(ATTEMPTS, math.ceil(math.log(BY_CHANCE) / math.log(share))), MOST_ATTEMPTS)

    def _take(self) -> Worker:
        """A worker that lives."""
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            self._bury(worker)
        return self._new_worker()

    def _bury(self, worker: Worker) -> None:
        """Notes that a worker has died while it had nothing to do: no item has a part in that."""
        worker.kill()
        self._attempted.append((worker, True))

    def _replace_idle(self) -> int:
        """Starts a worker for each that has died while it had nothing to do; how many.

        So that the next item does not wait for its start.
        """
        dead = [place for place, worker in enumerate(self._idle) if not worker.alive]
        for place in dead:
            self._bury(self._idle[place])
            self._idle[place] = self._new_worker()
        return len(dead)


def thread_variables(threads: int) -> dict[str, str]:
    """Environment variables for a process that computes with some threads.

    Sums of floats depend on how many threads share them, so a worker has one thread, also when it is the only one.
    """
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = {name: str(threads) for name in names}
    for name, default in (("TF_CPP_MIN_LOG_LEVEL", "3"), ("TF_FORCE_GPU_ALLOW_GROWTH", "true")):
        environment[name] = os.environ.get(name, default)  # one that grows leaves others their part of a GPU
    return environment


@contextlib.contextmanager
def variables_set(variables: Mapping[str, str]) -> Iterator[None]:
    """Sets environment variables for a block of code: processes that it starts have them."""
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


@dataclasses.dataclass(frozen=True)
class SentFunction:
    """A function as it is sent. It may hold whole data sets, so it is pickled and digested once for all items."""

    pickled: bytes
    digest: bytes

    @classmethod
    def of(cls, function: Callable) -> SentFunction:
        """Pickles a function. Raises InputError where it cannot be sent."""
        try:
            pickled = pickle.dumps(function)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise InputError(
                f"{function!r} cannot be sent to another process ({error}); make it a function or an object of a module"
            ) from error
        return cls(pickled, hashlib.blake2b(pickled).digest())


class _Plain(Work):
    """A function that is no `Work`."""

    def __init__(self, function: Callable):
        super().__init__()
        self._function = function

    def __call__(self, item: Any) -> Any:
        return self._function(item)


@dataclasses.dataclass
class _Failed:
    """An exception in the place of a result."""

    error: BaseException


class _Map:
    """One call of `Workers.map`.

    Args:
        executor: whose workers work.
        function: to apply.
        items: at least one.
    """

    def __init__(self, executor: Workers, function: Callable, items: Sequence[Any]):
        self._executor, self._items = executor, items
        self._work = function if isinstance(function, Work) else _Plain(function)
        self._message = executor.sent(function)
        self._waiting = collections.deque(range(len(items)))
        self._attempts: collections.Counter[int] = collections.Counter()  # at each item that were begun
        self._starts: collections.Counter[int] = collections.Counter()  # of workers that died before
        self._begun: set[Worker] = set()
        self._spares = MOST_ATTEMPTS  # workers that may yet be started in the place of idle ones
        self._marks = [object() for _ in items]  # tell items of several calls apart
        self._busy: dict[Worker, int] = {}  # which item each works on
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
        while self._waiting and len(self._busy) < self._executor.workers:
            index = self._waiting.popleft()
            worker = self._executor._take()
            if not worker.tells_begin:
                self._begun.add(worker)
            died = worker.work(self._message, self._items[index])
            if died is None:
                self._busy[worker] = index
            else:
                self._lose(worker, index, died.reason, for_good=False)

    def _wait(self, next_index):
        """Until a worker says something or ends, at most `CHECK_SECONDS`."""
        for worker, message in self._executor._wait(list(self._busy), CHECK_SECONDS):
            index = self._busy[worker]
            if isinstance(message, Event):
                if index == next_index or message.name == "epoch":  # one line of progress: of what is waited for
                    getattr(self._work.observer, message.name)(*message.arguments, **message.named)
                continue
            if isinstance(message, Begun):
                self._begun.add(worker)
                continue
            del self._busy[worker]
            if isinstance(message, Died):
                self._lose(worker, index, message.reason, for_good=False)
            else:
                self._finished(worker, index, message)
        self._check()

    def _finished(self, worker, index, message):
        self._begun.discard(worker)
        limit = self._executor.memory
        if not worker.lasts or (limit is not None and message.held > limit):
            worker.kill()
        else:
            self._executor._idle.append(worker)
        self._executor._attempted.append((self._marks[index], False))
        self._put(index, _Failed(message.value) if message.raised else message.value)

    def _put(self, index, result):
        self._results[index] = result
        if not isinstance(result, _Failed):
            self._work.arrived(self._items[index], result)

    def _check(self):
        """Ends workers that take too long or hold too much."""
        minutes, limit = self._executor.minutes, self._executor.memory
        for worker, index in list(self._busy.items()):
            if minutes is not None and worker.seconds > 60 * minutes:
                self._end(worker, index, f"took longer than {minutes:g} minutes")
            elif limit is not None and (held := worker.memory) > 1.5 * limit:
                self._end(worker, index, f"out of memory: its process held {held / 2**30:.1f} GiB")
        if self._spares > 0:
            self._spares -= self._executor._replace_idle()

    def _end(self, worker, index, reason):
        del self._busy[worker]
        self._lose(worker, index, reason, for_good=True)

    def _lose(self, worker, index, reason, *, for_good):
        worker.kill()
        begun = worker in self._begun
        self._begun.discard(worker)
        if not for_good:
            if begun:
                self._attempts[index] += 1
                self._executor._attempted.append((self._marks[index], True))
            else:  # the item has no part in it
                self._starts[index] += 1
            attempts, starts = self._attempts[index], self._starts[index]
            if attempts < self._executor._attempts_at(self._marks[index]) and starts < STARTS:
                self._waiting.appendleft(index)
                return
            reason = f"{reason}, {attempts + starts} times"
        try:
            result = self._work.lost(self._items[index], reason)
        except LostError as error:
            result = _Failed(error)
        self._put(index, result)
