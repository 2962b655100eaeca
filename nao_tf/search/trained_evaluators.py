"""How architectures get their scores by training: each from scratch, or all in one child with shared weights.

What is trained is told by a subclass, a task's own.
"""

from __future__ import annotations

import abc
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence

from nao_tf.errors import DivergedError
from nao_tf.search.pool import Candidate, Evaluation, Pool


class TrainedEvaluator(abc.ABC):
    """What both ways share.

    Args:
        trainer: of the child; has weights.
    """

    def __init__(self, trainer):
        self.trainer = trainer

    @abc.abstractmethod
    def evaluate(
        self, pool: Pool, candidates: list[Candidate], round: int, report: Callable | None = None
    ) -> Iterator[Evaluation]:
        """Yields evaluations as soon as they are made.

        Args:
            pool: what was evaluated before.
            candidates: what is asked for.
            round: of the search.
            report: called with training step and loss.
        """

    @abc.abstractmethod
    def parameters(self, values: Sequence[int]) -> int:
        """Trainable parameters that the child has for an architecture's integers."""

    @abc.abstractmethod
    def score(self, values: Sequence[int]) -> float:
        """The figure on validation with the weights that the trainer has. Raises DivergedError where it is none."""


class ScratchEvaluator(TrainedEvaluator):
    """Trains every architecture from scratch for a few steps; all from the same seed, so only they differ.

    Args:
        trainer: of the children.
        seed: of their weights and of all that is random.
        known: a pool that an evaluator with the same trainer and seed has filled. What is in it is not trained again:
            the score would be the same.
    """

    def __init__(self, trainer, seed: int, known: Pool | None = None):
        super().__init__(trainer)
        self.seed, self.known = seed, known

    @abc.abstractmethod
    def train(self, values: Sequence[int], report: Callable | None) -> None:
        """Trains an architecture's integers from scratch. Raises DivergedError."""

    def evaluate(
        self, pool: Pool, candidates: list[Candidate], round: int, report: Callable | None = None
    ) -> Iterator[Evaluation]:
        """Yields an evaluation for each candidate that the pool has none of, as soon as it is made."""
        for candidate in candidates:
            architecture = candidate.architecture
            if architecture in pool:
                continue
            parameters = self.parameters(architecture.values)
            if self.known is not None and architecture in self.known:
                before = self.known.get(self.known.id_of(architecture))
                yield Evaluation(len(pool), candidate, round, before.score, parameters, before.reason)
                continue
            try:
                self.train(architecture.values, report)
                score, reason = self.score(architecture.values), None
            except DivergedError as error:
                score, reason = None, str(error)
            yield Evaluation(len(pool), candidate, round, score, parameters, reason)


class SharedEvaluator(TrainedEvaluator):
    """Trains one child with all members of the pool, then scores every member with its weights (authors' NAO-WS).

    Args:
        trainer: of the shared child; has weights, and `save` and `load` of a file.
        directory: where the child's weights are kept, one file a round.
    """

    def __init__(self, trainer, directory: os.PathLike):
        super().__init__(trainer)
        self.directory = pathlib.Path(directory)

    @abc.abstractmethod
    def train(self, members: list[Sequence[int]], parameters: list[int], report: Callable | None) -> None:
        """Trains the child further for a round with members of the pool.

        Args:
            members: their integers.
            parameters: of each.
            report: called with training step and loss.

        Raises:
            DivergedError: the child cannot be trained.
        """

    def start(self) -> None:
        """Gives the child its first weights; nothing to do where a new trainer has them."""

    def evaluate(
        self, pool: Pool, candidates: list[Candidate], round: int, report: Callable | None = None
    ) -> Iterator[Evaluation]:
        """Trains for a round, then yields an evaluation for every member, old ones with their old id."""
        file = self.directory / f"round-{round}.npz"
        new = [candidate for candidate in candidates if candidate.architecture not in pool]
        members = [evaluation.candidate for evaluation in pool.evaluations] + new
        values = [member.architecture.values for member in members]
        parameters = [self.parameters(each) for each in values]
        if not self.trainer.load(file):
            if not round or not self.trainer.load(self.directory / f"round-{round - 1}.npz"):
                self.start()
            self.train(values, parameters, report)
            self.trainer.save(file)
        for index, member in enumerate(members):
            if index < len(pool) and pool.get(index).round == round:
                continue  # scored in this round before a kill
            try:
                score, reason = self.score(values[index]), None
            except DivergedError as error:
                score, reason = None, str(error)
            yield Evaluation(index, member, round, score, parameters[index], reason)
