"""The one training loop: start or resume, step, report, save, notice divergence.

A `Training` says what a step is. `run` trains from scratch or goes on from a checkpoint; `advance` is the loop alone,
for a child that several architectures share and that is trained further round after round.
"""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from nao_tf.errors import DivergedError
from nao_tf.training.checkpoint import load, restoring, save
from nao_tf.training.losses import Losses

SAVE_EVERY = 500  # steps between two writes of a checkpoint
WARM_UP = 3  # steps before a step is timed; the first ones compile

Report = Callable[[int, float], None]  # called with step and mean training loss since the last call


class Epoch(NamedTuple):
    """A validated epoch.

    Attributes:
        epoch: its number, from 1.
        step: training steps so far.
        validation: what is to be low on validation, such as nats a token; None for an epoch that diverged.
        best: the lowest validation so far.
        averaging: whether the weights that were validated are a mean of iterates.
        ending: training steps of the end that begins now, from the best weights, since nothing was gained for long;
            0: none begins.
    """

    epoch: int
    step: int
    validation: float | None
    best: float
    averaging: bool
    ending: int = 0


class Training(Protocol):
    """A model with its optimizer and its place in the data, as the training loop sees it.

    Attributes:
        completed_epoch: the epoch that the last step completed; None within an epoch, and where none is validated.
    """

    completed_epoch: Epoch | None = None

    @property
    def ended(self) -> bool:
        """Whether no step follows, although steps are left."""
        return False

    def start(self, seed: int) -> None:
        """New weights, a new optimizer, the beginning of the data."""

    def step(self, number: int) -> tf.Tensor:
        """Trains one step.

        Args:
            number: of the step, from 0; steps come in order.

        Returns:
            The training loss, scalar.

        Raises:
            DivergedError: what the step led to is not a number.
        """

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that the next step depends on, for a checkpoint."""

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Goes back to a state that `arrays` returned; called after `start` with the same seed."""

    def recover(self, error: DivergedError) -> None:
        """Goes back to weights that are numbers, or raises the error if there are none."""
        raise error

    def finish(self) -> None:
        """Leaves the model with the weights to use; called after the last step and its checkpoint."""
        return None


def run(
    training: Training,
    *,
    seed: int,
    steps: int,
    checkpoint: os.PathLike | None = None,
    every: int = SAVE_EVERY,
    report: Report | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> float:
    """Trains from scratch, or from where a checkpoint stands; both end with the same weights, bit for bit.

    Args:
        training: what a step is.
        seed: of everything random.
        steps: training steps in all; the training itself may end before.
        checkpoint: a file that holds the state of the training; None: nothing is kept.
        every: steps between two writes of that file. It is also written after every epoch and after the last step.
        report: called every `losses.REPORT_EVERY` steps with step and mean training loss since the last call.
        on_epoch: called after every validated epoch.

    Returns:
        The mean training loss over the last tenth of the steps; not a number if none of them was run, as from a
        checkpoint that was complete.

    Raises:
        InputError: the checkpoint is damaged, or of another training.
        DivergedError: the loss is not a number, and the training cannot go back.
    """
    training.start(seed)
    first = 0
    saved = None if checkpoint is None else load(checkpoint)
    if checkpoint is not None and saved is not None:
        with restoring(checkpoint):
            first = int(saved.pop("step"))
            training.restore(saved)
    return advance(
        training, first=first, steps=steps, checkpoint=checkpoint, every=every, report=report, on_epoch=on_epoch
    )


def advance(
    training: Training,
    *,
    first: int = 0,
    steps: int,
    checkpoint: os.PathLike | None = None,
    every: int = SAVE_EVERY,
    report: Report | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> float:
    """The loop of `run`, from the weights that the training has.

    Args:
        training: see `run`, as the other arguments.
        first: steps that are done already.
        steps: training steps in all.
        checkpoint: a file that holds the state of the training.
        every: steps between two writes of that file.
        report: called with step and mean training loss.
        on_epoch: called after every validated epoch.

    Returns:
        See `run`.

    Raises:
        DivergedError: see `run`.
    """
    losses = Losses(report, steps)
    for number in range(first, steps):
        if training.ended:
            break
        done = number + 1
        try:
            losses.add(done, training.step(number))
        except DivergedError as error:
            losses.forget()
            training.recover(error)
        epoch = training.completed_epoch
        if checkpoint is not None and (epoch or done % every == 0 or done == steps):
            save(checkpoint, training.arrays() | {"step": np.asarray(done)})
        if epoch and on_epoch:
            on_epoch(epoch)
    training.finish()
    return losses.mean


def step_seed(seed: int, number: int) -> tf.Tensor:
    """The seed of a step's random numbers, `[2]` int32; salts up to 2^10 may be added to the first."""
    return tf.constant([seed % 2**20 * 2**10, number], tf.int32)


def draw_members(count: int, *, steps: int, seed: Iterable[int], shares: Sequence[float] | None = None) -> np.ndarray:
    """Which of several architectures each step of a round trains.

    Args:
        count: architectures.
        steps: of the round.
        seed: of the draw.
        shares: how often each is drawn, positive numbers of any sum; None: all alike. Trained in proportion to its
            parameters a large architecture is as far as a small one (NAO-V2).

    Returns:
        Their indices, `[steps]`.
    """
    probabilities = None if shares is None else np.asarray(shares, float) / np.sum(shares)
    return np.random.default_rng(list(seed)).choice(count, size=steps, p=probabilities)


def seconds_of_steps(step: Callable[[int], tf.Tensor], count: int) -> list[float]:
    """Seconds of each of `count` steps, after `WARM_UP` steps that are not counted."""
    seconds = []
    for number in range(count + WARM_UP):
        start = time.perf_counter()
        step(number).numpy()
        seconds.append(time.perf_counter() - start)
    return seconds[WARM_UP:]
