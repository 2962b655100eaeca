"""What is done with a final model, whoever chose its architecture: train, measure, compare, export.

What is trained is told by a subclass, a task's own; see the methods at the end of `FinalModels`.
"""

from __future__ import annotations

import abc
import dataclasses
import json
import pathlib
import time
from collections.abc import Callable, Mapping

from nao_tf.architecture import Architecture
from nao_tf.cli.terminal import Rate, Terminal
from nao_tf.cli.work_directory import spent, write
from nao_tf.report.tensorboard import Board


class FinalModels(abc.ABC):
    """The final models of one run in its work directory.

    An architecture of None stands for the hand-made network in all methods.

    Args:
        settings: of their training.
        work: the work directory.
        seed: of weights and of all that is random in a training.
        terminal: what people read.
        devices: a `tf.distribute` strategy, or None.

    Attributes:
        hand_made: the name of the task's hand-made network.
        metric: the name of the validation figure that chooses among models.
        higher_is_better: its direction.
        line: a format string of the figures, for people.
    """

    hand_made: str
    metric: str
    higher_is_better: bool
    line: str

    def __init__(self, settings, work: pathlib.Path, seed: int, terminal: Terminal, devices=None):
        self.settings, self.work, self.seed = settings, work, seed
        self.terminal, self.devices = terminal, devices

    @property
    def directory(self) -> pathlib.Path:
        """Of the exported model."""
        return self.work / "export" / "child" / "1"

    def train(self, trainer, architecture: Architecture | None, label: str) -> None:
        """Trains a final model, or goes on with it where a file says how far it is.

        Args:
            trainer: holds the weights afterwards.
            architecture: of the model.
            label: names the checkpoint, the run of TensorBoard and the lines for people.

        Raises:
            DivergedError: see the trainer.
        """
        board, rate = Board(self.work / "tensorboard" / label), None

        def report(step, loss):
            nonlocal rate
            rate = rate or Rate(trainer.settings.steps, step)
            rate.step(step)
            board.training(step, loss)
            line = f"{label}: training loss {loss:.3f}; {rate}"
            if step % 1000 == 0:
                self.terminal.say(line)
            else:
                self.terminal.status(line)

        self.run(trainer, architecture, report, self.work / "checkpoints" / f"{label}.npz", board, label)
        board.close()

    def rival(self, trainer, architecture: Architecture, label: str) -> dict:
        """The hand-made network with about as many parameters as a trained model, trained for as many seconds.

        Args:
            trainer: of the trained model; holds its weights, also afterwards.
            architecture: of the model.
            label: the model's, see `train`.

        Returns:
            The figures of `measure`, and the network's width and `steps`.
        """
        start, name = time.monotonic(), self.hand_made
        make, width = self.hand_made_as_large_as(trainer)
        plan = self.work / "checkpoints" / f"{name}.json"  # decided once, so that a resumed run keeps it
        if plan.exists():
            steps = json.loads(plan.read_text())["steps"]
        else:
            ratio = self.seconds_per_step(trainer, architecture) / self.seconds_per_step(make(self.settings), None)
            steps = max(1, round(self.settings.steps * ratio))
            plan.parent.mkdir(parents=True, exist_ok=True)
            write(plan, json.dumps({"steps": steps, "steps_of_winner_in_a_step": ratio}))
            self.train(trainer, architecture, label)  # measuring trained its weights further; this brings them back
        network = make(dataclasses.replace(self.settings, steps=steps))
        self.train(network, None, name)
        spent(self.work, name, start)
        return self.measure(network, None) | width | {"steps": steps}

    def tell(self, figures: Mapping[str, dict]) -> None:
        """A line for people of each model: what `measure` gave, or `failed`, why there is nothing."""
        self.terminal.compare(figures, self.line)

    # ---- what a task tells

    @abc.abstractmethod
    def trainer(self, architecture: Architecture, before=None):
        """What trains an architecture.

        Args:
            architecture: of the model.
            before: the trainer of another architecture, which may be used again where one program serves them all.
        """

    @abc.abstractmethod
    def run(self, trainer, architecture: Architecture | None, report, file: pathlib.Path, board: Board, label: str):
        """Runs a training that is told by `report` and kept in `file`."""

    @abc.abstractmethod
    def validate(self, trainer, architecture: Architecture) -> float:
        """The figure `metric` of a trained model. Raises DivergedError where it is no number."""

    @abc.abstractmethod
    def measure(self, trainer, architecture: Architecture | None) -> dict:
        """Validation and test figures, and trainable `parameters`, of a trained model."""

    @abc.abstractmethod
    def parameters(self, trainer) -> int:
        """Trainable parameters."""

    @abc.abstractmethod
    def seconds_per_step(self, trainer, architecture: Architecture | None) -> float:
        """Of a training; trains the weights that are there."""

    @abc.abstractmethod
    def hand_made_as_large_as(self, trainer) -> tuple[Callable, dict]:
        """What makes the trainer of a hand-made network out of settings, and the network's width by its name."""

    @abc.abstractmethod
    def export(self, trainer, architecture: Architecture) -> None:
        """Writes a trained model to `directory`."""
