"""Local search: hill climbing by first improvement with random restarts (White et al., 2020, arXiv 2005.02960)."""

import itertools

import numpy as np

from nao_tf.search.pool import Candidate, Evaluation, Pool
from nao_tf.search.strategy import Strategy


class LocalSearch(Strategy):
    """Evaluates the neighbours of a member in random order and moves on to the first that is better.

    Neighbours differ in one integer. A member all of whose neighbours are known is a summit, and the climb starts again
    from a random architecture. The first climb starts from the best of round 0. A round of several evaluates as many
    neighbours of the same member and moves to the best of them.
    """

    def ask(self, pool: Pool, round: int, count: int) -> list[Candidate]:
        """See `Strategy.ask`."""
        generator = np.random.default_rng([self.seed, round])
        climber = None if round == 0 else self.climber(pool)
        candidates: list[Candidate] = []
        if climber is not None:
            neighbours = self.space.neighbours(climber.candidate.architecture, generator)
            unknown = [neighbour for neighbour in neighbours if neighbour not in pool]
            candidates = [
                Candidate(architecture=neighbour, origin="mutation", parent=climber.id) for neighbour in unknown[:count]
            ]
        taken = {candidate.architecture for candidate in candidates}
        return candidates + self.draw(pool, taken, count=count - len(candidates), generator=generator)

    def climber(self, pool: Pool) -> Evaluation | None:
        """The member that the climb has reached, by replay of the rounds; None before the first."""
        climber = None
        for _, members in itertools.groupby(pool.evaluations, lambda evaluation: pool.first_round(evaluation.id)):
            scored = [member for member in members if member.score is not None]
            starts = [member for member in scored if member.candidate.parent is None]
            best = max(scored, key=pool.goodness, default=None)
            if climber is None or (best is not None and pool.goodness(best) > pool.goodness(climber)):
                climber = best or climber
            elif starts:  # a random member: no neighbour was left
                climber = max(starts, key=pool.goodness)
        return climber
