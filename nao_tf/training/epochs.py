"""Epochs around a training: validated after each, the best weights kept, the end where nothing is gained any more.

This is how the authors' scripts train the models that the paper reports: SGD that changes to averaged SGD when
validation no longer falls, the weights that were best on validation in the end, and a return to them when an epoch
diverges. Every part is a setting, so that shorter schedules use the rest.

Where the number of steps is only the most that a training may take, validation ends it: after many steps without a gain
it goes back to the best weights, and the learning rate falls to its end in a share of the steps that led to them. A
schedule that was planned too long has its chance in that way: much of what it gains comes with its low rates.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, Self

import keras
import numpy as np
import tensorflow as tf

from nao_tf.errors import DivergedError
from nao_tf.training import schedules
from nao_tf.training.averaged_sgd import WeightAverage, stopped_falling
from nao_tf.training.training import Epoch, Training

MOST_RETURNS = 3  # diverged epochs in a row before a training is given up
ENDING = 1 / 3  # steps in which the learning rate falls in the end, as a share of those that led to the best weights


@dataclasses.dataclass(frozen=True)
class Ending:
    """The end of a training that validation brings on: the learning rate falls linearly.

    Attributes:
        first: its first step, counted from 0.
        steps: how many there are.
        rate: the learning rate of the first.
    """

    first: int
    steps: int
    rate: float

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        return self.rate * schedules.linear(step - self.first, steps=self.steps)


class EpochTraining(Training, Protocol):
    """A training with epochs.

    Attributes:
        ending: takes the place of its learning rates; None: it has its own.
    """

    ending: Ending | None

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        ...

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
        history: validation losses of all that were validated and did not diverge.
        done: training steps.
        validated: training steps until the latest validation.
        gained: training steps until the latest gain.
        best_step: training steps that led to the best weights.
        best: validation figures of these.
        lowest: each validation figure at its lowest.
        ending: the end that validation has brought on.
    """

    epochs: int = 0
    returns: int = 0
    history: list[float] = dataclasses.field(default_factory=list)
    done: int = 0
    validated: int = 0
    gained: int = 0
    best_step: int = 0
    best: list[float] = dataclasses.field(default_factory=list)
    lowest: list[float] = dataclasses.field(default_factory=list)
    ending: Ending | None = None

    def arrays(self) -> dict[str, np.ndarray]:
        """State for a checkpoint."""
        values = dict(vars(self))
        values["ending"] = [] if self.ending is None else dataclasses.astuple(self.ending)
        return {f"progress/{name}": np.asarray(value, np.float64) for name, value in values.items()}

    @classmethod
    def restored(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """The progress that `arrays` returned; of a file of before a field was there, what stands for it."""
        values = {name: array.tolist() for name, array in _below("progress", arrays).items()}
        if not values:  # of pictures that were not validated
            return cls()
        history = values["history"]
        lowest = values.get("lowest", [min(history)] if history else [])
        ending = values.get("ending", [])
        return cls(
            int(values["epochs"]),
            int(values["returns"]),
            history=history,
            **{name: int(values.get(name, 0)) for name in ("done", "validated", "gained", "best_step")},
            best=values.get("best", lowest),
            lowest=lowest,
            ending=Ending(int(ending[0]), int(ending[1]), ending[2]) if ending else None,
        )


class ValidatedEpochs(Training):
    """A training whose epochs are validated; it ends with the weights that were best on validation.

    Args:
        training: what a step is.
        model: of that training.
        validate: figures of the model's weights on validation, lower is better. The first decides which weights are
            best, and where it is equal the next one; a gain in any of them is a gain.
        averaging_patience: epochs without improvement before the mean of the iterates takes the place of the last one
            (NT-ASGD); None: never.
        steps: training steps in all; the last epoch ends with them.
        patience: training steps without a gain that bring on the end; None: the last step is the end.
        every: training steps between two validations at least; an epoch that ends before is not validated.
        compiled: whether the mean is updated by a compiled program; not on several devices.
    """

    def __init__(
        self,
        training: EpochTraining,
        *,
        model: keras.Model,
        validate: Callable[[], Sequence[float]],
        averaging_patience: int | None = None,
        steps: int,
        patience: int | None = None,
        every: int = 1,
        compiled: bool = True,
    ):
        self._training, self._validate, self._averaging_patience = training, validate, averaging_patience
        self.steps, self._patience, self.every = steps, patience, every
        self._variables = model.trainable_variables
        self._average = WeightAverage(self._variables, compiled=compiled)
        self._progress = Progress()
        self._best: dict[str, np.ndarray] = {}

    @property
    def history(self) -> list[float]:
        """The validation loss after every epoch that was validated and did not diverge."""
        return self._progress.history

    @property
    def trained(self) -> tuple[int, int]:
        """Training steps so far, and those that led to the best weights; 0 where nobody knows."""
        return self._progress.done, self._progress.best_step

    @property
    def ended(self) -> bool:
        """Whether the end that validation brought on is over."""
        ending = self._progress.ending
        return ending is not None and self._progress.done >= ending.first + ending.steps

    def start(self, seed: int) -> None:
        """New weights, nothing averaged, no epoch done."""
        self._training.ending = None
        self._training.start(seed)
        self._average.stop()
        self._progress, self._best = Progress(), {}
        self.completed_epoch = None

    def step(self, number: int) -> tf.Tensor:
        """One step of the training; after the last one of an epoch the weights are validated."""
        progress, self.completed_epoch = self._progress, None
        progress.done = number + 1
        loss = self._training.step(number)
        self._average.add()
        last = self.ended or progress.done == self.steps
        if last or (self._training.epoch_done and progress.done - progress.validated >= self.every):
            figures = self._figures()
            for figure in figures:
                if not math.isfinite(figure):
                    raise DivergedError(f"validation loss is {figure} at step {progress.done}")
            self._remember(figures)
            ending = self._begin_ending() if self._gains_no_more else 0
            self._end_epoch(figures[0], ending=ending)
        elif self._training.epoch_done:
            progress.epochs += 1
            self._training.begin_epoch(progress.epochs)
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

    def _remember(self, figures):
        progress, validation = self._progress, figures[0]
        progress.validated = progress.done
        if not self._best or list(figures) < progress.best:
            self._best = self._weights()
            progress.best, progress.best_step = list(figures), progress.done
        lowest = progress.lowest or [math.inf] * len(figures)
        if any(figure < least for figure, least in zip(figures, lowest, strict=True)):
            progress.gained = progress.done
        progress.lowest = [min(pair) for pair in zip(figures, lowest, strict=True)]
        patience = self._averaging_patience
        if (
            patience is not None
            and self._average.count is None
            and stopped_falling(progress.history, validation, patience=patience)
        ):
            self._average.start()
        progress.history.append(validation)
        progress.returns = 0

    @property
    def _gains_no_more(self):
        """Whether it is time for the end."""
        progress = self._progress
        if self._patience is None or progress.ending is not None or progress.done == self.steps:
            return False
        return progress.done - progress.gained >= self._patience

    def _begin_ending(self):
        """Goes back to the best weights for the end; returns its steps."""
        progress, first = self._progress, self._progress.done
        rate = self._training.learning_rate_at(first)
        steps = min(max(1, round(ENDING * progress.best_step)), self.steps - first)
        self._restore_weights(self._best)
        self._training.ending = progress.ending = Ending(first, steps, rate)
        return steps

    def _end_epoch(self, validation, *, ending=0):
        progress = self._progress
        progress.epochs += 1
        self._training.begin_epoch(progress.epochs)
        self.completed_epoch = Epoch(
            epoch=progress.epochs,
            step=progress.done,
            validation=validation,
            best=min(progress.history),
            averaging=bool(self._average.count),
            ending=ending,
        )

    def _figures(self):
        """On validation, of the mean of iterates if there is one, else of the weights as they are."""
        if not self._average.count:
            return self._validate()
        last = [np.asarray(variable) for variable in self._variables]
        self._assign(self._average.values())
        figures = self._validate()
        self._assign(last)
        return figures

    def _assign(self, values):
        for variable, value in zip(self._variables, values, strict=True):
            variable.assign(value)

    def _weights(self):
        return self._training.arrays() | self._average.arrays()

    def _restore_weights(self, arrays):
        self._training.restore(arrays)
        if "averaged" in arrays:  # not in a file of pictures that were not validated
            self._average.restore(arrays)

    def arrays(self) -> dict[str, np.ndarray]:
        """State of the training, mean of iterates, best weights (`best/…`) and progress."""
        best = {f"best/{name}": array for name, array in self._best.items()}
        return self._weights() | best | self._progress.arrays()

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Goes back to what `arrays` returned."""
        self._progress, self._best = Progress.restored(arrays), _below("best", arrays)
        self._training.ending = self._progress.ending
        self._restore_weights(arrays)

    def finish(self) -> None:
        """Gives the model the weights that were best on validation."""
        self._training.finish()
        if self._best:
            self._restore_weights(self._best)
            self._assign(self._average.values())


def _below(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays whose names begin with `prefix`/, without it."""
    start = f"{prefix}/"
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
