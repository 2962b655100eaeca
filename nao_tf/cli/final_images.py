"""Final image classifiers, and the residual network that they are compared with."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Callable

from nao_tf.architecture import Architecture
from nao_tf.child.images.residual_classifier import width_of_equal_size
from nao_tf.cli.final_models import FinalModels
from nao_tf.cli.terminal import Terminal
from nao_tf.data.images import ImageData
from nao_tf.errors import DivergedError
from nao_tf.serving.export_classifier import export_classifier
from nao_tf.training.image_models import BLOCKS, make_classifier, make_residual
from nao_tf.training.image_settings import ImageTraining
from nao_tf.training.images import ClassifierTrainer


class FinalImageModels(FinalModels):
    """See `FinalModels`; every model has a trainer of its own.

    Args:
        settings: of their training.
        data: what they learn; the others are those of `FinalModels`.
    """

    hand_made = "resnet"
    metric, higher_is_better = "validation_accuracy", True
    line = (
        "validation accuracy {validation_accuracy:.2%}  test accuracy {accuracy:.2%}  test loss {loss:.4f}  "
        "parameters {parameters:,}"
    )

    def __init__(
        self, settings: ImageTraining, data: ImageData, work: pathlib.Path, seed: int, terminal: Terminal, devices=None
    ):
        super().__init__(settings, work, seed, terminal, devices)
        self.data = data

    def trainer(self, architecture: Architecture, before: ClassifierTrainer | None = None) -> ClassifierTrainer:
        """See `FinalModels`."""
        settings, data = self.settings, self.data
        return ClassifierTrainer(settings, data, lambda: make_classifier(settings, data, architecture), self.devices)

    def run(self, trainer: ClassifierTrainer, architecture, report, file, board, label) -> None:
        """See `FinalModels`."""
        trainer.train(self.seed, report=report, save_to=file)

    def validate(self, trainer: ClassifierTrainer, architecture: Architecture) -> float:
        """Validation accuracy."""
        quality = trainer.evaluator(self.data.valid)()
        if not math.isfinite(quality.loss):
            raise DivergedError(f"validation loss is {quality.loss}")
        return quality.accuracy

    def measure(self, trainer: ClassifierTrainer, architecture: Architecture | None) -> dict:
        """Validation and test figures, every image once, and trainable parameters."""
        valid, test = trainer.evaluator(self.data.valid)(), trainer.evaluator(self.data.test)()
        return {
            "validation_accuracy": valid.accuracy,
            "validation_loss": valid.loss,
            "accuracy": test.accuracy,
            "loss": test.loss,
            "parameters": self.parameters(trainer),
        }

    def parameters(self, trainer: ClassifierTrainer) -> int:
        """Trainable parameters, without those of an auxiliary head."""
        return trainer.parameters

    def seconds_per_step(self, trainer: ClassifierTrainer, architecture: Architecture | None) -> float:
        """See `FinalModels`."""
        return trainer.seconds_per_step()

    def hand_made_as_large_as(self, trainer: ClassifierTrainer) -> tuple[Callable, dict]:
        """A residual network."""
        data = self.data
        width = width_of_equal_size(trainer.parameters, BLOCKS, data.shape[-1], len(data.class_names))

        def make(settings):
            return ClassifierTrainer(settings, data, lambda: make_residual(settings, data, width), self.devices)

        return make, {"width": width}

    def export(self, trainer: ClassifierTrainer, architecture: Architecture) -> None:
        """Writes a trained model with the names of its classes."""
        export_classifier(trainer.model, self.data.class_names, directory=self.directory)
