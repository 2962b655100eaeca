"""How pairs of cells get their scores: each trained from scratch, or all in one child with shared weights.

Both score by the loss on the same validation images in the same batches, nothing dropped, every batch normalised by its
own statistics. The loss ranks architectures better than the accuracy does: it tells more of each image.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence

from nao_tf.errors import DivergedError
from nao_tf.search.trained_evaluators import ScratchEvaluator, SharedEvaluator, TrainedEvaluator
from nao_tf.training.images import SearchTrainer

METRIC = "validation_loss"


class _OfImages(TrainedEvaluator):
    def parameters(self, values: Sequence[int]) -> int:
        """Those that the architecture uses of the child's."""
        return self.trainer.parameters(values)

    def score(self, values: Sequence[int]) -> float:
        """Validation loss, nats an image."""
        loss = self.trainer.evaluate(values).loss
        if not math.isfinite(loss):
            raise DivergedError(f"validation loss is {loss}")
        return loss


class ImagesFromScratch(_OfImages, ScratchEvaluator):
    """See `ScratchEvaluator`; the trainer is a `SearchTrainer`."""

    def train(self, values: Sequence[int], report: Callable | None) -> None:
        """New weights and a training."""
        self.trainer.start(self.seed)
        self.trainer.train([values], self.seed, report=report)


class ImagesWithSharedWeights(_OfImages, SharedEvaluator):
    """See `SharedEvaluator`.

    Args:
        trainer: of the shared child.
        seed: of its weights and all that is random.
        directory: where the child's weights are kept, one file a round.
        by_parameters: whether a member is drawn in proportion to its parameters instead of uniformly (NAO-V2).
    """

    def __init__(self, trainer: SearchTrainer, seed: int, directory: os.PathLike, by_parameters: bool = False):
        super().__init__(trainer, directory)
        self.seed, self.by_parameters = seed, by_parameters

    def start(self) -> None:
        """New weights from the seed."""
        self.trainer.start(self.seed)

    def train(self, members: list[Sequence[int]], parameters: list[int], report: Callable | None) -> None:
        """A round with members drawn uniformly or by their parameters."""
        self.trainer.train(members, self.seed, report=report, shares=parameters if self.by_parameters else None)
