"""A run as its work directory tells it, read without changing anything: also one that is still under way."""

from __future__ import annotations

import csv
import dataclasses
import functools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from nao_tf import files
from nao_tf.architecture import (
    Architecture,
    ArchitectureError,
    CategoricalSpace,
    ConvolutionalSpace,
    NasBench201Space,
    Position,
    RecurrentSpace,
    SearchSpace,
)
from nao_tf.architecture.cells import SPACES
from nao_tf.errors import InputError
from nao_tf.search.checked_lines import fields_of, whole_lines
from nao_tf.study import audit, fidelity
from nao_tf.study.work_directory import IDENTITY, MAIN_POOL, WorkDirectory, read_identities
from nao_tf.tasks import TASKS
from nao_tf.tasks.task import Metric

_RECURRENT = {space.name: space for space in (RecurrentSpace(), RecurrentSpace("nao"))}


@dataclasses.dataclass(frozen=True)
class Row:
    """One evaluation, a line of a pool.

    Attributes:
        id: of the member.
        values: integers of the architecture.
        text: its readable form.
        score: None where the evaluation failed.
        reason: why it failed.
        origin: how it came to be proposed.
        parent: id of the member that it comes from.
        step_size: of the ascent.
        predicted: the score that a predictor gave it before it was evaluated, on a scale of the predictor's own.
        round: when.
        parameters: trainable.
        multiply_adds: for one input, where that is told.
        rung: of a ladder; None without one.
        cost: of the evaluation in full ones; None without a ladder.
        seconds: that it took; None where they are not known.
    """

    id: int
    values: tuple[int, ...]
    text: str
    score: float | None
    reason: str | None = None
    origin: str = "random"
    parent: int | None = None
    step_size: float | None = None
    predicted: float | None = None
    round: int = 0
    parameters: int | None = None
    multiply_adds: int | None = None
    rung: str | None = None
    cost: float | None = None
    seconds: float | None = None


@dataclasses.dataclass(frozen=True)
class Search:
    """The evaluations of one strategy.

    Attributes:
        strategy: its name.
        identity: what decided them, as the work directory holds it.
        rows: every evaluation in the order in which they were made.
        higher_is_better: direction of the score.
        seconds: of the whole search; None where they are not told.
    """

    strategy: str
    identity: Mapping[str, Any]
    rows: tuple[Row, ...]
    higher_is_better: bool
    seconds: float | None = None

    def goodness(self, row: Row) -> float:
        """The score turned so that higher is better; minus infinity of an evaluation that failed."""
        if row.score is None:
            return float("-inf")
        return row.score if self.higher_is_better else -row.score

    @functools.cached_property
    def rungs(self) -> tuple[str, ...]:
        """The rungs of a ladder, the cheapest first; none without one."""
        costs = {row.rung: row.cost or 0.0 for row in self.rows if row.rung is not None}
        return tuple(sorted(costs, key=lambda rung: costs[rung]))

    @functools.cached_property
    def members(self) -> tuple[Row, ...]:
        """The latest evaluation of every member."""
        return tuple({row.id: row for row in self.rows}.values())

    @functools.cached_property
    def ranked(self) -> tuple[Row, ...]:
        """Members that succeeded, the best first; those on a higher rung before all others."""
        height = {rung: index for index, rung in enumerate(self.rungs)}
        scored = [row for row in self.members if row.score is not None]
        return tuple(sorted(scored, key=lambda row: (-height.get(row.rung or "", 0), -self.goodness(row), row.id)))

    @property
    def steps(self) -> int | None:
        """Training steps of one evaluation; None where each is not a training of its own."""
        score = self.identity.get("score")
        if not isinstance(score, Mapping) or self.identity.get("weight_sharing") or self.rungs:
            return None
        steps = score.get("steps")
        return steps if isinstance(steps, int) else None


@dataclasses.dataclass(frozen=True)
class Run:
    """What a work directory tells.

    Attributes:
        path: of the directory, as it was given.
        task: its name.
        space: of the architectures.
        metric: of the scores.
        searches: by strategy, the main one first; none where one given architecture was trained.
        result: the content of result.json; None while the run is under way.
        seconds: of each stage.
        flags: with which the run was started.
        final_settings: of the training of final models.
    """

    path: pathlib.Path
    task: str
    space: SearchSpace
    metric: Metric
    searches: Mapping[str, Search]
    result: Mapping[str, Any] | None
    seconds: Mapping[str, float]
    flags: tuple[str, ...]
    final_settings: Any = None

    @property
    def main(self) -> Search | None:
        """The search whose best is the winner."""
        return next(iter(self.searches.values()), None)

    @functools.cached_property
    def winner(self) -> Architecture | None:
        """The architecture that the run ended with; while it is under way, the best so far."""
        if self.result is not None:
            best = self.result.get("best", self.result)
            return self.architecture(best["architecture"])
        ranked = self.main.ranked if self.main is not None else ()
        return self.architecture(ranked[0].values) if ranked else None

    @property
    def winner_row(self) -> Row | None:
        """The evaluation of the winner."""
        if self.main is None or self.winner is None:
            return None
        return next((row for row in self.main.members if row.values == self.winner.values), None)

    def architecture(self, values: Sequence[int]) -> Architecture:
        """The architecture with these integers. Raises InputError where the run's space has none such."""
        try:
            return self.space.architecture(values)
        except ArchitectureError as error:
            raise InputError(f"{self.path}: {error}; its files do not fit each other") from error

    def score_text(self, score: float | None) -> str:
        """A score for people."""
        return "failed" if score is None else self.metric.text(score)


class RecordedSpace(SearchSpace):
    """A space of which only the records of a search are there: the words that occur in them.

    Args:
        name: of the space.
        rows: the records.
        descriptions: of the positions; empty: they are taken from the records.
    """

    def __init__(self, name: str, rows: Sequence[Row], *, descriptions: Sequence[str] = ()):
        self._texts = {row.values: row.text for row in rows}
        length = len(rows[0].values) if rows else 0
        names = list(descriptions) if len(descriptions) == length else [f"decision {at + 1}" for at in range(length)]
        words: list[dict[int, str]] = [{} for _ in range(length)]
        for row in rows:
            for at, (value, item) in enumerate(zip(row.values, _items(row.text, length), strict=False)):
                decision, equals, word = item.partition("=")
                if equals:
                    names[at] = decision
                words[at][value] = word if equals else item
        self._seen = [tuple(sorted(of_position)) for of_position in words]
        super().__init__(
            name,
            [
                Position(
                    description=name,
                    kind=name,
                    words=tuple(seen.get(value, f"number {value}") for value in range(max(seen, default=0) + 1)),
                )
                for name, seen in zip(names, words, strict=True)
            ],
        )

    def choices(self, prefix: Sequence[int]) -> tuple[int, ...]:
        """The integers that occur at a position."""
        return self._seen[len(prefix)]

    def text(self, values: Sequence[int]) -> str:
        """As it was recorded."""
        return self._texts.get(tuple(values)) or super().text(values)


def _items(text, length):
    """The words of a readable form, one a position; the whole form for each where they cannot be told."""
    items = next(csv.reader([text], skipinitialspace=True), [])
    return [item.strip() for item in items] if len(items) == length else [""] * length


def _is_search(identity) -> bool:
    """Whether a pool is that of a search; others repeat scores, or tell what scores are worth."""
    return str(identity.get("strategy")) not in (audit.NAME, fidelity.NAME, fidelity.AGAIN)


def read_run(path: pathlib.Path | str) -> Run:
    """Reads a work directory. Nothing is written, locked or repaired.

    Raises:
        InputError: it is no work directory of a run, nothing was computed in it yet, or a file of it is damaged.
    """
    path = pathlib.Path(path)
    if not (path / IDENTITY).is_file():
        raise InputError(f"{path} is no work directory of a run: it has no {IDENTITY}")
    remedy = "put it back as it was"
    identities = read_identities(path, remedy=remedy)
    result = files.read_json(path / "result.json", remedy=remedy) if (path / "result.json").exists() else None
    work = WorkDirectory(path)
    seconds = work.seconds()
    searches: dict[str, Search] = {}
    metric: Metric | None = None
    pools = {name: one for name, one in identities.items() if name.endswith(".jsonl") and _is_search(one)}
    for name, identity in sorted(pools.items(), key=lambda item: item[0] != MAIN_POOL):
        rows, named, higher = read_rows(path / name)
        if not rows:
            continue
        rows = _with_seconds(rows, work.evaluation_seconds(path / name))
        strategy = str(identity.get("strategy"))
        searches[strategy] = Search(strategy, identity, rows, higher, seconds.get(f"search_{strategy}"))
        metric = metric or _metric(str(identity.get("task")), named, higher)
    final = identities.get("final", {})
    identity = pools.get(MAIN_POOL) or next(iter(pools.values()), final)
    if not searches and result is None:
        raise InputError(f"{path}: nothing was evaluated yet; a report can be made as soon as something was")
    rows = tuple(row for search in searches.values() for row in search.rows)
    if not rows and isinstance(result, Mapping):
        rows = (Row(0, tuple(result["architecture"]), str(result["text"]), None),)
    task = str(identity.get("task"))
    flags = (path / "flags.txt").read_text(errors="replace").splitlines() if (path / "flags.txt").exists() else []
    flags = [flag for flag in flags if not flag.startswith("#")]  # a comment
    return Run(
        path=path,
        task=task,
        space=_space(str(identity.get("space")), rows, (result or {}).get("decisions") or identity.get("decisions")),
        metric=metric or _metric(task, "score", True),
        searches=searches,
        result=result,
        seconds=seconds,
        flags=tuple(flags),
        final_settings=final.get("settings"),
    )


def _with_seconds(rows: Sequence[Row], seconds: Mapping[tuple[int, int], float]) -> tuple[Row, ...]:
    """The rows with the seconds of evaluations, by id and number of the rung."""
    costs = {row.rung: row.cost or 0.0 for row in rows}
    number = {rung: index for index, rung in enumerate(sorted(costs, key=lambda rung: costs[rung]))}
    return tuple(dataclasses.replace(row, seconds=seconds.get((row.id, number[row.rung]))) for row in rows)


def _metric(task: str, name: str, higher: bool) -> Metric:
    """The metric of scores, in the form that its task gives it."""
    own = getattr(TASKS.get(task), "metric", None)
    return own if isinstance(own, Metric) and own.name == name else Metric(name, higher_is_better=higher, form="{:.5g}")


def _space(name: str, rows: Sequence[Row], decisions: Any) -> SearchSpace:
    """The space of that name; that of the records where it is none of this package, or one of another size.

    Args:
        name: of the space.
        rows: the records.
        decisions: the words of every decision, or the names of the decisions alone, where these are told.
    """
    length = len(rows[0].values)
    if isinstance(decisions, Mapping) and len(decisions) == length:
        return CategoricalSpace(name, decisions)
    known: SearchSpace | None = _RECURRENT.get(name)
    if name in SPACES:
        known = ConvolutionalSpace(name)
    elif name == NasBench201Space().name:
        known = NasBench201Space()
    elif known is not None and len(known.positions) != length and length % 2 == 0:
        known = RecurrentSpace("nao_ws" if name == "rnn" else "nao", nodes=length // 2)
    if known is not None and len(known.positions) == length:
        return known
    descriptions = [str(text) for text in decisions] if isinstance(decisions, list) else ()
    return RecordedSpace(name, rows, descriptions=descriptions)


# ---- the lines of a pool


def read_rows(path: pathlib.Path) -> tuple[tuple[Row, ...], str, bool]:
    """The evaluations of a pool, and the name and direction of their score; a last line that is not whole is left out.

    Raises:
        InputError: a line was changed, or is none of a pool.
    """
    content = path.read_bytes() if path.exists() else b""
    rows, metric, higher = [], "score", True
    for number, line in enumerate(whole_lines(content), start=1):
        try:
            fields = fields_of(line)
            rows.append(_row(fields))
        except ValueError as error:
            raise InputError(f"line {number} of {path} cannot be used: {error}; put the file back as it was") from error
        metric, higher = str(fields.get("metric", metric)), bool(fields.get("higher_is_better", higher))
    return tuple(rows), metric, higher


_KINDS: Mapping[str, tuple[type, ...]] = {
    "id": (int,),
    "text": (str,),
    "score": (int, float, type(None)),
    "reason": (str, type(None)),
    "origin": (str,),
    "parent": (int, type(None)),
    "step_size": (int, float, type(None)),
    "predicted": (int, float, type(None)),
    "round": (int,),
    "parameters": (int, type(None)),
    "multiply_adds": (int, type(None)),
    "rung": (str, type(None)),
    "cost": (int, float, type(None)),
}


def _row(fields: Mapping[str, Any]) -> Row:
    """The evaluation that a line tells. Raises ValueError."""
    values = fields.get("architecture")
    if not isinstance(values, list) or not values or not all(type(value) is int for value in values):
        raise ValueError("field 'architecture' takes whole numbers")
    known = {}
    for name, kinds in _KINDS.items():
        if name in fields:
            if type(fields[name]) not in kinds:
                raise ValueError(f"field {name!r} holds something else than it should")
            known[name] = fields[name]
    missing = [name for name in ("id", "text", "score") if name not in known]
    if missing:
        raise ValueError(f"field {missing[0]!r} is missing")
    return Row(values=tuple(values), **known)
