"""What a strategy is: `ask` for architectures to evaluate, `tell` what came of them."""

from __future__ import annotations

import abc

import numpy as np

from nao_tf.architecture import SearchSpace
from nao_tf.search.pool import Candidate, Pool


class Strategy(abc.ABC):
    """Proposes architectures from what the pool holds.

    The pool is the whole state: `ask` depends on the pool, the round and the seed alone, so that a killed search asks
    again for what it was evaluating and goes on as if undisturbed.

    Args:
        space: the search space.
        seed: of everything random.
    """

    def __init__(self, space: SearchSpace, seed: int):
        self.space, self.seed = space, seed

    @abc.abstractmethod
    def ask(self, pool: Pool, round: int, count: int) -> list[Candidate]:
        """`count` architectures that are not in the pool, each in canonical form and only once."""


def draw(space: SearchSpace, pool: Pool, taken: set, count: int, generator: np.random.Generator) -> list[Candidate]:
    """Random architectures that are neither in the pool nor in `taken`, which they join; fewer if exhausted."""
    drawn: list[Candidate] = []
    misses = 0
    while len(drawn) < count and misses < 1000:
        architecture = space.sample(generator)
        if architecture in pool or architecture in taken:
            misses += 1
            continue
        taken.add(architecture)
        drawn.append(Candidate(architecture, "random"))
    return drawn
