"""A study: search, finalists, winner, test, export, comparison. Every task goes through the same stages."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nao_tf import files
from nao_tf.architecture import Architecture, ArchitectureError
from nao_tf.errors import InputError, RunError
from nao_tf.observer import Observer
from nao_tf.search.executors import Executor
from nao_tf.search.loop import Rounds, search
from nao_tf.search.pool import Pool
from nao_tf.search.prior import Prior
from nao_tf.search.strategies import STRATEGIES
from nao_tf.search.strategy import LARGEST_ENUMERATED, Predictor, Strategy
from nao_tf.settings import plain
from nao_tf.study import audit as audits
from nao_tf.study import fronts
from nao_tf.study.fidelity import Fidelity
from nao_tf.study.final_models import Done, FinalModels
from nao_tf.study.final_training import Trained
from nao_tf.study.latencies import Latencies
from nao_tf.study.race import best_of
from nao_tf.study.result import Result, Winner, counts
from nao_tf.study.time_budget import MARGIN, TimeBudget
from nao_tf.study.verdict import Sample, Verdict, judge
from nao_tf.study.work_directory import WorkDirectory, versions
from nao_tf.tasks.sizes import LATENCY, check_sizes
from nao_tf.tasks.task import Task

CALLED = {"random": "random search", "local": "local search"}  # strategies, by people
ADVICE = "--final_seeds=3 goes on from here and tells it"  # where each network was trained once
UNGUIDED = "random"  # the strategy whose rounds are all alike
NOTHING = "learnt_nothing"  # the reason, in the figures of a model that is no better than a guess
GIVEN = "final"  # the label of the final model of an architecture that was given instead of searched


class Study:
    """One run of a task in a work directory; the same run again goes on where it stood.

    Args:
        task: what is learned.
        work: the work directory.
        strategy: a name of `STRATEGIES`.
        seed: of everything random.
        observer: receives what happens.
        devices: a `tf.distribute.Strategy` for the final models; None for one device.
        executor: where architectures are evaluated and, on one device, final models are trained.
        given: architectures that the searches evaluate first.
        prior: what earlier pools tell the strategies that learn from such.
        fidelity: what scores of several lengths are worth, where it was measured; for the result.
        minutes: for everything; the searches end in time, at the latest with their budget. None: no limit.

    Raises:
        InputError: no such strategy, minutes that are none, or the directory belongs to another computation.
    """

    def __init__(
        self,
        task: Task,
        work: pathlib.Path | str,
        *,
        strategy: str = "nao",
        seed: int = 1,
        observer: Observer | None = None,
        devices: Any = None,
        executor: Executor | None = None,
        given: Sequence[Architecture] = (),
        minutes: float | None = None,
        prior: Prior | None = None,
        fidelity: Fidelity | None = None,
    ):
        if strategy not in STRATEGIES:
            raise InputError(f"strategy {strategy!r} is not one of {', '.join(STRATEGIES)}")
        check_sizes(task)
        if minutes is not None and task.climbs:
            raise InputError("--minutes is of no use with --rungs, whose budget is a cost; give --budget")
        self.task, self.work, self.strategy_name, self.seed = task, WorkDirectory(work), strategy, seed
        self.observer, self.devices, self.executor = observer or Observer(), devices, executor
        self.given, self.prior, self._fidelity = tuple(given), prior, fidelity
        self._time = None if minutes is None else TimeBudget(self.work.path, minutes)
        self._latencies: Latencies | None = None

    # ---- whole runs

    def run(self, baselines: Iterable[str] = ()) -> Result:
        """Searches, trains the finalists, tests and exports the winner, and compares it.

        Args:
            baselines: what else gets the same budget: strategies, or the task's hand-made network.

        Raises:
            InputError: an unknown baseline, or the directory belongs to another computation.
            RunError: nothing that the search tries can be trained.
        """
        rivals = self.claim(baselines)
        self._begin(rivals)
        self._know_latencies()
        if self._time is not None:
            self._plan_time(self._time, rivals)
        pool = self.search(self.strategy_name)
        if self._time is not None:
            self._fix_budget(self._time, pool)
        predictor = self._predictor(pool)
        winner = self.winner(pool, self.strategy_name, rivals=rivals)
        self._export(winner.model, predictor)  # before the comparisons, which take as long again and may fail
        quality = getattr(predictor, "quality", None)
        baselines = self.compare(winner, rivals, known=pool)
        same = [name for name in rivals if baselines[name].get("best", {}).get("text") == winner.architecture.text]
        finalists = sum(row[self.task.final_metric.name] is not None for row in winner.finalists)
        front = None
        if len(self.task.settings.objectives) > 1:
            front = fronts.rows(pool, self.task, latencies=self._latencies, finalists=winner.finalists)
        return self._finish(
            architecture=winner.architecture,
            test=self._told(winner.figures),
            baselines=baselines,
            strategy=self.strategy_name,
            pool=pool,
            winner=winner,
            predictor=None if quality is None else dataclasses.asdict(quality),
            trainings=winner.trainings,
            verdict=self._verdict(winner.trainings, winner.figures, baselines, finalists=finalists, same=same),
            audit=self.audit(pool, winner, baselines=baselines),
            minutes=None if self._time is None else self._time.minutes,
            fidelity=self._fidelity,
            front=front,
        )

    def train(self, architecture: Architecture, baselines: Iterable[str] = ()) -> Result:
        """Trains one given architecture to the end, exports and tests it, and compares it with the hand-made network.

        Args:
            architecture: to train.
            baselines: empty, or the name of the hand-made network.

        Raises:
            InputError: another baseline, or the directory belongs to another computation.
            RunError: the architecture cannot be trained.
        """
        rivals = self.claim_training(architecture, baselines)
        self._begin(training=True)
        model = self.task.final(architecture, seed=self.seed, devices=self.devices)
        self.observer.notice(
            f"{self.task.noun} {architecture.text}: {model.parameters:,} parameters, "
            f"{'at most ' if model.ends_early else ''}{model.steps:,} steps"
        )
        finals = self._final_models
        first = finals.training(architecture, GIVEN, seed=self.seed)
        with self.work.timed("train"):
            done: Done = [(first, Trained())]
            if self.task.settings.final_seeds == 1:
                finals.go_on(model, first)
            else:
                done = finals.train_all(finals.with_seeds(first))
                if all(trained.value is None for _, trained in done):
                    raise RunError(done[0][1].reason)
                model = finals.model(finals.best(done)[0])
            self._export(model, None)
        with self.work.timed("test"):
            figures = model.measure()
            value = model.validate() if len(done) == 1 and self.task.test_metric is None else None
        trainings = finals.figures_of_seeds(done, figures, value=value)
        baselines = self._figures(rivals, lambda name: finals.hand_made(first, model))
        return self._finish(
            architecture=architecture,
            test=self._told(figures),
            baselines=baselines,
            trainings=trainings,
            verdict=self._verdict(trainings, figures, baselines),
        )

    # ---- stages

    def claim(self, baselines: Iterable[str] = ()) -> list[str]:
        """Makes the work directory this run's own.

        Args:
            baselines: see `run`.

        Returns:
            The baselines without the strategy itself, each once.

        Raises:
            InputError: an unknown baseline, or the directory belongs to another computation; nothing is written.
        """
        rivals = self.rivals_of(self.task, baselines, strategy=self.strategy_name)
        searched = [self.strategy_name, *(name for name in rivals if name in STRATEGIES)]
        identities = {self._file(name).name: self._identity(name) for name in searched}
        if self.task.settings.audited and not self.task.independent_scores:
            raise InputError(
                f"--audited={self.task.settings.audited} is of no use where a score is no training of its own; "
                "leave it out"
            )
        if self.task.independent_scores and self.task.settings.audited != 0:
            identities[self._file(audits.NAME).name] = {
                **self.task.identity(),
                **self.task.score_identity(),
                "seed": self._audit_seed,
                "strategy": audits.NAME,
            }
        self.work.claim({**identities, "final": self.work.first_final_settings(self.task.final_identity())})
        return rivals

    def claim_training(self, architecture: Architecture, baselines: Iterable[str] = ()) -> list[str]:
        """Makes the work directory that of the training of one given architecture.

        Args:
            architecture: to train.
            baselines: see `train`.

        Returns:
            The baselines, each once.

        Raises:
            InputError: as `claim`.
        """
        rivals = self.rivals_of_training(self.task, baselines)
        identity = {**self.task.identity(), "space": architecture.space.name, "seed": self.seed}
        identity |= {"architecture": list(architecture.values), "settings": self.task.final_identity()}
        self.work.claim({GIVEN: identity})
        return rivals

    def needs_tensorflow(self, baselines: Iterable[str] = ()) -> bool:
        """Whether a run with these baselines loads TensorFlow."""
        names = [self.strategy_name, *baselines]
        return self.task.uses_tensorflow or any(
            STRATEGIES[name].needs_tensorflow for name in names if name in STRATEGIES
        )

    def strategy(self, name: str) -> Strategy:
        """A strategy with its part of the settings."""
        entry, settings = STRATEGIES[name], self.task.settings
        own = {part: getattr(settings, part, default) for part, default in entry.settings.items()}
        if "prior" in own:
            own["prior"] = self.prior
        return entry.make(self.task.space, self.seed, observer=self.observer, **own)

    @staticmethod
    def rivals_of(task: Task | type[Task], baselines: Iterable[str], *, strategy: str) -> list[str]:
        """The baselines of a study without its own strategy, each once. Raises InputError for an unknown one."""
        known = [*([task.rival] if task.rival else []), *STRATEGIES]
        rivals = [name for name in dict.fromkeys(baselines) if name != strategy]
        for name in rivals:
            if name not in known:
                raise InputError(f"--baselines: {name!r} is not one of {', '.join(known)}")
        return rivals

    @staticmethod
    def rivals_of_training(task: Task | type[Task], baselines: Iterable[str]) -> list[str]:
        """The baselines of the training of a given architecture, each once. Raises InputError for a strategy."""
        rivals = list(dict.fromkeys(baselines))
        for name in rivals:
            if name != task.rival:
                raise InputError(f"--baselines: {name!r} is not {task.rival}, the hand-made network of this task")
        return rivals

    @staticmethod
    def rounds_of(task: Task, name: str) -> Rounds:
        """The sizes of a strategy's rounds: those of the task's settings, or its own where they have none."""
        entry, settings = STRATEGIES[name], task.settings
        return Rounds(
            budget=settings.budget,
            initial=entry.initial if settings.initial is None else settings.initial,
            proposals=entry.proposals if settings.proposals is None else settings.proposals,
        )

    def search(self, name: str, *, known: Pool | None = None) -> Pool:
        """Runs a strategy to the end of the budget.

        Args:
            name: of the strategy.
            known: a pool of the same task, whose scores hold for this search too.
        """
        task, metric = self.task, self.task.metric
        self._final_models.close()
        evaluator = task.evaluator(seed=self.seed, directory=self.work.shared_child(name), executor=self.executor)
        pool = Pool(
            self._file(name),
            task.space,
            metric=metric.name,
            higher_is_better=metric.higher_is_better,
            rungs=evaluator.rungs,
        )
        pool.seconds |= self.work.evaluation_seconds(self._file(name))
        timed = None if self._time is None or self._time.evaluations else self._time
        rounds = self.rounds_of(task, name)
        self.observer.search(name, pool, budget=None if timed else rounds.budget)
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
                enough=None if timed is None else timed.enough,
                remembered=functools.partial(self._keep_seconds, self._file(name)),
            )
        if not pool.rungs and not timed and len(pool) < rounds.budget:
            listed = task.space.size <= LARGEST_ENUMERATED
            spent = f"all {len(pool):,} architectures were evaluated"
            spent = spent if listed else f"after {len(pool):,} architectures no other one was found"
            self.observer.notice(f"{name}: {spent}; the budget of {rounds.budget:,} is not used up")
        return pool

    def winner(self, pool: Pool, name: str, *, rivals: Sequence[str] = ()) -> Winner:
        """Trains the best few of a pool to the end, chooses by validation, and tests the best of them.

        With several seeds the finalists race: who cannot win any more is trained with no further seed. The model of the
        winner is that of its trainings that validates best.

        Args:
            pool: of the search.
            name: of its strategy.
            rivals: that the winner is compared with later. The hand-made network is trained beside a single finalist
                already where there are processes to do so.

        Raises:
            RunError: none of the pool can be trained.
        """
        with self.work.timed(f"retrain_{name}"):
            finals = self._final_models
            finalists = finals.race(pool, name, rivals=rivals)
            best = best_of(finalists, metric=self.task.final_metric)
            if best is None:
                raise RunError(
                    f"{name}: no architecture of the pool can be trained with these settings; see pool.jsonl"
                )
            training, trained = finals.best(best.trainings)
            assert trained.figures is not None
            return Winner(
                best.evaluation,
                trained.figures,
                finals.rows(finalists),
                finals.model(training),
                best.trainings[0][0],
                finals.figures_of_seeds(best.trainings, trained.figures, value=trained.value),
            )

    def compare(self, winner: Winner, names: Iterable[str], *, known: Pool | None = None) -> dict[str, dict[str, Any]]:
        """The figures of each rival; of one that fails, `failed`, the reason.

        Args:
            winner: is compared. Its model need not hold its weights afterwards; its checkpoint brings them back.
            names: of the rivals: strategies, or the hand-made network.
            known: the pool of the winner's search.
        """

        def measure(name):
            if name == self.task.rival:
                return self._final_models.hand_made(winner.training, winner.model)
            return self._rival(name, known)

        return self._figures(sorted(names, key=lambda name: name != self.task.rival), measure)  # the hand-made first

    def audit(self, pool: Pool, winner: Winner, *, baselines: Mapping[str, Mapping[str, Any]]) -> audits.Audit | None:
        """What can be told of the scores of a search; None: nothing.

        Args:
            pool: of the search; some of its members are scored again, with another seed.
            winner: of the pool, with all finalists.
            baselines: see `compare`; finalists of other strategies, whose scores are of the same kind, count as well.
        """
        repeated: list[tuple[float, float]] = []
        if self._audited:
            self._final_models.close()
            with self.work.timed(audits.NAME):
                repeated = audits.score_again(
                    pool,
                    Pool(
                        self._file(audits.NAME), pool.space, metric=pool.metric, higher_is_better=pool.higher_is_better
                    ),
                    evaluator=self.task.evaluator(
                        seed=self._audit_seed, directory=self.work.shared_child(audits.NAME), executor=self.executor
                    ),
                    members=audits.members_to_repeat(pool, self._audited, seed=self.seed),
                    observer=self.observer,
                )
        rows = {row["text"]: row for row in winner.finalists}
        if self.task.independent_scores:
            rows |= {row["text"]: row for figures in baselines.values() for row in figures.get("finalists", ())}
        metric, final = self.task.metric, self.task.final_metric
        finals = [
            (metric.goodness(row["score"]), final.goodness(row[final.name]))
            for row in rows.values()
            if row[final.name] is not None
        ]
        if not repeated and len(finals) < 2:
            return None
        return audits.audit(pool, repeated, finals=finals)

    # ---- how large networks are

    def _know_latencies(self) -> None:
        """Measures how long requests take, where a limit or an objective asks for it and the task does not know it."""
        settings = self.task.settings
        asked = settings.max_latency_ms is not None or LATENCY in settings.objectives
        if not asked or not self.task.measures_latency:
            return
        self._latencies = Latencies(self.task, self.task.space_without_limits, directory=self.work.path)
        with self.work.timed("latency"):
            self.observer.notice(self._latencies.learn())
        if settings.max_latency_ms is not None:
            try:
                self.task.limits_of(self._latencies)
            except ArchitectureError as error:
                raise RunError(str(error)) from error

    # ---- a budget in minutes

    def _plan_time(self, clock: TimeBudget, rivals: Sequence[str]) -> None:
        """Times what comes after the searches, or takes the number of evaluations that an earlier process came to."""
        if clock.evaluations is not None:
            self._set_budget(clock.evaluations)
            return
        settings, strategies = self.task.settings, 1 + sum(name in STRATEGIES for name in rivals)
        if clock.final_seconds is None:
            with self.work.timed("pace"):
                seconds = self._final_models.seconds(
                    settings.finalists, searches=strategies, with_hand_made=self.task.rival in rivals
                )
            clock.final_seconds = MARGIN * seconds
            clock.save()
        usual = self.task.independent_scores and settings.audited is None
        clock.begin_search(searches=strategies + usual / audits.SHARE, repeated=settings.audited or 0)
        self.observer.notice(
            f"{clock.minutes:g} minutes: about {clock.final_seconds / 60:.1f} of them for everything after the searches"
        )

    def _fix_budget(self, clock: TimeBudget, pool: Pool) -> None:
        """From now on the budget is what the minutes came to."""
        if clock.evaluations is None:
            clock.end_search(pool)
        self._set_budget(len(pool))
        self.observer.notice(f"{clock.minutes:g} minutes came to {len(pool)} evaluations: --budget={len(pool)}")

    def _set_budget(self, evaluations: int) -> None:
        self.task.settings = dataclasses.replace(self.task.settings, budget=evaluations)

    # ---- parts of stages

    @functools.cached_property
    def _final_models(self) -> FinalModels:
        # made when it is first used: a program chooses observer and devices when it has claimed the directory
        return FinalModels(
            self.task,
            self.work,
            seed=self.seed,
            devices=self.devices,
            executor=self.executor,
            observer=self.observer,
            in_order=lambda pool: fronts.in_order(
                pool, self.task, latencies=self._latencies, notice=self.observer.notice
            ),
        )

    def _keep_seconds(self, file, evaluation):
        if evaluation.seconds is not None:
            rung = evaluation.candidate.rung
            self.work.add_evaluation_seconds(file, evaluation.id, rung=rung, seconds=evaluation.seconds)

    def _file(self, name):
        return self.work.pool(name, main=name == self.strategy_name)

    def _identity(self, name):
        """What decides the pool of a strategy."""
        rounds, settings, parts = self.rounds_of(self.task, name), self.task.settings, STRATEGIES[name].settings
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

    def _begin(self, baselines=(), *, training=False):
        for line in (*self.task.data_lines(), self.task.length_line(training=training)):
            if line is not None:
                self.observer.notice(line)
        if self.needs_tensorflow(baselines):
            from nao_tf.training.reproducible import reproducible

            reproducible(self.seed)

    def _predictor(self, pool) -> Predictor | None:
        """What has learnt to predict the scores of a whole pool, where the strategy has such a thing."""
        if len(pool.ranked) < 2:
            return None
        with self.work.timed("controller"):
            predictor = self.strategy(self.strategy_name).predictor(pool)
        return predictor

    def _verdict(self, trainings, figures, baselines, *, finalists=1, same=()) -> Verdict:
        """What can be said of a winner and its rivals."""
        task, able = self.task, {name: row for name, row in baselines.items() if "failed" not in row}
        verdict = judge(
            _sample(trainings),
            {name: _sample(row["trainings"]) for name, row in able.items()},
            metric=task.test_metric or task.final_metric,
            finalists=finalists,
            same=same,
            called={
                name: f"the hand-made {name}" if name == task.rival else f"the best of {CALLED.get(name, name)}"
                for name in able
            },
            advice=ADVICE if task.seeds_differ else None,
        )
        useless = task.useless(figures)
        return verdict if useless is None else dataclasses.replace(verdict, words=(useless,))

    @property
    def _audited(self) -> int:
        """Members of the pool that are scored again."""
        if not self.task.independent_scores:
            return 0
        settings = self.task.settings
        return audits.usual_count(settings.budget) if settings.audited is None else settings.audited

    @property
    def _audit_seed(self) -> int:
        return (self.seed + audits.OTHER_SEED) % 2**32

    def _export(self, model, predictor):
        model.export(self.work.export("child"))
        notice = model.export_keras(self.work.export("child").with_name("keras"))
        if notice is not None:
            self.observer.notice(notice)
        if predictor is not None and hasattr(predictor, "model"):
            from nao_tf.serving.export_controller import export_ascent, export_controller

            export_controller(predictor.model, self.task.space, directory=self.work.export("controller"))
            export_ascent(predictor.model, self.task.space, directory=self.work.export("improve"))

    def _rival(self, name, known):
        """Another strategy with the same budget, its best trained to the end and tested in the same way."""
        pool = self.search(name, known=known)
        winner = self.winner(pool, name)
        return {
            **winner.figures,  # flat, as those of the hand-made network
            **counts(pool),
            "best": pool.summary(winner.evaluation),
            "finalists": winner.finalists,
            "test": winner.figures,
            "trainings": winner.trainings,
        }

    def _figures(self, names, measure) -> dict[str, dict[str, Any]]:
        """The figures of each rival; of one that fails, or has learnt nothing, `failed`, the reason.

        Of one that has learnt nothing, the reason is also there as `learnt_nothing`, and its figures.
        """
        figures: dict[str, dict[str, Any]] = {}
        for name in names:
            try:
                figures[name] = measure(name)
            except RunError as error:
                figures[name] = {"failed": str(error)}
                continue
            row = figures[name]
            own = row["test"] if "finalists" in row else row  # a strategy's are also there by themselves
            useless = self.task.useless(own)
            if useless is not None:
                figures[name] = {"failed": useless, NOTHING: useless, **row}
        return figures

    def _told(self, figures):
        """The figures of a winner; with the reason where it has learnt nothing."""
        useless = self.task.useless(figures)
        return figures if useless is None else {NOTHING: useless, **figures}

    def _finish(self, **parts) -> Result:
        self._final_models.close()
        result = Result(task=self.task, seed=self.seed, seconds=self.work.seconds(), versions=versions(), **parts)
        files.write_json(self.work.path / "result.json", result.to_json())
        self.observer.result(result)
        return result


def _sample(trainings) -> Sample:
    """The sample of what `FinalModels.figures_of_seeds` tells."""
    return Sample(tuple(trainings["values"]), trainings["failed"])
