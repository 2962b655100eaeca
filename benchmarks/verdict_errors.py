"""How often the verdict of a study is wrong, on a table with noise added so that the truth is known.

Every repetition is a whole study: regularised evolution and its rivals search the table by a noisy score of short
trainings, finalists race over seeds, winner and rivals are "trained" with several seeds. Such a training has the
table's figures and normal noise that belongs to network and seed; validation and test share half of its variance.
The truth is the table's figure without noise; with --equal all networks are equally good, so that every "better" is
wrong: the hardest case. Rivals are random search, local search, and a fixed cell.

Prints a JSON line for each number of seeds: in how many of the repetitions "better", and "worse", was said of any rival
that is not; how often a rival was told apart of those that differ; trainings of finalists that the race saved.

    python -m benchmarks.verdict_errors --table=FILE
    python -m benchmarks.verdict_errors --table=FILE --equal
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run by its path

import numpy as np  # noqa: E402

from nao_tf.architecture import Architecture, NasBench201Space  # noqa: E402
from nao_tf.data.table import ArchitectureTable, read_table  # noqa: E402
from nao_tf.observer import Observer  # noqa: E402
from nao_tf.search.evaluator import FunctionEvaluator  # noqa: E402
from nao_tf.search.settings import StudySettings  # noqa: E402
from nao_tf.study.study import Study  # noqa: E402
from nao_tf.study.verdict import BETTER, NO_DIFFERENCE, SAME, WORSE  # noqa: E402
from nao_tf.tasks.task import FinalModel, Metric, Rival, Task  # noqa: E402

FIXED = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
SCORE, VALIDATION, TEST = "c10_val_12ep", "c10_val_200ep", "c10_test_200ep"
SHARED_VARIANCE = 0.5  # of the noise of validation and test of one training


class NoisyTable(Task):
    """The table as a task whose trainings have noise.

    Args:
        settings: of the study.
        score: the table of scores and test figures.
        validation: the table of validation figures.
        noise: standard deviation of final figures; scores have three times as much.
        equal: whether all networks are equally good.
        repetition: names the noise.
    """

    uses_tensorflow = False
    name, rival, noun = "noisy table", "fixed", "cell"
    metric = Metric(SCORE, higher_is_better=True, form="{:.2f}")
    final_metric = Metric(VALIDATION, higher_is_better=True, form="{:.2f}")
    test_metric = Metric(TEST, higher_is_better=True, form="{:.2f}")

    def __init__(
        self,
        settings: StudySettings,
        score: ArchitectureTable,
        *,
        validation: ArchitectureTable,
        noise: float,
        equal: bool,
        repetition: int,
    ):
        super().__init__(settings)
        self.space, self.score, self.validation = score.space, score, validation
        self.noise, self.equal, self.repetition = noise, equal, repetition

    def figures(self, architecture: Architecture) -> dict[str, float]:
        """The truth."""
        row = self.score.row(architecture)
        if self.equal:
            return {SCORE: 80.0, VALIDATION: 90.0, TEST: 93.0}
        return {SCORE: row.score, VALIDATION: self.validation.row(architecture).score, TEST: row.test}

    def draw(self, architecture: Architecture, seed: int) -> np.ndarray:
        """The noise of a training: three standard normal numbers."""
        return np.random.default_rng([self.repetition, seed, *architecture.canonical.values]).standard_normal(3)

    def evaluator(self, *, seed: int, directory: Any = None, executor: Any = None) -> FunctionEvaluator:
        """See `Task`."""
        return FunctionEvaluator(
            lambda architecture: (
                self.figures(architecture)[SCORE] + 3 * self.noise * float(self.draw(architecture, seed)[0])
            )
        )

    def final(
        self, network: Architecture | Rival, *, seed: int, devices: Any = None, steps: int | None = None
    ) -> FinalModel:
        """See `Task`."""
        architecture = self.space.parse(FIXED) if isinstance(network, Rival) else network
        return NoisyRow(self.figures(architecture), self.noise * self.draw(architecture, seed))

    def rival_of(self, model: FinalModel) -> Rival:
        """The fixed cell."""
        return Rival("fixed", {"cell": 0})


class NoisyRow(FinalModel):
    """A training with noise.

    Args:
        truth: figures without noise.
        noise: of validation, of test, and of both.
    """

    steps, parameters = 1, 1

    def __init__(self, truth: dict[str, float], noise: np.ndarray):
        own, both = np.sqrt(1 - SHARED_VARIANCE) * noise, np.sqrt(SHARED_VARIANCE) * noise[2]
        self._figures = {
            VALIDATION: truth[VALIDATION] + float(own[0] + both),
            TEST: truth[TEST] + float(own[1] + both),
        }

    def train(self, checkpoint: pathlib.Path, *, label: str, observer: Observer) -> None:
        """Does nothing: the network is trained."""

    def validate(self) -> float:
        """See `FinalModel`."""
        return self._figures[VALIDATION]

    def measure(self) -> dict[str, Any]:
        """See `FinalModel`."""
        return dict(self._figures)

    def seconds_per_step(self) -> float:
        """All take as long."""
        return 1.0


@dataclasses.dataclass
class Count:
    """What was said in the repetitions.

    Attributes:
        wrongly_better: repetitions in which "better" was said of a rival that is not worse.
        wrongly_worse: repetitions in which "worse" was said of a rival that is not better.
        told: comparisons of networks that differ in which that was said, and rightly.
        not_told: comparisons of networks that differ in which it was not.
        same: comparisons with the same network.
        trainings: of finalists.
        of: trainings of finalists without a race.
    """

    wrongly_better: int = 0
    wrongly_worse: int = 0
    told: int = 0
    not_told: int = 0
    same: int = 0
    trainings: int = 0
    of: int = 0


def count(
    tables: Sequence[ArchitectureTable], seeds: int, *, repetitions: int, finalists: int, noise: float, equal: bool
) -> Count:
    """Runs the studies of one number of seeds.

    Args:
        tables: of scores, and of validation figures.
        seeds: of final trainings.
        repetitions: studies.
        finalists: of each search.
        noise: standard deviation of final figures.
        equal: whether all networks are equally good.
    """
    total = Count()
    for repetition in range(repetitions):
        settings = StudySettings(budget=40, initial=20, proposals=5, finalists=finalists, final_seeds=seeds)
        task = NoisyTable(settings, tables[0], validation=tables[1], noise=noise, equal=equal, repetition=repetition)
        with tempfile.TemporaryDirectory() as work:
            result = Study(task, work, strategy="evolution", seed=repetition).run(["fixed", "random", "local"])
        assert result.verdict is not None
        winner = task.figures(result.architecture)[TEST]
        said = {comparison.rival: comparison.outcome for comparison in result.verdict.comparisons}
        ahead = {}
        for name, row in result.baselines.items():
            text = FIXED if name == "fixed" else row["best"]["text"]
            ahead[name] = winner - task.figures(task.space.parse(text))[TEST]
        total.wrongly_better += any(said[name] == BETTER and ahead[name] <= 0 for name in said)
        total.wrongly_worse += any(said[name] == WORSE and ahead[name] >= 0 for name in said)
        for name, outcome in said.items():
            if outcome == SAME:
                total.same += 1
            elif ahead[name]:
                total.told += outcome == (BETTER if ahead[name] > 0 else WORSE)
                total.not_told += outcome == NO_DIFFERENCE
        rows = [row.get("finalists") for row in result.baselines.values()]
        for row in (one for finals in [result.to_json()["finalists"], *rows] if finals for one in finals):
            total.trainings += len(row.get("values", [None]))
            total.of += seeds
    return total


def main(arguments: list[str] | None = None) -> None:
    """Counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", required=True)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--seeds", default="2,3,5")
    parser.add_argument("--finalists", type=int, default=3)
    parser.add_argument("--noise", type=float, default=0.25, help="percent; about that of the table's own trainings")
    parser.add_argument("--equal", action="store_true", help="all networks are equally good")
    given = parser.parse_args(arguments)
    tables = [
        read_table(pathlib.Path(given.table), NasBench201Space(), score_column=column, test_column=TEST)
        for column in (SCORE, VALIDATION)
    ]
    for seeds in map(int, given.seeds.split(",")):
        start = time.perf_counter()
        total = count(
            tables,
            seeds,
            repetitions=given.repetitions,
            finalists=given.finalists,
            noise=given.noise,
            equal=given.equal,
        )
        line = {
            "seeds": seeds,
            "finalists": given.finalists,
            "noise": given.noise,
            "equal": given.equal,
            "repetitions": given.repetitions,
            **dataclasses.asdict(total),
            "seconds": round(time.perf_counter() - start, 1),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
