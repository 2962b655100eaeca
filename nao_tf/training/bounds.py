"""What the values of training settings may be. No TensorFlow here: settings are read before it loads."""

import dataclasses
import math
import numbers
from collections.abc import Callable, Iterable, Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Bound:
    """The values that a setting may have.

    Attributes:
        text: the values, for people.
        holds: whether a value is one of them.
    """

    text: str
    holds: Callable[[Any], bool]


def whole(least: int) -> Bound:
    """A whole number of at least `least`."""
    return Bound(
        f"a whole number of at least {least}",
        lambda value: isinstance(value, numbers.Integral) and int(value) >= least,
    )


def one_of(names: Iterable[str]) -> Bound:
    """One of some names."""
    names = tuple(names)
    return Bound(f"one of {', '.join(names)}", lambda value: value in names)


def optional(bound: Bound) -> Bound:
    """None, or what another bound allows."""
    return Bound(f"None or {bound.text}", lambda value: value is None or bound.holds(value))


def _number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and math.isfinite(value)


POSITIVE = Bound("a number above 0", lambda value: _number(value) and value > 0)
NOT_NEGATIVE = Bound("a number of at least 0", lambda value: _number(value) and value >= 0)
RATE = Bound("a number of at least 0 and below 1", lambda value: _number(value) and 0 <= value < 1)


def check(settings: object, bounds: Mapping[str, Bound]) -> None:
    """Compares fields with their bounds.

    Args:
        settings: has the fields as attributes.
        bounds: by field.

    Raises:
        ValueError: a field, its value and what it may be.
    """
    for name, bound in bounds.items():
        value = getattr(settings, name)
        if not bound.holds(value):
            raise ValueError(f"{name} is {value!r}; it must be {bound.text}")
