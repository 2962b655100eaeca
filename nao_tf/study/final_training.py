"""The long trainings of a study as work for an executor: of finalists and of hand-made networks."""

from __future__ import annotations

import dataclasses
import pathlib

from nao_tf.architecture import Architecture
from nao_tf.errors import RunError
from nao_tf.observer import Observer
from nao_tf.search.executors import Work
from nao_tf.tasks.task import Rival, Task


@dataclasses.dataclass(frozen=True, kw_only=True)
class FinalTraining:
    """One network to be trained to the end.

    Attributes:
        network: an architecture, or the hand-made network.
        label: of the network, for observers.
        seed: of everything random.
        checkpoint: the file of the training's state; complete afterwards, so that any process can take the weights.
        steps: training steps; None: those of the settings.
    """

    network: Architecture | Rival
    label: str
    seed: int
    checkpoint: pathlib.Path
    steps: int | None = None


@dataclasses.dataclass(frozen=True)
class Trained:
    """What became of a training.

    Attributes:
        value: the figure that chooses among final models; None where the training failed.
        reason: why it failed.
    """

    value: float | None
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
        """Trains one network and validates it."""
        if self._task.uses_tensorflow:
            from nao_tf.training.reproducible import reproducible

            reproducible(self._seed)
        model = self._task.final(item.network, seed=item.seed, devices=self._devices, steps=item.steps)
        try:
            model.train(item.checkpoint, label=item.label, observer=self.observer)
            return Trained(model.validate())
        except RunError as error:
            return Trained(None, str(error))

    def lost(self, item: FinalTraining, reason: str) -> Trained:
        """See `Work`."""
        return Trained(None, reason)
