"""Regularised evolution (Real et al., AAAI 2019, algorithm 1): tournaments, mutation, and the oldest dies."""

from __future__ import annotations

import numpy as np

from nao_tf.architecture import SearchSpace
from nao_tf.search.pool import Candidate, Pool
from nao_tf.search.strategy import Strategy

TRIES = 100  # tournaments for one new architecture; what they fail to find is drawn at random


class RegularisedEvolution(Strategy):
    """Mutates the winner of a tournament among the youngest members.

    The population is the youngest members of the pool, since every child joins it and the oldest member leaves: age,
    not a low score, is what members die of. A mutant that is known already is no child, another tournament is held.

    Args:
        space: the search space.
        seed: of everything random.
        population: members that live at a time; 100 in the paper, for 20,000 evaluations.
        tournament: members drawn, with replacement, of which the best becomes a parent; 25 in the paper.
    """

    def __init__(self, space: SearchSpace, seed: int, population: int = 20, tournament: int = 5):
        super().__init__(space, seed)
        if population < 1 or tournament < 1:
            raise ValueError(f"population of {population}, tournament of {tournament}; both at least 1")
        self.population, self.tournament = population, tournament

    def ask(self, pool: Pool, round: int, count: int) -> list[Candidate]:
        """See `Strategy.ask`."""
        generator = np.random.default_rng([self.seed, round])
        taken: set = set()
        scored = [evaluation for evaluation in pool.evaluations if evaluation.score is not None]
        population = scored[-self.population :]
        if round == 0 or not population:
            return self.draw(pool, taken, count, generator)
        candidates: list[Candidate] = []
        for _ in range(TRIES * count):
            if len(candidates) == count:
                break
            drawn = [population[index] for index in generator.integers(len(population), size=self.tournament)]
            parent = max(drawn, key=pool.goodness)
            child = self.space.mutate(parent.candidate.architecture, generator)
            if self.is_new(child, pool, taken):
                candidates.append(Candidate(child, "mutation", parent.id))
        return candidates + self.draw(pool, taken, count - len(candidates), generator)
