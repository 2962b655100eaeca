"""Language models that are trained to the end. Importing this loads no TensorFlow."""

from __future__ import annotations

import pathlib
from typing import Any

from nao_tf.data.text import Corpus
from nao_tf.observer import Epoch, Observer
from nao_tf.tasks.task import FinalModel

CURVE = "validation_perplexity_by_epoch"


class FinalLanguageModel(FinalModel):
    """A language model that is trained to the end.

    Args:
        trainer: a `training.language.LanguageTrainer`, which other models of the task may share: the model that was
            trained last has its weights.
        network: an architecture, or the hand-made network.
        corpus: is learned.
        seed: of the weights and of everything random.
        steps: of the training.
        weights: how an export stores them.
    """

    def __init__(self, trainer: Any, network: Any, *, corpus: Corpus, seed: int, steps: int, weights: str):
        self._trainer, self._network, self._corpus, self._seed, self._weights = trainer, network, corpus, seed, weights
        self.parameters, self.steps = trainer.parameters, steps
        self.ends_early = trainer.settings.patience is not None

    def train(self, checkpoint: pathlib.Path, *, label: str, observer: Observer) -> None:
        """See `FinalModel`."""
        trainer = self._trainer
        trainer.change_network(self._network)
        trainer.change_steps(self.steps)
        trainer.weights_of = self  # not of a model that was trained with it before
        trainer.train(
            self._seed,
            checkpoint=checkpoint,
            report=lambda step, loss: observer.training(label, step, loss=loss, steps=self.steps),
            on_epoch=lambda epoch: observer.epoch(label, _shown(epoch)),
        )

    def validate(self) -> float:
        """Validation perplexity, as in a search."""
        return self._trained().validate()

    def measure(self) -> dict[str, Any]:
        """Validation and test perplexity, exact: one sequence, every token once, the state carried over.

        Where epochs are validated, also the curve, as training saw it: validation perplexity after each; the training
        steps that were made, and those that led to the weights.
        """
        from nao_tf.training.text_likelihood import perplexity

        trainer, corpus = self._trained(), self._corpus
        figures: dict[str, Any] = {
            "validation_perplexity": trainer.measure(corpus.valid),
            "perplexity": trainer.measure(corpus.test),
        }
        if trainer.history:
            figures[CURVE] = [perplexity(loss) for loss in trainer.history]
            figures["trained_steps"], figures["best_step"] = trainer.trained
        return {**figures, "parameters": self.parameters}

    def seconds_per_step(self) -> float:
        """See `FinalModel`."""
        self._trainer.change_network(self._network)
        self._trainer.weights_of = None
        return self._trainer.seconds_per_step()

    def export(self, directory: pathlib.Path) -> None:
        """Writes the model with its vocabulary."""
        from nao_tf.serving.export_language import export_language_model

        export_language_model(
            self._trained().model, self._corpus.vocabulary, directory=directory, weights=self._weights
        )

    def export_keras(self, directory: pathlib.Path) -> str | None:
        """See `FinalModel`; with the words of the vocabulary."""
        from nao_tf.serving.export_keras import export_keras_language_model

        reason = export_keras_language_model(self._trained().model, self._corpus.vocabulary.words, directory=directory)
        return None if reason is None else f"no found_cell.py: {reason}"

    def _trained(self):
        """The trainer, with this model's weights. Raises RuntimeError where it has others."""
        if self._trainer.weights_of is not self:
            raise RuntimeError("another model was trained with this program since; train this one from its checkpoint")
        return self._trainer


def _shown(epoch) -> Epoch:
    """An epoch as observers get it: perplexities instead of nats a token."""
    from nao_tf.training.text_likelihood import perplexity

    return Epoch(
        number=epoch.epoch,
        step=epoch.step,
        metric="validation_perplexity",
        value=None if epoch.validation is None else perplexity(epoch.validation),
        best=perplexity(epoch.best),
        averaged=epoch.averaging,
        ending=epoch.ending,
    )
