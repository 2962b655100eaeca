"""How architectures get their scores: the contract of evaluators, and the three that there are besides a table.

An evaluator turns architectures into outcomes and knows nothing of pools and identifiers: the loop skips what is known,
numbers and remembers.
"""

from __future__ import annotations

import abc
import functools
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from nao_tf.architecture import Architecture
from nao_tf.errors import DivergedError
from nao_tf.observer import Observer
from nao_tf.search.executors import Executor, Inline, Work
from nao_tf.search.finished import Finished
from nao_tf.search.outcome import Losses, Outcome, timed
from nao_tf.search.rungs import Rung, rungs_of_steps

CHILD = "child"  # the label of the children's trainings


class Evaluator(abc.ABC):
    """Gives architectures their scores.

    Attributes:
        rescores: whether every member of the pool gets a new score in every round, as with shared weights.
        rungs: of the ladder that it scores on, the cheapest first; none: all its evaluations are the same.
    """

    rescores = False
    rungs: tuple[Rung, ...] = ()

    @abc.abstractmethod
    def evaluate(
        self, architectures: Sequence[Architecture], *, round: int, done: int = 0, observer: Observer | None = None
    ) -> Iterator[Outcome]:
        """Yields the outcomes of architectures in their order, each as soon as it is there.

        Args:
            architectures: to evaluate, in canonical form, each once. With `rescores` all members of the pool in the
                order of their identifiers, then the new ones; otherwise the new ones alone.
            round: of the search.
            done: how many of the first architectures have their outcomes in this round already, from before a kill;
                the outcomes of the others are yielded.
            observer: receives the progress of trainings.

        An evaluator with rungs takes `rungs` besides, the number of the rung of each architecture; its members stand on
        the rung below then, and what was computed there may be gone on with.
        """


class FunctionEvaluator(Evaluator):
    """Scores by a function of anyone's.

    Args:
        function: called with an architecture; returns its score, or an `Outcome`. A `DivergedError`, and a score that
            is not finite, mean that the evaluation failed; any other exception ends the search.
        executor: where the function runs.
        rungs: of a ladder; the function is then called with an architecture and the number of the rung, from 0.
    """

    def __init__(
        self,
        function: Callable[..., float | Outcome],
        *,
        executor: Executor | None = None,
        rungs: Sequence[Rung] = (),
    ):
        self.function, self.executor, self.rungs = function, executor or Inline(), tuple(rungs)

    def evaluate(
        self,
        architectures: Sequence[Architecture],
        *,
        round: int,
        done: int = 0,
        observer: Observer | None = None,
        rungs: Sequence[int] | None = None,
    ) -> Iterator[Outcome]:
        """See `Evaluator`."""
        if rungs is None:
            return self.executor.map(self._outcome, architectures[done:])
        return self.executor.map(self._outcome_on_rung, list(zip(architectures, rungs, strict=True))[done:])

    def _outcome_on_rung(self, request: tuple[Architecture, int]) -> Outcome:
        return self._outcome(*request)

    @timed
    def _outcome(self, architecture: Architecture, *rung: int) -> Outcome:
        try:
            result = self.function(architecture, *rung)
        except DivergedError as error:
            return Outcome(None, reason=str(error))
        return result if isinstance(result, Outcome) else Outcome(float(result))


class Child(Protocol):
    """A network in training that one architecture after the other is trained with from scratch."""

    def parameters(self, architecture: Architecture) -> int:
        """Trainable parameters of the child with an architecture."""
        ...

    def train(
        self,
        architecture: Architecture,
        *,
        seed: int,
        steps: int | None = None,
        report: Callable[[int, float], None] | None = None,
    ) -> None:
        """Gives the child new weights and trains them.

        Args:
            architecture: of the child.
            seed: of the weights and of everything random in the training.
            steps: of the training, whose schedule is that of a training of this length; None: the child's own number.
            report: called with step and mean training loss now and then.

        Raises:
            DivergedError: the loss is no longer a number.
        """
        ...

    def score(self, architecture: Architecture) -> float:
        """The score with the weights as they are. Raises DivergedError where it is not a number."""
        ...


class FromScratch(Evaluator):
    """Trains every architecture from scratch for a few steps; all from the same seed, so that only they differ.

    On a ladder every rung is a training of its own, from new weights, with the whole schedule of its length: the score
    of a training that is cut short, its learning rate still high, says less of what the architecture comes to.

    Args:
        make_child: makes a `Child`, once in each process that evaluates; everything it needs travels with it.
        seed: of the weights and of everything random.
        executor: where the children are trained.
        directory: for the outcomes of children that finish before their turn, which a kill would lose; None: they are
            held in memory only.
        steps: of the rungs of a ladder, the fewest first; none: all children are trained alike, for their own number.
    """

    def __init__(
        self,
        make_child: Callable[[], Child],
        *,
        seed: int,
        executor: Executor | None = None,
        directory: os.PathLike | str | None = None,
        steps: Sequence[int] = (),
    ):
        self.rungs = rungs_of_steps(steps)
        self._score, self.executor = ScoreFromScratch(make_child, seed, steps=steps), executor or Inline()
        self._directory = None if directory is None else pathlib.Path(directory)

    @property
    def child(self) -> Child:
        """The child of this process."""
        return self._score.child

    def evaluate(
        self,
        architectures: Sequence[Architecture],
        *,
        round: int,
        done: int = 0,
        observer: Observer | None = None,
        rungs: Sequence[int] | None = None,
    ) -> Iterator[Outcome]:
        """See `Evaluator`."""
        self._score.observer = observer or Observer()
        on_rungs = [0] * len(architectures) if rungs is None else rungs
        requested = list(zip(architectures, on_rungs, strict=True))[done:]
        if not requested:
            return  # what stands in the file of finished outcomes is of the next round
        if self._directory is None:
            yield from self.executor.map(self._score, requested)
            return
        self._score.finished = finished = Finished(self._directory / "finished.jsonl")
        earlier = finished.read()
        missing = [
            (architecture, rung) for architecture, rung in requested if (architecture.values, rung) not in earlier
        ]
        outcomes = iter(self.executor.map(self._score, missing))
        for architecture, rung in requested:
            yield earlier.get((architecture.values, rung)) or next(outcomes)
        finished.clear()  # the pool holds them all


class ScoreFromScratch(Work):
    """The unit of work of `FromScratch`: from an architecture and the number of its rung, 0 without a ladder, to its
    outcome; the child is made at the first call.

    Args:
        make_child: see `FromScratch`.
        seed: see `FromScratch`.
        steps: see `FromScratch`.

    Attributes:
        finished: keeps outcomes that may be there before their turn; None: nothing does.
    """

    def __init__(self, make_child: Callable[[], Child], seed: int, *, steps: Sequence[int] = ()):
        super().__init__()
        self._make_child, self._seed, self._steps = make_child, seed, tuple(steps)
        self.finished: Finished | None = None

    @functools.cached_property
    def child(self) -> Child:
        """The child, whose compiled program serves all architectures."""
        return self._make_child()

    @timed
    def __call__(self, item: tuple[Architecture, int]) -> Outcome:
        """Trains and scores an architecture."""
        architecture, rung = item
        parameters = self.child.parameters(architecture)
        length = {"steps": self._steps[rung]} if self._steps else {}
        losses = Losses()

        def report(step, loss):
            losses.add(step, loss)
            _report(self.observer, step, loss)

        try:
            self.child.train(architecture, seed=self._seed, report=report, **length)
            return Outcome(self.child.score(architecture), parameters, losses=losses.kept)
        except DivergedError as error:
            return Outcome(None, parameters, str(error), losses=losses.kept)

    def arrived(self, item: tuple[Architecture, int], result: Outcome) -> None:
        """See `Work`."""
        if self.finished is not None:
            self.finished.add(item[0], result, rung=item[1])

    def lost(self, item: tuple[Architecture, int], reason: str) -> Outcome:
        """See `Work`: a child that no process can train has failed, and the search goes on."""
        return Outcome(None, reason=reason)

    def __getstate__(self):
        # Another process makes a child of its own, and keeps nothing.
        return {name: value for name, value in super().__getstate__().items() if name != "child"} | {"finished": None}


def _report(observer, step, loss):
    observer.training(CHILD, step, loss=loss)


class SharedChild(Protocol):
    """A network in training whose weights all architectures share."""

    def parameters(self, architecture: Architecture) -> int:
        """Trainable parameters that an architecture uses."""
        ...

    def start(self, seed: int) -> None:
        """Gives the child its first weights."""
        ...

    def train_together(
        self,
        architectures: Sequence[Architecture],
        *,
        seed: int,
        shares: Sequence[float] | None = None,
        report: Callable[[int, float], None] | None = None,
    ) -> None:
        """Trains the weights for a round, each step with one of the architectures.

        Args:
            architectures: members of the pool.
            seed: of everything random.
            shares: how often each is trained, up to a factor; None: all equally often.
            report: called with step and mean training loss now and then.

        Raises:
            DivergedError: the loss is no longer a number.
        """
        ...

    def score(self, architecture: Architecture) -> float:
        """The score with the weights as they are. Raises DivergedError where it is not a number."""
        ...

    def save(self, path: os.PathLike) -> None:
        """Writes the state of the training, whole or not at all."""
        ...

    def load(self, path: os.PathLike) -> bool:
        """Goes on from what `save` wrote; False where there is no such file."""
        ...


class SharedWeights(Evaluator):
    """Trains one child with all members of the pool, then scores every member with its weights (authors' NAO-WS).

    Args:
        make_child: makes a `SharedChild`.
        seed: of the weights and of everything random.
        directory: for the child's weights, one file a round.
        by_parameters: whether members are drawn in proportion to their parameters instead of uniformly (NAO-V2).
    """

    rescores = True

    def __init__(
        self,
        make_child: Callable[[], SharedChild],
        *,
        seed: int,
        directory: os.PathLike | str | None,
        by_parameters: bool = False,
    ):
        if directory is None:
            raise ValueError("the weights of a shared child are kept in a directory, and none was given")
        self._make_child, self._seed = make_child, seed
        self._directory, self._by_parameters = pathlib.Path(directory), by_parameters

    @functools.cached_property
    def child(self) -> SharedChild:
        """The child."""
        return self._make_child()

    def evaluate(
        self, architectures: Sequence[Architecture], *, round: int, done: int = 0, observer: Observer | None = None
    ) -> Iterator[Outcome]:
        """See `Evaluator`; the child is trained for a round first, unless a file holds its weights after the round."""
        child, file = self.child, self._directory / f"round-{round}.npz"
        parameters = [child.parameters(architecture) for architecture in architectures]
        if not child.load(file):
            if not round or not child.load(self._directory / f"round-{round - 1}.npz"):
                child.start(self._seed)
            child.train_together(
                architectures,
                seed=self._seed,
                shares=parameters if self._by_parameters else None,
                report=functools.partial(_report, observer or Observer()),
            )
            child.save(file)
        for architecture, count in zip(architectures[done:], parameters[done:], strict=True):
            try:
                yield Outcome(child.score(architecture), count)
            except DivergedError as error:
                yield Outcome(None, count, str(error))
