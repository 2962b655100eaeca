"""How pairs of cells get their scores: each trained from scratch, or all in one child with shared weights.

Both score by the loss on the same validation images in the same batches, nothing dropped, every batch normalised by its
own statistics. The loss ranks architectures better than the accuracy does: it tells more of each image.
"""

from __future__ import annotations

import math
import os
import pathlib
from collections.abc import Callable, Iterator

from nao_tf.search.pool import Candidate, Evaluation, Pool
from nao_tf.training.images import DivergedError, SearchTrainer

METRIC = "validation_loss"


def _score(trainer: SearchTrainer, candidate: Candidate) -> float:
    """Validation loss, nats an image. Raises DivergedError where it is no number."""
    loss = trainer.evaluate(candidate.architecture.values).loss
    if not math.isfinite(loss):
        raise DivergedError(f"validation loss is {loss}")
    return loss


class ImagesFromScratch:
    """Trains every architecture from scratch for a few steps; all from the same seed, so only the cells differ.

    Args:
        trainer: of the children.
        seed: of their weights, the order of the images and all that is random.
        known: a pool that an evaluator with the same trainer and seed has filled. What is in it is not trained again:
            the score would be the same.
    """

    def __init__(self, trainer: SearchTrainer, seed: int, known: Pool | None = None):
        self.trainer, self.seed, self.known = trainer, seed, known

    def evaluate(
        self, pool: Pool, candidates: list[Candidate], round: int, report: Callable | None = None
    ) -> Iterator[Evaluation]:
        """Yields an evaluation for each candidate that the pool has none of, as soon as it is made."""
        for candidate in candidates:
            architecture = candidate.architecture
            if architecture in pool:
                continue
            parameters = self.trainer.model.used_parameters(architecture.values)
            if self.known is not None and architecture in self.known:
                before = self.known.get(self.known.id_of(architecture))
                yield Evaluation(len(pool), candidate, round, before.score, parameters, before.reason)
                continue
            try:
                self.trainer.start(self.seed)
                self.trainer.train([architecture.values], self.seed, report=report)
                score, reason = _score(self.trainer, candidate), None
            except DivergedError as error:
                score, reason = None, str(error)
            yield Evaluation(len(pool), candidate, round, score, parameters, reason)


class ImagesWithSharedWeights:
    """Trains one child with all members of the pool, then scores every member with its weights (authors' NAO-WS).

    Args:
        trainer: of the shared child.
        seed: of its weights and all that is random.
        directory: where the child's weights are kept, one file a round.
        by_parameters: whether a member is drawn in proportion to its parameters instead of uniformly (NAO-V2).
    """

    def __init__(self, trainer: SearchTrainer, seed: int, directory: os.PathLike, by_parameters: bool = False):
        self.trainer, self.seed, self.directory = trainer, seed, pathlib.Path(directory)
        self.by_parameters = by_parameters

    def evaluate(
        self, pool: Pool, candidates: list[Candidate], round: int, report: Callable | None = None
    ) -> Iterator[Evaluation]:
        """Trains for a round, then yields an evaluation for every member, old ones with their old id."""
        file = self.directory / f"round-{round}.npz"
        new = [candidate for candidate in candidates if candidate.architecture not in pool]
        members = [evaluation.candidate for evaluation in pool.evaluations] + new
        parameters = [self.trainer.model.used_parameters(member.architecture.values) for member in members]
        if not self.trainer.load(file):
            if not round or not self.trainer.load(self.directory / f"round-{round - 1}.npz"):
                self.trainer.start(self.seed)
            values = [member.architecture.values for member in members]
            self.trainer.train(values, self.seed, report=report, shares=parameters if self.by_parameters else None)
            self.trainer.save(file)
        for index, member in enumerate(members):
            if index < len(pool) and pool.get(index).round == round:
                continue  # scored in this round before a kill
            try:
                score, reason = _score(self.trainer, member), None
            except DivergedError as error:
                score, reason = None, str(error)
            yield Evaluation(index, member, round, score, parameters[index], reason)
