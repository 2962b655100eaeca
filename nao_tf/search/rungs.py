"""The rungs of a ladder: evaluations of different cost, from cheap and rough to dear and exact."""

from __future__ import annotations

import dataclasses
import itertools
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


def rungs_of_steps(steps: Sequence[int]) -> tuple[Rung, ...]:
    """The rungs of trainings of different lengths; a training costs in proportion to its steps.

    Args:
        steps: of each rung, the fewest first; none: no ladder.

    Raises:
        ValueError: one rung alone, or lengths that do not rise.
    """
    lengths = list(steps)
    if not lengths:
        return ()
    if len(lengths) < 2 or lengths[0] < 1 or any(one >= other for one, other in itertools.pairwise(lengths)):
        raise ValueError(f"{','.join(map(str, lengths))}: a ladder takes at least two numbers of steps that rise")
    return tuple(Rung(str(length), length / lengths[-1]) for length in lengths)


def check_ladder(steps: Sequence[int], *, shared: bool) -> None:
    """Raises ValueError where the numbers of steps are no ladder, or a shared child would have to climb it.

    Args:
        steps: see `rungs_of_steps`.
        shared: whether one child scores all architectures.
    """
    rungs_of_steps(steps)
    if steps and shared:
        raise ValueError("rungs are of no use with weight_sharing, where no architecture has a training of its own")


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
