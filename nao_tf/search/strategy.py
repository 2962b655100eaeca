"""What a strategy is: `ask` for architectures to evaluate, from the pool of those that were evaluated before."""

from __future__ import annotations

import abc
from collections.abc import Sequence

import numpy as np

from nao_tf.architecture import Architecture, SearchSpace
from nao_tf.search.pool import Candidate, Pool

MISSES = 1000  # random architectures in vain after which a space counts as exhausted


class Strategy(abc.ABC):
    """Proposes architectures from what the pool holds.

    The pool is the whole state: `ask` depends on the pool, the round and the seed alone, so that a killed search asks
    again for what it was evaluating and goes on as if undisturbed. Round 0 is random, so a search gives every strategy
    the random start that it wants by the size of that round.

    Args:
        space: the search space.
        seed: of everything random.

    Attributes:
        duplicates: how often this object came upon a computation that was known already and threw it away; it is
            counted for reports and decides nothing.
    """

    def __init__(self, space: SearchSpace, seed: int):
        self.space, self.seed, self.duplicates = space, seed, 0

    @abc.abstractmethod
    def ask(self, pool: Pool, round: int, count: int) -> list[Candidate]:
        """`count` architectures that are not in the pool, each in canonical form and only once; fewer if exhausted."""

    @classmethod
    def ask_together(
        cls, strategies: Sequence[Strategy], pools: Sequence[Pool], round: int, count: int
    ) -> list[list[Candidate]]:
        """What each of several searches asks of its own pool, the same as one by one.

        A strategy that trains something overrides this to train for all of them as one batched program.
        """
        return [strategy.ask(pool, round, count) for strategy, pool in zip(strategies, pools, strict=True)]

    def fit(self, pool: Pool, round: int):
        """What has learnt to predict scores from a pool: its `predict(architectures)` is higher for the better.

        None for a strategy that predicts nothing.
        """
        return None

    def is_new(self, architecture: Architecture, pool: Pool, taken: set[Architecture]) -> bool:
        """Whether an architecture, in canonical form, is neither in the pool nor in `taken`, which it joins if so.

        What breaks the bound of the space is never new.
        """
        if not self.space.allows(architecture):
            return False
        if architecture in taken or architecture in pool:
            self.duplicates += 1
            return False
        taken.add(architecture)
        return True

    def draw(self, pool: Pool, taken: set[Architecture], count: int, generator: np.random.Generator) -> list[Candidate]:
        """Random architectures that are neither in the pool nor in `taken`, which they join; fewer if exhausted."""
        drawn: list[Candidate] = []
        misses = 0
        while len(drawn) < count and misses < MISSES:
            architecture = self.space.sample(generator)
            if self.is_new(architecture, pool, taken):
                drawn.append(Candidate(architecture, "random"))
            else:
                misses += 1
        return drawn
