"""How architectures get their scores: each trained from scratch, or all in one child with shared weights.

Both score by perplexity on the same validation text, nothing dropped, the state carried over.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Iterator

from nao_tf.search.pool import Candidate, Evaluation, Pool
from nao_tf.training.language import ChildTrainer, DivergedError, SharedChildTrainer, validation_perplexity

METRIC = "validation_perplexity"


class FromScratch:
    """Trains every architecture from scratch for a few steps; all from the same seed, so only the cell differs.

    Args:
        trainer: of the children.
        seed: of their weights and of all dropout.
        known: a pool that an evaluator with the same trainer and seed has filled. What is in it is not trained again:
            the score would be the same.
    """

    def __init__(self, trainer: ChildTrainer, seed: int, known: Pool | None = None):
        self.trainer, self.seed, self.known = trainer, seed, known

    def evaluate(
        self, pool: Pool, candidates: list[Candidate], round: int, report: Callable | None = None
    ) -> Iterator[Evaluation]:
        """Yields an evaluation for each candidate that the pool has none of, as soon as it is made."""
        parameters = self.trainer.model.count_params()
        for candidate in candidates:
            if candidate.architecture in pool:
                continue
            if self.known is not None and candidate.architecture in self.known:
                before = self.known.get(self.known.id_of(candidate.architecture))
                yield Evaluation(len(pool), candidate, round, before.score, parameters, before.reason)
                continue
            try:
                self.trainer.train(candidate.architecture.values, self.seed, report=report)
                score, reason = validation_perplexity(self.trainer, candidate.architecture.values), None
            except DivergedError as error:
                score, reason = None, str(error)
            yield Evaluation(len(pool), candidate, round, score, parameters, reason)


class SharedWeights:
    """Trains one child with all members of the pool, then scores every member with its weights (authors' NAO-WS).

    Args:
        trainer: of the shared child.
        directory: where the child's weights are kept, one file a round.
    """

    def __init__(self, trainer: SharedChildTrainer, directory: os.PathLike):
        self.trainer, self.directory = trainer, pathlib.Path(directory)

    def evaluate(
        self, pool: Pool, candidates: list[Candidate], round: int, report: Callable | None = None
    ) -> Iterator[Evaluation]:
        """Trains for a round, then yields an evaluation for every member, old ones with their old id."""
        file = self.directory / f"round-{round}.npz"
        new = [candidate for candidate in candidates if candidate.architecture not in pool]
        members = [evaluation.candidate for evaluation in pool.evaluations] + new
        if not self.trainer.load(file):
            if round:
                self.trainer.load(self.directory / f"round-{round - 1}.npz")
            self.trainer.train([member.architecture.values for member in members], self.trainer.settings.steps, report)
            self.trainer.save(file)
        parameters = self.trainer.model.count_params()
        for index, member in enumerate(members):
            if index < len(pool) and pool.get(index).round == round:
                continue  # scored in this round before a kill
            try:
                score, reason = validation_perplexity(self.trainer, member.architecture.values), None
            except DivergedError as error:
                score, reason = None, str(error)
            yield Evaluation(index, member, round, score, parameters, reason)
