"""A race of finalists over seeds: whoever cannot win any more is trained with no further seed.

After each seed every finalist in the race is compared with the one that leads, by a t-test with the variance of all of
them in common: they are of one search and one training, and two or three figures of each alone tell little. The level
is divided among all comparisons that a race can make (Bonferroni), so that it loses the best finalist in at most 5 % of
all races.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Sequence

from nao_tf.architecture import Architecture
from nao_tf.search.pool import Evaluation
from nao_tf.study.final_training import FinalTraining, Trained
from nao_tf.tasks.task import Metric

LEVEL = 0.05  # chance that a race loses its best finalist


@dataclasses.dataclass
class Finalist:
    """A member of a pool that is trained to the end.

    Attributes:
        evaluation: of the search.
        trainings: with what became of each, in the order of the seeds.
        left: why it left the race; None while it is in it.
    """

    evaluation: Evaluation
    trainings: list[tuple[FinalTraining, Trained]] = dataclasses.field(default_factory=list)
    left: str | None = None

    @property
    def architecture(self) -> Architecture:
        """The architecture."""
        return self.evaluation.candidate.architecture

    @property
    def values(self) -> list[float]:
        """Validation figures of the trainings that succeeded."""
        return [trained.value for _, trained in self.trainings if trained.value is not None]

    @property
    def mean(self) -> float | None:
        """Of the values; None without any."""
        return statistics.fmean(self.values) if self.values else None

    @property
    def reason(self) -> str | None:
        """Why its last training failed; None where it did not."""
        return self.trainings[-1][1].reason


def best_of(finalists: Sequence[Finalist], *, metric: Metric) -> Finalist | None:
    """The finalist with the best mean of those that are in the race, the first of several.

    Where all have left it, of those that have a figure; None: none has one.
    """
    able = [finalist for finalist in finalists if finalist.values]
    racing = [finalist for finalist in able if finalist.left is None] or able
    return max(racing, key=lambda finalist: metric.goodness(statistics.fmean(finalist.values)), default=None)


def drop_the_beaten(finalists: Sequence[Finalist], *, seeds: int, metric: Metric) -> list[Finalist]:
    """Takes those out of a race that failed with the last seed, or cannot win any more.

    Args:
        finalists: all that began. Those in the race have equally many trainings, the last of which succeeded for one of
            them at least.
        seeds: of the whole race.
        metric: of the values.

    Returns:
        Those that have left it now. One finalist always stays.
    """
    failing = [finalist for finalist in finalists if finalist.left is None and finalist.reason is not None]
    for finalist in failing:
        finalist.left = f"failed: {finalist.reason}"
    racing = [finalist for finalist in finalists if finalist.left is None]
    means = [statistics.fmean(finalist.values) for finalist in racing]
    count = len(racing[0].values)
    if count < 2 or len(racing) < 2 or count >= seeds:
        return failing
    from scipy import stats  # takes a second to load

    freedom = len(racing) * (count - 1)
    squares = sum(
        (value - mean) ** 2 for finalist, mean in zip(racing, means, strict=True) for value in finalist.values
    )
    error = math.sqrt(2 / count * squares / freedom)  # of the difference of two means
    comparisons = (len(finalists) - 1) * (seeds - 2)
    margin = float(stats.t.isf(LEVEL / comparisons, freedom)) * error
    best = max(map(metric.goodness, means))
    beaten = [finalist for finalist, mean in zip(racing, means, strict=True) if best - metric.goodness(mean) > margin]
    for finalist in beaten:
        finalist.left = f"beaten after {count} seeds"
    return failing + beaten
