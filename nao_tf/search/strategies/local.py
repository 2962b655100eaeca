"""Local search: hill climbing by first improvement with random restarts (White et al., 2020, arXiv 2005.02960)."""

import dataclasses
import itertools

import numpy as np

from nao_tf.architecture import SearchSpace
from nao_tf.observer import Observer
from nao_tf.search.pool import Candidate, Evaluation, Pool
from nao_tf.search.strategy import Strategy


class LocalSearch(Strategy):
    """Evaluates the neighbours of a member in random order and moves on to the first that is better.

    Neighbours differ in one integer. A member all of whose neighbours are known is a summit, and the climb starts again
    from a random architecture. The first climb starts from the best of round 0. A round of several evaluates as many
    neighbours of the same member and moves to the best of them.
    """

    def __init__(self, space: SearchSpace, seed: int, *, observer: Observer | None = None):
        super().__init__(space, seed, observer=observer)
        self._climb: _Climb | None = None

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
        """The member that the climb has reached, by replay of the rounds; None before the first.

        What this object has replayed already is not replayed again as long as it asks about the same pool.
        """
        known = self._climb
        if known is None or known.members > len(pool) or pool.get(known.members - 1) is not known.last:
            known = _Climb(members=0, last=None, climber=None)
        climber = known.climber
        members = map(pool.get, range(known.members, len(pool)))
        for _, round in itertools.groupby(members, lambda evaluation: pool.first_round(evaluation.id)):
            scored = [member for member in round if member.score is not None]
            starts = [member for member in scored if member.candidate.parent is None]
            best = max(scored, key=pool.goodness, default=None)
            if climber is None or (best is not None and pool.goodness(best) > pool.goodness(climber)):
                climber = best or climber
            elif starts:  # a random member: no neighbour was left
                climber = max(starts, key=pool.goodness)
        if len(pool):
            self._climb = _Climb(members=len(pool), last=pool.get(len(pool) - 1), climber=climber)
        return climber


@dataclasses.dataclass(frozen=True)
class _Climb:
    """A replay of a pool's rounds.

    Attributes:
        members: that were replayed.
        last: of them, by which the pool is known: members that are scored again are other objects.
        climber: after them.
    """

    members: int
    last: Evaluation | None
    climber: Evaluation | None
