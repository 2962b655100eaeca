"""How a training goes: the losses of its steps, told now and then."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from nao_tf.errors import DivergedError

REPORT_EVERY = 50  # steps; reading a loss waits for the step


class Losses:
    """Gathers the losses of steps and tells their mean now and then; a loss that is no number is an error.

    Args:
        report: called with step and mean loss since the last call; None: nobody is told.
        total: training steps in all.
    """

    def __init__(self, report: Callable[[int, float], None] | None, total: int):
        self._report, self._total, self._since, self._last = report, total, [], []

    def add(self, done: int, loss) -> None:
        """The loss, a scalar tensor, of the step that makes `done` of them. Raises DivergedError."""
        self._since.append(loss)
        if done > self._total - max(1, self._total // 10):
            self._last.append(loss)
        if len(self._since) == REPORT_EVERY or done == self._total:
            mean = _mean(self._since)
            self._since = []
            if not math.isfinite(mean):
                raise DivergedError(f"training loss is {mean} at step {done}")
            if self._report:
                self._report(done, mean)

    @property
    def mean(self) -> float:
        """Mean loss over the last tenth of the steps; no number where none of them was done here."""
        return _mean(self._last) if self._last else math.nan


def _mean(losses):
    return float(np.mean([float(loss) for loss in losses]))
