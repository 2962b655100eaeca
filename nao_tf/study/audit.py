"""How far the scores of a search can be trusted: do they repeat, and do they rank final models?

Some members of the pool are scored again with another seed. Kendall's tau between the two scores is the ceiling: no
predictor and no strategy can rank better than a score ranks its own repetition. Tau between the scores and the
validation figures of the finalists tells whether the short training ranks as the long one does.

Letters: N architectures.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nao_tf.controller.quality import kendall_tau
from nao_tf.observer import Observer
from nao_tf.search.evaluator import Evaluator
from nao_tf.search.pool import Candidate, Evaluation, Pool
from nao_tf.search.settings import StudySettings
from nao_tf.tasks.task import Metric

NAME = "audit"  # of the stage, and in the names of files
LEVEL = 0.05
OTHER_SEED = 10_000  # added to the seed where architectures are scored again
FEWEST, USUAL, MOST = 6, 8, 24  # architectures that a tau is told of; of an audit that nobody asked for, from and to
SHARE = 12  # of the budget, such an audit takes one in so many
RESAMPLES = 1000
FIELLER = 0.437  # variance of artanh(tau) of N pairs, times N - 4 (Fieller, Hartley and Pearson, 1957)


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How two figures of the same architectures agree in their order.

    Attributes:
        architectures: N.
        kendall_tau: Kendall's tau-b; None where it is undefined, or N is too small to tell one.
        interval: from and to, 95 %: the wider of a bootstrap over architectures and Fieller's approximation.
        chance: of a tau so far from 0 if there were no agreement (exact where there are no ties).
    """

    architectures: int
    kendall_tau: float | None = None
    interval: tuple[float, float] | None = None
    chance: float | None = None

    @property
    def is_told(self) -> bool:
        """Whether the order agrees by more than chance."""
        return self.chance is not None and self.chance < LEVEL and (self.kendall_tau or 0) > 0

    def to_json(self) -> dict[str, Any]:
        """As result.json holds it."""
        interval = None if self.interval is None else list(self.interval)
        return {**dataclasses.asdict(self), "interval": interval}

    def __str__(self) -> str:
        if self.kendall_tau is None or self.interval is None:
            return "tau undefined"
        low, high = self.interval
        return f"tau {self.kendall_tau:.2f}, 95 % interval {low:.2f} to {high:.2f}"


def agreement(first: npt.ArrayLike, second: npt.ArrayLike) -> Agreement:
    """How two figures agree in the order of architectures.

    Args:
        first: `[N]`, higher is better.
        second: `[N]`, higher is better.
    """
    pair = np.asarray([first, second], np.float64)  # [2, N]
    count = pair.shape[1]
    tau = kendall_tau(*pair)
    if count < FEWEST or tau is None:
        return Agreement(count)
    from scipy import stats  # takes a second to load

    drawn = np.random.default_rng(0).integers(count, size=(RESAMPLES, count))  # [resamples, N]
    taus = _taus(pair[0][drawn], pair[1][drawn])
    half = 1.96 * math.sqrt(FIELLER / (count - 4))
    centre = math.atanh(min(max(tau, -1 + 1 / count**2), 1 - 1 / count**2))
    low, high = np.quantile(taus[np.isfinite(taus)], [LEVEL / 2, 1 - LEVEL / 2])
    interval = min(float(low), math.tanh(centre - half)), max(float(high), math.tanh(centre + half))
    return Agreement(count, tau, interval, float(stats.kendalltau(*pair).pvalue))


def _taus(first, second):
    """Kendall's tau-b of each row of two arrays `[B, N]`; not a number where it is undefined."""
    one, other = np.triu_indices(first.shape[1], 1)
    signs = np.sign(first[:, one] - first[:, other]), np.sign(second[:, one] - second[:, other])  # [B, pairs]
    untied = np.sqrt(np.sum(signs[0] != 0, axis=1) * np.sum(signs[1] != 0, axis=1).astype(float))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sum(signs[0] * signs[1], axis=1) / untied


def members_to_repeat(pool: Pool, count: int, *, seed: int) -> list[Evaluation]:
    """Members of a pool that succeeded, drawn at random; on a ladder from those on the highest rung.

    They are drawn by a digest of each, so that a pool that has grown, and a larger count, keep most of them: their
    scores are there already.

    Args:
        pool: of a search.
        count: of members; all where there are not so many.
        seed: of the draw.
    """

    def order(evaluation):
        return hashlib.sha256(repr((seed, evaluation.candidate.architecture.values)).encode()).digest()

    return sorted(pool.comparable, key=order)[:count]


def score_again(
    pool: Pool, again: Pool, *, evaluator: Evaluator, members: Sequence[Evaluation], observer: Observer
) -> list[tuple[float, float]]:
    """Scores members of a pool again; what `again` holds is there already.

    Args:
        pool: of a search.
        again: remembers.
        evaluator: scores, with another seed.
        members: of the pool.
        observer: receives what happens.

    Returns:
        Both scores of each member, higher is better; of those whose second evaluation failed there are none.
    """
    missing = [member.candidate.architecture for member in members if member.candidate.architecture not in again]
    if missing:
        observer.notice(f"audit: {len(missing)} members are scored again with another seed")
        ladder: dict[str, Any] = {"rungs": [pool.comparable[0].candidate.rung] * len(missing)} if pool.rungs else {}
        outcomes = evaluator.evaluate(missing, round=0, observer=observer, **ladder)
        for architecture, outcome in zip(missing, outcomes, strict=True):
            again.append(Evaluation.of(outcome, Candidate(architecture, "given"), id=len(again), round=0))
    pairs = []
    for member in members:
        id = again.id_of(member.candidate.architecture)
        if id is not None and again.get(id).score is not None:
            pairs.append((pool.goodness(member), pool.goodness(again.get(id))))
    return pairs


def pairs_of_finals(
    finalists: Iterable[Mapping[str, Any]], *, metric: Metric, final_metric: Metric
) -> list[tuple[float, float]]:
    """The score and the validation figure of each finalist that could be trained, both turned so that higher is better.

    Args:
        finalists: as result.json has them; of several with one text the last counts.
        metric: of the scores.
        final_metric: of the validation of final models.
    """
    rows = {row["text"]: row for row in finalists}
    return [
        (metric.goodness(row["score"]), final_metric.goodness(row[final_metric.name]))
        for row in rows.values()
        if row[final_metric.name] is not None
    ]


def count_of(settings: StudySettings) -> int:
    """How many members of a search's pool are scored again, where a score is a training of its own."""
    return usual_count(settings.budget) if settings.audited is None else settings.audited


def usual_count(budget: int) -> int:
    """How many members an audit repeats that nobody asked for: a twelfth of a budget; 0 where that tells nothing."""
    count = min(MOST, budget // SHARE)
    return count if count >= USUAL else 0


@dataclasses.dataclass(frozen=True)
class Audit:
    """How far the scores of a search can be trusted.

    Attributes:
        repeated: scores against those with another seed; None where none was repeated.
        noise: standard deviation of a score from seed to seed; None as above.
        level_with_best: members whose scores are within the noise of the best one, itself included; None as above.
        members: of the pool that have a score; on a ladder those on the highest rung.
        finals: scores against the validation figures of the finalists.
    """

    repeated: Agreement | None
    noise: float | None
    level_with_best: int | None
    members: int
    finals: Agreement

    @property
    def words(self) -> tuple[str, ...]:
        """Sentences for people."""
        sentences, repeated = [], self.repeated
        if repeated is not None and repeated.architectures < FEWEST:
            sentences.append(f"{repeated.architectures} members do not tell whether scores repeat ({FEWEST} could)")
        elif repeated is not None:
            told = "" if repeated.is_told else ": not distinguishable from chance"
            sentences.append(
                f"scores repeat with another seed with {repeated} ({repeated.architectures} members){told}"
            )
        if self.level_with_best is not None:
            sentences.append(f"{self.level_with_best} of {self.members} scores are within their noise of the best one")
        finals = self.finals
        if finals.kendall_tau is not None:
            told = "" if finals.is_told else ": not distinguishable from 0, so the score does not choose among them"
            sentences.append(f"scores rank final models with {finals} ({finals.architectures} finalists){told}")
        elif 1 < finals.architectures < FEWEST:
            sentences.append(
                f"{finals.architectures} finalists do not tell whether scores rank final models ({FEWEST} could)"
            )
        return tuple(sentences)

    def to_json(self) -> dict[str, Any]:
        """As result.json holds it."""
        return {
            "repeated": None if self.repeated is None else self.repeated.to_json(),
            "noise": self.noise,
            "level_with_best": self.level_with_best,
            "members": self.members,
            "finals": self.finals.to_json(),
            "words": list(self.words),
        }


def audit(pool: Pool, repeated: Sequence[tuple[float, float]], *, finals: Sequence[tuple[float, float]]) -> Audit:
    """What can be told of the scores of a search.

    Args:
        pool: of the search.
        repeated: scores of members, and those of the same members with another seed, both turned so that higher is
            better.
        finals: scores of finalists and their validation figures, both turned so that higher is better.
    """
    agreements = [agreement(*zip(*pairs, strict=True)) if pairs else Agreement(0) for pairs in (repeated, finals)]
    noise = level = None
    if len(repeated) > 1:
        # a seed that is kinder to all of them moves the mean of the differences, not their spread
        noise = statistics.stdev(one - other for one, other in repeated) / math.sqrt(2)
        best = pool.goodness(pool.comparable[0])
        # two scores of equal architectures differ by less in 95 % of all cases
        level = sum(best - pool.goodness(member) <= 1.96 * math.sqrt(2) * noise for member in pool.comparable)
    return Audit(agreements[0] if repeated else None, noise, level, len(pool.comparable), agreements[1])
