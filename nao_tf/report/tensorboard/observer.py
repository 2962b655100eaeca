"""The events of a run, written for TensorBoard as they happen."""

from __future__ import annotations

import dataclasses
import math
import os
import pathlib
import time

from nao_tf.controller.fit import Controller
from nao_tf.observer import Epoch, Observer
from nao_tf.report.tensorboard.events import FILES, GrowingRun, scalar, write_run
from nao_tf.report.tensorboard.projector import write_projector
from nao_tf.report.tensorboard.top import top
from nao_tf.report.tensorboard.trials import experiment, trial
from nao_tf.search.evaluator import CHILD
from nao_tf.search.pool import Evaluation, Pool

STEPS_OF_CHILD = 1_000_000  # children follow each other on the axis of steps, each with so much room
MOST_CHILDREN = 1000  # of a search that have a run each; later ones have one where they are the best so far
SECONDS = 30.0  # between two writings of what is written whole: the best, and the embeddings


@dataclasses.dataclass
class _Search:
    """A search under way.

    Attributes:
        run: its folder, below that of all runs.
        pool: its evaluations.
        children: the evaluations of each child, by id, the first one first.
        seen: number of the evaluations that were written.
        trained: the last step of children's trainings.
        told_top: when the best were written, in seconds.
        told_embeddings: when the embeddings were.
    """

    run: str
    pool: Pool
    children: dict[int, list[Evaluation]] = dataclasses.field(default_factory=dict)
    seen: int = 0
    trained: int = 0
    told_top: float = -math.inf
    told_embeddings: float = -math.inf


class TensorBoardObserver(Observer):
    """Writes the events of a run for TensorBoard; see `nao_tf.report.tensorboard` for what stands where.

    Args:
        directory: of all runs of TensorBoard.
    """

    def __init__(self, directory: os.PathLike):
        self._directory = pathlib.Path(directory)
        self._runs: dict[str, GrowingRun] = {}
        self._searches: dict[str, _Search] = {}
        self._search: _Search | None = None  # the newest

    def search(self, strategy: str, pool: Pool, *, budget: float | None) -> None:
        """See `Observer`; children that an earlier process evaluated without TensorBoard get their runs."""
        if not self._searches:  # all searches of a run are of one space
            write_run(self._directory, [(0, [experiment(pool)])])
        search = self._search = self._searches[strategy] = _Search(f"search_{strategy}", pool)
        for evaluation in pool.history:
            search.children.setdefault(evaluation.id, []).append(evaluation)
        best = -math.inf
        for id, evaluations in search.children.items():
            is_best = pool.goodness(evaluations[-1]) > best
            best = max(best, pool.goodness(evaluations[-1]))
            if self._has_run(id, is_best=is_best) and not any(self._child(search, id).glob(FILES)):
                write_run(self._child(search, id), trial(strategy, evaluations, pool=pool))
        search.seen = len(pool.history)

    def evaluation(self, strategy: str, evaluation: Evaluation, *, pool: Pool) -> None:
        """See `Observer`: the score, the best so far, and the child's own run."""
        search = self._searches[strategy]
        of_child = search.children.setdefault(evaluation.id, [])
        of_child.append(evaluation)
        best = pool.best
        rung = f"_{pool.rungs[evaluation.candidate.rung].name}" if pool.rungs else ""
        self._write(
            search.run,
            search.seen,
            {
                f"search/{pool.metric}{rung}": evaluation.score,
                f"search/best_{pool.metric}": None if best is None else best.score,
            },
        )
        search.seen += 1
        if self._has_run(evaluation.id, is_best=best is not None and best.id == evaluation.id):
            write_run(self._child(search, evaluation.id), trial(strategy, of_child, pool=pool))

    def round(self, strategy: str, round: int, *, pool: Pool) -> None:
        """See `Observer`: the best, unless they were written a moment ago."""
        search = self._searches[strategy]
        if time.monotonic() - search.told_top >= SECONDS:
            search.told_top = time.monotonic()
            self._write_top(search)

    def predictor(self, round: int | None, predictor: object) -> None:
        """See `Observer`: losses and quality of the controller, and its embeddings of the pool."""
        if not isinstance(predictor, Controller) or self._search is None:
            return
        search = self._search
        if round is not None:
            values: dict[str, float | None] = {
                f"controller/loss_member_{member}": loss for member, loss in enumerate(predictor.losses)
            }
            quality = dataclasses.asdict(predictor.quality)
            values |= {f"controller/{name}": value for name, value in quality.items()}
            self._write(f"{search.run}/controller", round, values)
        if round is None or time.monotonic() - search.told_embeddings >= SECONDS:
            search.told_embeddings = time.monotonic()
            write_projector(self._directory / search.run, search.pool, controller=predictor)

    def training(self, label: str, step: int, *, loss: float, steps: int | None = None) -> None:
        """See `Observer`."""
        if label != CHILD:
            self._write(label, step, {"final/training_loss": loss})
        elif self._search is not None:
            search = self._search
            step += len(search.pool) * STEPS_OF_CHILD
            search.trained = max(step, search.trained + 1)  # of children side by side, steps are not in order
            self._write(f"{search.run}/training", search.trained, {"search/training_loss": loss})

    def epoch(self, label: str, epoch: Epoch) -> None:
        """See `Observer`."""
        self._write(label, epoch.step, {f"final/{epoch.metric}": epoch.value})

    def result(self, result: object) -> None:
        """See `Observer`: the best of each search, with the verdict at the first one's."""
        words = getattr(result, "words", ())
        for search in self._searches.values():
            self._write_top(search, words=words)
            words = ()
        for run in self._runs.values():
            run.close()
        self._runs.clear()

    def _write(self, run, step, values):
        told = [scalar(name, value) for name, value in values.items() if value is not None]
        if not told:
            return
        if run not in self._runs:
            self._runs[run] = GrowingRun(self._directory / run)
        self._runs[run].add(step, told)

    def _write_top(self, search, *, words=()):
        values = top(search.pool, words=words)
        if values:
            write_run(self._directory / search.run / "top", [(len(search.pool), values)])

    def _child(self, search, id) -> pathlib.Path:
        return self._directory / search.run / f"child_{id:05d}"

    @staticmethod
    def _has_run(id, *, is_best) -> bool:
        return id < MOST_CHILDREN or is_best
