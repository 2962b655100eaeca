"""The final models of a study, each trained with as many seeds as the settings say: finalists, hand-made networks."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from nao_tf.architecture import Architecture
from nao_tf.errors import RunError
from nao_tf.observer import Observer
from nao_tf.search.executors import Executor
from nao_tf.search.pool import Evaluation, Pool
from nao_tf.study.final_training import Finals, FinalTraining, Trained, TrainFinal
from nao_tf.study.race import Finalist, drop_the_beaten
from nao_tf.study.time_budget import TimeFinal
from nao_tf.study.verdict import Sample
from nao_tf.study.work_directory import WorkDirectory
from nao_tf.tasks.task import FinalModel, Rival, Task

Done = Sequence[tuple[FinalTraining, Trained]]  # trainings of one network, with what became of each


def rounds_of_trainings(
    finalists: int, seeds: int, *, at_once: int, searches: int = 1, with_hand_made: bool = False
) -> int:
    """How many final trainings of a study come one after the other, at most.

    Args:
        finalists: of each search.
        seeds: of each network.
        at_once: trainings that run at the same time.
        searches: how many there are.
        with_hand_made: whether the hand-made network is trained.
    """
    alone = 1 + -(-(seeds - 1) // at_once)  # rounds of trainings of one network; later seeds run at once
    rounds = searches * (alone if finalists == 1 else seeds * -(-finalists // at_once))
    if with_hand_made:
        rounds += alone - (finalists == 1 and at_once > 1)  # its first one runs beside a single finalist
    return rounds


class FinalModels:
    """Trains final models.

    Every training has a checkpoint of its own, so that one that was stopped goes on, and more seeds later train only
    what is new.

    Args:
        task: makes the models.
        work: the work directory.
        seed: of the study.
        devices: see `Task.final`.
        executor: where models are trained, on one device.
        observer: receives what happens.
        in_order: the members of a pool in the order in which they are trained; None: the best first.
    """

    def __init__(
        self,
        task: Task,
        work: WorkDirectory,
        *,
        seed: int,
        devices: Any = None,
        executor: Executor | None = None,
        observer: Observer | None = None,
        in_order: Callable[[Pool], Iterable[Evaluation]] | None = None,
    ):
        self._in_order = in_order or (lambda pool: pool.ranked)
        self._task, self._work, self._seed, self._devices = task, work, seed, devices
        self._observer = observer or Observer()
        self._train_final = TrainFinal(task, seed=seed, devices=devices, observer=self._observer)
        self._finals = Finals(executor if devices is None else None)
        self._ahead: dict[str, Trained] = {}  # hand-made networks that were trained beside a finalist, by their files

    @property
    def _seeds(self) -> int:
        return self._task.settings.final_seeds

    def close(self) -> None:
        """Ends the processes that only final trainings use."""
        self._finals.close()

    def seconds(self, finalists: int, *, searches: int, with_hand_made: bool) -> float:
        """How long the final trainings of a study take at most, by the pace of random architectures.

        Args:
            finalists: of each search.
            searches: how many there are.
            with_hand_made: whether the hand-made network is trained.
        """
        most, more = self._finals.at_once, self._seeds - 1
        rounds = rounds_of_trainings(
            finalists, self._seeds, at_once=most, searches=searches, with_hand_made=with_hand_made
        )
        draw = np.random.default_rng(self._seed)
        sample = [self._task.space.sample(draw) for _ in range(min(most, max(finalists, more)))]
        work = TimeFinal(self._task, seed=self._seed, devices=self._devices)
        return rounds * max(pace.seconds for pace in self._finals.map(work, sample))

    def training(self, architecture: Architecture, label: str, *, seed: int) -> FinalTraining:
        """The training of an architecture with the first seed.

        Args:
            architecture: to train.
            label: in files and for observers.
            seed: the first seed.
        """
        checkpoint = self._checkpoint(label)
        return FinalTraining(
            network=architecture, label=label, seed=seed, checkpoint=checkpoint, measured=self._seeds > 1
        )

    def with_seeds(self, first: FinalTraining) -> list[FinalTraining]:
        """The trainings of a network with all seeds, from the first of them."""
        others = [
            dataclasses.replace(
                first,
                label=f"{first.label}_seed{seed}",
                seed=seed,
                checkpoint=first.checkpoint.with_stem(f"{first.checkpoint.stem}_seed{seed}"),
            )
            for seed in range(first.seed + 1, first.seed + self._seeds)
        ]
        return [first, *others]

    def train_all(self, trainings: Sequence[FinalTraining]) -> list[tuple[FinalTraining, Trained]]:
        """What becomes of trainings."""
        return list(zip(trainings, self._finals.map(self._train_final, trainings), strict=True)) if trainings else []

    def best(self, done: Done) -> tuple[FinalTraining, Trained]:
        """The training of a network that validates best, measured, and what became of it.

        Args:
            done: the trainings, one of which succeeded; if there is one, it is among those that were done last.

        Raises:
            RunError: it cannot be measured.
        """
        metric = self._task.final_metric
        values = [-float("inf") if trained.value is None else metric.goodness(trained.value) for _, trained in done]
        training, trained = done[values.index(max(values))]
        if not training.measured:
            measured = self._finals.again(
                self._train_final, dataclasses.replace(training, measured=True, validated=False)
            )
            if measured.figures is None:
                raise RunError(f"{training.label} cannot be tested: {measured.reason}")
            trained = dataclasses.replace(trained, figures=measured.figures)
        return training, trained

    def model(self, training: FinalTraining) -> FinalModel:
        """The model of a training that is complete, with its weights in this process."""
        model = self._task.final(training.network, seed=training.seed, devices=self._devices, steps=training.steps)
        self.go_on(model, training)
        return model

    def go_on(self, model: FinalModel, training: FinalTraining) -> None:
        """Trains a model here, or goes on with it; of a training that is complete this brings the weights."""
        model.train(training.checkpoint, label=training.label, observer=self._observer)

    def figures_of_seeds(self, done: Done, figures: Mapping[str, Any], *, value: float | None) -> dict[str, Any]:
        """The figures by which a network is compared, over its seeds, as result.json has them.

        Args:
            done: its trainings.
            figures: of the only one, where there is one.
            value: the validation figure of the only one, where there is one.

        Returns:
            Metric, seeds, values, mean, standard deviation, failed trainings; one that has learnt nothing has failed.
        """
        metric = self._task.test_metric
        if len(done) == 1:
            pairs: list[tuple[Mapping[str, Any] | None, float | None]] = [(figures, value)]
        else:
            pairs = [(trained.figures, trained.value) for _, trained in done]
        values = [
            None if own is None or self._task.useless(own) else validation if metric is None else own.get(metric.name)
            for own, validation in pairs
        ]
        name = (metric or self._task.final_metric).name
        return {"metric": name, "seeds": [training.seed for training, _ in done], **Sample.of(values).to_json()}

    # ---- finalists

    def race(self, pool: Pool, name: str, *, rivals: Sequence[str] = ()) -> list[Finalist]:
        """Trains the best of a pool, with further seeds as long as they can win.

        Args:
            pool: of a search.
            name: of its strategy.
            rivals: that the winner is compared with later. The hand-made network is trained beside a single finalist
                already where there are processes to do so.

        Returns:
            As many as the settings say, and those that cannot be trained.
        """
        finalists = self._finalists(pool, name, rivals)
        began, done = [finalist for finalist in finalists if finalist.left is None], 1
        while done < self._seeds and (racing := [finalist for finalist in began if finalist.left is None]):
            number = self._seeds - done if len(racing) == 1 else 1  # who is alone needs all of them, for its spread
            work = [
                (finalist, training)
                for finalist in racing
                for training in self.with_seeds(finalist.trainings[0][0])[done : done + number]
            ]
            trained = self._finals.map(self._train_final, [training for _, training in work])
            for (finalist, training), one in zip(work, trained, strict=True):
                finalist.trainings.append((training, one))
                self._say(finalist)
            done += number
            if len(racing) == 1 or all(finalist.reason is not None for finalist in racing):
                break  # nobody is beaten; where all failed with this seed, the figures of those before have to do
            for finalist in drop_the_beaten(began, seeds=self._seeds, metric=self._task.final_metric):
                self._observer.notice(f"architecture {finalist.evaluation.id} leaves the race: {finalist.left}")
        return finalists

    def _finalists(self, pool, name, rivals) -> list[Finalist]:
        """The best of a pool, trained with the first seed: as many as the settings say, besides those that fail."""
        ranked, missing, finalists = iter(self._in_order(pool)), self._task.settings.finalists, []
        while missing and (batch := list(itertools.islice(ranked, missing))):
            trainings = [self._of_member(name, evaluation) for evaluation in batch]
            beside = []
            if len(trainings) == 1 and self._task.rival in rivals and self._finals.at_once > 1:
                model = self._task.final(trainings[0].network, seed=trainings[0].seed)
                beside = [self._hand_made(trainings[0], self._task.rival_of(model))]
            results = iter(self._finals.map(self._train_final, [*trainings, *beside]))
            for evaluation, training, trained in zip(batch, trainings, results, strict=False):
                missing -= trained.value is not None
                finalist = Finalist(evaluation, [(training, trained)])
                if trained.value is None:
                    finalist.left = f"failed: {trained.reason}"
                self._say(finalist)
                finalists.append(finalist)
            for training in beside:
                self._ahead[training.checkpoint.name] = next(results)
        return finalists

    def _of_member(self, name, evaluation: Evaluation) -> FinalTraining:
        """The training of a member of a strategy's pool."""
        label = f"final_{name}_{evaluation.id}"
        return self.training(evaluation.candidate.architecture, label, seed=self._seed + 1)

    def _say(self, finalist):
        training, trained = finalist.trainings[-1]
        metric = self._task.final_metric
        seed = f", seed {training.seed}" if len(finalist.trainings) > 1 else ""
        figure = f"failed: {trained.reason}"
        if trained.value is not None:
            figure = f"{metric.words} {metric.text(trained.value)}"
        self._observer.notice(f"final model of architecture {finalist.evaluation.id}{seed}: {figure}")

    def rows(self, finalists: Iterable[Finalist]) -> list[dict[str, Any]]:
        """Finalists as result.json has them; their validation figures are means over the seeds."""
        rows = []
        for finalist in finalists:
            row: dict[str, Any] = {
                "id": finalist.evaluation.id,
                "text": finalist.architecture.text,
                "score": finalist.evaluation.score,
                self._task.final_metric.name: finalist.mean,
            }
            if not finalist.values:
                row["reason"] = finalist.reason
            elif self._seeds > 1:
                row |= {"values": [trained.value for _, trained in finalist.trainings], "left": finalist.left}
            rows.append(row)
        return rows

    # ---- the hand-made network

    def hand_made(self, winner: FinalTraining, model: FinalModel) -> dict[str, Any]:
        """The figures of the hand-made network, as large as a model and trained for as many seconds.

        Args:
            winner: the training of what it is compared with, with the first seed.
            model: of that.

        Raises:
            InputError: the file that holds the length of its training is damaged.
            RunError: it cannot be trained.
        """
        rival = self._task.rival_of(model)
        first = self._hand_made(winner, rival)
        with self._work.timed(rival.name):
            trained = self._ahead.pop(first.checkpoint.name, None)
            done = self.train_all([first]) if trained is None else [(first, trained)]
            steps = done[0][1].steps
            if steps is not None:  # as many with every seed, decided once
                others = [dataclasses.replace(training, steps=steps) for training in self.with_seeds(first)[1:]]
                done += self.train_all(others)
        able = [(training, trained) for training, trained in done if trained.figures is not None]
        if not able:
            raise RunError(done[0][1].reason)
        _, best = able[0] if len(able) == 1 else self.best(able)
        assert best.figures is not None
        told = self.figures_of_seeds(done, best.figures, value=best.value)
        return {**best.figures, **rival.size, "steps": steps, "trainings": told}

    def _hand_made(self, winner: FinalTraining, rival: Rival) -> FinalTraining:
        """Its training with the first seed. One alone is not validated: nothing is chosen by it."""
        return FinalTraining(
            network=rival,
            label=rival.name,
            seed=winner.seed,
            checkpoint=self._checkpoint(f"{rival.name}_of_{winner.label}"),
            as_long_as=winner,
            validated=self._seeds > 1 or self._task.test_metric is None,
            measured=True,
        )

    def _checkpoint(self, label):
        return self._work.checkpoint(label, settings=self._task.final_identity())
