"""The rungs of a ladder: evaluations of different cost, from cheap and rough to dear and exact."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from nao_tf.errors import InputError


@dataclasses.dataclass(frozen=True)
class Rung:
    """One kind of evaluation.

    Attributes:
        name: a column of a table, or a number of training steps.
        cost: of one evaluation, in evaluations on the last rung.
    """

    name: str
    cost: float


def rungs_of(texts: Sequence[str], *, flag: str = "--rungs") -> tuple[Rung, ...]:
    """The rungs that a user wrote as "name:cost", the cheapest first; their costs are divided by that of the last.

    Args:
        texts: one a rung.
        flag: what the user wrote, for errors.

    Raises:
        InputError: fewer than two rungs, a cost that is no number above 0 or not above that of the rung before, or a
            name twice.
    """
    rungs: list[Rung] = []
    for text in texts:
        name, _, written = text.strip().rpartition(":")
        try:
            cost = float(written)
        except ValueError:
            cost = math.nan
        if not name or not 0 < cost < math.inf:
            raise InputError(f"{flag}: {text!r} is no rung; write NAME:COST, such as c10_val_12ep:0.06")
        if rungs and cost <= rungs[-1].cost:
            raise InputError(f"{flag}: {text!r} costs no more than the rung before it; the cheapest comes first")
        if any(rung.name == name for rung in rungs):
            raise InputError(f"{flag}: {name!r} is there twice")
        rungs.append(Rung(name, cost))
    if len(rungs) < 2:
        raise InputError(f"{flag}={','.join(texts)}: a ladder takes at least two rungs, NAME:COST,NAME:COST")
    return tuple(Rung(rung.name, rung.cost / rungs[-1].cost) for rung in rungs)
