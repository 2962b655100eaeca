"""Windows of a text: of equal length, or of random length (Merity et al., 2018, section 5).

With windows of one length the same words always stand at their ends, where no gradient reaches back.

Letters: B sequences.
"""

from typing import NamedTuple

import numpy as np

SHORTEST = 5  # time steps; this and the next two are those of the authors' code
BEYOND = 20  # time steps by which the longest window exceeds the usual one
HALF = 0.05  # share of windows whose length is drawn around half the usual one

GRID = 5  # windows are padded to a multiple, so that few programs serve all lengths
LEAST = 20  # time steps that windows are padded to at least: shorter ones are rare


class Windows(NamedTuple):
    """The windows of one pass over a text, in its order.

    Attributes:
        starts: the row of the text at which each begins, `[windows]` int32.
        lengths: time steps of each, `[windows]` int32.
        rates: factor of each window's learning rate: its length as drawn over the usual one, `[windows]` float32. The
            end of the text may cut the last window short; its factor stays that of the drawn length.
    """

    starts: np.ndarray
    lengths: np.ndarray
    rates: np.ndarray


def equal_windows(rows: int, window: int) -> Windows:
    """Whole windows of one length; a shorter one at the end of the text is left out.

    Args:
        rows: of the text, `[rows, B]`; the last one is only predicted.
        window: time steps of each.
    """
    count = (rows - 1) // window
    lengths = np.full(count, window, np.int32)
    return Windows(starts=window * np.arange(count, dtype=np.int32), lengths=lengths, rates=np.ones(count, np.float32))


def random_windows(rows: int, window: int, *, deviation: float, generator: np.random.Generator) -> Windows:
    """Cuts one pass over a text into windows of random length.

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
    return Windows(
        starts=(ends - lengths).astype(np.int32),
        lengths=np.asarray(lengths, np.int32),
        rates=np.asarray(rates, np.float32),
    )


def padded(length: int, window: int, *, deviation: float) -> int:
    """Time steps of the program that runs a window of `length`; see `random_windows` for the other arguments."""
    if not deviation:
        return window
    return min(max(LEAST, -(-length // GRID) * GRID), window + BEYOND)
