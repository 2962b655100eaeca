"""What one evaluation of an architecture tells."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The result of one evaluation.

    Attributes:
        score: in the metric's own direction; None when the evaluation failed.
        parameters: trainable parameters of the child; None where they are not known.
        reason: why the evaluation failed.
        seconds: that it took; None where they are not known. They make no difference between two outcomes.
    """

    score: float | None
    parameters: int | None = None
    reason: str | None = None
    seconds: float | None = dataclasses.field(default=None, compare=False)


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
