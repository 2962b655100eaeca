"""Final language models, and the Keras LSTM that they are compared with."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping

from nao_tf.architecture import Architecture
from nao_tf.child.language.keras_lstm import units_of_equal_size
from nao_tf.cli.final_models import FinalModels
from nao_tf.cli.terminal import Terminal
from nao_tf.data.text import Corpus
from nao_tf.serving import stored_weights
from nao_tf.serving.export_language import export_language_model
from nao_tf.training.epochs import FinalTrainer
from nao_tf.training.language import ChildTrainer, Evaluator, perplexity, validation_perplexity
from nao_tf.training.language_settings import LanguageTraining

CURVE = "validation_perplexity_by_epoch"
TRAINERS = {False: ChildTrainer, True: FinalTrainer}  # by `LanguageTraining.epochwise`


class FinalLanguageModels(FinalModels):
    """See `FinalModels`; one trainer serves all cells.

    Args:
        settings: of their training.
        corpus: what they learn.
        weights: how an export stores them, a name of `serving.stored_weights.FORMATS`; the others are those of
            `FinalModels`.
    """

    hand_made = "lstm"
    metric, higher_is_better = "validation_perplexity", False
    line = (
        "validation perplexity {validation_perplexity:8.2f}  test perplexity {perplexity:8.2f}  "
        "parameters {parameters:,}"
    )

    def __init__(
        self,
        settings: LanguageTraining,
        corpus: Corpus,
        work: pathlib.Path,
        seed: int,
        terminal: Terminal,
        devices=None,
        weights: str = stored_weights.DEFAULT,
    ):
        super().__init__(settings, work, seed, terminal, devices)
        self.corpus, self.weights, self.words = corpus, weights, len(corpus.vocabulary)

    def _trainer(self, settings, kind, devices=None) -> ChildTrainer:
        corpus = self.corpus
        return TRAINERS[settings.epochwise](settings, corpus.train, corpus.valid, self.words, kind, devices)

    def trainer(self, architecture: Architecture, before: ChildTrainer | None = None) -> ChildTrainer:
        """See `FinalModels`."""
        return before or self._trainer(self.settings, "stand_alone", self.devices)

    def run(self, trainer, architecture, report, file, board, label) -> None:
        """See `FinalModels`; where epochs are validated, people and TensorBoard are told."""

        def on_epoch(epoch):
            which = f"{label}, epoch {epoch.epoch}, step {epoch.step}"
            if epoch.validation is None:
                self.terminal.say(f"{which}: diverged; going on from the best weights")
                return
            board.validation(epoch.step, perplexity(epoch.validation))
            of = " of averaged weights" if epoch.averaging else ""
            self.terminal.say(
                f"{which}: validation perplexity{of} {perplexity(epoch.validation):.2f}, "
                f"best {perplexity(epoch.best):.2f}"
            )

        epochs = {"on_epoch": on_epoch} if trainer.settings.epochwise else {}
        trainer.train(_values(architecture), self.seed, report=report, save_to=file, **epochs)

    def validate(self, trainer: ChildTrainer, architecture: Architecture) -> float:
        """Validation perplexity, as in a search."""
        return validation_perplexity(trainer, _values(architecture))

    def measure(self, trainer: ChildTrainer, architecture: Architecture | None) -> dict:
        """Validation and test perplexity, exact: one sequence, every token once, the state carried over.

        Where epochs are validated, also the curve, as training saw it: validation perplexity after each.
        """
        figures = {}
        for name, tokens in (("validation_perplexity", self.corpus.valid), ("perplexity", self.corpus.test)):
            evaluator = Evaluator(trainer.model, tokens, batch_size=1, window=35)
            figures[name] = perplexity(evaluator(_values(architecture)))
        if trainer.settings.epochwise:
            figures[CURVE] = [perplexity(loss) for loss in trainer.history]
        return {**figures, "parameters": self.parameters(trainer)}

    def tell(self, figures: Mapping[str, dict]) -> None:
        """See `FinalModels`; where epochs were validated, the curves side by side."""
        super().tell(figures)
        self.terminal.curves({name: row[CURVE] for name, row in figures.items() if CURVE in row}, "epoch")

    def parameters(self, trainer: ChildTrainer) -> int:
        """Trainable parameters."""
        return trainer.model.count_params()

    def seconds_per_step(self, trainer: ChildTrainer, architecture: Architecture | None) -> float:
        """See `FinalModels`."""
        return trainer.seconds_per_step(_values(architecture))

    def hand_made_as_large_as(self, trainer: ChildTrainer) -> tuple[Callable, dict]:
        """A one-layer Keras LSTM, on one device."""
        units = units_of_equal_size(self.parameters(trainer), self.words)
        return lambda settings: self._trainer(dataclasses.replace(settings, units=units), "lstm"), {"units": units}

    def export(self, trainer: ChildTrainer, architecture: Architecture) -> None:
        """Writes a trained model with its vocabulary."""
        model = trainer.model.with_architecture(architecture.values)
        export_language_model(model, self.corpus.vocabulary, directory=self.directory, weights=self.weights)


def _values(architecture):
    return () if architecture is None else architecture.values
