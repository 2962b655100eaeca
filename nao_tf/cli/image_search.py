"""The stages of a search for an image classifier, with what is its own: data, children, figures."""

from __future__ import annotations

import dataclasses
import math
import pathlib

from nao_tf.cli import image_task
from nao_tf.cli.final_images import RESNET, FinalImageModels
from nao_tf.cli.terminal import Terminal
from nao_tf.cli.trained_search import Retrained, TrainedSearch, label_of
from nao_tf.errors import DivergedError
from nao_tf.search.image_evaluators import METRIC, ImagesFromScratch, ImagesWithSharedWeights
from nao_tf.training.images import SearchTrainer


class ImageSearch(TrainedSearch):
    """One run of the program in its work directory.

    Args:
        data: `data.images.ImageData`; the others are those of `TrainedSearch`.
    """

    metric = METRIC
    final_metric, final_higher = "validation_accuracy", True
    hand_made = RESNET

    def __init__(self, task, preset, space, data, work, strategy, seed, terminal: Terminal, devices=None):
        super().__init__(task, preset, space, work, strategy, seed, terminal)
        self.data = data
        self.final = FinalImageModels(preset.final, data, self.work, seed + 1, terminal, devices)

    def data_line(self) -> str:
        """One line about the data."""
        return image_task.data_line(self.data)

    def dataset(self) -> dict:
        """Name and source of the data."""
        return {"dataset": self.data.name, "source": self.data.source}

    def evaluator(self, name, known):
        """A shared child, or one from scratch for each architecture that is not in the pool `known`."""
        preset = self.preset
        trainer = SearchTrainer(preset.trainings[0], self.data, self.space.name, per_input=preset.weight_sharing)
        if preset.weight_sharing:
            directory = self.work / "checkpoints" / f"shared_{name}"
            return ImagesWithSharedWeights(trainer, self.seed, directory, preset.by_parameters)
        return ImagesFromScratch(trainer, self.seed, known)

    def train_final(self, trainer, evaluation, label) -> tuple:
        """Trains a final model to the end, or brings it back; a trainer of its own, and its validation accuracy."""
        trainer = self.final.trainer(evaluation.candidate.architecture)
        self.final.train(trainer, label)
        quality = trainer.evaluator(self.data.valid)()
        if not math.isfinite(quality.loss):
            raise DivergedError(f"validation loss is {quality.loss}")
        return trainer, quality.accuracy

    def measure(self, trainer, evaluation) -> dict:
        """Validation and test figures of a trained model."""
        return self.final.measure(trainer)

    def rival_by_hand(self, found: Retrained) -> dict:
        """A residual network of the winner's size, trained for as many seconds."""
        return self.final.resnet(found.trainer, label_of(self.strategy_name, found.winner))

    def export_child(self, found: Retrained, directory: pathlib.Path) -> None:
        """Writes the winner as a SavedModel; `FinalImageModels` knows where."""
        self.final.export(found.trainer)

    def written(self, figure: float) -> str:
        """A loss or an accuracy."""
        return f"{figure:.4f}"


def dry_run(task, strategy, preset, data, given) -> dict:
    """The resolved settings, the data, the architecture and the size of its final model."""
    return {
        "task": task,
        **image_task.described(data),
        "strategy": strategy,
        **image_task.described_model(data, preset.final, given),
        "settings": dataclasses.asdict(preset),
    }
