"""A run for TensorBoard: children, the controller, the best so far, final models."""

from __future__ import annotations

import dataclasses
import os
import pathlib

import tensorflow as tf

from nao_tf.controller.fit import Controller
from nao_tf.observer import Epoch, Observer
from nao_tf.search.evaluator import CHILD
from nao_tf.search.pool import Evaluation, Pool

STEPS_OF_CHILD = 1_000_000  # children follow each other on the axis of steps, each with so much room


class TensorBoardObserver(Observer):
    """Writes the events of a run as scalars, one run of TensorBoard for each search and each final model.

    Args:
        directory: of the runs.
    """

    def __init__(self, directory: os.PathLike):
        self._directory = pathlib.Path(directory)
        self._writers: dict[str, tf.summary.SummaryWriter] = {}
        self._search = "search"
        self._pool: Pool | None = None

    def search(self, strategy: str, pool: Pool, *, budget: float | None) -> None:
        """See `Observer`."""
        self._search, self._pool = f"search_{strategy}", pool

    def evaluation(self, strategy: str, evaluation: Evaluation, *, pool: Pool) -> None:
        """See `Observer`: the score and the best so far, under the name of the metric."""
        best = None if pool.best is None else pool.best.score
        values = {f"child/{pool.metric}": evaluation.score, "search/best_so_far": best}
        self._write(self._search, evaluation.id, values)

    def predictor(self, round: int | None, predictor: object) -> None:
        """See `Observer`: loss of every member at the end of its training, quality on held-out architectures."""
        if not isinstance(predictor, Controller) or round is None:
            return
        values: dict[str, float | None] = {
            f"controller/loss_member_{member}": loss for member, loss in enumerate(predictor.losses)
        }
        if predictor.quality is not None:
            quality = dataclasses.asdict(predictor.quality)
            values |= {f"controller/{name}": value for name, value in quality.items()}
        self._write(self._search, round, values)

    def training(self, label: str, step: int, *, loss: float, steps: int | None = None) -> None:
        """See `Observer`."""
        if label == CHILD:
            child = 0 if self._pool is None else len(self._pool)
            self._write(self._search, child * STEPS_OF_CHILD + step, {"child/training_loss": loss})
        else:
            self._write(label, step, {"final/training_loss": loss})

    def epoch(self, label: str, epoch: Epoch) -> None:
        """See `Observer`."""
        self._write(label, epoch.step, {f"final/{epoch.metric}": epoch.value})

    def result(self, result: object) -> None:
        """See `Observer`: writes what is still in memory."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _write(self, run, step, values):
        if run not in self._writers:
            self._writers[run] = tf.summary.create_file_writer(str(self._directory / run))
        with self._writers[run].as_default(step=step):
            for name, value in values.items():
                if value is not None:
                    tf.summary.scalar(name, value)
