"""Epochs around a training: validated after each, the best weights kept.

This is how the authors' scripts train the models that the paper reports: SGD that changes to averaged SGD when
validation no longer falls, the weights that were best on validation in the end, and a return to them when an epoch
diverges. Every part is a setting, so that shorter schedules use the rest.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Protocol, Self

import keras
import numpy as np
import tensorflow as tf

from nao_tf.errors import DivergedError
from nao_tf.training.averaged_sgd import WeightAverage, stopped_falling
from nao_tf.training.training import Epoch, Training

MOST_RETURNS = 3  # diverged epochs in a row before a training is given up


class EpochTraining(Training, Protocol):
    """A training with epochs."""

    @property
    def epoch_done(self) -> bool:
        """Whether the last step completed an epoch."""
        ...

    def begin_epoch(self, epoch: int) -> None:
        """Goes to the beginning of an epoch, counted from 0."""


@dataclasses.dataclass
class Progress:
    """The epochs of a training so far.

    Attributes:
        epochs: how many are done, diverged ones included.
        returns: the latest of them that diverged in a row.
        history: validation losses of all that did not diverge.
    """

    epochs: int = 0
    returns: int = 0
    history: list[float] = dataclasses.field(default_factory=list)

    def arrays(self) -> dict[str, np.ndarray]:
        """State for a checkpoint."""
        return {f"progress/{name}": np.asarray(value, np.float64) for name, value in dataclasses.asdict(self).items()}

    @classmethod
    def restored(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """The progress that `arrays` returned."""
        values = _below("progress", arrays)
        return cls(int(values["epochs"]), int(values["returns"]), history=values["history"].tolist())


class ValidatedEpochs(Training):
    """A training whose epochs are validated; it ends with the weights that were best on validation.

    Args:
        training: what a step is.
        model: of that training.
        validate: the validation loss with the model's weights.
        patience: epochs without improvement before the mean of the iterates takes the place of the last one (NT-ASGD);
            None: never.
        steps: training steps in all; the last epoch ends with them.
        compiled: whether the mean is updated by a compiled program; not on several devices.
    """

    def __init__(
        self,
        training: EpochTraining,
        *,
        model: keras.Model,
        validate: Callable[[], float],
        patience: int | None,
        steps: int,
        compiled: bool = True,
    ):
        self._training, self._validate, self._patience, self.steps = training, validate, patience, steps
        self._variables = model.trainable_variables
        self._average = WeightAverage(self._variables, compiled=compiled)
        self._progress, self._done = Progress(), 0
        self._best: dict[str, np.ndarray] = {}

    @property
    def history(self) -> list[float]:
        """The validation loss after every epoch that did not diverge."""
        return self._progress.history

    def start(self, seed: int) -> None:
        """New weights, nothing averaged, no epoch done."""
        self._training.start(seed)
        self._average.stop()
        self._progress, self._best, self._done = Progress(), {}, 0
        self.completed_epoch = None

    def step(self, number: int) -> tf.Tensor:
        """One step of the training; after the last one of an epoch the weights are validated."""
        self.completed_epoch = None
        self._done = number + 1
        loss = self._training.step(number)
        self._average.add()
        if self._training.epoch_done or self._done == self.steps:
            validation = self._validation_loss()
            if not math.isfinite(validation):
                raise DivergedError(f"validation loss is {validation} at step {self._done}")
            self._remember(validation)
            self._end_epoch(validation)
        return loss

    def recover(self, error: DivergedError) -> None:
        """Ends the epoch and goes back to the best weights.

        Raises:
            DivergedError: there are none yet, or too many epochs in a row diverged from them.
        """
        progress = self._progress
        progress.returns += 1
        if not self._best:
            raise DivergedError(f"{error}, in the first epoch") from error
        if progress.returns > MOST_RETURNS:
            times = f"{progress.returns} epochs in a row diverged from the best weights"
            raise DivergedError(f"{error}; {times}") from error
        self._restore_weights(self._best)
        self._end_epoch(None)

    def _remember(self, validation):
        progress = self._progress
        if validation < min(progress.history, default=math.inf):
            self._best = self._weights()
        patience = self._patience
        if (
            patience is not None
            and self._average.count is None
            and stopped_falling(progress.history, validation, patience=patience)
        ):
            self._average.start()
        progress.history.append(validation)
        progress.returns = 0

    def _end_epoch(self, validation):
        progress = self._progress
        progress.epochs += 1
        self._training.begin_epoch(progress.epochs)
        self.completed_epoch = Epoch(
            epoch=progress.epochs,
            step=self._done,
            validation=validation,
            best=min(progress.history),
            averaging=bool(self._average.count),
        )

    def _validation_loss(self):
        """Of the mean of iterates if there is one, else of the weights as they are."""
        if not self._average.count:
            return self._validate()
        last = [np.asarray(variable) for variable in self._variables]
        self._assign(self._average.values())
        loss = self._validate()
        self._assign(last)
        return loss

    def _assign(self, values):
        for variable, value in zip(self._variables, values, strict=True):
            variable.assign(value)

    def _weights(self):
        return self._training.arrays() | self._average.arrays()

    def _restore_weights(self, arrays):
        self._training.restore(arrays)
        self._average.restore(arrays)

    def arrays(self) -> dict[str, np.ndarray]:
        """State of the training, mean of iterates, best weights (`best/…`) and progress."""
        best = {f"best/{name}": array for name, array in self._best.items()}
        return self._weights() | best | self._progress.arrays()

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Goes back to what `arrays` returned."""
        self._progress, self._best = Progress.restored(arrays), _below("best", arrays)
        self._restore_weights(arrays)

    def finish(self) -> None:
        """Gives the model the weights that were best on validation."""
        self._restore_weights(self._best)
        self._assign(self._average.values())


def _below(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays whose names begin with `prefix`/, without it."""
    start = f"{prefix}/"
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
