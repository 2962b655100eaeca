"""What a run reports while it goes on: the events, as methods that do nothing.

Every layer may call an observer, so this module imports nothing of the project. `nao_tf.report` shows the events on a
terminal and in TensorBoard; a user's own observer overrides the methods it needs.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nao_tf.search.pool import Evaluation, Pool


@dataclasses.dataclass(frozen=True)
class Epoch:
    """A validated epoch of a final model.

    Attributes:
        number: from 1.
        step: training steps so far.
        metric: the name of the validation figure.
        value: of the figure; None for an epoch that diverged.
        best: the best value so far.
        averaged: whether the weights that were validated are a mean of iterates.
        ending: training steps of the end that begins now, from the best weights, since nothing was gained for long;
            0: none begins.
    """

    number: int
    step: int
    metric: str
    value: float | None
    best: float
    averaged: bool = False
    ending: int = 0


class Observer:
    """Receives the events of a run. Every method may be overridden; none may change the run."""

    def notice(self, text: str) -> None:
        """A line for people."""

    def search(self, strategy: str, pool: Pool, *, budget: float | None) -> None:
        """A search begins, or goes on with the evaluations that the pool holds already.

        Args:
            strategy: its name.
            pool: the evaluations so far.
            budget: architectures that will have been evaluated in the end; None where a time decides.
        """

    def evaluation(self, strategy: str, evaluation: Evaluation, *, pool: Pool) -> None:
        """An architecture was evaluated.

        Args:
            strategy: the search's.
            evaluation: the newest member of the pool.
            pool: with that member.
        """

    def round(self, strategy: str, round: int, *, pool: Pool) -> None:
        """A round of a search is complete."""

    def predictor(self, round: int | None, predictor: object) -> None:
        """A strategy has trained a predictor of scores.

        Args:
            round: of the search; None for the predictor of a whole pool.
            predictor: a `search.strategy.Predictor`.
        """

    def training(self, label: str, step: int, *, loss: float, steps: int | None = None) -> None:
        """A network is in training.

        Args:
            label: of the network, as files and TensorBoard runs name it; "child" for a child of a search.
            step: training steps done.
            loss: mean training loss since the last report.
            steps: training steps in all; None where they are not known here.
        """

    def epoch(self, label: str, epoch: Epoch) -> None:
        """An epoch of a final model was validated."""

    def result(self, result: object) -> None:
        """A run has ended; `result` is a `study.result.Result`."""
