"""What one evaluation of an architecture tells."""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from collections.abc import Callable

MOST_LOSSES = 100  # that are kept of one training


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The result of one evaluation.

    Attributes:
        score: in the metric's own direction; None when the evaluation failed.
        parameters: trainable parameters of the child; None where they are not known.
        reason: why the evaluation failed.
        seconds: that it took; None where they are not known.
        losses: steps of the child's training and its losses there, a few of them; none where they are not known.

    Seconds and losses make no difference between two outcomes.
    """

    score: float | None
    parameters: int | None = None
    reason: str | None = None
    seconds: float | None = dataclasses.field(default=None, compare=False)
    losses: tuple[tuple[int, float], ...] = dataclasses.field(default=(), compare=False)


class Losses:
    """The losses of a training, kept evenly over its steps however many are reported."""

    def __init__(self):
        self._kept: list[tuple[int, float]] = []
        self._every, self._reports = 1, 0

    def add(self, step: int, loss: float) -> None:
        """A report of a training; a loss that is no finite number is left out."""
        if not math.isfinite(loss):
            return
        if self._reports % self._every == 0:
            self._kept.append((step, float(loss)))
        self._reports += 1
        if len(self._kept) > MOST_LOSSES:
            self._kept, self._every = self._kept[::2], 2 * self._every

    @property
    def kept(self) -> tuple[tuple[int, float], ...]:
        """Steps and losses, at most `MOST_LOSSES`."""
        return tuple(self._kept)


def timed(evaluate: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """An evaluation whose outcome tells the seconds that it took, unless it tells them already.

    They are whole milliseconds; a shorter evaluation, such as a look-up, tells none.
    """

    @functools.wraps(evaluate)
    def with_seconds(*arguments: object) -> Outcome:
        start = time.perf_counter()
        outcome = evaluate(*arguments)
        seconds = round(time.perf_counter() - start, 3) or None
        return outcome if outcome.seconds is not None else dataclasses.replace(outcome, seconds=seconds)

    return with_seconds
