"""Neural Architecture Optimization (Luo et al., 2018, algorithm 1): fit, move the best, decode, evaluate."""

from __future__ import annotations

import dataclasses

import numpy as np

from nao_tf.architecture import SearchSpace
from nao_tf.search.pool import Candidate, Pool
from nao_tf.search.strategy import Strategy, draw


class NeuralArchitectureOptimization(Strategy):
    """Gradient ascent in the controller's embedding space.

    Args:
        space: the search space.
        seed: of everything random.
        settings: `controller.ControllerSettings`.
        random_share: share of every round that is random.
        starts: how many of the best are moved.
        step_sizes: eta of every move; all of them are tried and the predictor ranks what the decoder wrote.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        settings,
        random_share: float = 0.1,
        starts: int = 40,
        step_sizes: tuple[float, ...] = (1, 2, 3, 5, 7, 10, 14, 20, 30, 40),
    ):
        super().__init__(space, seed)
        self.settings, self.random_share, self.starts, self.step_sizes = settings, random_share, starts, step_sizes
        self._quality = None

    def ask(self, pool: Pool, round: int, count: int) -> list[Candidate]:
        """See `Strategy.ask`; the first round is random."""
        from nao_tf import controller  # imported late: it loads TensorFlow

        generator = np.random.default_rng([self.seed, round])
        taken: set = set()
        ranked = pool.ranked
        if round == 0 or len(ranked) < 2:
            return draw(self.space, pool, taken, count, generator)
        fitted = controller.fit(
            self.space,
            [evaluation.candidate.architecture for evaluation in ranked],
            np.array([pool.goodness(evaluation) for evaluation in ranked]),
            self.settings,
            seed=int(np.random.default_rng([self.seed, round, 1]).integers(2**31)),
        )
        self.controller, self._quality = fitted, dataclasses.asdict(fitted.quality)
        starts = [evaluation.candidate.architecture for evaluation in ranked[: self.starts]]
        wanted = count - int(round and self.random_share * count)
        candidates: list[Candidate] = []
        for proposal in fitted.improve(starts, self.step_sizes):
            if len(candidates) == wanted:
                break
            architecture = proposal.architecture
            if architecture in pool or architecture in taken:
                continue
            taken.add(architecture)
            candidates.append(
                Candidate(
                    architecture,
                    "ascent",
                    pool.id_of(proposal.parent),
                    float(proposal.step_size),
                    round_to_digits(proposal.predicted),
                )
            )
        return candidates + draw(self.space, pool, taken, count - len(candidates), generator)

    def quality(self) -> dict | None:
        """Held-out quality of the last controller."""
        return self._quality


def round_to_digits(value: float, digits: int = 6) -> float:
    """A number with as many digits as its meaning has."""
    return float(f"{float(value):.{digits}g}")
