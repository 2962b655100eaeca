"""Regularised evolution (Real et al., AAAI 2019, algorithm 1): tournaments, mutation, and the oldest dies."""

import dataclasses
import itertools

import numpy as np

from nao_tf.architecture import Architecture, SearchSpace
from nao_tf.observer import Observer
from nao_tf.search.pool import Candidate, Evaluation, Pool
from nao_tf.search.strategy import Strategy

TRIES = 100  # tournaments for one new architecture; where they fail, one is drawn at random


@dataclasses.dataclass(frozen=True)
class EvolutionSettings:
    """The sizes of regularised evolution.

    Attributes:
        population: members that live at a time; 100 in the paper, for 20,000 evaluations.
        tournament: members drawn, with replacement, of which the best becomes a parent; 25 in the paper.
    """

    population: int = 20
    tournament: int = 5

    def __post_init__(self):
        for name in ("population", "tournament"):
            if getattr(self, name) < 1:
                raise ValueError(f"evolution {name} {getattr(self, name)}; at least 1")


class RegularisedEvolution(Strategy):
    """Mutates the winner of a tournament among the youngest members.

    The population is the youngest members of the pool, since every child joins it and the oldest member leaves: age,
    not a low score, is what members die of. A mutant that is known already is no child, another tournament is held.

    Args:
        space: the search space.
        seed: of everything random.
        evolution: sizes.
        observer: not called, nothing is trained.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        *,
        evolution: EvolutionSettings | None = None,
        observer: Observer | None = None,
    ):
        super().__init__(space, seed, observer=observer)
        self.evolution = EvolutionSettings() if evolution is None else evolution

    def ask(self, pool: Pool, round: int, count: int) -> list[Candidate]:
        """See `Strategy.ask`."""
        generator = np.random.default_rng([self.seed, round])
        taken: set[Architecture] = set()
        population = self._youngest(pool)
        if round == 0 or not population:
            return self.draw(pool, taken, count=count, generator=generator)
        candidates: list[Candidate] = []
        for _ in range(TRIES * count):
            if len(candidates) == count:
                break
            drawn = [population[index] for index in generator.integers(len(population), size=self.evolution.tournament)]
            parent = max(drawn, key=pool.goodness)
            child = self.space.mutate(parent.candidate.architecture, generator)
            if self.is_new(child, pool, taken=taken):
                candidates.append(Candidate(architecture=child, origin="mutation", parent=parent.id))
        return candidates + self.draw(pool, taken, count=count - len(candidates), generator=generator)

    def _youngest(self, pool) -> list[Evaluation]:
        """The members that live, the oldest first."""
        scored = (member for member in reversed(pool.evaluations) if member.score is not None)
        return list(itertools.islice(scored, self.evolution.population))[::-1]
