"""The stages of a search for an image classifier, with what is its own: data, children, figures."""

from __future__ import annotations

import dataclasses

from nao_tf.cli import image_task
from nao_tf.cli.final_images import FinalImageModels
from nao_tf.cli.terminal import Terminal
from nao_tf.cli.trained_search import TrainedSearch
from nao_tf.search.trained_evaluators import FromScratch, SharedWeights
from nao_tf.training.images import METRIC, ImageChild, SharedImageChild


class ImageSearch(TrainedSearch):
    """One run of the program in its work directory.

    Args:
        data: `data.images.ImageData`; the others are those of `TrainedSearch`.
    """

    metric = METRIC

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
        if preset.weight_sharing:
            child = SharedImageChild(preset.shared, data=self.data, space=self.space)
            directory = self.work / "checkpoints" / f"shared_{name}"
            return SharedWeights(child, seed=self.seed, directory=directory, by_parameters=preset.by_parameters)
        return FromScratch(ImageChild(preset.scratch, data=self.data, space=self.space), seed=self.seed, known=known)

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
