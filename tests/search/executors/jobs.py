"""Functions that tests send to worker processes."""

import os
import pathlib
import signal
import time

from nao_tf.errors import DivergedError
from nao_tf.search.executors.executor import Work


def double(number):
    return 2 * number


def process_of(number):
    return os.getpid()


def slow_first(number):
    time.sleep(0.5 if number == 0 else 0.0)
    return number


def fail(number):
    if number == 1:
        raise ValueError("one is wrong")
    return number


def threads(name):
    return os.environ.get(name)


def grow(megabytes):
    kept.append(bytearray(os.urandom(1024)) * 1024 * megabytes)
    return os.getpid()


kept: list[bytearray] = []


class Dying(Work):
    """Ends its process by a signal at an item, as often as a folder has no file for it."""

    def __init__(self, folder, *, item, times, how=signal.SIGKILL):
        super().__init__()
        self.folder, self.item, self.times, self.how = pathlib.Path(folder), item, times, how
        self.arrivals = []

    def __call__(self, item):
        self.observer.training("child", item, loss=0.5)
        if item == self.item and len(list(self.folder.iterdir())) < self.times:
            (self.folder / str(time.monotonic_ns())).touch()
            os.kill(os.getpid(), self.how)
        return 10 * item

    def arrived(self, item, result):
        self.arrivals.append(item)

    def lost(self, item, reason):
        return reason


class Hanging(Dying):
    def __call__(self, item):
        if item == self.item:
            time.sleep(60)
        return item


def diverge(number):
    raise DivergedError("the loss is not a number")


def abort(number):
    os.abort()


class Counting(Work):
    """Counts its calls in each process."""

    calls = 0

    def __call__(self, item):
        self.calls += 1
        return self.calls
