"""What one evaluation of an architecture tells."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The result of one evaluation.

    Attributes:
        score: in the metric's own direction; None when the evaluation failed.
        parameters: trainable parameters of the child; None where they are not known.
        reason: why the evaluation failed.
    """

    score: float | None
    parameters: int | None = None
    reason: str | None = None
