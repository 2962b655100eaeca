"""Neural Architecture Optimization (Luo et al., 2018, algorithm 1): fit, move the best, decode, evaluate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nao_tf import controller
from nao_tf.architecture import SearchSpace
from nao_tf.search.pool import Candidate, Pool
from nao_tf.search.strategy import Strategy


class NeuralArchitectureOptimization(Strategy):
    """Gradient ascent in the controller's embedding space.

    Args:
        space: the search space.
        seed: of everything random.
        settings: of the controller.
        random_share: share of every round that is random.
        starts: how many of the best are moved; the authors take 100 of a pool of 1,000.
        step_sizes: eta of every move; all of them are tried.
        ranked: whether the predictor ranks what the decoder wrote. The authors take it as it comes instead: what the
            smallest step size leads to first, and of that what the best of the pool lead to.
        ascents: how often; every further one starts from the most promising of what those before came to.
        exploration: how many standard deviations of the ensemble's predictions count for an architecture.
        on_fit: called with round and fitted controller.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        settings: controller.ControllerSettings,
        random_share: float = 0.1,
        starts: int = 40,
        step_sizes: tuple[float, ...] = (1, 2, 3, 5, 7, 10, 14, 20, 30, 40),
        ranked: bool = True,
        ascents: int = 3,
        exploration: float = 0.5,
        on_fit=lambda round, fitted: None,
    ):
        super().__init__(space, seed)
        self.settings, self.random_share, self.starts = settings, random_share, starts
        self.step_sizes, self.ranked, self.ascents, self.exploration = step_sizes, ranked, ascents, exploration
        self._on_fit = on_fit

    def fit(self, pool: Pool, round: int) -> controller.FittedController:
        """A controller trained from scratch on the pool; what failed is the worst of it."""
        return self._fit_together([self], [pool], round)[0]

    def ask(self, pool: Pool, round: int, count: int) -> list[Candidate]:
        """See `Strategy.ask`; the first round is random."""
        return self.ask_together([self], [pool], round, count)[0]

    @classmethod
    def ask_together(
        cls, strategies: Sequence[Strategy], pools: Sequence[Pool], round: int, count: int
    ) -> list[list[Candidate]]:
        """See `Strategy.ask_together`; the strategies differ in their seeds only."""
        learning = [index for index, pool in enumerate(pools) if round > 0 and len(pool.ranked) > 1]
        proposals: list[list[controller.Proposal]] = [[] for _ in strategies]
        if learning:
            learners, known = [strategies[index] for index in learning], [pools[index] for index in learning]
            fitted = cls._fit_together(learners, known, round)
            starts = [
                [evaluation.candidate.architecture for evaluation in pool.ranked[: strategy.starts]]
                for strategy, pool in zip(learners, known, strict=True)
            ]
            first = learners[0]
            improved = controller.improve_together(fitted, starts, first.step_sizes, first.ascents, first.exploration)
            for index, of_search in zip(learning, improved, strict=True):
                proposals[index] = of_search
        return [
            strategy._choose(of_search, pool, round, count)
            for strategy, of_search, pool in zip(strategies, proposals, pools, strict=True)
        ]

    @staticmethod
    def _fit_together(strategies, pools, round):
        architectures, scores = zip(*(pool.examples() for pool in pools), strict=True)
        together = controller.fit_together(
            strategies[0].space,
            architectures,
            scores,
            strategies[0].settings,
            [int(np.random.default_rng([strategy.seed, round, 1]).integers(2**31)) for strategy in strategies],
        )
        for strategy, fitted in zip(strategies, together, strict=True):
            strategy._on_fit(round, fitted)
        return together

    def _choose(self, proposals, pool, round, count) -> list[Candidate]:
        """The first of the new ones, and random ones behind them."""
        if not self.ranked:
            place = {evaluation.candidate.architecture: index for index, evaluation in enumerate(pool.ranked)}
            proposals = sorted(proposals, key=lambda proposal: (proposal.step_size, place[proposal.parent]))
        generator = np.random.default_rng([self.seed, round])
        taken: set = set()
        wanted = count - int(self.random_share * count)
        candidates: list[Candidate] = []
        for proposal in proposals:
            if len(candidates) == wanted:
                break
            if not self.is_new(proposal.architecture, pool, taken):
                continue
            parent = pool.id_of(proposal.parent)
            predicted = float(f"{proposal.predicted:.6g}")  # as many digits as mean something
            candidates.append(Candidate(proposal.architecture, "ascent", parent, proposal.step_size, predicted))
        return candidates + self.draw(pool, taken, count - len(candidates), generator)
