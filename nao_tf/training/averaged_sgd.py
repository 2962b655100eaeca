"""Averaged SGD with a non-monotone trigger (NT-ASGD; Merity et al., 2018, algorithm 1), as a mean beside any optimizer.

Averaged SGD is SGD whose iterates are averaged (Polyak and Juditsky, 1992): training goes on from the last iterate,
evaluation uses the mean of all iterates since the trigger. The mean is exact from the first iterate on. (The optimizer
of the authors' code leaves the first iterate out, and with windows of different lengths it steps with the rate of the
previous window: both are accidents of its bookkeeping.)
"""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from nao_tf.training import checkpoint


def stopped_falling(history: Sequence[float], latest: float, *, patience: int) -> bool:
    """The non-monotone trigger: is the latest loss higher than the best of those more than `patience` epochs old?

    Args:
        history: validation losses of the epochs before the latest, oldest first.
        latest: validation loss of the latest epoch.
        patience: epochs without improvement that are tolerated; n of the paper, 5 in the authors' scripts.
    """
    return len(history) > patience and latest > min(history[: len(history) - patience])


class WeightAverage:
    """The mean of the values that variables had since averaging began.

    Args:
        variables: to average.
        compiled: whether the update is compiled; must be False if the variables live on several devices.

    Attributes:
        count: iterates in the mean; None before averaging began.
    """

    def __init__(self, variables: Sequence[keras.Variable], compiled: bool = True):
        self._variables = list(variables)
        self._means = [tf.Variable(tf.zeros_like(variable.value), trainable=False) for variable in self._variables]
        self._add = tf.function(self._add_iterate, jit_compile=compiled, autograph=False)
        self.count: int | None = None

    def start(self) -> None:
        """Begins to average: the next iterate is the first of the mean."""
        self.count = 0
        for mean in self._means:
            mean.assign(tf.zeros_like(mean))  # infinities of an older mean would survive a factor of 0

    def stop(self) -> None:
        """Stops averaging and forgets the mean."""
        self.count = None

    def add(self) -> None:
        """Adds one iterate; does nothing before `start`."""
        if self.count is None:
            return
        self.count += 1
        self._add(tf.constant(1 / self.count, tf.float32))

    def _add_iterate(self, share):
        for mean, variable in zip(self._means, self._variables, strict=True):
            # at the first iterate share is 1, and the old mean has no weight
            mean.assign(mean * (1 - share) + variable.value * share)

    def values(self) -> list[np.ndarray]:
        """The values to evaluate with: the mean, or the variables as they are if nothing is averaged."""
        return [np.asarray(item) for item in (self._means if self.count else self._variables)]

    def arrays(self) -> dict[str, np.ndarray]:
        """State for a checkpoint."""
        if self.count is None:
            return {"averaged": np.asarray(-1)}
        return {"averaged": np.asarray(self.count)} | checkpoint.variables("mean", self._means)

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Goes back to a state that `arrays` returned."""
        count = int(arrays["averaged"])
        self.count = None if count < 0 else count
        if self.count is not None:
            checkpoint.assign("mean", self._means, arrays=arrays)
