"""The stages of a search for a language model, with what is its own: corpus, children, figures."""

from __future__ import annotations

from nao_tf.cli import language_task
from nao_tf.cli.final_language import FinalLanguageModels
from nao_tf.cli.terminal import Terminal
from nao_tf.cli.trained_search import TrainedSearch
from nao_tf.search.trained_evaluators import FromScratch, SharedWeights
from nao_tf.serving import stored_weights
from nao_tf.training.language import METRIC, LanguageChild, SharedLanguageChild


class LanguageSearch(TrainedSearch):
    """One run of the program in its work directory.

    Args:
        corpus: `data.text.Corpus`; those that are not named here are those of `TrainedSearch`.
        devices: a `tf.distribute` strategy for the final models, or None.
        weights: how their export stores them, see `FinalLanguageModels`.
    """

    metric = METRIC

    def __init__(
        self,
        task,
        preset,
        space,
        corpus,
        work,
        strategy,
        seed,
        terminal: Terminal,
        devices=None,
        weights=stored_weights.DEFAULT,
    ):
        super().__init__(task, preset, space, work, strategy, seed, terminal)
        self.corpus, self.words = corpus, len(corpus.vocabulary)
        self.final = FinalLanguageModels(preset.final, corpus, self.work, seed + 1, terminal, devices, weights)

    def data_line(self) -> str:
        """One line about the corpus."""
        return language_task.data_line(self.corpus)

    def dataset(self) -> dict:
        """Name and source of the corpus."""
        return {"dataset": self.corpus.name, "source": self.corpus.source}

    def evaluator(self, name, known):
        """A shared child, or one from scratch for each cell that is not in the pool `known`."""
        preset = self.preset
        data = {"train": self.corpus.train, "valid": self.corpus.valid, "vocabulary_size": self.words}
        if preset.weight_sharing:
            child = SharedLanguageChild(preset.shared, **data)
            return SharedWeights(child, seed=self.seed, directory=self.work / "checkpoints" / f"shared_{name}")
        return FromScratch(LanguageChild(preset.scratch, **data), seed=self.seed, known=known)

    def written(self, figure: float) -> str:
        """A perplexity."""
        return f"{figure:.2f}"
