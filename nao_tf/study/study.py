"""A study: search, finalists, winner, test, export, comparison. Every task goes through the same stages."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from nao_tf import files
from nao_tf.architecture import Architecture
from nao_tf.errors import InputError, RunError
from nao_tf.observer import Observer
from nao_tf.search.executors import Executor
from nao_tf.search.loop import Rounds, search
from nao_tf.search.pool import Evaluation, Pool
from nao_tf.search.strategies import STRATEGIES
from nao_tf.search.strategy import LARGEST_ENUMERATED, Predictor, Strategy
from nao_tf.settings import plain
from nao_tf.study.final_training import Finals, FinalTraining, Trained, TrainFinal
from nao_tf.study.result import Result, Winner, counts
from nao_tf.study.time_budget import MARGIN, TimeBudget, TimeFinal
from nao_tf.study.work_directory import WorkDirectory, versions
from nao_tf.tasks.task import FinalModel, Rival, Task

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
    ):
        if strategy not in STRATEGIES:
            raise InputError(f"strategy {strategy!r} is not one of {', '.join(STRATEGIES)}")
        self.task, self.work, self.strategy_name, self.seed = task, WorkDirectory(work), strategy, seed
        self.observer, self.devices, self.executor = observer or Observer(), devices, executor
        self.given = tuple(given)
        self._time = None if minutes is None else TimeBudget(self.work.path, minutes)
        self._ahead: dict[str, Trained] = {}  # hand-made networks that were trained beside a finalist, by their labels

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
        if self._time is not None:
            self._plan_time(self._time, rivals)
        pool = self.search(self.strategy_name)
        if self._time is not None:
            self._fix_budget(self._time, pool)
        predictor = self._predictor(pool)
        winner = self.winner(pool, self.strategy_name, rivals=rivals)
        self._export(winner.model, predictor)  # before the comparisons, which take as long again and may fail
        quality = getattr(predictor, "quality", None)
        return self._finish(
            architecture=winner.architecture,
            test=winner.figures,
            baselines=self.compare(winner, rivals, known=pool),
            strategy=self.strategy_name,
            pool=pool,
            winner=winner,
            predictor=None if quality is None else dataclasses.asdict(quality),
            minutes=None if self._time is None else self._time.minutes,
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
        self._begin()
        model = self.task.final(architecture, seed=self.seed, devices=self.devices)
        self.observer.notice(
            f"{self.task.noun} {architecture.text}: {model.parameters:,} parameters, {model.steps:,} steps"
        )
        with self.work.timed("train"):
            self._train(model, GIVEN)
            self._export(model, None)
        with self.work.timed("test"):
            figures = model.measure()
        training = FinalTraining(network=architecture, label=GIVEN, seed=self.seed, checkpoint=self._checkpoint(GIVEN))
        return self._finish(
            architecture=architecture,
            test=figures,
            baselines=_figures(rivals, lambda name: self._hand_made(training, model)),
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
        rivals = list(dict.fromkeys(baselines))
        for name in rivals:
            if name != self.task.rival:
                raise InputError(f"--baselines: {name!r} is not {self.task.rival}, the hand-made network of this task")
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
        self._finals.close()
        evaluator = task.evaluator(seed=self.seed, directory=self.work.shared_child(name), executor=self.executor)
        pool = Pool(
            self._file(name),
            task.space,
            metric=metric.name,
            higher_is_better=metric.higher_is_better,
            rungs=evaluator.rungs,
        )
        timed = None if self._time is None or self._time.evaluations else self._time
        rounds = self.rounds_of(task, name)
        self.observer.search(name, pool, budget=None if timed else rounds.budget)
        if rounds.budget < rounds.initial * pool.cost_of(0):
            self.observer.notice(f"the budget of {rounds.budget} ends within the first round of {rounds.initial}")
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
            )
        if not pool.rungs and not timed and len(pool) < rounds.budget:
            listed = task.space.size <= LARGEST_ENUMERATED
            spent = f"all {len(pool):,} architectures were evaluated"
            spent = spent if listed else f"after {len(pool):,} architectures no other one was found"
            self.observer.notice(f"{name}: {spent}; the budget of {rounds.budget:,} is not used up")
        return pool

    def winner(self, pool: Pool, name: str, *, rivals: Sequence[str] = ()) -> Winner:
        """Trains the best few of a pool to the end, chooses by validation, and tests the best of them once.

        Args:
            pool: of the search.
            name: of its strategy.
            rivals: that the winner is compared with later. The hand-made network is trained beside a single finalist
                already where there are processes to do so.

        Raises:
            RunError: none of the pool can be trained.
        """
        metric = self.task.final_metric
        finalists: list[dict[str, Any]] = []
        best: tuple[float, Evaluation] | None = None
        with self.work.timed(f"retrain_{name}"):
            for evaluation, trained in self._finalists(pool, name, rivals=rivals):
                row: dict[str, Any] = {"id": evaluation.id, "text": evaluation.candidate.architecture.text}
                row[metric.name] = trained.value
                if trained.value is None:
                    row["reason"] = trained.reason
                    message = f"failed: {trained.reason}"
                else:
                    goodness = trained.value if metric.higher_is_better else -trained.value
                    if best is None or goodness > best[0]:
                        best = goodness, evaluation
                    message = f"{metric.words} {metric.text(trained.value)}"
                finalists.append(row)
                self.observer.notice(f"final model of architecture {evaluation.id}: {message}")
            if best is None:
                raise RunError(
                    f"{name}: no architecture of the pool can be trained with these settings; see pool.jsonl"
                )
            evaluation = best[1]
            training = dataclasses.replace(self._training(name, evaluation), measured=True)
            measured = self._finals.again(self._train_final, training)  # its training is complete
            if measured.figures is None:
                raise RunError(f"the final model of architecture {evaluation.id} cannot be tested: {measured.reason}")
            model = self.task.final(evaluation.candidate.architecture, seed=self.seed + 1, devices=self.devices)
            self._train(model, training.label)  # brings its weights here
            return Winner(evaluation, measured.figures, finalists, model, name)

    def compare(self, winner: Winner, names: Iterable[str], *, known: Pool | None = None) -> dict[str, dict[str, Any]]:
        """The figures of each rival; of one that fails, `failed`, the reason.

        Args:
            winner: is compared. Its model need not hold its weights afterwards; its checkpoint brings them back.
            names: of the rivals: strategies, or the hand-made network.
            known: the pool of the winner's search.
        """

        def measure(name):
            if name == self.task.rival:
                return self._hand_made(self._training(winner.strategy, winner.evaluation), winner.model)
            return self._rival(name, known)

        return _figures(sorted(names, key=lambda name: name != self.task.rival), measure)  # the hand-made one first

    # ---- a budget in minutes

    def _plan_time(self, clock: TimeBudget, rivals: Sequence[str]) -> None:
        """Times what comes after the searches, or takes the number of evaluations that an earlier process came to."""
        if clock.evaluations is not None:
            self._set_budget(clock.evaluations)
            return
        finalists, strategies = self.task.settings.finalists, 1 + sum(name in STRATEGIES for name in rivals)
        if clock.final_seconds is None:
            at_once = min(finalists, self._finals.at_once)
            draw = np.random.default_rng(self.seed)
            work = TimeFinal(self.task, seed=self.seed, devices=self.devices)
            with self.work.timed("pace"):
                paces = list(self._finals.map(work, [self.task.space.sample(draw) for _ in range(at_once)]))
            one = max(pace.seconds for pace in paces)
            hand_made = 1 if self.task.rival in rivals and not (finalists == 1 and self._finals.at_once > 1) else 0
            clock.final_seconds = MARGIN * one * (strategies * -(-finalists // at_once) + hand_made)
            clock.save()
        clock.begin_search(searches=strategies)
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
    def _train_final(self) -> TrainFinal:
        return TrainFinal(self.task, seed=self.seed, devices=self.devices, observer=self.observer)

    @functools.cached_property
    def _finals(self) -> Finals:
        return Finals(self.executor if self.devices is None else None)

    def _file(self, name):
        return self.work.pool(name, main=name == self.strategy_name)

    def _identity(self, name):
        """What decides the pool of a strategy."""
        rounds, settings = self.rounds_of(self.task, name), self.task.settings
        return {
            **self.task.identity(),
            **self.task.score_identity(),
            "seed": self.seed,
            "strategy": name,
            **{part: plain(getattr(settings, part, default)) for part, default in STRATEGIES[name].settings.items()},
            "initial": rounds.initial,
            "proposals": rounds.proposals,
            "given": [list(architecture.canonical.values) for architecture in self.given],
        }

    def _begin(self, baselines=()):
        for line in self.task.data_lines():
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

    def _finalists(self, pool, name, *, rivals) -> Iterator[tuple[Evaluation, Trained]]:
        """The best of a pool, trained to the end: as many as the settings say, not counting those that fail."""
        ranked, missing = iter(pool.ranked), self.task.settings.finalists
        while missing and (batch := list(itertools.islice(ranked, missing))):
            trainings = [self._training(name, evaluation) for evaluation in batch]
            beside = []
            if len(trainings) == 1 and self.task.rival in rivals and self._finals.at_once > 1:
                model = self.task.final(trainings[0].network, seed=trainings[0].seed)
                beside = [self._hand_made_training(trainings[0], self.task.rival_of(model))]
            results = iter(self._finals.map(self._train_final, [*trainings, *beside]))
            for evaluation, trained in zip(batch, results, strict=False):
                missing -= trained.value is not None
                yield evaluation, trained
            for training in beside:
                self._ahead[training.checkpoint.name] = next(results)

    def _training(self, name, evaluation) -> FinalTraining:
        """Of a member of a strategy's pool."""
        label = _label(name, evaluation)
        checkpoint = self._checkpoint(label)
        network = evaluation.candidate.architecture
        return FinalTraining(network=network, label=label, seed=self.seed + 1, checkpoint=checkpoint)

    def _checkpoint(self, label):
        return self.work.checkpoint(label, settings=self.task.final_identity())

    def _train(self, model, label):
        model.train(self._checkpoint(label), label=label, observer=self.observer)

    def _export(self, model, predictor):
        model.export(self.work.export("child"))
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
        }

    def _hand_made(self, winner: FinalTraining, model: FinalModel) -> dict[str, Any]:
        """The hand-made network, as large as a trained model and trained for as many seconds."""
        rival = self.task.rival_of(model)
        training = self._hand_made_training(winner, rival)
        with self.work.timed(rival.name):
            trained = self._ahead.pop(training.checkpoint.name, None)
            if trained is None:
                (trained,) = self._finals.map(self._train_final, [training])
        if trained.figures is None:
            raise RunError(trained.reason)
        return {**trained.figures, **rival.size, "steps": trained.steps}

    def _hand_made_training(self, winner: FinalTraining, rival: Rival) -> FinalTraining:
        return FinalTraining(
            network=rival,
            label=rival.name,
            seed=winner.seed,
            checkpoint=self._checkpoint(f"{rival.name}_of_{winner.label}"),
            as_long_as=winner,
            measured=True,
        )

    def _finish(self, **parts) -> Result:
        self._finals.close()
        result = Result(task=self.task, seed=self.seed, seconds=self.work.seconds(), versions=versions(), **parts)
        files.write_json(self.work.path / "result.json", result.to_json())
        self.observer.result(result)
        return result


def _label(name, evaluation) -> str:
    """The final model of a member of a strategy's pool, in files."""
    return f"final_{name}_{evaluation.id}"


def _figures(names, measure) -> dict[str, dict[str, Any]]:
    """The figures of each rival; of one that fails `failed`, the reason."""
    figures = {}
    for name in names:
        try:
            figures[name] = measure(name)
        except RunError as error:
            figures[name] = {"failed": str(error)}
    return figures
