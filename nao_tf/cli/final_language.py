"""Final language models, and the Keras LSTM that they are compared with."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping

from nao_tf.architecture import Architecture
from nao_tf.cli.final_models import FinalModels
from nao_tf.cli.terminal import Terminal
from nao_tf.data.text import Corpus
from nao_tf.serving import stored_weights
from nao_tf.serving.export import export_child
from nao_tf.training.language import KerasLstm, LanguageTrainer, perplexity
from nao_tf.training.language_settings import LanguageTraining

CURVE = "validation_perplexity_by_epoch"


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

    def _trainer(self, settings, network, devices=None) -> LanguageTrainer:
        corpus = self.corpus
        return LanguageTrainer(
            settings,
            train=corpus.train,
            valid=corpus.valid,
            vocabulary_size=self.words,
            network=network,
            devices=devices,
        )

    def trainer(self, architecture: Architecture, before: LanguageTrainer | None = None) -> LanguageTrainer:
        """See `FinalModels`."""
        if before is None:
            return self._trainer(self.settings, architecture, self.devices)
        before.change_network(architecture)
        return before

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

        if architecture is not None:
            trainer.change_network(architecture)
        trainer.train(self.seed, checkpoint=file, report=report, on_epoch=on_epoch)

    def validate(self, trainer: LanguageTrainer, architecture: Architecture) -> float:
        """Validation perplexity, as in a search."""
        return trainer.validate()

    def measure(self, trainer: LanguageTrainer, architecture: Architecture | None) -> dict:
        """Validation and test perplexity, exact: one sequence, every token once, the state carried over.

        Where epochs are validated, also the curve, as training saw it: validation perplexity after each.
        """
        figures = {
            "validation_perplexity": trainer.measure(self.corpus.valid),
            "perplexity": trainer.measure(self.corpus.test),
        }
        if trainer.settings.epochwise:
            figures[CURVE] = [perplexity(loss) for loss in trainer.history]
        return {**figures, "parameters": self.parameters(trainer)}

    def tell(self, figures: Mapping[str, dict]) -> None:
        """See `FinalModels`; where epochs were validated, the curves side by side."""
        super().tell(figures)
        self.terminal.curves({name: row[CURVE] for name, row in figures.items() if CURVE in row}, "epoch")

    def parameters(self, trainer: LanguageTrainer) -> int:
        """Trainable parameters."""
        return trainer.parameters

    def seconds_per_step(self, trainer: LanguageTrainer, architecture: Architecture | None) -> float:
        """See `FinalModels`."""
        return trainer.seconds_per_step()

    def hand_made_as_large_as(self, trainer: LanguageTrainer) -> tuple[Callable, dict]:
        """A one-layer Keras LSTM, on one device."""
        network = KerasLstm.of_size(self.parameters(trainer), self.words)
        return lambda settings: self._trainer(settings, network), {"units": network.units}

    def export(self, trainer: LanguageTrainer, architecture: Architecture) -> None:
        """Writes a trained model with its vocabulary."""
        export_child(trainer.model, self.corpus.vocabulary, self.directory, self.weights)
