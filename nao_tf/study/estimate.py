"""How long a run will take on this machine, and how much it will write: for dry runs.

Minutes come from what was timed: the children of an earlier run in the work directory, or, where that is asked for, a
child and a final training of now, a few steps of each. Compiling their programs takes most of a minute, so nothing is
timed unasked. Bytes come from the number of parameters.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import statistics
import time
from typing import Any

import numpy as np

from nao_tf.architecture import Architecture
from nao_tf.errors import RunError
from nao_tf.search.evaluator import FromScratch
from nao_tf.search.executors import LostError, Processes, Work, gpus, usable_cores
from nao_tf.study.final_models import rounds_of_trainings
from nao_tf.study.time_budget import TimeFinal
from nao_tf.study.work_directory import MAIN_POOL, WorkDirectory, read_identities
from nao_tf.tasks.task import Task

STEPS = 12  # of a child that is timed, after as many that are not
MOST_MINUTES = 2.0  # of either timing
BYTES = {"float32": 4, "float16": 2, "int8": 1}  # of a weight of an export
GRAPH = 1_500_000  # bytes of an export beside its weights
CONTROLLER = 2_000_000  # bytes of the exported controller and its ascent


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a run will do.

    Attributes:
        evaluations: of each search; 0: there is none.
        searches: that have so many.
        finalists: of each search.
        hand_made: whether the hand-made network is trained.
        workers: children at a time.
        audited: children that are trained and scored again.
    """

    evaluations: float
    searches: int
    finalists: int
    hand_made: bool
    workers: int
    audited: int = 0


@dataclasses.dataclass(frozen=True)
class Duration:
    """How long a run will take.

    Attributes:
        search: seconds of all searches; None: they cannot be told, or there are none.
        final: seconds of the final trainings and the hand-made network; None: they cannot be told.
        reason: where the figures come from, or why there are none.
    """

    search: float | None
    final: float | None
    reason: str


@dataclasses.dataclass(frozen=True)
class ChildPace:
    """How long a child takes.

    Attributes:
        preparation: seconds until its program is compiled, once in each process.
        seconds_per_step: of its training.
        score: seconds of its score.
    """

    preparation: float
    seconds_per_step: float
    score: float


class TimeChild(Work):
    """Times a child of a search, as far as a few steps tell it.

    Args:
        task: makes the children.
        seed: of the weights.
    """

    def __init__(self, task: Task, *, seed: int):
        super().__init__()
        self._task, self._seed = task, seed

    def __call__(self, item: Architecture) -> ChildPace:
        """The pace of the children, which are all alike to it."""
        evaluator = self._task.evaluator(seed=self._seed)
        assert isinstance(evaluator, FromScratch)
        child: Any = evaluator.child
        times = [time.monotonic()]
        for step in (child.train, child.score, child.train, child.score):
            step(item, **({"seed": self._seed, "steps": STEPS} if step == child.train else {}))
            times.append(time.monotonic())
        again, scored = times[3] - times[2], times[4] - times[3]
        return ChildPace(max(0.0, times[2] - times[0] - again - scored), again / STEPS, scored)

    def lost(self, item: Architecture, reason: str) -> ChildPace:
        """See `Work`."""
        raise LostError(reason)


def duration(task: Task, plan: Plan, *, work: pathlib.Path, seed: int, timed: bool) -> Duration:
    """How long a run will take.

    Args:
        task: of the run.
        plan: of the run.
        work: its work directory, where an earlier run may have told how long children take.
        seed: of the network that is timed.
        timed: whether it may take a minute or two to find out.
    """
    if not task.uses_tensorflow:
        return Duration(None, None, "rows are looked up; what takes time is what the strategy computes itself")
    if plan.evaluations and not task.independent_scores:
        return Duration(None, None, "with shared weights no child is a training of its own")
    earlier = _earlier(work, task)
    if earlier is not None and plan.evaluations:
        return Duration(_search(plan, earlier[0]), earlier[1], "as fast as the run that the work directory holds")
    if not timed:
        return Duration(None, None, "nothing was timed; --estimate trains a few steps, which takes a minute or two")
    architecture = task.space.sample(np.random.default_rng(seed))
    try:
        search = None
        if plan.evaluations:
            child = _in_a_process(TimeChild(task, seed=seed), architecture, threads=1)
            steps = task.settings.score.steps
            search = _search(plan, steps * child.seconds_per_step + child.score, preparation=child.preparation)
        final = _in_a_process(TimeFinal(task, seed=seed), architecture, threads=usable_cores())
    except RunError as error:
        return Duration(None, None, str(error))
    rounds = rounds_of_trainings(
        plan.finalists,
        task.settings.final_seeds,
        at_once=plan.workers,
        searches=plan.searches if plan.evaluations else 1,
        with_hand_made=plan.hand_made,
    )
    return Duration(search, rounds * final.seconds, "by a few steps that were timed now")


def _in_a_process(work: Work, architecture: Architecture, *, threads: int) -> Any:
    """What work makes of an architecture in a process of its own, which is ended where it takes too long."""
    executor = Processes(1, threads=threads, minutes=MOST_MINUTES, gpus=gpus())
    try:
        (result,) = executor.map(work, [architecture])
    finally:
        executor.close()
    return result


def _search(plan: Plan, each: float, *, preparation: float = 0.0) -> float:
    """Seconds of all searches, and of the audit, by those of a child."""
    children = plan.evaluations * plan.searches + plan.audited
    return children * each / plan.workers + preparation


def _earlier(work: pathlib.Path, task: Task) -> tuple[float, float | None] | None:
    """Seconds of a child, and of final trainings, of the run in a work directory; None where it told none.

    A run whose children or final models are trained otherwise tells nothing.
    """
    if not (work / MAIN_POOL).is_file():
        return None
    directory, identities = WorkDirectory(work), read_identities(work, remedy="give another --work_dir")
    of_task = json.loads(json.dumps({**task.score_identity(), "final": task.final_identity()}))
    known = {**identities.get(MAIN_POOL, {}), "final": identities.get("final", {}).get("settings")}
    if any(known.get(name) != value for name, value in of_task.items()):
        return None
    children = directory.evaluation_seconds(work / MAIN_POOL)
    if not children:
        return None
    stages = directory.seconds()
    finals = [seconds for stage, seconds in stages.items() if stage.startswith("retrain_")]
    return statistics.median(children.values()), sum(finals) if finals else None


def disk(task: Task, plan: Plan, *, parameters: float | None) -> float | None:
    """About how many bytes a run will write; None where its final models are none of this package's.

    Args:
        task: of the run.
        plan: of the run.
        parameters: of a final model.
    """
    copies = task.copies_of_weights
    if parameters is None or copies is None:
        return None
    settings = task.settings
    networks = settings.final_seeds * ((plan.searches * plan.finalists if plan.evaluations else 1) + plan.hand_made)
    stored = BYTES[getattr(settings, "export_weights", "float32")]
    exports = parameters * (stored + 2 * BYTES["float32"]) + GRAPH + (CONTROLLER if plan.evaluations else 0)
    return 4 * parameters * copies * networks + exports
