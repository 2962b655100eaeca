"""Outcomes that are there before their turn, in a file: a kill of the process that waits for others loses none."""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
from typing import Any

from nao_tf import files
from nao_tf.architecture import Architecture
from nao_tf.search.checked_lines import is_intact, with_check
from nao_tf.search.outcome import Outcome


class Finished:
    """The outcomes of a round, in the order in which they finished.

    A pool takes outcomes in the order in which they were asked for. Until a slow child is done, those of quicker ones
    after it stand here.

    Args:
        path: of the file, one outcome a line; it is there only while a round is under way.
    """

    def __init__(self, path: pathlib.Path):
        self._path = path

    def read(self) -> dict[tuple[tuple[int, ...], int], Outcome]:
        """What a run that was stopped has left, by the architectures' integers and the number of the rung.

        Lines that a kill cut short, or that were changed, are left out: those children are trained again.
        """
        content = self._path.read_bytes() if self._path.exists() else b""
        outcomes: dict[tuple[tuple[int, ...], int], Outcome] = {}
        for line in filter(is_intact, content.splitlines()):
            fields = files.json_values(line)
            outcome = Outcome(**fields["outcome"])
            outcome = dataclasses.replace(outcome, losses=tuple((step, loss) for step, loss in outcome.losses))
            outcomes[tuple(fields["architecture"]), fields.get("rung", 0)] = outcome
        return outcomes

    def add(self, architecture: Architecture, outcome: Outcome, *, rung: int = 0) -> None:
        """Writes an outcome, forced to the disk."""
        if outcome.score is not None and not math.isfinite(outcome.score):  # as the pool tells it
            outcome = dataclasses.replace(outcome, score=None, reason=outcome.reason or "score is not finite")
        fields: dict[str, Any] = {"architecture": list(architecture.values), "outcome": dataclasses.asdict(outcome)}
        if rung:
            fields["rung"] = rung
        files.append_line(self._path, with_check(json.dumps(fields, allow_nan=False).encode()))

    def clear(self) -> None:
        """Removes the file."""
        self._path.unlink(missing_ok=True)
