"""A predictor without gradients: an ensemble of small networks scores cells, the best are evaluated.

In a space that can be enumerated it scores every cell, which is the strongest simple rival of gradient search there
(compare GBDT-NAS, Luo et al., 2020, arXiv 2007.04785).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from nao_tf.architecture import Architecture, SearchSpace
from nao_tf.search.pool import Candidate, Pool
from nao_tf.search.strategies.mlp_ensemble import PerceptronEnsemble, PerceptronSettings
from nao_tf.search.strategy import Strategy

ENUMERABLE = 1_000_000  # strings of a space, spellings counted, up to which every cell is scored
DEFAULT_SETTINGS = PerceptronSettings()


@dataclasses.dataclass(frozen=True)
class ScoredCells:
    """An ensemble that has learnt a pool.

    Attributes:
        space: of the cells.
        ensemble: of networks on one-hot cells.
    """

    space: SearchSpace
    ensemble: PerceptronEnsemble

    def predict(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """The predicted ranks, float32 `[N]`, higher is better; of canonical forms, as the ensemble has learnt."""
        return self.ensemble.predict(one_hot(self.space, (cell.canonical.values for cell in architectures)))


class PerceptronSearch(Strategy):
    """Evaluates the unknown cells that an ensemble of networks scores highest.

    Args:
        space: the search space.
        seed: of everything random.
        settings: of the ensemble.
        sample: random cells that are scored where the space is too large to score all.
        mutants: mutants of the best members that are scored there too.
        parents: how many of the best members those are of.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        settings: PerceptronSettings = DEFAULT_SETTINGS,
        sample: int = 1000,
        mutants: int = 1000,
        parents: int = 20,
    ):
        super().__init__(space, seed)
        self.settings, self.sample, self.mutants, self.parents = settings, sample, mutants, parents
        self._cells: list[Architecture] | None = None
        self._features: np.ndarray | None = None

    def fit(self, pool: Pool, round: int) -> ScoredCells:
        """The ensemble that has learnt the pool by rank; what failed is the worst of it."""
        architectures, goodness = pool.examples()
        in_order = np.sort(goodness)
        below = np.searchsorted(in_order, goodness, "left") + np.searchsorted(in_order, goodness, "right")
        features = one_hot(self.space, (architecture.values for architecture in architectures))
        seed = int(np.random.default_rng([self.seed, round, 1]).integers(2**31))
        # equal scores share their mean rank
        return ScoredCells(self.space, PerceptronEnsemble(features, 0.5 * below / len(goodness), self.settings, seed))

    def ask(self, pool: Pool, round: int, count: int) -> list[Candidate]:
        """See `Strategy.ask`."""
        generator = np.random.default_rng([self.seed, round])
        taken: set = set()
        if round == 0 or len(pool.ranked) < 2:
            return self.draw(pool, taken, count, generator)
        fitted = self.fit(pool, round)
        cells, features = self._every_cell() if self.space.size <= ENUMERABLE else self._some_cells(pool, generator)
        scores = fitted.ensemble.predict(features)
        candidates: list[Candidate] = []
        for index in np.argsort(-scores, kind="stable"):
            if len(candidates) == count:
                break
            if cells[index] not in pool:  # all are scored, the known ones too: they are no duplicate proposals
                taken.add(cells[index])
                candidates.append(Candidate(cells[index], "predictor", predicted=float(f"{scores[index]:.6g}")))
        return candidates + self.draw(pool, taken, count - len(candidates), generator)

    def _every_cell(self):
        if self._cells is None:
            cells = (self.space.architecture(values) for values in self.space.canonical_strings())
            self._cells = [cell for cell in cells if self.space.allows(cell)]
            self._features = one_hot(self.space, (cell.values for cell in self._cells))
        return self._cells, self._features

    def _some_cells(self, pool, generator):
        cells = {self.space.sample(generator): None for _ in range(self.sample)}
        parents = [evaluation.candidate.architecture for evaluation in pool.ranked[: self.parents]]
        for index in range(self.mutants):
            cells[self.space.mutate(parents[index % len(parents)], generator)] = None
        return list(cells), one_hot(self.space, (cell.values for cell in cells))


def one_hot(space: SearchSpace, strings: Iterable[Sequence[int]]) -> np.ndarray:
    """Integers of architectures as bits, one for each word of each position: float32 `[N, F]`."""
    widths = [len(position.words) for position in space.positions]
    first = np.cumsum([0, *widths[:-1]])
    values = np.array(list(strings), np.int64).reshape(-1, len(widths))  # [N, positions]
    features = np.zeros([len(values), sum(widths)], np.float32)
    np.put_along_axis(features, values + first, 1, axis=1)
    return features
