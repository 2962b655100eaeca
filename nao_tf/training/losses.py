"""The losses of a training: their mean is reported at intervals, and a loss that is not a number is an error."""

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from nao_tf.errors import DivergedError

REPORT_EVERY = 50  # steps; reading a loss waits for the step


class Losses:
    """Collects the losses of steps and reports their mean at intervals.

    Args:
        report: called with step and mean loss since the last report; None: nothing is reported.
        steps: training steps in all.
    """

    def __init__(self, report: Callable[[int, float], None] | None, steps: int):
        self._report, self._steps = report, steps
        self._recent: list[tf.Tensor] = []  # since the last report
        self._last: list[tf.Tensor] = []  # of the last tenth of the steps

    def add(self, done: int, loss: tf.Tensor) -> None:
        """Adds the loss of one step.

        Args:
            done: steps that are done, this one included.
            loss: scalar.

        Raises:
            DivergedError: the mean since the last report is not a number. It is looked at every `REPORT_EVERY` steps,
                counted from the start of the training, so that a resumed training looks when an undisturbed one does.
        """
        self._recent.append(loss)
        if done > self._steps - max(1, self._steps // 10):
            self._last.append(loss)
        if done % REPORT_EVERY and done != self._steps:
            return
        mean = _mean(self._recent)
        self._recent = []
        if not math.isfinite(mean):
            raise DivergedError(f"training loss is {mean} at step {done}")
        if self._report:
            self._report(done, mean)

    def forget(self) -> None:
        """Drops the losses since the last report: the training went back to older weights."""
        self._recent = []

    @property
    def mean(self) -> float:
        """Mean loss over the last tenth of the steps; not a number if none of them ran in this process."""
        return _mean(self._last) if self._last else math.nan


def _mean(losses: list[tf.Tensor]) -> float:
    return float(np.mean([float(loss) for loss in losses]))
