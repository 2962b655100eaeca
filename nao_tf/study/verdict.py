"""What can be said of the difference between a winner and its rivals, each trained with several seeds.

The figures of a network differ from seed to seed. Welch's t-test compares the means of two networks whose figures
spread differently; its p-value, the *chance* here, is that of so large a difference between two networks of which none
is better. It is told corrected: by Holm's method for several rivals, and for the choice among M finalists by the same
trainings, since the best of several has been lucky more often than not. "Better" is one side of a two-sided test: of M
finalists some one is wrongly better in at most M / 2 times the p-value, so that is the factor, where it is above 1.
Then "better" is said wrongly, of any rival, in at most 5 % of all studies; `benchmarks/verdict_errors.py` counts.

The chance tells of seeds, on the data that there are: other test data are another matter.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from nao_tf.tasks.task import Metric

LEVEL = 0.05  # chance below which a difference is called one
METHOD = "Welch's t-test"
BETTER, WORSE, NO_DIFFERENCE, SAME, UNTOLD = "better", "worse", "no difference", "same network", "untold"


@dataclasses.dataclass(frozen=True)
class Sample:
    """The figures of one network, trained with several seeds.

    Attributes:
        values: finite, one for each training that succeeded.
        failed: trainings that did not.
    """

    values: tuple[float, ...]
    failed: int = 0

    @classmethod
    def of(cls, values: Sequence[float | None]) -> Sample:
        """The sample of figures of which those that are None or not finite count as failed trainings."""
        finite = tuple(float(value) for value in values if value is not None and math.isfinite(value))
        return cls(finite, len(values) - len(finite))

    @property
    def mean(self) -> float | None:
        """The mean; None without values."""
        return statistics.fmean(self.values) if self.values else None

    @property
    def standard_deviation(self) -> float | None:
        """The standard deviation from seed to seed, with n - 1; None for fewer than two values."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    def text(self, metric: Metric) -> str:
        """Mean and standard deviation for people."""
        if self.mean is None:
            return "failed"
        spread = self.standard_deviation
        return metric.text(self.mean) + ("" if spread is None else f" ± {metric.text(spread)}")

    def to_json(self) -> dict[str, Any]:
        """As result.json holds it."""
        return {
            "values": list(self.values),
            "mean": self.mean,
            "standard_deviation": self.standard_deviation,
            "failed": self.failed,
        }


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What can be said of one rival.

    Attributes:
        rival: its name.
        sample: its figures.
        outcome: `BETTER`, where the winner is, `WORSE`, `NO_DIFFERENCE`, `SAME` or `UNTOLD`.
        difference: the winner's mean less the rival's; None where one of them has none.
        chance: of so large a difference by noise alone, corrected; None where there is no test.
        shows: the smallest difference that these trainings would have shown; None where there is no test.
        words: all that as a sentence.
    """

    rival: str
    sample: Sample
    outcome: str
    difference: float | None
    chance: float | None
    shows: float | None
    words: str

    def to_json(self) -> dict[str, Any]:
        """As result.json holds it."""
        fields = {name: getattr(self, name) for name in ("outcome", "difference", "chance", "shows", "words")}
        return {**self.sample.to_json(), **fields}


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What can be said of a winner and its rivals.

    Attributes:
        metric: that is compared.
        sample: the winner's figures.
        finalists: among which the winner was chosen by the same trainings.
        comparisons: one a rival.
        words: sentences for people.
    """

    metric: Metric
    sample: Sample
    finalists: int
    comparisons: tuple[Comparison, ...]
    words: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As result.json holds it."""
        return {
            "metric": self.metric.name,
            "higher_is_better": self.metric.higher_is_better,
            "test": METHOD,
            "correction": "Holm, times half the finalists",
            "level": LEVEL,
            "finalists": self.finalists,
            "winner": self.sample.to_json(),
            "rivals": {comparison.rival: comparison.to_json() for comparison in self.comparisons},
            "words": list(self.words),
        }


def judge(
    winner: Sample,
    rivals: Mapping[str, Sample],
    *,
    metric: Metric,
    finalists: int = 1,
    same: Collection[str] = (),
    called: Mapping[str, str] | None = None,
    advice: str | None = None,
) -> Verdict:
    """Compares a winner with its rivals.

    Args:
        winner: its figures.
        rivals: theirs, by name.
        metric: of the figures.
        finalists: among which the winner was chosen by the same trainings.
        same: rivals that are the same network as the winner.
        called: what sentences call the rivals; a rival that is not there by its name.
        advice: what would tell more, where each network was trained once.
    """
    called = called or {}
    tests = {
        name: test
        for name, sample in rivals.items()
        if name not in same and (test := _welch(winner, sample)) is not None
    }
    factor = max(1.0, finalists / 2)
    chances = holm({name: min(1.0, factor * test.chance) for name, test in tests.items()})
    strictest = LEVEL / (factor * max(1, len(tests)))
    comparisons = []
    for name, sample in rivals.items():
        who, test = called.get(name, name), tests.get(name)
        difference = None if winner.mean is None or sample.mean is None else winner.mean - sample.mean
        outcome, chance, shows = SAME if name in same else UNTOLD, None, None
        if test is not None and difference is not None:
            chance, shows = chances[name], test.shows(strictest)
            ahead = difference > 0 if metric.higher_is_better else difference < 0
            outcome = NO_DIFFERENCE if chance >= LEVEL else BETTER if ahead else WORSE
        words = _words(outcome, who, winner, sample, metric, chance, shows)
        comparisons.append(Comparison(name, sample, outcome, difference, chance, shows, words))
    sentences = _sentences(winner, comparisons, metric, finalists, advice)
    return Verdict(metric, winner, finalists, tuple(comparisons), tuple(sentences))


def _sentences(winner, comparisons, metric, finalists, advice) -> list[str]:
    """What is said of all comparisons together."""
    trainings = len(winner.values)
    if trainings < 2:
        same = [comparison.words for comparison in comparisons if comparison.outcome == SAME]
        if len(same) == len(comparisons):
            return same
        hint = "" if advice is None else f"; {advice}"
        return [*same, f"one figure each: whether differences are noise cannot be told{hint}"]
    head = metric.words if "test" in metric.name or "valid" in metric.name else f"test {metric.words}"
    sentences = [f"{head} {winner.text(metric)} (mean ± standard deviation, {trainings} seeds){_failures(winner)}"]
    sentences += [comparison.words for comparison in comparisons]
    tests = sum(comparison.chance is not None for comparison in comparisons)
    if tests:
        corrections = [f"Holm's correction for {tests} rivals"] if tests > 1 else []
        if finalists > 2:
            corrections.append(f"times {finalists / 2:g} for the choice among {finalists} finalists")
        sentences.append(", ".join(["chance: of so large a difference by noise alone", *corrections]))
    return sentences


def holm(chances: Mapping[str, float]) -> dict[str, float]:
    """P-values of several tests, corrected so that none of them errs more often than all would (Holm, 1979).

    Args:
        chances: p-values by name.

    Returns:
        The corrected ones, at most 1.
    """
    corrected, largest = {}, 0.0
    for rank, (name, chance) in enumerate(sorted(chances.items(), key=lambda item: item[1])):
        largest = max(largest, min(1.0, (len(chances) - rank) * chance))
        corrected[name] = largest
    return corrected


def percent(chance: float) -> str:
    """A chance for people."""
    if chance < 0.001:
        return "below 0.1 %"
    return f"{chance:.1%}".replace("%", " %") if chance < 0.0995 else f"{chance:.0%}".replace("%", " %")


@dataclasses.dataclass(frozen=True)
class _Test:
    """A test of two means.

    Attributes:
        chance: two-sided p-value.
        error: standard error of the difference.
        freedom: degrees of freedom.
    """

    chance: float
    error: float
    freedom: float

    def shows(self, level: float) -> float:
        """The smallest difference that is significant at a level."""
        from scipy import stats

        return float(stats.t.isf(level / 2, self.freedom) * self.error)


def _welch(one: Sample, other: Sample) -> _Test | None:
    """Welch's t-test; None where one of the samples has no spread to test with, or none of them any."""
    spreads, counts = (one.standard_deviation, other.standard_deviation), (len(one.values), len(other.values))
    if spreads[0] is None or spreads[1] is None or spreads == (0.0, 0.0):
        return None
    from scipy import stats  # takes a second to load

    result = stats.ttest_ind_from_stats(
        one.mean, spreads[0], counts[0], other.mean, spreads[1], counts[1], equal_var=False
    )
    variances = spreads[0] ** 2 / counts[0], spreads[1] ** 2 / counts[1]  # of the means
    freedom = sum(variances) ** 2 / sum(
        variance**2 / (count - 1) for variance, count in zip(variances, counts, strict=True)
    )  # Welch and Satterthwaite
    return _Test(float(result.pvalue), math.sqrt(sum(variances)), freedom)


def _words(outcome, who, winner, sample, metric, chance, shows) -> str:
    """A comparison as a sentence."""
    counts = len(winner.values), len(sample.values)
    seeds = f"{counts[0]} seeds each" if counts[0] == counts[1] else f"{counts[0]} and {counts[1]} seeds"
    rival = f"{who}, {sample.text(metric)}{_failures(sample)}"
    if outcome in (BETTER, WORSE):
        return f"{outcome} than {rival} (chance {percent(chance)}, {METHOD}, {seeds})"
    if outcome == NO_DIFFERENCE:
        return (
            f"no difference to {rival}, that these seeds can show (chance {percent(chance)}, {METHOD}, {seeds}; "
            f"one of {metric.text(shows)} would show)"
        )
    if outcome == SAME:
        return f"{who} is the same network"
    if not winner.values:
        return f"{rival}: the winner's trainings failed"
    if not sample.values:
        return f"{who}: its trainings failed"
    if max(counts) == 1:
        return f"{rival} (one training): whether that differs by more than noise cannot be told"
    if min(counts) == 1:
        return f"{rival}: of a single training nothing can be told ({counts[0]} against {counts[1]})"
    return f"{rival}: no figure depends on its seed, so there is no noise to compare with"


def _failures(sample) -> str:
    total = len(sample.values) + sample.failed
    return f" ({sample.failed} of {total} trainings failed)" if sample.failed and sample.values else ""
