"""Neural Architecture Optimization (Luo et al., 2018, algorithm 1): fit, move the best, decode, evaluate.

Importing this loads no TensorFlow; training a controller does.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np

from nao_tf.architecture import Architecture, SearchSpace
from nao_tf.controller.proposals import Proposal, ordered
from nao_tf.controller.settings import ControllerSettings
from nao_tf.observer import Observer
from nao_tf.search.ladder import LadderPredictor
from nao_tf.search.pool import Candidate, Pool
from nao_tf.search.prior import Guided, Prior, from_prior
from nao_tf.search.strategy import WHOLE_POOL, Strategy

if TYPE_CHECKING:
    from nao_tf.controller import Controller

PRIOR = 2**31 - 2  # stands for the round in the seed of the controller of a prior
HELD_OUT = 0.1  # share for the quality of a controller whose own settings hold nothing out


@dataclasses.dataclass(frozen=True)
class AscentSettings:
    """The gradient ascent of a round, and the choice among its proposals.

    Attributes:
        random_share: share of every round that is random.
        neighbours_share: share of every round that are the most promising of the best member's neighbours, those that
            differ from it in one integer, as far as they are not known yet.
        starts: how many of the best of the pool are moved; the authors take 100 of a pool of 1,000.
        step_sizes: eta of every move; all of them are tried.
        ranked: whether the predictor ranks the proposals. Not so in the authors' code: it takes the smallest step size
            first, and among its proposals those that started from the best of the pool.
        ascents: number of ascents; each one after the first starts from the most promising results so far.
        exploration: weight of the standard deviation of the ensemble's predictions, added to their mean in the ranking.
    """

    random_share: float = 0.1
    neighbours_share: float = 0.0
    starts: int = 40
    step_sizes: tuple[float, ...] = (1, 2, 3, 5, 7, 10, 14, 20, 30, 40)
    ranked: bool = True
    ascents: int = 3
    exploration: float = 0.5

    def __post_init__(self):
        for name in ("random_share", "neighbours_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"ascent {name} {getattr(self, name)}; 0 to 1")
        for name in ("starts", "ascents"):
            if getattr(self, name) < 1:
                raise ValueError(f"ascent {name} {getattr(self, name)}; at least 1")
        if not self.step_sizes or not all(0 < size < float("inf") for size in self.step_sizes):
            raise ValueError(f"ascent step_sizes {list(self.step_sizes)}; at least one, all positive and finite")


# The authors' code with weight sharing, recurrent cells: up to 300 architectures of the controller and 50 random ones a
# round. Its other programs differ in the step sizes and the share of random architectures.
PUBLISHED_ASCENT = AscentSettings(
    random_share=1 / 7, starts=100, step_sizes=tuple(range(1, 31)), ranked=False, ascents=1, exploration=0.0
)


class NeuralArchitectureOptimization(Strategy):
    """Gradient ascent in the controller's embedding space.

    Args:
        space: the search space.
        seed: of everything random.
        controller: settings of the controller.
        ascent: settings of the ascent.
        prior: what an earlier pool tells; half of the first round comes from it then, and later ones as far as it ranks
            this pool. None: nothing is known.
        observer: receives the controller of every round.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        *,
        controller: ControllerSettings | None = None,
        ascent: AscentSettings | None = None,
        prior: Prior | None = None,
        observer: Observer | None = None,
    ):
        super().__init__(space, seed, observer=observer)
        self.prior = prior
        self.controller = ControllerSettings() if controller is None else controller
        self.ascent = AscentSettings() if ascent is None else ascent

    def ask(self, pool: Pool, round: int, count: int) -> list[Candidate]:
        """See `Strategy.ask`; the first round is random, but for what a prior proposes."""
        proposals: list[Proposal] = []
        if round == 0 and self.prior is not None:
            starts = list(self.prior.goodness)[: self.ascent.starts]
            proposals = from_prior(self._taught, self.prior, starts=starts, step_sizes=self.ascent.step_sizes)
            return self._choose(proposals, pool, round=round, count=count, random_share=0.5)
        if round > 0 and len(pool.ranked) > 1:
            fitted = self._guided(pool, round)
            best = [evaluation.candidate.architecture for evaluation in pool.ranked[: self.ascent.starts]]
            proposals = fitted.propose(
                best,
                self.ascent.step_sizes,
                ascents=self.ascent.ascents,
                exploration=self.ascent.exploration,
            )
            wanted = int(self.ascent.neighbours_share * count)
            if wanted:
                proposals = self._neighbours(best[0], fitted, pool)[:wanted] + proposals
        return self._choose(proposals, pool, round=round, count=count)

    def _neighbours(self, best, fitted, pool) -> list[Proposal]:
        """The unknown neighbours of an architecture, the most promising first."""
        neighbours = self.space.neighbours(best, np.random.default_rng(0))
        taken: set[Architecture] = set()
        unknown = [
            Proposal(each, best, 0.0, 0.0, 0.0, origin="neighbour")
            for each in neighbours
            if self.is_new(each, pool, taken=taken)
        ]
        return ordered(unknown, fitted.predict, exploration=self.ascent.exploration) if unknown else []

    def climb(self, pool: Pool, round: int, count: int) -> list[Candidate]:
        """See `Strategy.climb`.

        The controller learns the scores on the lowest rung, a `LadderPredictor` what they tell of the last one. Both
        the promotions and the order of the proposals are by predicted scores on the last rung.
        """
        lowest = pool.lowest
        if len(lowest.ranked) < 2:
            return super().climb(pool, round, count)
        fitted = self._guided(lowest, round)
        ladder, exploration = LadderPredictor(fitted, pool), self.ascent.exploration
        promotions = ladder.promotions(count, exploration=exploration)
        if promotions:
            return promotions  # what they teach decides what comes next
        members = [evaluation.candidate.architecture for evaluation in lowest.ranked]
        best = np.argsort(-ladder.predict(members).mean, kind="stable")[: self.ascent.starts]
        proposals = fitted.propose(
            [members[index] for index in best],
            self.ascent.step_sizes,
            ascents=self.ascent.ascents,
            exploration=exploration,
        )
        if proposals:
            proposals = ordered(proposals, ladder.predict, exploration=exploration)
        return self._choose(proposals, lowest, round=round, count=count)

    def predictor(self, pool: Pool) -> Controller | None:
        """The controller of the whole pool; None where the pool has fewer than two scores.

        Where its settings hold nothing out, its quality is that of a second controller, with `HELD_OUT` of the pool
        held out, in turn by the members of an ensemble. On a ladder it is the controller of the lowest rung.
        """
        pool = pool.lowest if pool.rungs else pool
        if len(pool.ranked) < 2:
            return None
        fitted = self._fit(pool, seed=self._seed_of(WHOLE_POOL))
        if not self.controller.held_out:
            judged = self._fit(pool, seed=self.seed, held_out=HELD_OUT)
            fitted = dataclasses.replace(fitted, quality=judged.quality)
        self.observer.predictor(None, fitted)
        return fitted

    def _guided(self, pool, round) -> Controller | Guided:
        """The controller of a round, with what the prior tells."""
        fitted = self._fit(pool, seed=self._seed_of(round))
        self.observer.predictor(round, fitted)
        return fitted if self.prior is None else Guided(fitted, self._taught, known=self.prior, pool=pool)

    @functools.cached_property
    def _taught(self) -> Controller:
        """A controller that has learnt the prior."""
        from nao_tf.controller.fit import Controller  # loads TensorFlow

        assert self.prior is not None
        architectures, goodness = list(self.prior.goodness), list(self.prior.goodness.values())
        return Controller.fit(self.space, architectures, goodness, settings=self.controller, seed=self._seed_of(PRIOR))

    def _seed_of(self, round):
        return int(np.random.default_rng([self.seed, round, 1]).integers(2**31))

    def _fit(self, pool, *, seed, **changes) -> Controller:
        """A controller trained from scratch on the pool; failed evaluations are the worst of it."""
        from nao_tf.controller.fit import Controller  # loads TensorFlow

        architectures, goodness = pool.examples()
        settings = dataclasses.replace(self.controller, **changes)
        return Controller.fit(self.space, architectures, goodness, settings=settings, seed=seed)

    def _choose(
        self, proposals: list[Proposal], pool: Pool, *, round: int, count: int, random_share: float | None = None
    ) -> list[Candidate]:
        """The first of the new proposals, and random architectures in the remaining places."""
        random_share = self.ascent.random_share if random_share is None else random_share
        if not self.ascent.ranked and self.prior is None:
            place = {evaluation.candidate.architecture: index for index, evaluation in enumerate(pool.ranked)}
            proposals = sorted(proposals, key=lambda proposal: (proposal.step_size, place[proposal.parent]))
        generator = np.random.default_rng([self.seed, round])
        taken: set[Architecture] = set()
        most = count - int(random_share * count)
        candidates: list[Candidate] = []
        for proposal in proposals:
            if len(candidates) == most:
                break
            if not self.is_new(proposal.architecture, pool, taken=taken):
                continue
            candidates.append(
                Candidate(
                    architecture=proposal.architecture,
                    origin=proposal.origin,
                    parent=pool.id_of(proposal.parent),  # none where it is a member of the prior
                    step_size=proposal.step_size or None,
                    predicted=float(f"{proposal.predicted:.6g}"),  # the digits that mean something
                )
            )
        return candidates + self.draw(pool, taken, count=count - len(candidates), generator=generator)
