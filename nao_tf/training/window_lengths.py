"""Windows of random length (variable-length back-propagation through time; Merity et al., 2018, section 5).

With windows of one length the same words would always stand at their ends, where no gradient reaches back.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

SHORTEST = 5  # authors' code, and the next three
BEYOND = 20  # the longest window is so much longer than the usual one
HALF = 0.05  # share of windows that are drawn around half the usual length
DEVIATION = 5.0  # of a length, in time steps

GRID = 5  # windows are padded to a multiple, so that few programs serve all lengths
LEAST = 20  # and at least to this: shorter ones are rare


class Windows(NamedTuple):
    """The windows of one epoch, in the order of the text.

    Attributes:
        starts: the row of the text at which each begins, `[windows]` int32.
        lengths: time steps of each, `[windows]` int32.
        rates: factor of each window's learning rate: its length as drawn over the usual one, `[windows]` float32. The
            last window may be cut short by the end of the text; its factor is not.
    """

    starts: np.ndarray
    lengths: np.ndarray
    rates: np.ndarray


def windows_of_epoch(rows: int, window: int, deviation: float, generator: np.random.Generator) -> Windows:
    """Cuts one pass over a text into windows.

    A length is normal around `window`, or around half of it in one of twenty, at least `SHORTEST` and at most `window`
    + `BEYOND` (authors' code).

    Args:
        rows: of the text, `[rows, B]`; the last one is only predicted.
        window: the usual length.
        deviation: standard deviation of a length; 0: all have the usual one, and the last may be shorter.
        generator: draws the lengths.
    """
    lengths, rates, left = [], [], rows - 1
    while left:
        drawn = window
        if deviation:
            middle = window / 2 if generator.random() < HALF else window
            drawn = min(max(SHORTEST, int(generator.normal(middle, deviation))), window + BEYOND)
        lengths.append(min(drawn, left))
        rates.append(drawn / window)
        left -= lengths[-1]
    ends = np.cumsum(lengths)
    return Windows((ends - lengths).astype(np.int32), np.asarray(lengths, np.int32), np.asarray(rates, np.float32))


def padded(length: int, window: int, deviation: float) -> int:
    """Time steps of the program that runs a window of `length`."""
    if not deviation:
        return window
    return min(max(LEAST, -(-length // GRID) * GRID), window + BEYOND)
