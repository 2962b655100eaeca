"""The stages of a search for an image classifier, with what is its own: data, children, figures."""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
import time

from nao_tf.child.image_classifier import abstract_parameters
from nao_tf.child.residual_classifier import width_of_equal_size
from nao_tf.cli.terminal import Rate, Terminal
from nao_tf.cli.trained_search import Retrained, TrainedSearch
from nao_tf.cli.work_directory import spent, write
from nao_tf.report.tensorboard import Board
from nao_tf.search.image_evaluators import METRIC, ImagesFromScratch, ImagesWithSharedWeights
from nao_tf.serving.export_classifier import export_classifier
from nao_tf.training.images import (
    BLOCKS,
    ClassifierTrainer,
    DivergedError,
    SearchTrainer,
    make_classifier,
    make_residual,
)


class ImageSearch(TrainedSearch):
    """One run of the program in its work directory.

    Args:
        data: `data.images.ImageData`; the others are those of `TrainedSearch`.
    """

    metric = METRIC
    final_metric, final_higher = "validation_accuracy", True
    hand_made = "resnet"

    def __init__(self, task, preset, space, data, work, strategy, seed, terminal: Terminal, devices=None):
        super().__init__(task, preset, space, work, strategy, seed, terminal, devices)
        self.data = data

    def data_line(self) -> str:
        """One line about the data."""
        data = self.data
        parts = ", ".join(f"{len(getattr(data, name)):,} {name}" for name in ("train", "valid", "test"))
        return f"images {data.name} ({data.source}): {parts}, {len(data.class_names)} classes"

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
        settings, data, architecture = self.preset.final, self.data, evaluation.candidate.architecture
        trainer = ClassifierTrainer(settings, data, lambda: make_classifier(settings, data, architecture), self.devices)
        self.train(trainer, label)
        quality = trainer.evaluator(data.valid)()
        if not math.isfinite(quality.loss):
            raise DivergedError(f"validation loss is {quality.loss}")
        return trainer, quality.accuracy

    def train(self, trainer, label) -> None:
        """Trains a final model, or goes on with it where a file says how far it is."""
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

        trainer.train(self.seed + 1, report=report, save_to=file)
        board.close()

    def measure(self, trainer, evaluation=None) -> dict:
        """Validation and test figures of a trained model."""
        valid, test = trainer.evaluator(self.data.valid)(), trainer.evaluator(self.data.test)()
        return {
            "validation_accuracy": valid.accuracy,
            "validation_loss": valid.loss,
            "accuracy": test.accuracy,
            "loss": test.loss,
            "parameters": trainer.parameters,
        }

    def rival_by_hand(self, found: Retrained) -> dict:
        """A residual network with about as many parameters as the winner, trained for as many seconds."""
        start, data = time.monotonic(), self.data
        width = width_of_equal_size(found.test["parameters"], BLOCKS, data.shape[-1], len(data.class_names))
        plan = self.work / "checkpoints" / "resnet.json"  # decided once, so that a resumed run keeps it
        settings = self.preset.final

        def trainer(settings):
            return ClassifierTrainer(settings, data, lambda: make_residual(settings, data, width), self.devices)

        if plan.exists():
            steps = json.loads(plan.read_text())["steps"]
        else:
            # the winner's weights are exported and measured by now; measuring its time trains them further
            ratio = found.trainer.seconds_per_step() / trainer(settings).seconds_per_step()
            steps = max(1, round(settings.steps * ratio))
            plan.parent.mkdir(parents=True, exist_ok=True)
            write(plan, json.dumps({"steps": steps, "steps_of_winner_in_a_step": ratio}))
        rival = trainer(dataclasses.replace(settings, steps=steps))
        self.train(rival, self.hand_made)
        spent(self.work, self.hand_made, start)
        return self.measure(rival) | {"width": width, "steps": steps}

    def export_child(self, found: Retrained, directory: pathlib.Path) -> None:
        """Writes the winner as a SavedModel."""
        export_classifier(found.trainer.model, self.data.class_names, directory)

    def written(self, figure: float) -> str:
        """A loss or an accuracy."""
        return f"{figure:.4f}"

    def figures(self, row: dict) -> str:
        """Accuracies and size."""
        return (
            f"validation accuracy {row['validation_accuracy']:.2%}  test accuracy {row['accuracy']:.2%}  "
            f"test loss {row['loss']:.4f}  parameters {row['parameters']:,}"
        )


def dry_run(task, strategy, preset, data, given) -> dict:
    """The resolved settings, the data, the architecture and the trainable parameters of its final model."""
    parameters = None
    if given is not None:
        parameters = abstract_parameters(lambda: make_classifier(preset.final, data, given))
    return {
        "task": task,
        "dataset": data.name,
        "source": data.source,
        "images": {name: len(getattr(data, name)) for name in ("train", "valid", "test")},
        "image_shape": list(data.shape),
        "classes": len(data.class_names),
        "strategy": strategy,
        "architecture": None if given is None else list(given.values),
        "space": preset.space if given is None else given.space.name,
        "parameters": parameters,
        "settings": dataclasses.asdict(preset),
    }
