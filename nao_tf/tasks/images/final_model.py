"""Image classifiers that are trained to the end. Importing this loads no TensorFlow."""

from __future__ import annotations

import pathlib
from typing import Any

from nao_tf import files
from nao_tf.data.images import ImageData
from nao_tf.observer import Epoch, Observer
from nao_tf.tasks.task import FinalModel, Metric

ACCURACY = Metric("validation_accuracy", higher_is_better=True)  # of final models


class FinalClassifier(FinalModel):
    """An image classifier that is trained to the end.

    Args:
        trainer: a `training.images.ImageTrainer`, which other models of the network may share: the model that was
            trained last has its weights.
        data: the images.
        seed: of the weights and of everything random.
        steps: of the training.
        weights: how an export stores them.
    """

    def __init__(self, trainer: Any, *, data: ImageData, seed: int, steps: int, weights: str):
        self._trainer, self._data, self._seed, self._weights = trainer, data, seed, weights
        self.parameters, self.steps = trainer.parameters, steps
        self.ends_early = trainer.settings.patience is not None

    def train(self, checkpoint: pathlib.Path, *, label: str, observer: Observer) -> None:
        """See `FinalModel`."""
        trainer = self._trainer
        trainer.change_steps(self.steps)
        trainer.weights_of = self  # not of a model that was trained with it before
        trainer.train(
            self._seed,
            checkpoint=checkpoint,
            report=lambda step, loss: observer.training(label, step, loss=loss, steps=self.steps),
            on_epoch=lambda epoch: observer.epoch(label, _shown(epoch)),
        )

    def validate(self) -> float:
        """Validation accuracy."""
        return self._trained().validate()

    def measure(self) -> dict[str, Any]:
        """Validation and test figures, every image once, and trainable parameters without an auxiliary head's.

        Also the training steps that were made, and those that led to the weights.
        """
        trainer = self._trained()
        valid, test = trainer.measure(self._data.valid), trainer.measure(self._data.test)
        figures = {
            "validation_accuracy": valid.accuracy,
            "validation_loss": valid.loss,
            "accuracy": test.accuracy,
            "loss": test.loss,
            "parameters": self.parameters,
        }
        done, best = trainer.trained
        if best:  # not of a training of before images were validated
            figures |= {"trained_steps": done, "best_step": best}
        return figures if test.top_5 is None else {**figures, "top_5_accuracy": test.top_5}

    def seconds_per_step(self) -> float:
        """See `FinalModel`."""
        self._trainer.weights_of = None
        return self._trainer.seconds_per_step()

    def export(self, directory: pathlib.Path) -> None:
        """Writes the model with the names of its classes, and what names the images that it was trained on."""
        from nao_tf.serving import training_data
        from nao_tf.serving.export_classifier import export_classifier

        with files.replacing(directory) as temporary:
            export_classifier(
                self._trained().model,
                self._data.class_names,
                directory=temporary,
                centre=self._data.centre,
                weights=self._weights,
            )
            training_data.write(temporary, self._data.fingerprint())

    def export_keras(self, directory: pathlib.Path) -> str | None:
        """See `FinalModel`; with the names of the classes."""
        from nao_tf.serving.export_keras import export_keras_classifier

        reason = export_keras_classifier(self._trained().model, self._data.class_names, directory=directory)
        return None if reason is None else f"no found_cell.py: {reason}"

    def _trained(self):
        """The trainer, with this model's weights. Raises RuntimeError where it has others."""
        if self._trainer.weights_of is not self:
            raise RuntimeError("another model was trained with this program since; train this one from its checkpoint")
        return self._trainer


def _shown(epoch) -> Epoch:
    """An epoch as observers get it: accuracies instead of shares of errors."""
    return Epoch(
        number=epoch.epoch,
        step=epoch.step,
        metric=ACCURACY.name,
        value=None if epoch.validation is None else 1 - epoch.validation,
        best=1 - epoch.best,
        averaged=epoch.averaging,
        ending=epoch.ending,
    )
