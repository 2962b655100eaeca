"""The contract of a search strategy: `ask` for architectures to evaluate, given the pool of earlier evaluations."""

import abc
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from nao_tf.architecture import Architecture, SearchSpace
from nao_tf.controller import Prediction, PredictorQuality
from nao_tf.observer import Observer
from nao_tf.search.ladder import halving
from nao_tf.search.pool import Candidate, Pool

MISSES = 1000  # random architectures in vain, one after the other, before what is left of a space is listed
LARGEST_ENUMERATED = 1_000_000  # spellings of a space, up to which all its architectures are listed
WHOLE_POOL = 2**31 - 1  # stands for the round in the seed of the predictor of a whole pool


class Predictor(Protocol):
    """Predicts the scores of architectures."""

    @property
    def quality(self) -> PredictorQuality | None:
        """On architectures that it did not learn; None where it was not measured."""

    def predict(self, architectures: Sequence[Architecture]) -> Prediction:
        """The predicted scores of architectures `[N]`, higher is better, on a scale of the predictor's own."""


class Strategy(abc.ABC):
    """Proposes architectures from what the pool holds.

    The pool is the whole state: `ask` depends on the pool, the round and the seed alone, so that a killed search asks
    again for what it was evaluating and goes on as if undisturbed. Round 0 is random: a search sets the size of the
    random start by the size of that round.

    Args:
        space: the search space.
        seed: of everything random.
        observer: receives the predictors that the strategy trains; None: nobody does.

    Attributes:
        duplicates: how often this object discarded a computation that was known already; for reports, without
            influence on the search.
    """

    def __init__(self, space: SearchSpace, seed: int, *, observer: Observer | None = None):
        self.space, self.seed = space, seed
        self.observer = Observer() if observer is None else observer
        self.duplicates = 0
        self._every: list[Architecture] | None = None

    @abc.abstractmethod
    def ask(self, pool: Pool, round: int, count: int) -> list[Candidate]:
        """`count` architectures that are not in the pool, each in canonical form and only once; fewer if exhausted."""

    def climb(self, pool: Pool, round: int, count: int) -> list[Candidate]:
        """What a later round on a ladder evaluates: promotions, and new architectures on the lowest rung.

        Promotions are those of ASHA, and the new architectures are what the strategy asks for when it sees the scores
        on the lowest rung. With random search this is ASHA. A strategy with a predictor may do better.

        Args:
            pool: with its rungs.
            round: from 1 on.
            count: of both together; fewer if exhausted.
        """
        promotions = halving(pool, count)
        return promotions + self.fresh(pool, round, count - len(promotions))

    def fresh(self, pool: Pool, round: int, count: int) -> list[Candidate]:
        """New architectures of a round on a ladder, from the scores on the lowest rung."""
        return self.ask(pool.lowest, round, count) if count else []

    def predictor(self, pool: Pool) -> Predictor | None:
        """A predictor that has learnt the whole pool.

        None for a strategy that predicts nothing, and where the pool has fewer than two scores.
        """
        return None

    def is_new(self, architecture: Architecture, pool: Pool, *, taken: set[Architecture]) -> bool:
        """Whether an architecture, in canonical form, is neither in the pool nor in `taken`, which it joins if so.

        An architecture that breaks the bound of the space is never new.
        """
        if not self.space.allows(architecture):
            return False
        if architecture in taken or architecture in pool:
            self.duplicates += 1
            return False
        taken.add(architecture)
        return True

    def draw(
        self, pool: Pool, taken: set[Architecture], *, count: int, generator: np.random.Generator
    ) -> list[Candidate]:
        """Random architectures that are neither in the pool nor in `taken`, which they join; fewer if exhausted.

        They are samples of the space. Where those are known again and again, the rest is drawn from a list of what is
        not, so that a space that can be listed is used up to the last architecture; of a larger space, of which
        `MISSES` samples in a row were known, nothing more is drawn.
        """
        drawn: list[Candidate] = []
        misses = 0
        while len(drawn) < count and misses < MISSES:
            architecture = self.space.sample(generator)
            if self.is_new(architecture, pool, taken=taken):
                drawn.append(Candidate(architecture, "random"))
                misses = 0
            else:
                misses += 1
        if len(drawn) < count and (every := self.every_architecture()) is not None:
            left = [architecture for architecture in every if architecture not in taken and architecture not in pool]
            for index in generator.permutation(len(left))[: count - len(drawn)]:
                taken.add(left[index])
                drawn.append(Candidate(left[index], "random"))
        return drawn

    def every_architecture(self) -> list[Architecture] | None:
        """All that the space allows, each computation once; None where it has more than `LARGEST_ENUMERATED` spellings.

        The list is made at the first call and kept.
        """
        if self.space.size > LARGEST_ENUMERATED:
            return None
        if self._every is None:
            every = (self.space.architecture(values) for values in self.space.canonical_strings())
            self._every = [architecture for architecture in every if self.space.allows(architecture)]
        return self._every
