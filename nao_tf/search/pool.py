"""The memory of a search: an append-only file with one evaluated architecture a line. Resume is replay.

Nothing in it depends on the clock, so equal seeds give equal files.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from nao_tf.architecture import Architecture, SearchSpace
from nao_tf.errors import InputError


@dataclasses.dataclass(frozen=True)
class Candidate:
    """An architecture that a strategy asks to be evaluated.

    Attributes:
        architecture: in canonical form.
        origin: "random", "ascent", "mutation", "policy", "predictor" or "given".
        parent: the id of the architecture it comes from, if any.
        step_size: of the ascent, if any.
        predicted: the controller's score of it, if any.
    """

    architecture: Architecture
    origin: str
    parent: int | None = None
    step_size: float | None = None
    predicted: float | None = None


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """An evaluated architecture, one line of the pool.

    Attributes:
        id: its place in the pool, from 0; a member that is scored again keeps it.
        candidate: what was asked for.
        round: when.
        score: finite, in the metric's own direction; None when the evaluation failed.
        reason: why it failed.
        parameters: trainable parameters of the child; None where a table does not tell.
    """

    id: int
    candidate: Candidate
    round: int
    score: float | None
    parameters: int | None
    reason: str | None = None

    def to_json(self, metric: str, higher_is_better: bool) -> dict[str, object]:
        """The line of the pool as JSON values; `from_json` reads it.

        Args:
            metric: the name of the score.
            higher_is_better: its direction.
        """
        candidate = self.candidate
        return {
            "id": self.id,
            "architecture": list(candidate.architecture.values),
            "text": candidate.architecture.text,
            "score": self.score,
            "metric": metric,
            "higher_is_better": higher_is_better,
            "status": "failed" if self.score is None else "ok",
            "reason": self.reason,
            "origin": candidate.origin,
            "parent": candidate.parent,
            "step_size": candidate.step_size,
            "round": self.round,
            "predicted": candidate.predicted,
            "parameters": self.parameters,
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any], space: SearchSpace) -> Evaluation:
        """The evaluation that `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: the fields are not those of an evaluation in this space.
        """
        candidate = Candidate(
            architecture=space.architecture(fields["architecture"]),
            **{name: fields[name] for name in ("origin", "parent", "step_size", "predicted")},
        )
        return cls(
            candidate=candidate, **{name: fields[name] for name in ("id", "round", "score", "parameters", "reason")}
        )


class Pool:
    """Evaluated architectures, in memory and in a file.

    Args:
        path: of the file; it is read when it is there. A last line that a kill cut short is dropped. None: the pool is
            held in memory only.
        space: of the architectures.
        metric: the name of the score.
        higher_is_better: its direction.

    Raises:
        InputError: a line is not one of a pool of this space and metric.
    """

    def __init__(self, path: os.PathLike | str | None, space: SearchSpace, *, metric: str, higher_is_better: bool):
        self.path = None if path is None else pathlib.Path(path)
        self.space, self.metric, self.higher_is_better = space, metric, higher_is_better
        self._by_id: dict[int, Evaluation] = {}
        self._history: list[Evaluation] = []
        self._id_of: dict[Architecture, int] = {}
        self._first_round: dict[int, int] = {}  # when each member came
        if self.path is not None and self.path.exists():
            self._replay()

    def _replay(self):
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:  # a kill cut the last line short: that evaluation is done again
            with open(self.path, "r+b") as file:
                file.truncate(len(whole))
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                fields = json.loads(line)
                if fields["metric"] != self.metric:
                    raise ValueError(f"metric {fields['metric']!r}, not {self.metric!r}")
                evaluation = Evaluation.from_json(fields, self.space)
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(
                    f"{self.path} line {number} is no evaluation of this search ({error}); "
                    "give another --work_dir, or move the file away"
                ) from error
            self._remember(evaluation)

    def _remember(self, evaluation):
        self._history.append(evaluation)
        self._by_id[evaluation.id] = evaluation
        self._first_round.setdefault(evaluation.id, evaluation.round)
        self._id_of[evaluation.candidate.architecture.canonical] = evaluation.id

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, architecture: Architecture) -> bool:
        return architecture.canonical in self._id_of

    def id_of(self, architecture: Architecture) -> int | None:
        """The id of an architecture with the same computation, None when there is none."""
        return self._id_of.get(architecture.canonical)

    def get(self, id: int) -> Evaluation:
        """The latest evaluation of a member."""
        return self._by_id[id]

    def first_round(self, id: int) -> int:
        """The round in which a member came; one that is scored again has a later `Evaluation.round`."""
        return self._first_round[id]

    def complete(self, round: int, members: int) -> bool:
        """Whether a round was evaluated to its end: the pool has grown to `members`, all that were scored in it."""
        scored = sum(1 for evaluation in self._history if evaluation.round == round)
        new = sum(1 for evaluation in self._by_id.values() if self._first_round[evaluation.id] == round)
        old = sum(1 for first in self._first_round.values() if first < round)
        return len(self) >= members and new > 0 and scored in (new, new + old)

    def before(self, round: int) -> Pool:
        """The pool as it was when a round began; not to be appended to."""
        earlier = Pool(None, self.space, metric=self.metric, higher_is_better=self.higher_is_better)
        for evaluation in self._history:
            if evaluation.round < round:
                earlier._remember(evaluation)
        return earlier

    @property
    def history(self) -> tuple[Evaluation, ...]:
        """Every evaluation in the order in which they were made, one for each line of the file."""
        return tuple(self._history)

    @property
    def evaluations(self) -> list[Evaluation]:
        """The latest evaluation of every member, in the order of their ids."""
        return [self._by_id[id] for id in sorted(self._by_id)]

    @property
    def ranked(self) -> list[Evaluation]:
        """Members whose evaluation succeeded, the best first."""
        scored = [evaluation for evaluation in self.evaluations if evaluation.score is not None]
        return sorted(scored, key=lambda evaluation: -self.goodness(evaluation))

    @property
    def best(self) -> Evaluation | None:
        """The best member, the first of several; None when none has succeeded."""
        scored = (evaluation for evaluation in self._by_id.values() if evaluation.score is not None)
        return max(scored, key=lambda evaluation: (self.goodness(evaluation), -evaluation.id), default=None)

    def goodness(self, evaluation: Evaluation) -> float:
        """The score turned so that higher is better; minus infinity of an evaluation that failed."""
        if evaluation.score is None:
            return -math.inf
        return evaluation.score if self.higher_is_better else -evaluation.score

    def summary(self, evaluation: Evaluation) -> dict:
        """An evaluation as reports tell it: plain JSON values."""
        architecture = evaluation.candidate.architecture
        return {
            "id": evaluation.id,
            "architecture": list(architecture.values),
            "text": architecture.text,
            "score": evaluation.score,
            "metric": self.metric,
            "origin": evaluation.candidate.origin,
        }

    def examples(self) -> tuple[list[Architecture], np.ndarray]:
        """What a predictor learns from: every member, the best first, and its goodness, `[P]`, finite.

        A failed evaluation counts as a little worse than the worst that succeeded. Left out, it would teach nothing,
        and a strategy would go on proposing architectures that cannot be trained.
        """
        ranked = self.ranked
        failed = [evaluation for evaluation in self.evaluations if evaluation.score is None]
        goodness = np.array([self.goodness(evaluation) for evaluation in ranked])
        if failed and ranked:
            margin = 0.01 * (goodness[0] - goodness[-1]) or 1.0
            goodness = np.append(goodness, np.full(len(failed), goodness[-1] - margin))
        members = ranked + failed if ranked else []
        return [evaluation.candidate.architecture for evaluation in members], goodness

    def append(self, evaluation: Evaluation) -> None:
        """Remembers an evaluation and writes its line."""
        if evaluation.score is not None and not math.isfinite(evaluation.score):
            evaluation = dataclasses.replace(evaluation, score=None, reason=evaluation.reason or "score is not finite")
        line = evaluation.to_json(self.metric, self.higher_is_better)
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "ab") as file:
                file.write(json.dumps(line).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        self._remember(evaluation)
