"""The searches of a study: its own strategy and its rivals, with one task, one budget and one kind of score."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from typing import Any

from nao_tf.architecture import Architecture
from nao_tf.observer import Observer
from nao_tf.search.executors import Executor
from nao_tf.search.loop import Rounds, search
from nao_tf.search.pool import Evaluation, Pool
from nao_tf.search.prior import Prior
from nao_tf.search.strategies import STRATEGIES
from nao_tf.search.strategy import LARGEST_ENUMERATED, Predictor, Strategy
from nao_tf.settings import plain
from nao_tf.study.time_budget import TimeBudget
from nao_tf.study.work_directory import WorkDirectory
from nao_tf.tasks.task import Task

UNGUIDED = "random"  # the strategy whose rounds are all alike


def rounds_of(task: Task, name: str) -> Rounds:
    """The sizes of a strategy's rounds: those of the task's settings, or its own where they have none."""
    entry, settings = STRATEGIES[name], task.settings
    return Rounds(
        budget=settings.budget,
        initial=entry.initial if settings.initial is None else settings.initial,
        proposals=entry.proposals if settings.proposals is None else settings.proposals,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Searches:
    """Runs strategies, each with a pool of its own in the work directory.

    Attributes:
        task: what is learned.
        work: the work directory.
        main: the strategy whose best is the winner.
        seed: of everything random.
        observer: receives what happens.
        executor: where architectures are evaluated.
        given: architectures that the searches evaluate first.
        prior: what earlier pools tell the strategies that learn from such.
    """

    task: Task
    work: WorkDirectory
    main: str
    seed: int
    observer: Observer
    executor: Executor | None
    given: tuple[Architecture, ...]
    prior: Prior | None

    def file(self, name: str) -> pathlib.Path:
        """The pool of a strategy."""
        return self.work.pool(name, main=name == self.main)

    def strategy(self, name: str) -> Strategy:
        """A strategy with its part of the settings."""
        entry, settings = STRATEGIES[name], self.task.settings
        own = {part: getattr(settings, part, default) for part, default in entry.settings.items()}
        if "prior" in own:
            own["prior"] = self.prior
        return entry.make(self.task.space, self.seed, observer=self.observer, **own)

    def identity(self, name: str) -> dict[str, Any]:
        """What decides the pool of a strategy."""
        rounds, settings, parts = rounds_of(self.task, name), self.task.settings, STRATEGIES[name].settings
        return {
            **self.task.identity(),
            **self.task.score_identity(),
            "seed": self.seed,
            "strategy": name,
            **{part: plain(getattr(settings, part, default)) for part, default in parts.items() if default is not None},
            **({"prior": self.prior.digest} if self.prior is not None and "prior" in parts else {}),
            "initial": rounds.initial,
            "proposals": rounds.proposals,
            "given": [list(architecture.canonical.values) for architecture in self.given],
        }

    def run(self, name: str, *, known: Pool | None = None, clock: TimeBudget | None = None) -> Pool:
        """Runs a strategy to the end of the budget.

        Args:
            name: of the strategy.
            known: a pool of the same task, whose scores hold for this search too.
            clock: ends the search in time; None: the budget alone does.
        """
        task, metric = self.task, self.task.metric
        evaluator = task.evaluator(seed=self.seed, directory=self.work.shared_child(name), executor=self.executor)
        pool = Pool(
            self.file(name),
            task.space,
            metric=metric.name,
            higher_is_better=metric.higher_is_better,
            rungs=evaluator.rungs,
        )
        pool.seconds |= self.work.evaluation_seconds(self.file(name))
        rounds = rounds_of(task, name)
        self.observer.search(name, pool, budget=None if clock else rounds.budget)
        if rounds.budget < rounds.initial * pool.cost_of(0) and name != UNGUIDED:
            # the first round is not made smaller by itself: its size decides the pool, which then could not grow
            whole = "goes on with that round" if evaluator.rescores else "goes on to the pool that it has at once"
            self.observer.notice(
                f"NOTICE: {name}: the budget of {rounds.budget} ends within the first round of {rounds.initial}, which "
                f"no score guides; a larger --budget {whole}; --initial=N in another --work_dir learns after N scores"
            )
        with self.work.timed(f"search_{name}"):
            search(
                self.strategy(name),
                evaluator,
                pool=pool,
                rounds=rounds,
                given=self.given,
                known=known,
                name=name,
                observer=self.observer,
                enough=None if clock is None else clock.enough,
                remembered=functools.partial(self._keep_seconds, self.file(name)),
            )
        if not pool.rungs and not clock and len(pool) < rounds.budget:
            listed = task.space.size <= LARGEST_ENUMERATED
            spent = f"all {len(pool):,} architectures were evaluated"
            spent = spent if listed else f"after {len(pool):,} architectures no other one was found"
            self.observer.notice(f"{name}: {spent}; the budget of {rounds.budget:,} is not used up")
        return pool

    def _keep_seconds(self, file: pathlib.Path, evaluation: Evaluation) -> None:
        if evaluation.seconds is not None:
            rung = evaluation.candidate.rung
            self.work.add_evaluation_seconds(file, evaluation.id, rung=rung, seconds=evaluation.seconds)

    def predictor(self, pool: Pool) -> Predictor | None:
        """What has learnt to predict the scores of the whole pool of the main search, where its strategy has that."""
        if len(pool.ranked) < 2:
            return None
        with self.work.timed("controller"):
            predictor = self.strategy(self.main).predictor(pool)
        return predictor
