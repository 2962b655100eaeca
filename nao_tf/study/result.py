"""The result of a study: the content of result.json, in one place."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from nao_tf.architecture import Architecture
from nao_tf.errors import InputError
from nao_tf.search.pool import Evaluation, Pool
from nao_tf.study.audit import Audit
from nao_tf.study.fidelity import Fidelity
from nao_tf.study.final_training import FinalTraining
from nao_tf.study.verdict import Verdict
from nao_tf.tasks.task import FinalModel, Task

TOP = 10  # members of the pool that a result names


@dataclasses.dataclass(frozen=True)
class Winner:
    """The best architecture of a pool after its finalists were trained to the end.

    Attributes:
        evaluation: of the search.
        figures: validation and test figures of its final model, see `FinalModel.measure`.
        finalists: id, text, score and validation figure (mean over the seeds) of each; of one whose training failed
            None, and the reason; with several seeds all values, and why it left the race.
        model: the final model, which holds its weights until another one of the task is trained.
        training: of the winner with the first seed.
        trainings: figures over all seeds: metric, seeds, values, mean, standard deviation, failed trainings.
    """

    evaluation: Evaluation
    figures: Mapping[str, Any]
    finalists: list[dict[str, Any]]
    model: FinalModel
    training: FinalTraining
    trainings: Mapping[str, Any]

    @property
    def architecture(self) -> Architecture:
        """The architecture."""
        return self.evaluation.candidate.architecture


@dataclasses.dataclass(frozen=True)
class Result:
    """What a run leaves behind.

    Attributes:
        task: of the run.
        seed: of everything random.
        architecture: of the winner, or the given one.
        test: figures of its final model.
        baselines: figures of each rival, or why it `failed`.
        seconds: of each stage.
        versions: of the libraries that figures depend on.
        strategy: what searched; None where an architecture was given.
        pool: of the search; None where an architecture was given.
        winner: of the search; None where an architecture was given.
        predictor: quality of the predictor of scores, where the strategy has one.
        minutes: that the run was given; None where the budget was a number of evaluations.
        trainings: figures of the architecture over all seeds, see `Winner`.
        verdict: what can be said of it and its rivals.
        audit: what can be told of the scores of the search; None: nothing.
        fidelity: what scores of several lengths are worth; None: it was not measured.
        front: members of the pool that no other surpasses in all objectives, see `fronts.rows`; None: there is one
            objective, the score.
    """

    task: Task
    seed: int
    architecture: Architecture
    test: Mapping[str, Any]
    baselines: Mapping[str, Mapping[str, Any]]
    seconds: Mapping[str, float]
    versions: Mapping[str, str]
    strategy: str | None = None
    pool: Pool | None = None
    winner: Winner | None = None
    predictor: Mapping[str, Any] | None = None
    minutes: float | None = None
    trainings: Mapping[str, Any] | None = None
    verdict: Verdict | None = None
    audit: Audit | None = None
    fidelity: Fidelity | None = None
    front: Sequence[Mapping[str, Any]] | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """What can be said of the winner, its rivals and the search, as sentences."""
        parts = (self.verdict, self.audit, self.fidelity)
        return tuple(sentence for part in parts if part is not None for sentence in part.words)

    def to_dataframe(self) -> Any:
        """The evaluations of the search as a `pandas.DataFrame`, see `Pool.to_dataframe`.

        Raises:
            InputError: one given architecture was trained, or pandas is not installed.
        """
        if self.pool is None:
            raise InputError("one given architecture was trained, so there are no evaluations to be a table")
        return self.pool.to_dataframe()

    def to_json(self) -> dict[str, Any]:
        """The content of result.json; a figure that is not finite, which JSON does not have, is null."""
        return _finite(self._content())

    def _content(self) -> dict[str, Any]:
        about = {"task": self.task.name, **self.task.dataset()}
        end = {
            "test": self.test,
            "trainings": self.trainings,
            "baselines": self.baselines,
            "verdict": None if self.verdict is None else self.verdict.to_json(),
            "seconds": self.seconds,
            "versions": self.versions,
        }
        if self.pool is None or self.winner is None:
            return {
                **about,
                "space": self.task.space.name,
                "seed": self.seed,
                "architecture": list(self.architecture.values),
                "text": self.architecture.text,
                **end,
                "settings": self.task.final_identity(),
            }
        return {
            **about,
            "strategy": self.strategy,
            "seed": self.seed,
            **counts(self.pool),
            **({} if self.minutes is None else {"minutes": self.minutes}),
            "best": self.pool.summary(self.winner.evaluation),
            "top": [self.pool.summary(evaluation) for evaluation in self.pool.ranked[:TOP]],
            "finalists": self.winner.finalists,
            **({} if self.front is None else {"objectives": self.task.settings.objectives, "front": self.front}),
            "predictor": self.predictor,
            "audit": None if self.audit is None else self.audit.to_json(),
            **({} if self.fidelity is None else {"fidelity": self.fidelity.to_json()}),
            **end,
        }


def counts(pool: Pool) -> dict[str, Any]:
    """How much a search evaluated: architectures, and on a ladder the cost and the evaluations on each rung."""
    if not pool.rungs:
        return {"evaluations": len(pool)}
    numbers = [evaluation.candidate.rung for evaluation in pool.history]
    return {
        "evaluations": len(pool),
        "cost": round(pool.cost, 6),
        "rungs": [
            {"name": rung.name, "cost": rung.cost, "evaluations": numbers.count(number)}
            for number, rung in enumerate(pool.rungs)
        ],
    }


def _finite(tree: Any) -> Any:
    """A tree of JSON values with None for numbers that are none."""
    if isinstance(tree, Mapping):
        return {name: _finite(value) for name, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_finite(value) for value in tree]
    return None if isinstance(tree, float) and not math.isfinite(tree) else tree
