"""Searches of a table by one strategy after another, and the courses that they take.

On a ladder of rungs a course is counted in cost, one evaluation on the last rung being 1, else in evaluations.
"""

import dataclasses
import functools
import itertools
import multiprocessing
import os
import pathlib
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from nao_tf.architecture import Architecture, NasBench201Space, SearchSpace
from nao_tf.controller.quality import kendall_tau, pairwise_accuracy
from nao_tf.data.table import ArchitectureTable, read_decision_table, read_table
from nao_tf.errors import InputError
from nao_tf.observer import Observer
from nao_tf.search.loop import Rounds, search
from nao_tf.search.pool import Evaluation, Pool
from nao_tf.search.prior import Prior
from nao_tf.search.rungs import Rung
from nao_tf.search.strategies import STRATEGIES
from nao_tf.search.strategy import Strategy
from nao_tf.tasks.table import PRESETS, TableEvaluator


@dataclasses.dataclass(frozen=True)
class Contender:
    """A strategy as it takes part.

    Attributes:
        label: "name" or "name:preset".
        name: of the strategy.
        initial: architectures of the random start.
        proposals: architectures of every later round.
        settings: of the strategy, by their keywords.
    """

    label: str
    name: str
    initial: int
    proposals: int
    settings: Mapping[str, object]

    def make(self, space: SearchSpace, seed: int) -> Strategy:
        """The strategy of one seed."""
        return STRATEGIES[self.name].make(space, seed, **self.settings)

    def with_prior(self, prior: Prior) -> "Contender":
        """The same with what a prior tells, where the strategy learns from one."""
        if "prior" not in STRATEGIES[self.name].settings:
            return self
        return dataclasses.replace(self, settings={**self.settings, "prior": prior})


@dataclasses.dataclass(frozen=True)
class Course:
    """The course of the search of one seed.

    Attributes:
        seed: of the search.
        test: after every evaluation, the test figure of the cell with the best score so far; on a ladder after every
            unit of cost.
        evaluations_to_best: until the best cell of the table was evaluated; on a ladder their cost; None if it was not.
        duplicates: proposals that were known already.
        predictor: at each budget, quality on cells outside the pool; empty without a predictor.
        seconds: of the search, without those for `predictor`.
    """

    seed: int
    test: list[float]
    evaluations_to_best: float | None
    duplicates: int
    predictor: dict[int, dict]
    seconds: float


@dataclasses.dataclass(frozen=True)
class Source:
    """Where a table is, and which of its columns count.

    Attributes:
        path: of the file.
        score: column that the searches see.
        test: column that they are judged by.
        rungs: of a ladder; none: all evaluations read the score.
        decisions: columns that make an architecture; none: the table has a column arch, as NAS-Bench-201.
    """

    path: pathlib.Path
    score: str
    test: str
    rungs: tuple[Rung, ...] = ()
    decisions: tuple[str, ...] = ()

    @functools.cache  # noqa: B019, there are few, and a process reads each once
    def read(self) -> ArchitectureTable:
        """The table. Raises InputError."""
        lower = [rung.name for rung in self.rungs[:-1]]
        columns = {"score_column": self.score, "test_column": self.test, "lower_columns": lower}
        if self.decisions:
            return read_decision_table(self.path, decisions=self.decisions, lower_is_better=False, **columns)
        return read_table(self.path, NasBench201Space(), **columns)


def contender(label: str, *, initial: int | None = None, proposals: int | None = None) -> Contender:
    """The contender of a label; sizes that are not given are the preset's or the strategy's own. Raises InputError."""
    name, _, preset = label.partition(":")
    if name not in STRATEGIES:
        raise InputError(f"strategy {name!r}; known are {', '.join(STRATEGIES)}")
    if preset and preset not in PRESETS:
        raise InputError(f"preset {preset!r} of strategy {name!r}; known are {', '.join(PRESETS)}")
    entry, of_preset = STRATEGIES[name], PRESETS[preset or "cpu"][None]
    values = {"controller": of_preset.controller, "ascent": of_preset.ascent}
    settings = {key: values[key] for key in entry.settings if key in values}
    if preset and not settings:
        with_presets = [other for other, row in STRATEGIES.items() if values.keys() & row.settings.keys()]
        raise InputError(f"strategy {label!r}: only {', '.join(with_presets)} has presets")
    return Contender(
        label=label,
        name=name,
        initial=initial or of_preset.initial or entry.initial,
        proposals=proposals or of_preset.proposals or entry.proposals,
        settings=settings,
    )


def run(contender: Contender, seed: int, *, table: ArchitectureTable, budgets: Sequence[int], held_out: int) -> Course:
    """Runs the search of one seed, and judges its predictor on `held_out` cells, 0 for not at all."""
    start, space = time.perf_counter(), table.space
    strategy, pool = contender.make(space, seed), Pool(None, space, metric=table.score_column, higher_is_better=True)
    search(
        strategy,
        TableEvaluator(table),
        pool=pool,
        rounds=Rounds(budget=max(budgets), initial=contender.initial, proposals=contender.proposals),
    )
    seconds = time.perf_counter() - start
    test: list[float] = []
    best = pool.evaluations[0]
    for evaluation in pool.evaluations:
        best = max(best, evaluation, key=pool.goodness)  # the earlier of equals
        test.append(table.row(best.candidate.architecture).test)
    id_of_best = pool.id_of(table.best.architecture)
    return Course(
        seed=seed,
        test=test,
        evaluations_to_best=None if id_of_best is None else id_of_best + 1,
        duplicates=strategy.duplicates,
        predictor=predictor_quality(strategy, pool, table=table, budgets=budgets, held_out=held_out),
        seconds=seconds,
    )


class _FoundError(Exception):
    """Ends a search: nothing that follows could change its figures."""


@dataclasses.dataclass
class _UntilBest(Observer):
    """Follows a search on a ladder until the best cell of the table was evaluated on the last rung.

    Attributes:
        best: that cell.
        course: cost and best evaluation, after every evaluation.
    """

    best: Architecture
    course: list[tuple[float, Evaluation]] = dataclasses.field(default_factory=list)

    def evaluation(self, strategy: str, evaluation: Evaluation, *, pool: Pool) -> None:
        """See `Observer`."""
        assert pool.best is not None
        self.course.append((pool.cost, pool.best))
        candidate = evaluation.candidate
        if candidate.rung == len(pool.rungs) - 1 and candidate.architecture == self.best:
            raise _FoundError


def run_on_ladder(
    contender: Contender, seed: int, *, table: ArchitectureTable, budgets: Sequence[int], rungs: Sequence[Rung]
) -> Course:
    """Runs the search of one seed on a ladder until it evaluates the best cell on the last rung."""
    start, space, best = time.perf_counter(), table.space, table.best.architecture.canonical
    strategy, observer = contender.make(space, seed), _UntilBest(best)
    pool = Pool(None, space, metric=table.score_column, higher_is_better=True, rungs=rungs)
    rounds = Rounds(budget=max(budgets), initial=contender.initial, proposals=contender.proposals)
    found = False
    try:
        search(strategy, TableEvaluator(table, rungs=rungs), pool=pool, rounds=rounds, observer=observer)
    except _FoundError:
        found = True
    test = []
    for budget in range(1, max(budgets) + 1):
        within = [evaluation for cost, evaluation in observer.course if cost <= budget + 1e-9]
        test.append(table.row((within or [observer.course[0][1]])[-1].candidate.architecture).test)
    return Course(
        seed=seed,
        test=test,
        evaluations_to_best=pool.cost if found else None,
        duplicates=strategy.duplicates,
        predictor={},
        seconds=time.perf_counter() - start,
    )


def predictor_quality(
    strategy: Strategy, pool: Pool, *, table: ArchitectureTable, budgets: Sequence[int], held_out: int
) -> dict[int, dict]:
    """The quality of the predictor of the first `budget` evaluations on random cells that the pool never held.

    Empty for a strategy without a predictor, and where `held_out` is 0.
    """
    unknown = [cell for cell in table.rows if cell not in pool]
    generator = np.random.default_rng([strategy.seed, 3])
    cells = [unknown[index] for index in generator.permutation(len(unknown))[:held_out]]
    scores = np.array([table.row(cell).score for cell in cells])
    figures: dict[int, dict] = {}
    for budget in budgets if held_out else ():
        part = Pool(None, pool.space, metric=pool.metric, higher_is_better=pool.higher_is_better)
        for evaluation in pool.evaluations[:budget]:
            part.append(evaluation)
        predictor = strategy.predictor(part)
        if predictor is None:
            return {}
        predicted = predictor.predict(cells).mean
        figures[budget] = {
            "pairwise_accuracy": pairwise_accuracy(scores, predicted),
            "kendall_tau": kendall_tau(scores, predicted),
            "held_out": len(cells),
        }
    return figures


@dataclasses.dataclass(frozen=True)
class Work:
    """The searches that one process runs one after another.

    Attributes:
        contender: the strategy.
        seeds: of the searches.
        source: of the table.
        budgets: at which the searches are looked at; the largest ends them.
        held_out: cells that judge a predictor.
        judged: seeds whose predictors are judged.
    """

    contender: Contender
    seeds: Sequence[int]
    source: Source
    budgets: Sequence[int]
    held_out: int = 0
    judged: frozenset[int] = frozenset()

    def parts(self, count: int) -> list["Work"]:
        """The same work in `count` parts, its seeds dealt out in turn."""
        return [dataclasses.replace(self, seeds=self.seeds[index::count]) for index in range(count)]

    def courses(self) -> list[Course]:
        """The courses of all seeds, one after another. Raises InputError."""
        table, rungs = self.source.read(), self.source.rungs
        if rungs:
            return [
                run_on_ladder(self.contender, seed, table=table, budgets=self.budgets, rungs=rungs)
                for seed in self.seeds
            ]
        return [
            run(
                self.contender,
                seed,
                table=table,
                budgets=self.budgets,
                held_out=self.held_out if seed in self.judged else 0,
            )
            for seed in self.seeds
        ]


def compete(work: Work, *, processes: int | None = None) -> list[Course]:
    """The courses of all seeds, in processes of their own, one a core unless their number is given."""
    processes = min(processes or os.cpu_count() or 1, len(work.seeds))
    if processes == 1:
        return work.courses()
    # A process of TensorFlow compiles once, so it takes all its seeds at once; others take a few at a time.
    with_tensorflow = STRATEGIES[work.contender.name].needs_tensorflow
    parts = work.parts(processes if with_tensorflow else min(len(work.seeds), 4 * processes))
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # the processes have a core each
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as executor:
        courses = itertools.chain(*executor.map(Work.courses, parts))
    return sorted(courses, key=lambda course: course.seed)
