"""A budget in minutes: a search ends so that what comes after it still fits.

What it comes to is a number of evaluations, which is kept: the same run with `--budget` of that number has the same
pool, without a clock.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
import time
from typing import Any

from nao_tf import files
from nao_tf.architecture import Architecture
from nao_tf.errors import InputError, RunError
from nao_tf.search.executors import LostError, Work
from nao_tf.search.pool import Pool
from nao_tf.tasks.task import Task

FILE = "minutes.json"
MARGIN = 1.1  # for what is not estimated: validations, tests, exports
SAVE_SECONDS = 5.0  # between two writes of the time that has passed


@dataclasses.dataclass(frozen=True)
class Pace:
    """How long a final training takes.

    Attributes:
        preparation: seconds until its program is compiled.
        steps: of the training.
        seconds_per_step: of a step.
    """

    preparation: float
    steps: int
    seconds_per_step: float

    @property
    def seconds(self) -> float:
        """Of the whole training."""
        return self.preparation + self.steps * self.seconds_per_step


class TimeFinal(Work):
    """Times a few steps of the final training of an architecture.

    Args:
        task: makes the models.
        seed: of the weights.
        devices: see `Task.final`.
    """

    def __init__(self, task: Task, *, seed: int, devices: Any = None):
        super().__init__()
        self._task, self._seed, self._devices = task, seed, devices

    def __call__(self, item: Architecture) -> Pace:
        """The pace of one; of a model that is not trained in steps, nothing takes time."""
        start = time.monotonic()
        model = self._task.final(item, seed=self._seed, devices=self._devices)
        try:
            each = model.seconds_per_step()
        except NotImplementedError:
            return Pace(0.0, model.steps, 0.0)
        return Pace(time.monotonic() - start, model.steps, each)

    def lost(self, item: Architecture, reason: str) -> Any:
        """See `Work`."""
        raise LostError(f"the final training cannot be timed: {reason}")


class TimeBudget:
    """The minutes of a whole run, over all processes that work on it.

    Args:
        directory: the work directory.
        minutes: from the first start to the end of everything.

    Attributes:
        evaluations: what the minutes came to; None while the search goes on.
        final_seconds: estimated for everything after the searches; None before it was measured.

    Raises:
        InputError: minutes that are none, or a damaged file.
    """

    def __init__(self, directory: pathlib.Path, minutes: float):
        if not 0 < minutes < math.inf:
            raise InputError(f"--minutes={minutes:g}: a number above 0")
        self.minutes, self._file = minutes, directory / FILE
        self.evaluations: int | None = None
        self.final_seconds: float | None = None
        self._searches, self._repeated = 1.0, 0
        self._before = self._search_before = 0.0  # seconds of earlier processes
        self._start = self._saved = time.monotonic()
        self._search_start: float | None = None
        self._read()

    def _read(self):
        remedy = "delete it, and the time is measured again"
        try:
            content = files.read_json(self._file, remedy=remedy)
        except FileNotFoundError:
            return
        values = [content.get(name) if isinstance(content, dict) else None for name in ("minutes", "seconds", "search")]
        if not all(type(value) in (int, float) and 0 <= value < math.inf for value in values):
            raise files.damaged(self._file, "it takes minutes, seconds and search, numbers from 0 on", remedy=remedy)
        minutes, self._before, self._search_before = values
        estimate, evaluations = content.get("final_seconds"), content.get("evaluations")
        if type(estimate) is float and 0 <= estimate < math.inf:
            self.final_seconds = estimate
        if minutes == self.minutes and type(evaluations) is int and evaluations > 0:
            self.evaluations = evaluations

    @property
    def seconds(self) -> float:
        """That have passed."""
        return self._before + time.monotonic() - self._start

    @property
    def _search_seconds(self) -> float:
        now = 0.0 if self._search_start is None else time.monotonic() - self._search_start
        return self._search_before + now

    def begin_search(self, *, searches: float, repeated: int = 0) -> None:
        """The search begins, or goes on.

        Args:
            searches: that have the budget of this one, itself among them; each of the others takes as long, and a
                fraction of one a fraction.
            repeated: evaluations that are made again afterwards.

        Raises:
            RunError: what comes after the search takes longer than the minutes.
        """
        assert self.final_seconds is not None
        self._searches, self._repeated, self._search_start = searches, repeated, time.monotonic()
        if self.final_seconds > 60 * self.minutes:
            raise RunError(
                f"--minutes={self.minutes:g} is too short: the final trainings alone take about "
                f"{self.final_seconds / 60:.1f} minutes; give more, or fewer --finalists or --steps"
            )

    def left(self, pool: Pool) -> int:
        """How many more evaluations fit, as fast as those so far; none were made: one."""
        assert self.final_seconds is not None
        if not len(pool):
            return 1
        each = self._searches * self._search_seconds / len(pool)
        others = (self._searches - 1) * self._search_seconds  # that the searches after this one will take so far
        others += self._repeated * self._search_seconds / len(pool)
        left = 60 * self.minutes - self.seconds - others - self.final_seconds
        return max(0, math.floor(left / each)) if each else 1

    def enough(self, pool: Pool) -> bool:
        """Whether the search must end with what the pool holds."""
        if time.monotonic() - self._saved > SAVE_SECONDS:
            self.save()
        return self.left(pool) == 0

    def end_search(self, pool: Pool) -> None:
        """The number of evaluations is fixed."""
        self.evaluations = len(pool)
        self._search_before, self._search_start = self._search_seconds, None
        self.save()

    def save(self) -> None:
        """Keeps what has passed for a later process."""
        self._saved = time.monotonic()
        content = {
            "minutes": self.minutes,
            "seconds": round(self.seconds, 1),
            "search": round(self._search_seconds, 1),
            "final_seconds": self.final_seconds,
            "evaluations": self.evaluations,
        }
        files.write_json(self._file, content)
