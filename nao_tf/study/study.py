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
from nao_tf.search.pool import Pool
from nao_tf.search.prior import Prior
from nao_tf.search.strategies import STRATEGIES
from nao_tf.search.strategy import Strategy
from nao_tf.study import audit as audits
from nao_tf.study import fronts
from nao_tf.study.comparison import figures_of_rivals, told, verdict_of
from nao_tf.study.fidelity import Fidelity
from nao_tf.study.final_models import Done, FinalModels
from nao_tf.study.final_training import Trained
from nao_tf.study.latencies import Latencies
from nao_tf.study.race import best_of
from nao_tf.study.result import Result, Winner, counts
from nao_tf.study.rivals import rivals_of, rivals_of_training, searches_of
from nao_tf.study.searches import Searches, rounds_of
from nao_tf.study.second_scores import SecondScores
from nao_tf.study.time_budget import MARGIN, TimeBudget
from nao_tf.study.work_directory import WorkDirectory, versions
from nao_tf.tasks.sizes import LATENCY, check_sizes
from nao_tf.tasks.task import Task

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
        predictor = self._searches.predictor(pool)
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
            test=told(self.task, winner.figures),
            baselines=baselines,
            strategy=self.strategy_name,
            pool=pool,
            winner=winner,
            predictor=None if quality is None else dataclasses.asdict(quality),
            trainings=winner.trainings,
            verdict=verdict_of(
                self.task,
                winner.trainings,
                figures=winner.figures,
                baselines=baselines,
                finalists=finalists,
                same=same,
            ),
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
        baselines = figures_of_rivals(self.task, rivals, measure=lambda name: finals.hand_made(first, model))
        return self._finish(
            architecture=architecture,
            test=told(self.task, figures),
            baselines=baselines,
            trainings=trainings,
            verdict=verdict_of(self.task, trainings, figures=figures, baselines=baselines),
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
        searches = self._searches
        identities = {
            searches.file(name).name: searches.identity(name) for name in searches_of(self.strategy_name, rivals)
        }
        identities |= self._second_scores.identities()
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
        return self._searches.strategy(name)

    rivals_of = staticmethod(rivals_of)
    rivals_of_training = staticmethod(rivals_of_training)
    rounds_of = staticmethod(rounds_of)

    def search(self, name: str, *, known: Pool | None = None) -> Pool:
        """Runs a strategy to the end of the budget.

        Args:
            name: of the strategy.
            known: a pool of the same task, whose scores hold for this search too.
        """
        self._final_models.close()
        clock = None if self._time is None or self._time.evaluations else self._time
        return self._searches.run(name, known=known, clock=clock)

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

        in_order = sorted(names, key=lambda name: name != self.task.rival)  # the hand-made first
        return figures_of_rivals(self.task, in_order, measure=measure)

    def audit(self, pool: Pool, winner: Winner, *, baselines: Mapping[str, Mapping[str, Any]]) -> audits.Audit | None:
        """What can be told of the scores of a search; None: nothing.

        Args:
            pool: of the search; some of its members are scored again, with another seed.
            winner: of the pool, with all finalists.
            baselines: see `compare`; finalists of other strategies, whose scores are of the same kind, count as well.
        """
        repeated: list[tuple[float, float]] = []
        if self._second_scores.count:
            self._final_models.close()
            repeated = self._second_scores.of(pool)
        rows = [*winner.finalists]
        if self.task.independent_scores:
            rows += [row for figures in baselines.values() for row in figures.get("finalists", ())]
        finals = audits.pairs_of_finals(rows, metric=self.task.metric, final_metric=self.task.final_metric)
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
        settings, searches = self.task.settings, len(searches_of(self.strategy_name, rivals))
        if clock.final_seconds is None:
            with self.work.timed("pace"):
                seconds = self._final_models.seconds(
                    settings.finalists, searches=searches, with_hand_made=self.task.rival in rivals
                )
            clock.final_seconds = MARGIN * seconds
            clock.save()
        usual = self.task.independent_scores and settings.audited is None
        clock.begin_search(searches=searches + usual / audits.SHARE, repeated=settings.audited or 0)
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

    def _begin(self, baselines=(), *, training=False):
        for line in (*self.task.data_lines(), self.task.length_line(training=training)):
            if line is not None:
                self.observer.notice(line)
        if self.needs_tensorflow(baselines):
            from nao_tf.training.reproducible import reproducible

            reproducible(self.seed)

    @property
    def _searches(self) -> Searches:
        return Searches(
            task=self.task,
            work=self.work,
            main=self.strategy_name,
            seed=self.seed,
            observer=self.observer,
            executor=self.executor,
            given=self.given,
            prior=self.prior,
        )

    @property
    def _second_scores(self) -> SecondScores:
        return SecondScores(
            task=self.task, work=self.work, seed=self.seed, observer=self.observer, executor=self.executor
        )

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

    def _finish(self, **parts) -> Result:
        self._final_models.close()
        result = Result(task=self.task, seed=self.seed, seconds=self.work.seconds(), versions=versions(), **parts)
        files.write_json(self.work.path / "result.json", result.to_json())
        self.observer.result(result)
        return result
