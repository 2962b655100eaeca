"""What is promoted on a ladder of rungs: by successive halving, or by what the cheap rungs tell of the dear ones.

A ladder evaluates many architectures on a cheap rung and promotes few of them to the next, dearer one. Both ways give
every rung the same share of the cost: one evaluation in `eta` is promoted, eta being the ratio of the costs of the two
rungs, as in successive halving (Jamieson and Talwalkar, AISTATS 2016) and its asynchronous form, ASHA (Li et al., MLSys
2020). They differ in who is promoted, and a predictor waits until several are due.

Letters: N architectures, M members on a rung, R rungs.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from nao_tf.architecture import Architecture
from nao_tf.controller import Prediction, PredictorQuality
from nao_tf.search.pool import Candidate, Evaluation, Pool

PROMOTION = "promotion"  # the origin of a candidate that the pool holds on the rung below
FEWEST = 3  # members on a rung from which something is learnt of it
# Predicted promotions begin when `FIRST` are due, `AT_A_TIME`, since each of them teaches something about the others:
# docs/results/nasbench201.md, "Ladder".
FIRST, AT_A_TIME = 7, 2
REACH = 0.3  # of the kernel: the share of differing positions at which the correlation has fallen to 1 / e
# Prior variances and noise that the marginal likelihood chooses among, for targets of variance about 1.
OF_ARCHITECTURE, OF_SLOPES, NOISE = (0.03, 0.1, 0.3, 1.0), (0.1, 1.0), (0.03, 0.1, 0.3)
OF_OFFSET = 0.25


def due(pool: Pool, rung: int) -> int:
    """How many promotions to a rung its share of the cost allows still; 0 to the lowest."""
    if rung == 0:
        return 0
    below, there = len(pool.on_rung(rung - 1)), len(pool.on_rung(rung))
    # costs are decimal fractions, whose quotient may be a rounding error below a whole number
    return int(below * pool.cost_of(rung - 1) / pool.cost_of(rung) + 1e-9) - there


def ranked(pool: Pool, rung: int) -> list[Evaluation]:
    """The evaluations on a rung that succeeded, the best first."""
    scored = [evaluation for evaluation in pool.on_rung(rung) if evaluation.score is not None]
    return sorted(scored, key=lambda evaluation: -pool.goodness(evaluation))


def waiting(pool: Pool, rung: int) -> list[Evaluation]:
    """The members that may be promoted to a rung, the best on the rung below first."""
    return [evaluation for evaluation in ranked(pool, rung - 1) if pool.get(evaluation.id) is evaluation]


def promotion(evaluation: Evaluation, rung: int, *, predicted: float | None = None) -> Candidate:
    """The candidate that evaluates a member on a rung."""
    return Candidate(
        architecture=evaluation.candidate.architecture,
        origin=PROMOTION,
        parent=evaluation.id,
        predicted=predicted,
        rung=rung,
    )


def halving(pool: Pool, count: int) -> list[Candidate]:
    """The promotions of ASHA, `count` at most, those to the highest rung first.

    Promoted is who is among the best 1 / eta of a rung and was not promoted yet (Li et al., 2020, algorithm 2).
    """
    candidates: list[Candidate] = []
    for rung in reversed(range(1, len(pool.rungs))):
        share = int(len(pool.on_rung(rung - 1)) * pool.cost_of(rung - 1) / pool.cost_of(rung) + 1e-9)
        best = {evaluation.id for evaluation in ranked(pool, rung - 1)[:share]}
        candidates += [promotion(member, rung) for member in waiting(pool, rung) if member.id in best]
    return candidates[:count]


class Scores(Protocol):
    """Predicts scores on the lowest rung."""

    def predict(self, architectures: Sequence[Architecture]) -> Prediction:
        """See `strategy.Predictor`."""
        ...


class Levels:
    """Predicts scores of the last of several levels, from a predictor of the lowest one and what was measured on each.

    Levels are the rungs of a ladder, or an earlier pool and a new one. Each is a Gaussian process on the one below
    (autoregressive co-kriging: Kennedy and O'Hagan, Biometrika 2000; level by level: Le Gratiet and Garnier, 2014). Its
    mean is the prediction for the level below; what it learns from the members that were measured is how that
    prediction, the part of the measured score that it misses, and the architecture itself shift the score. The marginal
    likelihood decides how much each of them counts, so a level that does not rank is found out.

    Scores are learnt by their order (normal scores), on the scale of the predictions for the same members.

    Args:
        lowest: predicts scores on the lowest level.
        levels: how good each member is that was measured there, higher is better, on any scale; the lowest level first.
    """

    quality: PredictorQuality | None = None  # is not measured

    def __init__(self, lowest: Scores, levels: Sequence[Mapping[Architecture, float]]):
        self.lowest = lowest
        members = list(dict.fromkeys(member for level in levels for member in level))
        self._known = {member: index for index, member in enumerate(members)}
        mean = lowest.predict(members).mean  # [M]
        self._centre, self._scale = float(np.mean(mean)), float(np.std(mean)) or 1.0
        estimates = (mean - self._centre) / self._scale  # [M]
        self._measured = np.stack([_normal_scores(level, members) for level in levels])  # [R, M], NaN: not there
        self._models: list[_Rise | None] = []
        # of each rung but the last, how far the measured scores are from the predictions, [M]; 0 where not measured
        self._missed: list[np.ndarray] = []
        for rung in range(1, len(levels)):
            missed = np.nan_to_num(self._measured[rung - 1] - estimates)
            there = np.flatnonzero(~np.isnan(self._measured[rung]))
            model = None
            if len(there) >= FEWEST:
                model = _Rise(
                    [members[index] for index in there],
                    np.stack([estimates[there], missed[there]], axis=1),
                    self._measured[rung, there],
                )
            self._missed.append(missed)
            self._models.append(model)
            estimates = _risen(model, members, estimates, missed)[0]

    def predict(self, architectures: Sequence[Architecture]) -> Prediction:
        """The predicted scores on the last rung `[N]`, higher is better, as standard deviations of the lowest one."""
        prediction = self.lowest.predict(architectures)
        estimates = (prediction.mean - self._centre) / self._scale
        variance = (prediction.spread / self._scale) ** 2
        places = [self._known.get(architecture.canonical) for architecture in architectures]
        for model, missed in zip(self._models, self._missed, strict=True):
            own = np.array([0.0 if place is None else missed[place] for place in places])
            estimates, added = _risen(model, architectures, estimates, own)
            variance = variance + added
        return Prediction(estimates, np.sqrt(variance))


class LadderPredictor(Levels):
    """Predicts scores on the last rung of a ladder, and promotes by them.

    Args:
        lowest: predicts scores on the lowest rung.
        pool: of the ladder.
    """

    def __init__(self, lowest: Scores, pool: Pool):
        self.pool = pool
        super().__init__(
            lowest,
            [
                {evaluation.candidate.architecture: pool.goodness(evaluation) for evaluation in ranked(pool, rung)}
                for rung in range(len(pool.rungs))
            ],
        )

    def promotions(self, count: int, *, exploration: float) -> list[Candidate]:
        """The members with the highest predicted scores on the last rung, those to the highest rung first.

        None are promoted to a rung until `FIRST` promotions are due: while a search still climbs, what is best on the
        lowest rung now will soon be surpassed. Then `AT_A_TIME`, until no more are due.

        Args:
            count: at most.
            exploration: weight of the predictions' standard deviation, added to their mean.
        """
        candidates: list[Candidate] = []
        for rung in reversed(range(1, len(self.pool.rungs))):
            members, number = waiting(self.pool, rung), due(self.pool, rung)
            begun = len(self.pool.on_rung(rung)) > 0
            number = min(number if begun or number >= FIRST else 0, AT_A_TIME, count - len(candidates))
            if number <= 0 or not members:
                continue
            prediction = self.predict([member.candidate.architecture for member in members])
            hopes = prediction.mean + exploration * prediction.spread
            for index in np.argsort(-hopes, kind="stable")[:number]:
                predicted = float(f"{prediction.mean[index]:.6g}")
                candidates.append(promotion(members[index], rung, predicted=predicted))
        return candidates


class _Rise:
    """The Gaussian process from the predictions for one rung to the scores on the next.

    Args:
        architectures: that were promoted, `[M]`.
        inputs: the predictions for the rung below, and what they miss of the measured scores, `[M, 2]`.
        scores: on this rung, `[M]`, on any scale.
    """

    def __init__(self, architectures: Sequence[Architecture], inputs: np.ndarray, scores: np.ndarray):
        self._values, self._inputs = _values(architectures), inputs
        base = inputs[:, 0]
        spread = max(float(np.std(base)), 0.1)
        targets = base.mean() + (scores - scores.mean()) / (scores.std() or 1.0) * spread
        best = -np.inf
        alike = _alike(self._values, self._values)  # [M, M]
        for of_architecture in OF_ARCHITECTURE:
            for of_slopes in OF_SLOPES:
                kernel = of_slopes * inputs @ inputs.T + of_architecture * alike + OF_OFFSET
                for noise in NOISE:
                    root = np.linalg.cholesky(kernel + noise * np.eye(len(targets)))
                    white = np.linalg.solve(root, targets - base)
                    likelihood = -0.5 * white @ white - np.sum(np.log(np.diag(root)))
                    if likelihood > best:
                        best, self._root, self._white = likelihood, root, white
                        self._of_architecture, self._of_slopes = of_architecture, of_slopes

    def predict(self, architectures: Sequence[Architecture], inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How far the scores are above the predictions for the rung below: mean and variance, `[N]` each."""
        alike = _alike(self._values, _values(architectures))  # [M, N]
        across = self._of_slopes * self._inputs @ inputs.T + self._of_architecture * alike + OF_OFFSET  # [M, N]
        white = np.linalg.solve(self._root, across)
        prior = self._of_slopes * np.sum(inputs**2, axis=1) + self._of_architecture + OF_OFFSET
        return white.T @ self._white, np.maximum(prior - np.sum(white**2, axis=0), 0.0)


def _risen(model, architectures, estimates, missed) -> tuple[np.ndarray, np.ndarray]:
    """Predictions for a rung from those for the one below, and the variance that this adds, `[N]` each."""
    if model is None or not len(architectures):  # nothing is known yet: who is better below counts as better
        return estimates + UNLEARNT * missed, np.zeros(len(estimates))
    mean, variance = model.predict(architectures, np.stack([estimates, missed], axis=1))
    return estimates + mean, variance


UNLEARNT = 0.25  # weight of what a prediction misses of a measured score, until a rung has members to learn it from


def _values(architectures) -> np.ndarray:
    return np.array([architecture.canonical.values for architecture in architectures])  # [N, positions]


def _alike(one, other) -> np.ndarray:
    """The correlation of architectures by the share of positions in which they differ, `[M, N]`."""
    return np.exp(-np.mean(one[:, np.newaxis] != other, axis=2) / REACH)


def _normal_scores(goodness_of, members) -> np.ndarray:
    """The scores of a level as quantiles of the normal distribution, by their ranks; NaN where there is none, `[M]`."""
    goodness = np.array([goodness_of.get(member, np.nan) for member in members])  # [M]
    there = goodness[~np.isnan(goodness)]
    inverse = statistics.NormalDist().inv_cdf
    scores = np.full(len(members), np.nan)
    for index in np.flatnonzero(~np.isnan(goodness)):
        below = np.mean(there < goodness[index]) + 0.5 * np.mean(there == goodness[index])
        scores[index] = inverse(float(below))
    return scores
