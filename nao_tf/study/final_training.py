"""The long trainings of a study as work for an executor: of finalists and of hand-made networks."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from nao_tf import files
from nao_tf.architecture import Architecture
from nao_tf.errors import RunError
from nao_tf.observer import Observer
from nao_tf.search.executors import Executor, Inline, Work, at_once, close, divided
from nao_tf.tasks.task import FinalModel, Rival, Task

Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True, kw_only=True)
class FinalTraining:
    """One network to be trained to the end.

    Attributes:
        network: an architecture, or the hand-made network.
        label: of the network, for observers.
        seed: of everything random.
        checkpoint: the file of the training's state; complete afterwards, so that any process can take the weights.
        as_long_as: another training, which takes about as many seconds.
        steps: training steps; None: as many as the other training has the time for, or those of the settings.
        validated: whether the figure that chooses among models is wanted.
        measured: whether all figures of the model are wanted.
    """

    network: Architecture | Rival
    label: str
    seed: int
    checkpoint: pathlib.Path
    as_long_as: FinalTraining | None = None
    steps: int | None = None
    validated: bool = True
    measured: bool = False


@dataclasses.dataclass(frozen=True)
class Trained:
    """What became of a training.

    Attributes:
        value: the figure that chooses among final models; None where the training failed, or it is not wanted.
        figures: all of the model, where they are wanted.
        steps: of the training; None where it could not begin.
        reason: why it failed.
    """

    value: float | None = None
    figures: dict[str, Any] | None = None
    steps: int | None = None
    reason: str | None = None


class TrainFinal(Work):
    """Trains final models; their weights are left in the files of the trainings.

    Args:
        task: makes the models.
        seed: of the study: everything random in the process depends on it.
        devices: see `Task.final`; for this process only.
        observer: receives steps and epochs.
    """

    def __init__(self, task: Task, *, seed: int, devices: object = None, observer: Observer | None = None):
        super().__init__(observer)
        self._task, self._seed, self._devices = task, seed, devices

    def __call__(self, item: FinalTraining) -> Trained:
        """Trains one network, or goes on with it, and validates or measures it."""
        if self._task.uses_tensorflow:
            from nao_tf.training.reproducible import reproducible

            reproducible(self._seed)
        steps = item.steps
        try:
            if steps is None and item.as_long_as is not None:
                steps = self._steps_as_long(item)
            model = self._final(item, steps=steps)
            steps = model.steps
            model.train(item.checkpoint, label=item.label, observer=self.observer)
            value = model.validate() if item.validated else None
            return Trained(value, figures=model.measure() if item.measured else None, steps=steps)
        except RunError as error:
            return Trained(reason=str(error), steps=steps)

    def _final(self, item, *, steps=None) -> FinalModel:
        return self._task.final(item.network, seed=item.seed, devices=self._devices, steps=steps)

    def _steps_as_long(self, item) -> int:
        """How many steps take as long as the other training, both timed in this process.

        Decided once and kept in a file, so that a resumed training has as many.
        """
        plan = item.checkpoint.with_suffix(".json")
        if plan.exists():
            return _steps_of(plan)
        other = self._final(item.as_long_as)
        ratio = other.seconds_per_step() / self._final(item).seconds_per_step()
        steps = max(1, round(other.steps * ratio))
        files.write_json(plan, {"steps": steps, "steps_of_winner_in_a_step": ratio})
        return steps

    def lost(self, item: FinalTraining, reason: str) -> Trained:
        """See `Work`."""
        return Trained(reason=reason)


class Finals:
    """Where final trainings run: the machine is divided among those that run at once.

    The processes are kept, with what they have compiled, until the machine is divided in another way.

    Args:
        executor: of the study; None: final trainings run in this process.
    """

    def __init__(self, executor: Executor | None):
        self._executor = executor or Inline()
        self._current, self._count = self._executor, 0

    @property
    def at_once(self) -> int:
        """The most trainings that run at the same time."""
        return at_once(self._executor)

    def map(self, work: Callable[[Any], Result], trainings: Sequence[Any]) -> Iterator[Result]:
        """What work makes of trainings, in their order."""
        if len(trainings) != self._count:
            self.close()
            self._current, self._count = divided(self._executor, len(trainings)), len(trainings)
            if self._current is not self._executor:
                close(self._executor)  # its processes hold memory, and on a GPU much of it
        return self._current.map(work, trainings)

    def again(self, work: TrainFinal, training: FinalTraining) -> Trained:
        """What becomes of one of the last trainings, done with what ran them."""
        (trained,) = self._current.map(work, [training])
        return trained

    def close(self) -> None:
        """Ends the processes that only final trainings use."""
        if self._current is not self._executor:
            close(self._current)
        self._current, self._count = self._executor, 0


def _steps_of(plan) -> int:
    """The steps that a file holds. Raises InputError where it is damaged."""
    remedy = f"delete it and {plan.with_suffix('.npz').name} beside it, and both are made again"
    content = files.read_json(plan, remedy=remedy)
    steps = content.get("steps") if isinstance(content, dict) else None
    if type(steps) is not int or steps < 1:
        raise files.damaged(plan, "it takes steps, a whole number from 1 on", remedy=remedy)
    return steps
