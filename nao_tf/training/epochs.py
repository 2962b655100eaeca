"""The training of final models: epoch by epoch, validated after each, the best weights kept.

What the authors' scripts do for the models that the paper reports: windows of random length with the learning rate
scaled to it, SGD that changes to averaged SGD when validation no longer falls, the weights that were best on
validation in the end, and a return to them when an epoch diverges. Every part is a setting, so that shorter schedules
use the rest.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from nao_tf.errors import DivergedError
from nao_tf.training import checkpoint
from nao_tf.training.averaged_sgd import WeightAverage, stopped_falling
from nao_tf.training.language import ChildTrainer
from nao_tf.training.window_lengths import Windows, padded, windows_of_epoch

CHECKED_EVERY = 50  # steps between two looks at the training loss
MOST_RETURNS = 3  # diverged epochs in a row before a training is given up


class Epoch(NamedTuple):
    """What happened in an epoch.

    Attributes:
        epoch: its number, from 1.
        step: training steps so far.
        validation: negative log likelihood on validation, nats a token; None for an epoch that diverged.
        best: the lowest validation so far.
        averaging: whether the weights that were validated are a mean of iterates.
    """

    epoch: int
    step: int
    validation: float | None
    best: float
    averaging: bool


@dataclasses.dataclass
class Progress:
    """How far a training is, without its weights.

    Attributes:
        step: training steps done.
        epoch: epochs done.
        window: windows of the running epoch that are done.
        returns: epochs in a row that diverged.
        history: validation losses of all epochs that did not diverge.
    """

    step: int = 0
    epoch: int = 0
    window: int = 0
    returns: int = 0
    history: list[float] = dataclasses.field(default_factory=list)

    def arrays(self) -> dict[str, np.ndarray]:
        """For a checkpoint."""
        return {f"progress/{name}": np.asarray(value, np.float64) for name, value in dataclasses.asdict(self).items()}

    @classmethod
    def of(cls, arrays: dict[str, np.ndarray]) -> Progress:
        """What `arrays` took."""
        found = {field.name: arrays[f"progress/{field.name}"] for field in dataclasses.fields(cls)}
        history = found.pop("history").tolist()
        return cls(**{name: int(value) for name, value in found.items()}, history=history)


class FinalTrainer(ChildTrainer):
    """Trains one architecture from scratch as final models are trained, with a step that is compiled for it.

    Args: as for `ChildTrainer`.

    Attributes:
        history: of the last training, the negative log likelihood on validation after every epoch that did not diverge.
    """

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.history: list[float] = []
        self._average = WeightAverage(self.model.trainable_variables, compiled=self._strategy is None)

    def _for_program(self, architecture):
        """As numbers that the program is made for: a tenth less of a long training, for seconds of compilation."""
        return tuple(int(value) for value in architecture)

    def windows_of_epoch(self, seed: int, epoch: int) -> Windows:
        """The windows of an epoch, counted from 0."""
        settings = self.settings
        generator = np.random.default_rng([seed, epoch])
        return windows_of_epoch(self._text.shape[0], settings.window, settings.window_deviation, generator)

    def train(
        self,
        architecture: Iterable[int],
        seed: int,
        steps: int | None = None,
        report: Callable[[int, float], None] | None = None,
        save_to: os.PathLike | None = None,
        save_every: int = 500,
        on_epoch: Callable[[Epoch], None] | None = None,
    ) -> float:
        """Trains an architecture from scratch; the model is left with the weights that were best on validation.

        Args:
            architecture: its integers; empty for the LSTM.
            seed: of the weights, the lengths of the windows and all dropout.
            steps: training steps, at least 1; None for those of the settings.
            report: called with step and training loss (nats a token, mean since the last call) now and then.
            save_to: a file that keeps the state of the training; where it is there, the training goes on from it and
                ends with the weights of an undisturbed one.
            save_every: steps between two writes of that file; it is written after every epoch in any case.
            on_epoch: called after every epoch.

        Returns:
            The lowest negative log likelihood on validation, nats a token.

        Raises:
            DivergedError: the first epoch diverged, or some in a row did in spite of the return to the best weights.
        """
        total = self.settings.steps if steps is None else steps
        values = self._for_program(architecture)
        self.start(seed)
        self._average.stop()
        progress, best = Progress(), {}
        state = self.initial_state()
        saved = checkpoint.load(save_to) if save_to else None
        if saved is not None:
            progress, best = Progress.of(saved), _under("best", saved)
            self._restore(saved)
            state = tf.constant(saved["state"])

        def save():
            if save_to:
                arrays = self._arrays() | {f"best/{name}": array for name, array in best.items()}
                checkpoint.save(save_to, arrays | progress.arrays() | {"state": np.asarray(state)})

        while progress.step < total:
            windows = self.windows_of_epoch(seed, progress.epoch)
            losses, diverged = [], None
            while progress.window < len(windows.starts) and progress.step < total:
                loss, state = self._train_window(windows, progress, state, values, seed)
                losses.append(loss)
                progress.step += 1
                progress.window += 1
                # on a grid of steps, so that a resumed training looks when an undisturbed one does
                if progress.step % CHECKED_EVERY == 0:
                    mean = float(np.mean([float(value) for value in losses]))
                    losses = []
                    if not math.isfinite(mean):
                        diverged = f"training loss is {mean} at step {progress.step}"
                        break
                    if report:
                        report(progress.step, mean)
                if progress.step % save_every == 0:
                    save()
            validation = math.nan if diverged else self._validate(architecture)
            if not math.isfinite(validation):
                diverged = diverged or f"validation loss is {validation} at step {progress.step}"
                self._return_to(best, progress, diverged)
            else:
                if validation < min(progress.history, default=math.inf):
                    best = self._arrays()
                self._maybe_average(progress.history, validation)
                progress.history.append(validation)
                progress.returns = 0
            progress.epoch, progress.window, state = progress.epoch + 1, 0, self.initial_state()
            save()
            if on_epoch:
                found = None if diverged else validation
                averaging = bool(self._average.count)
                on_epoch(Epoch(progress.epoch, progress.step, found, min(progress.history), averaging))
        self._restore(best)
        self._give(self._average.values())
        self.history = progress.history
        return min(self.history)

    def _train_window(self, windows, progress, state, architecture, seed):
        settings, index = self.settings, progress.window
        start, length = windows.starts[index], windows.lengths[index]
        steps = padded(length, settings.window, settings.window_deviation)
        last = self._text.shape[0] - 1
        rows = np.minimum(start + np.arange(steps + 1, dtype=np.int32), last)  # padding reads the last row
        rate = settings.learning_rate_at(progress.step) * windows.rates[index]
        loss, state = self._step(
            tf.constant(rows),
            state,
            architecture,
            tf.constant([seed % 2**20 * 2**10, progress.step], tf.int32),
            tf.constant(rate, tf.float32),
            tf.constant(length, tf.int32),
        )
        self._average.add()
        return loss, state

    def _validate(self, architecture):
        """Validation loss of the mean where there is one, else of the weights as they are."""
        if not self._average.count:
            return self.evaluate(architecture)
        last = [np.asarray(variable) for variable in self.model.trainable_variables]
        self._give(self._average.values())
        found = self.evaluate(architecture)
        self._give(last)
        return found

    def _give(self, values):
        for variable, value in zip(self.model.trainable_variables, values, strict=True):
            variable.assign(value)

    def _maybe_average(self, history, latest):
        patience = self.settings.averaging_patience
        if patience is not None and self._average.count is None and stopped_falling(history, latest, patience):
            self._average.start()

    def _return_to(self, best, progress, reason):
        progress.returns += 1
        if not best:
            raise DivergedError(f"{reason}, in the first epoch")
        if progress.returns > MOST_RETURNS:
            raise DivergedError(f"{reason}; {progress.returns} epochs in a row diverged from the best weights")
        self._restore(best)

    def _arrays(self):
        """All that the next step depends on, except the state that windows hand on."""
        arrays = checkpoint.variables("model", self.model.variables)
        return arrays | checkpoint.variables("optimizer", self._optimizer.variables) | self._average.arrays()

    def _restore(self, arrays):
        checkpoint.assign("model", self.model.variables, arrays=arrays)
        checkpoint.assign("optimizer", self._optimizer.variables, arrays=arrays)
        self._average.restore(arrays)


def _under(prefix, arrays):
    """The arrays whose names begin with `prefix`/, without it."""
    start = f"{prefix}/"
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
