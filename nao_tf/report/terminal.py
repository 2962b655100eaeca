"""What a program says while it works: lasting lines, and on a terminal one line of progress that is written over."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TextIO


class Terminal:
    """Lines for people, on standard error.

    Args:
        stream: where they go.
    """

    def __init__(self, stream: TextIO | None = None):
        self._stream = stream or sys.stderr
        self._start = time.monotonic()
        self._status = ""

    def say(self, text: str) -> None:
        """A lasting line, with the seconds since the program began."""
        self._clear()
        print(f"[{time.monotonic() - self._start:7.1f} s] {text}", file=self._stream, flush=True)

    def status(self, text: str) -> None:
        """The line of progress; shown on a terminal only."""
        if self._stream.isatty():
            self._clear()
            self._status = text
            print(text, end="\r", file=self._stream, flush=True)

    def compare(self, figures: Mapping[str, dict], form: str) -> None:
        """A lasting line of each model.

        Args:
            figures: of each by its name; of one that failed `failed`, the reason.
            form: a format string of the figures of the others.
        """
        for name, row in figures.items():
            self.say(f"{name:10s}  " + (f"failed: {row['failed']}" if "failed" in row else form.format(**row)))

    def curves(self, curves: Mapping[str, Sequence[float]], unit: str) -> None:
        """A table with a column for each curve, which may be of different lengths, and a row for each point.

        Args:
            curves: each by its name.
            unit: what the points are counted in, from 1.
        """
        if curves:
            self.say(f"{unit:>5s}" + "".join(f"  {name:>10s}" for name in curves))
        for point, values in enumerate(itertools.zip_longest(*curves.values()), 1):
            cells = ("" if value is None else f"{value:.2f}" for value in values)
            self.say(f"{point:5d}" + "".join(f"  {cell:>10s}" for cell in cells))

    def _clear(self):
        if self._status:
            print(" " * len(self._status), end="\r", file=self._stream)
            self._status = ""


class Rate:
    """How fast work goes and how long the rest will take.

    Args:
        total: pieces of work in all.
        done: pieces that were done before this process began.
    """

    def __init__(self, total: int, done: int = 0):
        self.total, self.done, self._before, self._start = total, done, done, time.monotonic()

    def step(self, done: int | None = None) -> None:
        """One more piece is done, or `done` in all."""
        self.done = self.done + 1 if done is None else done

    @property
    def seconds_each(self) -> float:
        """Mean seconds of a piece, of those that this process did."""
        return (time.monotonic() - self._start) / max(1, self.done - self._before)

    def __str__(self) -> str:
        left = self.seconds_each * (self.total - self.done)
        remaining = f"{left / 60:.1f} min" if left >= 90 else f"{left:.0f} s"
        each = self.seconds_each
        pace = f"{each:.1f} s each" if each >= 0.5 else f"{1 / max(each, 1e-9):.1f} a second"
        return f"{self.done}/{self.total}, {pace}, {remaining} left"
