"""Final image classifiers, and the residual network that they are compared with."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

from nao_tf.architecture import Architecture
from nao_tf.cli.final_models import FinalModels
from nao_tf.cli.terminal import Terminal
from nao_tf.data.images import ImageData
from nao_tf.serving.export_classifier import export_classifier
from nao_tf.training.image_settings import ImageTraining
from nao_tf.training.images import ImageTrainer, ResNet


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

    def trainer(self, architecture: Architecture, before: ImageTrainer | None = None) -> ImageTrainer:
        """See `FinalModels`."""
        return ImageTrainer(self.settings, data=self.data, network=architecture, devices=self.devices)

    def run(self, trainer: ImageTrainer, architecture, report, file, board, label) -> None:
        """See `FinalModels`."""
        trainer.train(self.seed, checkpoint=file, report=report)

    def validate(self, trainer: ImageTrainer, architecture: Architecture) -> float:
        """Validation accuracy."""
        return trainer.validate()

    def measure(self, trainer: ImageTrainer, architecture: Architecture | None) -> dict:
        """Validation and test figures, every image once, and trainable parameters."""
        valid, test = trainer.measure(self.data.valid), trainer.measure(self.data.test)
        return {
            "validation_accuracy": valid.accuracy,
            "validation_loss": valid.loss,
            "accuracy": test.accuracy,
            "loss": test.loss,
            "parameters": self.parameters(trainer),
        }

    def parameters(self, trainer: ImageTrainer) -> int:
        """Trainable parameters, without those of an auxiliary head."""
        return trainer.parameters

    def seconds_per_step(self, trainer: ImageTrainer, architecture: Architecture | None) -> float:
        """See `FinalModels`."""
        return trainer.seconds_per_step()

    def hand_made_as_large_as(self, trainer: ImageTrainer) -> tuple[Callable, dict]:
        """A residual network."""
        network = ResNet.of_size(trainer.parameters, self.data)

        def make(settings):
            return ImageTrainer(settings, data=self.data, network=network, devices=self.devices)

        return make, {"width": network.width}

    def export(self, trainer: ImageTrainer, architecture: Architecture) -> None:
        """Writes a trained model with the names of its classes."""
        export_classifier(trainer.model, self.data.class_names, self.directory)
