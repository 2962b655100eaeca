"""A predictor without gradient ascent: an ensemble of small networks scores architectures, the best are evaluated.

In a space that can be enumerated it scores every architecture, which is the strongest simple rival of gradient ascent
there (compare GBDT-NAS, Luo et al., 2020, arXiv 2007.04785).

Letters: E members of the ensemble, N architectures, F features.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from nao_tf.architecture import Architecture, SearchSpace
from nao_tf.controller import Prediction, PredictorQuality
from nao_tf.observer import Observer
from nao_tf.search.ladder import LadderPredictor
from nao_tf.search.pool import Candidate, Pool
from nao_tf.search.strategies.mlp_ensemble import MlpEnsemble, MlpEnsembleSettings
from nao_tf.search.strategy import WHOLE_POOL, Strategy


@dataclasses.dataclass(frozen=True)
class MlpSettings:
    """The predictor, and the architectures that it scores where a space is too large to score all.

    Attributes:
        ensemble: sizes and training of the predictor.
        sample: random architectures.
        mutants: mutants of the best members of the pool.
        parents: how many of the best members they come from.
    """

    ensemble: MlpEnsembleSettings = MlpEnsembleSettings()
    sample: int = 1000
    mutants: int = 1000
    parents: int = 20

    def __post_init__(self):
        if self.sample < 0 or self.mutants < 0 or self.sample + self.mutants < 1:
            raise ValueError(f"mlp sample {self.sample}, mutants {self.mutants}; at least 0, and one of them more")
        if self.parents < 1:
            raise ValueError(f"mlp parents {self.parents}; at least 1")


@dataclasses.dataclass(frozen=True)
class MlpPredictor:
    """An ensemble that has learnt a pool.

    Attributes:
        space: of the architectures.
        ensemble: of networks on one-hot architectures.
        quality: None, it is not measured.
    """

    space: SearchSpace
    ensemble: MlpEnsemble
    quality: PredictorQuality | None = None

    def predict(self, architectures: Sequence[Architecture]) -> Prediction:
        """The predicted ranks of architectures `[N]`, by their canonical forms, as the ensemble has learnt."""
        values = (architecture.canonical.values for architecture in architectures)
        scores = self.ensemble.predict_members(one_hot(self.space, values))  # [E, N]
        return Prediction(np.mean(scores, axis=0), np.std(scores, axis=0))


class MlpSearch(Strategy):
    """Evaluates the unknown architectures that an ensemble of networks scores highest.

    Args:
        space: the search space.
        seed: of everything random.
        mlp: settings of the predictor.
        observer: receives the predictor of every round.
    """

    def __init__(
        self, space: SearchSpace, seed: int, *, mlp: MlpSettings | None = None, observer: Observer | None = None
    ):
        super().__init__(space, seed, observer=observer)
        self.mlp = MlpSettings() if mlp is None else mlp
        self._features: np.ndarray | None = None  # of all architectures, where they can be listed

    def predictor(self, pool: Pool) -> MlpPredictor | None:
        """The ensemble of the whole pool; None where the pool has fewer than two scores."""
        if len(pool.ranked) < 2:
            return None
        fitted = self._fit(pool.lowest if pool.rungs else pool, WHOLE_POOL)
        self.observer.predictor(None, fitted)
        return fitted

    def _fit(self, pool, round) -> MlpPredictor:
        """An ensemble that has learnt the pool by rank; failed evaluations are the worst of it."""
        architectures, goodness = pool.examples()
        in_order = np.sort(goodness)
        below = np.searchsorted(in_order, goodness, "left") + np.searchsorted(in_order, goodness, "right")
        targets = 0.5 * below / len(goodness)  # equal scores share their mean rank
        features = one_hot(self.space, (architecture.values for architecture in architectures))
        seed = int(np.random.default_rng([self.seed, round, 1]).integers(2**31))
        return MlpPredictor(self.space, MlpEnsemble(features, targets, settings=self.mlp.ensemble, seed=seed))

    def ask(self, pool: Pool, round: int, count: int) -> list[Candidate]:
        """See `Strategy.ask`."""
        generator = np.random.default_rng([self.seed, round])
        if round == 0 or len(pool.ranked) < 2:
            return self.draw(pool, set(), count=count, generator=generator)
        fitted = self._fit(pool, round)
        self.observer.predictor(round, fitted)
        architectures, features = self._architectures_to_score(pool, generator)
        scores = fitted.ensemble.predict(features)
        return self._best_unknown(architectures, scores, pool=pool, count=count, generator=generator)

    def climb(self, pool: Pool, round: int, count: int) -> list[Candidate]:
        """See `Strategy.climb`; promotions and new architectures are by predicted scores on the last rung."""
        generator = np.random.default_rng([self.seed, round])
        lowest = pool.lowest
        if len(lowest.ranked) < 2:
            return super().climb(pool, round, count)
        fitted = self._fit(lowest, round)
        self.observer.predictor(round, fitted)
        ladder = LadderPredictor(fitted, pool)
        promotions = ladder.promotions(count, exploration=0.0)
        if promotions:
            return promotions  # what they teach decides what comes next
        architectures, _ = self._architectures_to_score(lowest, generator)
        scores = ladder.predict(architectures).mean
        return self._best_unknown(architectures, scores, pool=lowest, count=count, generator=generator)

    def _best_unknown(self, architectures, scores, *, pool, count, generator) -> list[Candidate]:
        """The architectures with the highest scores that the pool lacks, random ones where there are too few."""
        taken: set[Architecture] = set()
        candidates: list[Candidate] = []
        for index in np.argsort(-scores, kind="stable"):
            if len(candidates) == count:
                break
            if architectures[index] not in pool:  # all are scored, the known ones too: they are no duplicate proposals
                taken.add(architectures[index])
                predicted = float(f"{scores[index]:.6g}")
                candidates.append(Candidate(architecture=architectures[index], origin="predictor", predicted=predicted))
        return candidates + self.draw(pool, taken, count=count - len(candidates), generator=generator)

    def _architectures_to_score(self, pool, generator) -> tuple[Sequence[Architecture], np.ndarray]:
        """Architectures that a round chooses among, and their features."""
        every = self.every_architecture()
        return self._some_architectures(pool, generator) if every is None else (every, self._features_of(every))

    def _features_of(self, every: Sequence[Architecture]) -> np.ndarray:
        if self._features is None:
            self._features = one_hot(self.space, (architecture.values for architecture in every))
        return self._features

    def _some_architectures(self, pool, generator) -> tuple[list[Architecture], np.ndarray]:
        some = {self.space.sample(generator): None for _ in range(self.mlp.sample)}
        parents = [evaluation.candidate.architecture for evaluation in pool.ranked[: self.mlp.parents]]
        for index in range(self.mlp.mutants):
            some[self.space.mutate(parents[index % len(parents)], generator)] = None
        return list(some), one_hot(self.space, (architecture.values for architecture in some))


def one_hot(space: SearchSpace, strings: Iterable[Sequence[int]]) -> np.ndarray:
    """Integers of architectures as bits, one for each word of each position: float32 `[N, F]`."""
    widths = [len(position.words) for position in space.positions]
    first = np.cumsum([0, *widths[:-1]])
    values = np.array(list(strings), np.int64).reshape(-1, len(widths))  # [N, positions]
    features = np.zeros([len(values), sum(widths)], np.float32)
    np.put_along_axis(features, values + first, 1, axis=1)
    return features
