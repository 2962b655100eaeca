"""The memory of a search: an append-only file with one evaluated architecture a line. Resume is replay.

Nothing in it depends on the clock, so equal seeds give equal files. Each line ends with a check value of what precedes
it, so that a line that was changed is noticed and a score that nobody measured never guides a search.
"""

from __future__ import annotations

import bisect
import collections
import dataclasses
import json
import math
import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nao_tf import files
from nao_tf.architecture import Architecture, SearchSpace
from nao_tf.errors import InputError
from nao_tf.search import columns
from nao_tf.search.checked_lines import CHECK, is_intact, with_check
from nao_tf.search.outcome import Outcome
from nao_tf.search.rungs import Rung

MOST_EXAMPLES = 4096  # that a predictor learns from: all of the usual pools, and a bound for very large ones
_BEGINNING_OF_LINE = re.compile(rb"\{[\x20-\x7e]*\x00*|\x00+")  # what a kill leaves; zeros where the machine stopped


@dataclasses.dataclass(frozen=True)
class Candidate:
    """An architecture that a strategy asks to be evaluated.

    Attributes:
        architecture: in canonical form.
        origin: "random", "ascent", "neighbour" (of the best member), "mutation", "policy", "predictor", "given",
            "prior" (a member of one), or "promotion" to a higher rung.
        parent: the id of the architecture it comes from, if any.
        step_size: of the ascent, if any.
        predicted: the controller's score of it, if any.
        rung: of the ladder, from 0; 0 where there is no ladder.
    """

    architecture: Architecture
    origin: str
    parent: int | None = None
    step_size: float | None = None
    predicted: float | None = None
    rung: int = 0


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """An evaluated architecture, one line of the pool.

    Attributes:
        id: its place in the pool, from 0; a member that is scored again, or on a higher rung, keeps it.
        candidate: what was asked for.
        round: when.
        score: finite, in the metric's own direction; None when the evaluation failed.
        reason: why it failed.
        parameters: trainable parameters of the child; None where a table does not tell.
        seconds: that it took; None where they are not known.
        losses: see `Outcome`.

    Seconds and losses are no part of the pool's file.
    """

    id: int
    candidate: Candidate
    round: int
    score: float | None
    parameters: int | None
    reason: str | None = None
    seconds: float | None = dataclasses.field(default=None, compare=False)
    losses: tuple[tuple[int, float], ...] = dataclasses.field(default=(), compare=False)

    @classmethod
    def of(cls, outcome: Outcome, candidate: Candidate, *, id: int, round: int) -> Evaluation:
        """The evaluation of a candidate that came to an outcome."""
        return cls(
            id=id,
            candidate=candidate,
            round=round,
            score=outcome.score,
            parameters=outcome.parameters,
            reason=outcome.reason,
            seconds=outcome.seconds,
            losses=outcome.losses,
        )

    def to_json(self, metric: str, higher_is_better: bool, *, rungs: Sequence[Rung] = ()) -> dict[str, object]:
        """The line of the pool as JSON values; `from_json` reads it.

        Args:
            metric: the name of the score.
            higher_is_better: its direction.
            rungs: of the ladder, whose names and costs the lines then tell.
        """
        candidate = self.candidate
        rung = dataclasses.asdict(rungs[candidate.rung]) if rungs else None
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
            **({} if rung is None else {"rung": rung["name"], "cost": rung["cost"]}),
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any], space: SearchSpace, *, rungs: Sequence[Rung] = ()) -> Evaluation:
        """The evaluation that `to_json` wrote.

        Raises:
            ValueError: the fields are not those of an evaluation in this space; the message names the field.
        """
        values = _typed(fields, "architecture", list)
        if not {int}.issuperset(map(type, values)):  # quick: pools of many thousand lines are read
            odd = next(value for value in values if type(value) is not int)
            raise ValueError(f"field 'architecture' holds {_shown(odd)}; it takes whole numbers")
        architecture = space.architecture(values)
        if _typed(fields, "text", str) != architecture.text:
            raise ValueError(
                f"field 'text' is {_shown(fields['text'])}, but 'architecture' is {_shown(architecture.text)}"
            )
        score = _number_or_none(fields, "score")
        status = "failed" if score is None else "ok"
        if _typed(fields, "status", str) != status:
            raise ValueError(f"field 'status' is {_shown(fields['status'])}; with this score it is {status!r}")
        return cls(
            id=_count(fields, "id"),
            candidate=Candidate(
                architecture=architecture,
                origin=_typed(fields, "origin", str),
                parent=_count(fields, "parent", optional=True),
                step_size=_number_or_none(fields, "step_size"),
                predicted=_number_or_none(fields, "predicted"),
                rung=_rung(fields, rungs),
            ),
            round=_count(fields, "round"),
            score=score,
            parameters=_count(fields, "parameters", optional=True),
            reason=_typed(fields, "reason", str | None),
        )


def _field(fields, name):
    if name not in fields:
        raise ValueError(f"field {name!r} is missing")
    return fields[name]


def _shown(value):
    """A value of a line in an error message, of a length that fits one."""
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _typed(fields, name, kind):
    value = _field(fields, name)
    if not isinstance(value, kind):
        word = {str: "a text", list: "a list", bool: "true or false"}.get(kind, "a text or null")
        raise ValueError(f"field {name!r} is {_shown(value)}; it takes {word}")
    return value


def _count(fields, name, *, optional=False):
    """A whole number from 0 on; true and false are none."""
    value = _field(fields, name)
    if (optional and value is None) or (type(value) is int and value >= 0):
        return value
    raise ValueError(f"field {name!r} is {_shown(value)}; it takes a whole number from 0 on{' or null' * optional}")


def _rung(fields, rungs):
    """The number of the rung that a line names; 0 without a ladder."""
    if not rungs:
        if "rung" in fields:
            raise ValueError(f"it was scored on rung {_shown(fields['rung'])} of a ladder, and this search has none")
        return 0
    name, known = _typed(fields, "rung", str), [rung.name for rung in rungs]
    if name not in known:
        raise ValueError(f"field 'rung' is {_shown(name)}; the rungs are {', '.join(known)}")
    cost = rungs[known.index(name)].cost
    if _number_or_none(fields, "cost") != cost:
        raise ValueError(f"field 'cost' is {_shown(fields['cost'])}; rung {name} costs {cost:g}")
    return known.index(name)


def _number_or_none(fields, name):
    value = _field(fields, name)
    if value is None or (type(value) in (int, float) and math.isfinite(value)):
        return value
    raise ValueError(f"field {name!r} is {_shown(value)}; it takes a number or null")


def _finite_or_none(value):
    return value if value is None or math.isfinite(value) else None


class Pool:
    """Evaluated architectures, in memory and in a file.

    Args:
        path: of the file; it is read when it is there. A last line that a kill cut short is dropped. Lines without
            check values, of an older release or written by hand, are accepted where none has one, and those that
            follow are written in the same way. None: the pool is held in memory only.
        space: of the architectures.
        metric: the name of the score.
        higher_is_better: its direction.
        rungs: of a ladder, the cheapest first; a member then has a score on each rung that it has come to. None where
            every evaluation is the same.

    Attributes:
        seconds: of evaluations, by the id of the member and the number of the rung, where they are known.

    Raises:
        InputError: a line was changed, or is not one of a pool of this space and metric; the message says which.
    """

    def __init__(
        self,
        path: os.PathLike | str | None,
        space: SearchSpace,
        *,
        metric: str,
        higher_is_better: bool,
        rungs: Sequence[Rung] = (),
    ):
        self.path = None if path is None else pathlib.Path(path)
        self.space, self.metric, self.higher_is_better = space, metric, higher_is_better
        self.rungs = tuple(rungs)
        self.seconds: dict[tuple[int, int], float] = {}
        self._members: list[Evaluation] = []  # the latest evaluation of each, by id
        self._history: list[Evaluation] = []
        self._id_of: dict[Architecture, int] = {}
        self._first_rounds: list[int] = []  # when each member came, by id
        self._scored: collections.Counter[int] = collections.Counter()  # evaluations of each round
        self._on_rungs: collections.Counter[int] = collections.Counter()  # evaluations on each rung
        self._best: Evaluation | None = None
        self._checked = True  # whether the lines of the file have check values
        if self.path is not None and self.path.exists():
            self._replay()

    def _replay(self):
        try:
            content = self.path.read_bytes()
        except IsADirectoryError as error:
            raise InputError(f"{self.path} is a folder; a pool is a file: move it away") from error
        whole = content[: content.rfind(b"\n") + 1]
        rest = content[len(whole) :]
        if rest and not _BEGINNING_OF_LINE.fullmatch(rest):
            raise self._error(whole.count(b"\n") + 1, "it is no line of a pool, nor the beginning of one")
        for number, line in enumerate(whole.split(b"\n")[:-1], start=1):
            try:
                evaluation = self._evaluation(line, first=number == 1)
            except ValueError as error:
                raise self._error(number, error) from error
            self._remember(evaluation)
        if rest:  # a kill cut the last line short: that evaluation is done again
            with files.naming(self.path), open(self.path, "r+b") as file:
                file.truncate(len(whole))

    def _error(self, number, reason) -> InputError:
        return InputError(
            f"line {number} of {self.path} cannot be used: {' '.join(str(reason).split())[:300]}; put the file back as "
            "it was, or cut it before that line and the rest is evaluated again, or give another --work_dir"
        )

    def _evaluation(self, line, *, first) -> Evaluation:
        """The evaluation of a line, if it may follow those before. Raises ValueError."""
        intact = is_intact(line)
        try:  # a line that was written here needs no strict reading
            fields = json.loads(line) if intact else files.json_values(line)
        except ValueError as error:
            raise ValueError(f"it is no evaluation of this search ({error})") from error
        if not isinstance(fields, dict):
            raise ValueError("it is no evaluation of this search")
        if first:
            self._checked = CHECK in fields
        if self._checked != (CHECK in fields):
            has, line_1 = ("has no", "has one") if self._checked else ("has a", "has none")
            raise ValueError(f"it {has} check value, but line 1 {line_1}")
        if self._checked and not intact:
            raise ValueError("it was changed by hand: its check value does not fit")
        if _typed(fields, "metric", str) != self.metric:
            raise ValueError(f"its metric is {_shown(fields['metric'])}, not {_shown(self.metric)}")
        if _typed(fields, "higher_is_better", bool) != self.higher_is_better:
            raise ValueError(f"higher_is_better is {_shown(fields['higher_is_better'])}, not what this search takes")
        evaluation = Evaluation.from_json(fields, self.space, rungs=self.rungs)
        known = self.id_of(evaluation.candidate.architecture)
        if evaluation.id > len(self):
            raise ValueError(f"its id is {evaluation.id}, but the next one is {len(self)}: lines before it are missing")
        if known is None and evaluation.id < len(self):
            raise ValueError(f"its id {evaluation.id} is that of another architecture")
        if known is not None and known != evaluation.id:
            raise ValueError(f"its architecture has the id {known} already")
        rung = evaluation.candidate.rung
        if self.rungs and rung != (0 if known is None else self.get(known).candidate.rung + 1):
            raise ValueError(f"a member comes to rung {self.rungs[rung].name} from the rung below it")
        if known is not None and self.get(known).round >= evaluation.round:
            raise ValueError(f"architecture {known} was evaluated in round {self.get(known).round} already")
        if self._history and evaluation.round < self._history[-1].round:
            raise ValueError(f"its round is {evaluation.round}, but the line before is of {self._history[-1].round}")
        return evaluation

    def _remember(self, evaluation):
        """Takes an evaluation in; rounds never decrease. The time does not depend on the size of the pool."""
        self._history.append(evaluation)
        self._scored[evaluation.round] += 1
        self._on_rungs[evaluation.candidate.rung] += 1
        if evaluation.seconds is not None:
            self.seconds[evaluation.id, evaluation.candidate.rung] = evaluation.seconds
        if evaluation.id == len(self._members):
            self._members.append(evaluation)
            self._first_rounds.append(evaluation.round)
            self._id_of[evaluation.candidate.architecture.canonical] = evaluation.id
        else:
            self._members[evaluation.id] = evaluation
        if self._best is not None and self._best.id == evaluation.id:  # scored again, perhaps worse
            self._best = None
            for member in self._members:
                self._compare(member)
        else:
            self._compare(evaluation)

    def _compare(self, evaluation):
        """Lets a member be the best if it is; of equal ones the first is."""
        if evaluation.score is not None and (self._best is None or self._place(evaluation) > self._place(self._best)):
            self._best = evaluation

    def _place(self, evaluation):
        return evaluation.candidate.rung, self.goodness(evaluation), -evaluation.id

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, architecture: Architecture) -> bool:
        return architecture.canonical in self._id_of

    def id_of(self, architecture: Architecture) -> int | None:
        """The id of an architecture with the same computation, None when there is none."""
        return self._id_of.get(architecture.canonical)

    def get(self, id: int) -> Evaluation:
        """The latest evaluation of a member."""
        return self._members[id]

    def first_round(self, id: int) -> int:
        """The round in which a member came; one that is scored again has a later `Evaluation.round`."""
        return self._first_rounds[id]

    def new_in(self, round: int) -> list[Evaluation]:
        """The latest evaluations of the members that came in a round, in the order of their ids."""
        first = bisect.bisect_left(self._first_rounds, round)
        return self._members[first : bisect.bisect_right(self._first_rounds, round)]

    def complete(self, round: int, members: int) -> bool:
        """Whether a round was evaluated to its end: the pool has grown to `members`, all that were scored in it."""
        old, new = bisect.bisect_left(self._first_rounds, round), len(self.new_in(round))
        return len(self) >= members and new > 0 and self._scored[round] in (new, new + old)

    def before(self, round: int) -> Pool:
        """The pool as it was when a round began, not to be appended to: this one as long as the round has not begun."""
        count = bisect.bisect_left(self._history, round, key=lambda evaluation: evaluation.round)
        if count == len(self._history):
            return self
        earlier = Pool(None, self.space, metric=self.metric, higher_is_better=self.higher_is_better, rungs=self.rungs)
        for evaluation in self._history[:count]:
            earlier._remember(evaluation)
        return earlier

    @property
    def lowest(self) -> Pool:
        """The scores on the lowest rung as a pool without a ladder, with the same ids; not to be appended to.

        It holds every member, so a strategy that knows nothing of ladders can be asked with it.
        """
        part = Pool(None, self.space, metric=self.metric, higher_is_better=self.higher_is_better)
        for evaluation in self.on_rung(0):
            part._remember(evaluation)
        return part

    def on_rung(self, rung: int) -> list[Evaluation]:
        """The evaluations on a rung, in the order in which they were made."""
        return [evaluation for evaluation in self._history if evaluation.candidate.rung == rung]

    def cost_of(self, rung: int) -> float:
        """The cost of an evaluation on a rung; 1 where there is no ladder."""
        return self.rungs[rung].cost if self.rungs else 1.0

    @property
    def cost(self) -> float:
        """The cost of all evaluations, in evaluations on the last rung; their number where there is no ladder."""
        return sum(self.cost_of(rung) * number for rung, number in self._on_rungs.items())

    @property
    def last_round(self) -> int:
        """The round of the newest evaluation; 0 of an empty pool."""
        return self._history[-1].round if self._history else 0

    def has(self, candidate: Candidate) -> bool:
        """Whether a candidate was evaluated on its rung, or on a higher one."""
        id = self.id_of(candidate.architecture)
        return id is not None and self.get(id).candidate.rung >= candidate.rung

    @property
    def history(self) -> Sequence[Evaluation]:
        """Every evaluation in the order in which they were made, one for each line of the file; not to be changed."""
        return self._history

    @property
    def evaluations(self) -> list[Evaluation]:
        """The latest evaluation of every member, in the order of their ids."""
        return list(self._members)

    @property
    def ranked(self) -> list[Evaluation]:
        """Members whose evaluation succeeded, the best first; those on a higher rung before those on a lower one."""
        scored = [evaluation for evaluation in self._members if evaluation.score is not None]
        return sorted(scored, key=lambda evaluation: (-evaluation.candidate.rung, -self.goodness(evaluation)))

    @property
    def comparable(self) -> list[Evaluation]:
        """Members whose scores can be compared with that of the best, the best first: those on its rung."""
        ranked = self.ranked
        return [evaluation for evaluation in ranked if evaluation.candidate.rung == ranked[0].candidate.rung]

    @property
    def best(self) -> Evaluation | None:
        """The best member on the highest rung, the first of several; None when none has succeeded."""
        return self._best

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
            **({"rung": self.rungs[evaluation.candidate.rung].name} if self.rungs else {}),
        }

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Every evaluation with its values by their names, those of `columns.COLUMNS`; a ladder's have two more."""
        return [
            columns.row(
                evaluation.to_json(self.metric, self.higher_is_better, rungs=self.rungs),
                self.seconds.get((evaluation.id, evaluation.candidate.rung)),
            )
            for evaluation in self._history
        ]

    def to_dataframe(self) -> Any:
        """Every evaluation as a row of a `pandas.DataFrame`, in the order in which they were made.

        Columns are those of the pool's file, `architecture` as a tuple of integers, and the seconds of each evaluation
        where they are known. Raises InputError where pandas is not installed.
        """
        return columns.dataframe(self.rows)

    def examples(self) -> tuple[list[Architecture], np.ndarray]:
        """What a predictor learns from: the members, the best first, and their goodness, `[P]`, finite.

        A failed evaluation counts as a little worse than the worst that succeeded. Left out, it would teach nothing,
        and a strategy would go on proposing architectures that cannot be trained. Of more than `MOST_EXAMPLES` members
        the best half of that many are there, and as many evenly over the ranks of the others.
        """
        ranked = self.ranked
        failed = [evaluation for evaluation in self.evaluations if evaluation.score is None]
        goodness = np.array([self.goodness(evaluation) for evaluation in ranked])
        if failed and ranked:
            margin = 0.01 * (goodness[0] - goodness[-1]) or 1.0
            goodness = np.append(goodness, np.full(len(failed), goodness[-1] - margin))
        members = ranked + failed if ranked else []
        if len(members) > MOST_EXAMPLES:
            best = MOST_EXAMPLES // 2
            others = np.linspace(best, len(members) - 1, MOST_EXAMPLES - best).astype(int)
            members = members[:best] + [members[index] for index in others]
            goodness = np.concatenate([goodness[:best], goodness[others]])
        return [evaluation.candidate.architecture for evaluation in members], goodness

    def append(self, evaluation: Evaluation) -> None:
        """Remembers an evaluation and writes its line."""
        if evaluation.score is not None and not math.isfinite(evaluation.score):
            evaluation = dataclasses.replace(evaluation, score=None, reason=evaluation.reason or "score is not finite")
        candidate = evaluation.candidate
        estimates = {name: _finite_or_none(getattr(candidate, name)) for name in ("step_size", "predicted")}
        evaluation = dataclasses.replace(evaluation, candidate=dataclasses.replace(candidate, **estimates))
        if self.path is not None:
            fields = evaluation.to_json(self.metric, self.higher_is_better, rungs=self.rungs)
            line = json.dumps(fields, allow_nan=False).encode()  # NaN and Infinity are no JSON
            files.append_line(self.path, with_check(line) if self._checked else line)
        self._remember(evaluation)
