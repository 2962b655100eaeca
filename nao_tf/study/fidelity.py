"""How long children must train for their scores to rank architectures: measured on the user's own data.

Some random architectures are trained for each of several lengths, and for the longest once more with another seed: the
reference. Kendall's tau between the scores of a length and the reference is what a score of that length is worth. That
of the longest with itself is the ceiling: how well a score ranks its own repetition.

Letters: N architectures.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nao_tf import files
from nao_tf.architecture import Architecture, SearchSpace
from nao_tf.errors import InputError
from nao_tf.observer import Observer
from nao_tf.search.executors import Executor
from nao_tf.search.pool import Candidate, Evaluation, Pool
from nao_tf.search.rungs import rungs_of_steps
from nao_tf.search.settings import StudySettings
from nao_tf.study.audit import FEWEST, OTHER_SEED, Agreement, agreement
from nao_tf.study.work_directory import WorkDirectory
from nao_tf.tasks.task import Task

NAME, AGAIN = "fidelity", "fidelity_again"  # of the stage and of pools
# Lengths that are tried, in lengths of the settings; an automatic choice tries the first of these that it can pay.
MEASURED = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4)
AFFORDABLE = (MEASURED, (1 / 8, 1 / 4, 1 / 2, 1, 2), (1 / 8, 1 / 4, 1 / 2, 1), (1 / 4, 1 / 2, 1), (1 / 4, 1))
SHARE = 10  # of the budget, an automatic choice takes at most one part in so many
APART = 2  # a rung of a ladder is worth while where the next one costs at least so many times as much


@dataclasses.dataclass(frozen=True)
class Length:
    """What scores of one length are worth.

    Attributes:
        steps: training steps of a child.
        seconds: of a child, the median; None where they are not known.
        agreement: of the scores with the reference.
    """

    steps: int
    seconds: float | None
    agreement: Agreement

    @property
    def tau_per_minute(self) -> float | None:
        """Kendall's tau that a minute of one child's training buys; None where it is not known."""
        tau = self.agreement.kendall_tau
        return None if tau is None or not self.seconds else tau / (self.seconds / 60)

    @property
    def information(self) -> float:
        """What one score tells of the reference, per training step, up to a factor.

        The variance that the score explains over the variance that it leaves, rho^2 / (1 - rho^2), with the linear
        correlation rho of normal scores with this tau, sin(pi tau / 2) (Greiner, 1909).
        """
        rho = math.sin(math.pi / 2 * min(max(self.agreement.kendall_tau or 0.0, 0.0), 0.99))
        return rho**2 / (1 - rho**2) / self.steps

    def to_json(self) -> dict[str, Any]:
        """As result.json holds it."""
        return {
            **dataclasses.asdict(self),
            "agreement": self.agreement.to_json(),
            "tau_per_minute": self.tau_per_minute,
        }


@dataclasses.dataclass(frozen=True)
class Fidelity:
    """What scores of several lengths are worth, and the lengths that a search should use.

    Attributes:
        architectures: N that were trained.
        lengths: the shortest first; the last is that of the reference.
        steps: training steps that all of it took.
        rungs: the lengths to use, one or a ladder; none: no length ranks by more than chance.
    """

    architectures: int
    lengths: tuple[Length, ...]
    steps: int
    rungs: tuple[int, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """Sentences for people."""
        reference = self.lengths[-1].steps
        if not self.rungs:
            return (
                f"no length up to {reference:,} steps ranks {self.architectures} random architectures as "
                f"{reference:,} steps with another seed do, by more than chance: noise would lead a search; longer "
                "children, or more architectures to measure with, would tell",
            )
        chosen = " and ".join(f"{steps:,}" for steps in self.rungs)
        told = next(length for length in self.lengths if length.steps == self.rungs[-1])
        return (f"children of {chosen} steps: the longer rank with {told.agreement} as {reference:,} steps do",)

    def table(self) -> list[str]:
        """Lines for people, one a length, under one of names."""
        lines = [f"{'steps':>8}  {'seconds':>8}  {'tau':>6}  {'95 %':>14}  {'tau a minute':>12}"]
        for length in self.lengths:
            tau, interval = length.agreement.kendall_tau, length.agreement.interval
            lines.append(
                f"{length.steps:>8,}  {_shown(length.seconds, '.1f'):>8}  {_shown(tau, '.2f'):>6}  "
                f"{'-' if interval is None else f'{interval[0]:.2f} to {interval[1]:.2f}':>14}  "
                f"{_shown(length.tau_per_minute, '.2f'):>12}" + ("  <-" if length.steps in self.rungs else "")
            )
        return lines

    def to_json(self) -> dict[str, Any]:
        """As result.json holds it."""
        return {
            "architectures": self.architectures,
            "reference_steps": self.lengths[-1].steps,
            "lengths": [length.to_json() for length in self.lengths],
            "steps": self.steps,
            "rungs": list(self.rungs),
            "words": list(self.words),
        }


def _shown(value, form):
    return "-" if value is None else format(value, form)


# ---- what is tried


def candidates(settings: Any, *, affordable: bool) -> tuple[int, ...]:
    """The lengths that are tried, in training steps, the shortest first: those of a ladder, or around the usual one.

    Args:
        settings: of a study whose children are trained from scratch; with `fidelity_architectures`, the lengths of
            `score` resolved.
        affordable: whether all of it must fit into a tenth of the budget.

    Raises:
        InputError: no lengths fit.
    """
    usual, count = settings.score.steps, settings.fidelity_architectures
    if settings.rungs:
        plans: Sequence[tuple[int, ...]] = (tuple(settings.rungs),)
    else:
        plans = [tuple(sorted({max(1, round(share * usual)) for share in shares})) for shares in AFFORDABLE]
    if not affordable:
        return plans[0]
    for lengths in plans:
        if len(lengths) > 1 and _cost(lengths, count) * SHARE <= settings.budget * usual:
            return lengths
    need = math.ceil(_cost(plans[-1], count) * SHARE / usual)
    raise InputError(
        f"--fidelity=auto takes a tenth of the budget at most, and {count} architectures take more than that of "
        f"--budget={settings.budget}; --budget={need} would do, or --fidelity=measure alone, whose answer is --rungs"
    )


def _cost(lengths, count) -> int:
    return count * (sum(lengths) + lengths[-1])


def check(task: Task) -> None:
    """Raises InputError where a task has no lengths to choose among."""
    if not task.independent_scores or not hasattr(task.settings, "score"):
        reason = "one child is trained for all" if task.uses_tensorflow else "scores are looked up"
        raise InputError(f"--fidelity is of no use with --task={task.name} where {reason}; leave it out")


# ---- what is measured


def claim(task: Task, work: WorkDirectory, *, seed: int) -> None:
    """Makes the files of the measurement this run's own. Raises InputError as `WorkDirectory.claim`."""
    work.claim({work.pool(name, main=False).name: _identity(task, name, seed=its) for name, its in _seeds(seed)})


def measure(
    task: Task, work: WorkDirectory, *, seed: int, executor: Executor | None = None, observer: Observer | None = None
) -> Fidelity:
    """Trains random architectures for every length; what the work directory holds is there already.

    Args:
        task: its settings have the lengths as `rungs`, see `candidates`.
        work: keeps the scores; it belongs to this process and task.
        seed: of the scores; that of the reference is another one.
        executor: where children are trained.
        observer: receives what happens.

    Raises:
        InputError: the directory belongs to another computation.
    """
    claim(task, work, seed=seed)
    observer, lengths = observer or Observer(), tuple(task.settings.rungs)
    architectures = drawn(task.space, task.settings.fidelity_architectures, seed=seed)
    observer.notice(
        f"fidelity: {len(architectures)} random architectures are trained for {', '.join(f'{n:,}' for n in lengths)} "
        f"steps, and for {lengths[-1]:,} with another seed"
    )
    pools = {}
    for name, its_seed in _seeds(seed):
        path, rungs = work.pool(name, main=False), range(len(lengths)) if name == NAME else [len(lengths) - 1]
        pools[name] = Pool(
            path,
            task.space,
            metric=task.metric.name,
            higher_is_better=task.metric.higher_is_better,
            rungs=rungs_of_steps(lengths) if len(rungs) > 1 else (),
        )
        pools[name].seconds |= work.evaluation_seconds(path)
        observer.search(name, pools[name], budget=None)
        with work.timed(NAME):
            evaluator = task.evaluator(seed=its_seed, directory=work.shared_child(name), executor=executor)
            _score(pools[name], evaluator, work, architectures, rungs=rungs, observer=observer)
    fidelity = compared(pools[NAME], pools[AGAIN], lengths=lengths)
    files.write_json(work.path / f"{NAME}.json", fidelity.to_json())
    return fidelity


def drawn(space: SearchSpace, count: int, *, seed: int) -> list[Architecture]:
    """Random architectures, each once; fewer where the space has fewer."""
    draw, found = np.random.default_rng([seed, OTHER_SEED]), dict[Architecture, None]()
    for _ in range(100 * count):
        found.setdefault(space.sample(draw).canonical)
        if len(found) == count:
            break
    return list(found)


def _seeds(seed):
    """The names of both pools, with the seed of each."""
    return (NAME, seed), (AGAIN, (seed + OTHER_SEED) % 2**32)


def _identity(task, name, *, seed) -> dict[str, Any]:
    count = task.settings.fidelity_architectures
    return {**task.identity(), **task.score_identity(), "seed": seed, "strategy": name, "initial": count}


def _score(pool, evaluator, work, architectures, *, rungs, observer) -> None:
    """Scores architectures on the rungs, one after the other, as far as the pool does not have them."""
    for number, rung in enumerate(rungs):
        done = len(pool.on_rung(number))
        outcomes = evaluator.evaluate(
            architectures, round=number, done=done, observer=observer, rungs=[rung] * len(architectures)
        )
        for architecture, outcome in zip(architectures[done:], outcomes, strict=True):
            known = pool.id_of(architecture)
            candidate, id = Candidate(architecture, "random", rung=number), len(pool) if known is None else known
            evaluation = Evaluation.of(outcome, candidate, id=id, round=number)
            pool.append(evaluation)
            observer.evaluation(NAME, evaluation, pool=pool)
            if outcome.seconds is not None:
                work.add_evaluation_seconds(pool.path, evaluation.id, rung=number, seconds=outcome.seconds)


def compared(pool: Pool, again: Pool, *, lengths: Sequence[int]) -> Fidelity:
    """What the scores of every length are worth, by those of the reference.

    Args:
        pool: a ladder with the lengths as rungs.
        again: the same members with the reference's scores.
        lengths: in training steps.
    """
    reference = {member.candidate.architecture: again.goodness(member) for member in again.ranked}
    rows = []
    for rung, steps in enumerate(lengths):
        pairs = [
            (pool.goodness(one), reference[one.candidate.architecture])
            for one in pool.on_rung(rung)
            if one.score is not None and one.candidate.architecture in reference
        ]
        seconds = [value for (_, its_rung), value in pool.seconds.items() if its_rung == rung]
        told = agreement(*zip(*pairs, strict=True)) if len(pairs) >= FEWEST else Agreement(len(pairs))
        rows.append(Length(steps, float(np.median(seconds)) if seconds else None, told))
    return Fidelity(len(again), tuple(rows), _cost(tuple(lengths), len(again)), chosen(rows))


def chosen(lengths: Sequence[Length]) -> tuple[int, ...]:
    """The lengths that a search should use, in training steps: one, two as a ladder, or none.

    The last is the one whose scores agree best with the reference, the shorter of equal ones. Below it comes the one
    that tells most per training step, where that is more than the last one tells and the last costs at least `APART`
    times as much. Lengths that do not rank by more than chance are no candidates. Nothing here depends on a clock, so
    that the same run makes the same choice on every machine.

    Args:
        lengths: that were measured, the shortest first.
    """
    able = [length for length in lengths if length.agreement.is_told]
    if not able:
        return ()
    last = max(able, key=lambda length: (length.agreement.kendall_tau, -length.steps))
    below = [length for length in able if length.steps * APART <= last.steps and length.information > last.information]
    if not below:
        return (last.steps,)
    return max(below, key=lambda length: length.information).steps, last.steps


# ---- what follows


def with_lengths(settings: Any, fidelity: Fidelity) -> Any:
    """The settings with the chosen lengths, and with what is left of the budget, in children of the last length.

    Args:
        settings: of the study before.
        fidelity: that was measured.

    Raises:
        InputError: nothing is left.
    """
    left = settings.budget * settings.score.steps - fidelity.steps
    last = fidelity.rungs[-1] if fidelity.rungs else settings.score.steps
    if left < last:
        raise InputError(f"--budget={settings.budget} leaves nothing after --fidelity; give a larger one")
    changed: StudySettings = dataclasses.replace(
        settings,
        budget=left // last,
        rungs=fidelity.rungs if len(fidelity.rungs) > 1 else (),
        score=dataclasses.replace(settings.score, steps=last),
    )
    return changed
