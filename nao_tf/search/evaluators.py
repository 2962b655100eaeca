"""How recurrent cells get their scores: each trained from scratch, or all in one child with shared weights.

Both score by perplexity on the same validation text, nothing dropped, the state carried over. Every cell has as many
parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nao_tf.search.trained_evaluators import ScratchEvaluator, SharedEvaluator, TrainedEvaluator
from nao_tf.training.language import validation_perplexity

METRIC = "validation_perplexity"


class _OfLanguage(TrainedEvaluator):
    def parameters(self, values: Sequence[int]) -> int:
        """Those of the child."""
        return self.trainer.model.count_params()

    def score(self, values: Sequence[int]) -> float:
        """Validation perplexity."""
        return validation_perplexity(self.trainer, values)


class FromScratch(_OfLanguage, ScratchEvaluator):
    """See `ScratchEvaluator`; the trainer is a `ChildTrainer`."""

    def train(self, values: Sequence[int], report: Callable | None) -> None:
        """New weights and a training."""
        self.trainer.train(values, self.seed, report=report)


class SharedWeights(_OfLanguage, SharedEvaluator):
    """See `SharedEvaluator`; the trainer is a `SharedChildTrainer`, which is made with its first weights."""

    def train(self, members: list[Sequence[int]], parameters: list[int], report: Callable | None) -> None:
        """A round with every member as often as the others."""
        self.trainer.train(members, self.trainer.settings.steps, report)
