"""Scores by training: each architecture from scratch, or all in one child with shared weights."""

import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from nao_tf.architecture import Architecture
from nao_tf.errors import DivergedError
from nao_tf.search.pool import Candidate, Evaluation, Pool

Report = Callable[[int, float], None]


class Child(Protocol):
    """Trains one architecture after the other from scratch."""

    def parameters(self, architecture: Architecture) -> int:
        """Trainable parameters."""
        ...

    def train(self, architecture: Architecture, *, seed: int, report: Report | None = None) -> None:
        """New weights, and a training. Raises DivergedError."""

    def score(self, architecture: Architecture) -> float:
        """The figure on validation with the weights as they are. Raises DivergedError."""
        ...


class SharedChild(Protocol):
    """Trains all architectures of a pool with shared weights."""

    def parameters(self, architecture: Architecture) -> int:
        """Trainable parameters."""
        ...

    def score(self, architecture: Architecture) -> float:
        """The figure on validation with the weights as they are. Raises DivergedError."""
        ...

    def start(self, seed: int) -> None:
        """First weights."""

    def train_together(
        self,
        architectures: Sequence[Architecture],
        *,
        seed: int,
        report: Report | None = None,
        shares: Sequence[float] | None = None,
    ) -> None:
        """Trains one round further. Raises DivergedError."""

    def save(self, path: os.PathLike) -> None:
        """Writes the child."""

    def load(self, path: os.PathLike) -> bool:
        """Goes on from what `save` wrote; False if there is no such file."""
        ...


class FromScratch:
    """Trains every architecture from scratch for a few steps; all from the same seed, so only they differ.

    Args:
        child: trains and scores them.
        seed: of their weights and of everything random.
        known: a pool that an evaluator with the same child and seed has filled. Its members are not trained again: the
            score would be the same.
    """

    def __init__(self, child: Child, *, seed: int, known: Pool | None = None):
        self.child, self.seed, self.known = child, seed, known

    def evaluate(
        self, pool: Pool, candidates: Sequence[Candidate], round: int, report: Report | None = None
    ) -> Iterator[Evaluation]:
        """Yields an evaluation for each candidate that is not in the pool, as soon as it is made."""
        for candidate in candidates:
            architecture = candidate.architecture
            if architecture in pool:
                continue
            parameters = self.child.parameters(architecture)
            score, reason = None, None
            known = None if self.known is None else self.known.id_of(architecture)
            if self.known is not None and known is not None:
                before = self.known.get(known)
                score, reason = before.score, before.reason
            else:
                try:
                    self.child.train(architecture, seed=self.seed, report=report)
                    score = self.child.score(architecture)
                except DivergedError as error:
                    reason = str(error)
            yield Evaluation(len(pool), candidate, round, score=score, parameters=parameters, reason=reason)


class SharedWeights:
    """Trains one child with all members of the pool, then scores every member with its weights (authors' NAO-WS).

    Args:
        child: the shared child.
        seed: of its weights and of everything random.
        directory: the child's weights, one file a round.
        by_parameters: whether a member is trained in proportion to its parameters instead of uniformly (NAO-V2).
    """

    def __init__(self, child: SharedChild, *, seed: int, directory: os.PathLike, by_parameters: bool = False):
        self.child, self.seed, self.by_parameters = child, seed, by_parameters
        self.directory = pathlib.Path(directory)

    def evaluate(
        self, pool: Pool, candidates: Sequence[Candidate], round: int, report: Report | None = None
    ) -> Iterator[Evaluation]:
        """Trains for a round, then yields an evaluation for every member, old ones with their old id."""
        child, file = self.child, self.directory / f"round-{round}.npz"
        new = [candidate for candidate in candidates if candidate.architecture not in pool]
        members = [evaluation.candidate for evaluation in pool.evaluations] + new
        architectures = [member.architecture for member in members]
        parameters = [child.parameters(architecture) for architecture in architectures]
        if not child.load(file):
            if not round or not child.load(self.directory / f"round-{round - 1}.npz"):
                child.start(self.seed)
            shares = parameters if self.by_parameters else None
            child.train_together(architectures, seed=self.seed, report=report, shares=shares)
            child.save(file)
        for index, member in enumerate(members):
            if index < len(pool) and pool.get(index).round == round:
                continue  # scored in this round before a kill
            score, reason = None, None
            try:
                score = child.score(member.architecture)
            except DivergedError as error:
                reason = str(error)
            yield Evaluation(index, member, round, score=score, parameters=parameters[index], reason=reason)
