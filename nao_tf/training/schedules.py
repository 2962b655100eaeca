"""Learning-rate schedules, as factors of the highest rate. No TensorFlow here: settings are read before it loads."""

import math


def warm_up(step: int, *, steps: int) -> float:
    """Rises linearly from 1 / steps at step 0 to 1 at step `steps` - 1; always 1 if `steps` is 0."""
    return min(1.0, (step + 1) / steps) if steps else 1.0


def linear(step: int, *, steps: int, lowest: float = 0.01) -> float:
    """Falls linearly from 1 at step 0 towards 0 at step `steps`, but not below `lowest`."""
    return max(lowest, 1 - step / steps)


def cosine(step: int, *, length: int, restarts: bool = False) -> float:
    """Falls from 1 to 0 along half a period of the cosine (Loshchilov and Hutter, 2017).

    Args:
        step: from 0.
        length: steps of the first cycle.
        restarts: whether a cycle of twice the length follows each cycle; else the factor stays 0.
    """
    start = 0
    while restarts and step >= start + length:
        start, length = start + length, 2 * length
    done = min(1.0, (step - start) / length)
    return 0.5 * (1 + math.cos(math.pi * done))
