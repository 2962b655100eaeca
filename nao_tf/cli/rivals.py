"""What else is measured beside a run: strategies and hand-made networks. One that fails is told and ends nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from nao_tf.errors import RunError


def measured(names: Iterable[str], measure: Callable[[str], dict]) -> dict[str, dict]:
    """The figures of each rival; of one that cannot be trained `failed`, the reason."""
    found = {}
    for name in names:
        try:
            found[name] = measure(name)
        except RunError as error:
            found[name] = {"failed": str(error)}
    return found
