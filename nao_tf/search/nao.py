"""Neural Architecture Optimization (Luo et al., 2018, algorithm 1): fit, move the best, decode, evaluate."""

from __future__ import annotations

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
        step_sizes: eta of every move; all of them are tried and the predictor ranks what the decoder wrote.
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
        on_fit=lambda round, fitted: None,
    ):
        super().__init__(space, seed)
        self.settings, self.random_share, self.starts, self.step_sizes = settings, random_share, starts, step_sizes
        self._on_fit = on_fit

    def fit(self, pool: Pool, round: int) -> controller.FittedController:
        """A controller trained from scratch on the members of the pool that have a score."""
        ranked = pool.ranked
        fitted = controller.fit(
            self.space,
            [evaluation.candidate.architecture for evaluation in ranked],
            np.array([pool.goodness(evaluation) for evaluation in ranked]),
            self.settings,
            seed=int(np.random.default_rng([self.seed, round, 1]).integers(2**31)),
        )
        self._on_fit(round, fitted)
        return fitted

    def ask(self, pool: Pool, round: int, count: int) -> list[Candidate]:
        """See `Strategy.ask`; the first round is random."""
        generator = np.random.default_rng([self.seed, round])
        taken: set = set()
        ranked = pool.ranked
        if round == 0 or len(ranked) < 2:
            return self.draw(pool, taken, count, generator)
        starts = [evaluation.candidate.architecture for evaluation in ranked[: self.starts]]
        wanted = count - int(self.random_share * count)
        candidates: list[Candidate] = []
        for proposal in self.fit(pool, round).improve(starts, self.step_sizes):
            if len(candidates) == wanted:
                break
            if not self.is_new(proposal.architecture, pool, taken):
                continue
            parent = pool.id_of(proposal.parent)
            predicted = float(f"{proposal.predicted:.6g}")  # as many digits as mean something
            candidates.append(Candidate(proposal.architecture, "ascent", parent, proposal.step_size, predicted))
        return candidates + self.draw(pool, taken, count - len(candidates), generator)
