"""What is done with a final image classifier, whoever chose its cells: train, measure, compare, export."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import time
from collections.abc import Mapping

from nao_tf.architecture import Architecture
from nao_tf.child.residual_classifier import width_of_equal_size
from nao_tf.cli.terminal import Rate, Terminal
from nao_tf.cli.work_directory import spent, write
from nao_tf.data.images import ImageData
from nao_tf.report.tensorboard import Board
from nao_tf.serving.export_classifier import export_classifier
from nao_tf.training.image_settings import ImageTraining
from nao_tf.training.images import BLOCKS, ClassifierTrainer, make_classifier, make_residual

RESNET = "resnet"


class FinalImageModels:
    """The final models of one run in its work directory.

    Args:
        settings: of their training.
        data: what they learn.
        work: the work directory.
        seed: of weights, order of images, augmentation and all that is dropped.
        terminal: what people read.
        devices: a `tf.distribute` strategy, or None.
    """

    def __init__(
        self,
        settings: ImageTraining,
        data: ImageData,
        work: pathlib.Path,
        seed: int,
        terminal: Terminal,
        devices=None,
    ):
        self.settings, self.data, self.work, self.seed = settings, data, work, seed
        self.terminal, self.devices = terminal, devices

    def trainer(self, architecture: Architecture) -> ClassifierTrainer:
        """The trainer of one pair of cells."""
        settings, data = self.settings, self.data
        return ClassifierTrainer(settings, data, lambda: make_classifier(settings, data, architecture), self.devices)

    def train(self, trainer: ClassifierTrainer, label: str) -> None:
        """Trains a final model, or goes on with it where a file says how far it is.

        Args:
            trainer: holds the weights afterwards.
            label: names the checkpoint, the run of TensorBoard and the lines for people.

        Raises:
            DivergedError: see the trainer.
        """
        total = trainer.settings.steps
        file = self.work / "checkpoints" / f"{label}.npz"
        board, rate = Board(self.work / "tensorboard" / label), None

        def report(step, loss):
            nonlocal rate
            rate = rate or Rate(total, step)
            rate.step(step)
            board.training(step, loss)
            line = f"{label}: training loss {loss:.3f}; {rate}"
            if step % 1000 == 0:
                self.terminal.say(line)
            else:
                self.terminal.status(line)

        trainer.train(self.seed, report=report, save_to=file)
        board.close()

    def measure(self, trainer: ClassifierTrainer) -> dict:
        """Validation and test figures, every image once, and trainable parameters."""
        valid, test = trainer.evaluator(self.data.valid)(), trainer.evaluator(self.data.test)()
        return {
            "validation_accuracy": valid.accuracy,
            "validation_loss": valid.loss,
            "accuracy": test.accuracy,
            "loss": test.loss,
            "parameters": trainer.parameters,
        }

    def resnet(self, trainer: ClassifierTrainer, label: str) -> dict:
        """A residual network with about as many parameters as a trained model, trained for as many seconds.

        Args:
            trainer: of the trained model; holds its weights, also afterwards.
            label: the model's, see `train`.

        Returns:
            The figures of `measure`, and the network's `width` and `steps`.
        """
        start, data = time.monotonic(), self.data
        width = width_of_equal_size(trainer.parameters, BLOCKS, data.shape[-1], len(data.class_names))

        def rival(settings):
            return ClassifierTrainer(settings, data, lambda: make_residual(settings, data, width), self.devices)

        plan = self.work / "checkpoints" / f"{RESNET}.json"  # decided once, so that a resumed run keeps it
        if plan.exists():
            steps = json.loads(plan.read_text())["steps"]
        else:
            ratio = trainer.seconds_per_step() / rival(self.settings).seconds_per_step()
            steps = max(1, round(self.settings.steps * ratio))
            plan.parent.mkdir(parents=True, exist_ok=True)
            write(plan, json.dumps({"steps": steps, "steps_of_winner_in_a_step": ratio}))
            self.train(trainer, label)  # measuring trained its weights further; this brings them back
        network = rival(dataclasses.replace(self.settings, steps=steps))
        self.train(network, RESNET)
        spent(self.work, RESNET, start)
        return self.measure(network) | {"width": width, "steps": steps}

    def export(self, trainer: ClassifierTrainer) -> None:
        """Writes a trained model to export/child/1."""
        export_classifier(trainer.model, self.data.class_names, self.work / "export" / "child" / "1")

    def tell(self, figures: Mapping[str, dict]) -> None:
        """A line for people of each model: what `measure` gave, or `failed`, why there is nothing."""
        self.terminal.compare(
            figures,
            "validation accuracy {validation_accuracy:.2%}  test accuracy {accuracy:.2%}  test loss {loss:.4f}  "
            "parameters {parameters:,}",
        )
