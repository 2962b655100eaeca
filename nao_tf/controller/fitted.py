"""A controller that has learnt a pool of architectures and their scores.

Letters: E members of an ensemble, B architectures of a batch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from nao_tf.architecture import Architecture, SearchSpace
from nao_tf.controller.batching import predict_members
from nao_tf.controller.model import EncoderPredictorDecoder
from nao_tf.controller.proposals import Proposal, improve_together
from nao_tf.controller.quality import Quality
from nao_tf.controller.settings import ControllerSettings


@dataclasses.dataclass(frozen=True)
class FittedController:
    """A controller that has learnt a pool.

    Attributes:
        space: the search space.
        model: the trained model; all its members.
        settings: how it was trained.
        quality: on held-out architectures.
        losses: the joint loss of every member at the last training step, `[E]`.
    """

    space: SearchSpace
    model: EncoderPredictorDecoder
    settings: ControllerSettings
    quality: Quality
    losses: tuple[float, ...]

    def predict(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """The predicted scores, float32 `[B]`: mean of the members, on the scale of the targets, higher is better.

        Raises:
            ValueError: no architecture, or one of another space.
        """
        return np.mean(self.predict_members(architectures), axis=0)  # [B]

    def predict_members(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """The scores that each member predicts, float32 `[E, B]`. Their spread tells how sure the ensemble is."""
        return predict_members([self], [architectures])[0]

    def improve(
        self,
        architectures: Sequence[Architecture],
        step_sizes: Sequence[float],
        ascents: int = 1,
        exploration: float = 0.0,
    ) -> list[Proposal]:
        """New architectures by gradient ascent from each architecture, by each member, with each step size.

        Args:
            architectures: where to start; usually the best of the pool.
            step_sizes: eta, positive; the authors use 1, 2, 3, … and 10, 20, 30.
            ascents: how often; every further ascent starts from the most promising of what those before came to.
            exploration: how many standard deviations of the members' predictions count for an architecture.

        Returns:
            The proposals, the most promising first; no two of the same architecture, and none of the given ones.

        Raises:
            ValueError: no architecture, one of another space, no step size, or one that is not positive.
        """
        return improve_together([self], [architectures], step_sizes, ascents, exploration)[0]
