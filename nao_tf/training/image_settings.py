"""What a training of an image classifier is told, and the presets of both stages of a search.

The `paper` values are those of the authors' scripts, on 45,000 or 50,000 images of CIFAR-10. The `cpu` values are meant
for minutes on two cores.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from nao_tf.training.language_settings import PUBLISHED_ASCENT


@dataclasses.dataclass(frozen=True)
class ImageTraining:
    """The training of an image classifier by stochastic gradient descent.

    Attributes:
        filters: F, of the cells before the first reduction.
        layers: normal cells; two reduction cells come to them.
        batch_size: B.
        steps: training steps, a batch each.
        learning_rate: the highest.
        lowest_learning_rate: what the cosine falls to.
        first_cycle: steps of the first cosine; each later one is twice as long. 0: one cosine over all steps.
        warmup: steps over which the learning rate rises linearly at first; 0 for none.
        momentum: of the gradient.
        nesterov: whether the momentum is Nesterov's.
        clip_norm: bound on the global norm of the gradient; 0 for none.
        weight_decay: added to the clipped gradient as this times the weights.
        dropout: before the last layer.
        drop_path: of branches, see `CellNetwork`.
        cutout: size of the square, in pixels.
        auxiliary_weight: of the loss of the auxiliary head; 0 for none.
        shift: pixels that images are moved by at most.
        precision: "float32", or "bfloat16" with weights and statistics in float32.
        evaluation_batch: images that are evaluated at once.
    """

    filters: int
    layers: int
    batch_size: int
    steps: int
    learning_rate: float = 0.05
    lowest_learning_rate: float = 0.0
    first_cycle: int = 0
    warmup: int = 0
    momentum: float = 0.9
    nesterov: bool = True
    clip_norm: float = 5.0
    weight_decay: float = 3e-4
    dropout: float = 0.0
    drop_path: float = 0.0
    cutout: int = 0
    auxiliary_weight: float = 0.0
    shift: int = 4
    precision: str = "float32"
    evaluation_batch: int = 500

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0 (cosine with warm restarts, Loshchilov and Hutter, 2017)."""
        length = self.first_cycle or self.steps
        start = 0
        while self.first_cycle and step >= start + length:
            start, length = start + length, 2 * length
        done = min(1.0, (step - start) / length)
        falling = 0.5 * (1 + math.cos(math.pi * done))
        rising = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        return rising * (self.lowest_learning_rate + (self.learning_rate - self.lowest_learning_rate) * falling)


@dataclasses.dataclass(frozen=True)
class ImagePreset:
    """The stages of a search for an image classifier.

    Attributes:
        space: a key of `architecture.convolutional.SPACES`: what is searched with weight sharing.
        space_from_scratch: what is searched without.
        weight_sharing: whether the pool is scored by one shared child or by training each member from scratch.
        scratch: the training from scratch that scores a member.
        shared: the training of the shared child; its `steps` are those of one round.
        final: the training of the architectures that a search found.
        finalists: how many of the best are trained so; the best on validation is tested.
        initial: random architectures before the controller is first asked.
        proposals: new architectures a round.
        budget: architectures that are evaluated in all.
        controller: the preset of the controller's settings.
        ascent: how `nao` proposes, options of `search.strategies.nao`; its own where not given.
        by_parameters: whether the shared child is trained with each member in proportion to its parameters (NAO-V2).
        max_parameters: trainable parameters that a final model may have; None for any number.
        max_flops: multiply-adds that a final model may need for an image; None for any number.
    """

    space: str
    space_from_scratch: str
    weight_sharing: bool
    scratch: ImageTraining
    shared: ImageTraining
    final: ImageTraining
    finalists: int
    initial: int
    proposals: int
    budget: int
    controller: str
    ascent: Mapping[str, object]
    by_parameters: bool = False
    max_parameters: int | None = None
    max_flops: int | None = None

    @property
    def trainings(self) -> tuple[ImageTraining, ImageTraining]:
        """What scores a member, and what trains the final models."""
        return (self.shared if self.weight_sharing else self.scratch), self.final


# The final model of the weight-sharing search (authors' script NAO-WS), 630 epochs in six cycles of 10, 20, … 320.
_PUBLISHED_FINAL = ImageTraining(
    filters=36,
    layers=15,
    batch_size=144,
    steps=630 * 347,  # of 50,000 images
    learning_rate=0.05,
    lowest_learning_rate=1e-4,
    first_cycle=10 * 347,
    weight_decay=4e-4,  # 2e-4 of the square, not of half of it
    dropout=0.2,
    drop_path=0.4,
    cutout=16,  # not in the script; the published network that is compared has it
    auxiliary_weight=0.4,
)
# The final model of the search without weight sharing (authors' script), NAONet.
_PUBLISHED_NAONET = ImageTraining(
    filters=128,
    layers=18,
    batch_size=128,
    steps=600 * 390,  # of 50,000 images
    learning_rate=0.024,
    nesterov=False,
    weight_decay=5e-4,
    dropout=0.4,
    drop_path=0.3,
    cutout=16,
    auxiliary_weight=0.4,
)
# The weight-sharing search (authors' script): 30 epochs between two evaluations, one cosine each, so that no evaluation
# falls into the middle of a cycle as it does there.
_PUBLISHED_SHARED = ImageTraining(
    filters=20,
    layers=6,
    batch_size=160,
    steps=30 * 281,  # of 45,000 images
    learning_rate=0.05,
    lowest_learning_rate=5e-4,
    weight_decay=2e-4,  # 1e-4 of the square
    dropout=0.1,
    auxiliary_weight=0.4,
)
# A child of the search without weight sharing (authors' script).
_PUBLISHED_SCRATCH = ImageTraining(
    filters=32,
    layers=9,
    batch_size=128,
    steps=25 * 351,
    learning_rate=0.024,
    nesterov=False,
    weight_decay=5e-4,
    drop_path=0.3,
    auxiliary_weight=0.4,
)
_CPU_SEARCH = ImageTraining(filters=8, layers=3, batch_size=64, steps=300, learning_rate=0.1, warmup=10)

PRESETS: Mapping[str, ImagePreset] = {
    "cpu": ImagePreset(
        space="enas",
        space_from_scratch="nao",
        weight_sharing=False,
        scratch=_CPU_SEARCH,
        shared=dataclasses.replace(_CPU_SEARCH, steps=900),
        final=ImageTraining(
            filters=16, layers=3, batch_size=64, steps=2_500, learning_rate=0.1, warmup=50, weight_decay=3e-3
        ),
        finalists=1,
        initial=24,
        proposals=8,
        budget=48,
        controller="default",
        ascent={},
    ),
    "paper": ImagePreset(
        space="enas",
        space_from_scratch="nao",
        weight_sharing=True,
        scratch=_PUBLISHED_SCRATCH,
        shared=_PUBLISHED_SHARED,
        final=_PUBLISHED_FINAL,
        finalists=5,
        initial=1000,
        proposals=550,
        budget=3200,  # 1000 + 4 rounds
        controller="paper",
        ascent={
            **PUBLISHED_ASCENT,
            "random_share": 1 / 11,  # up to 500 of the controller, 50 random
            "step_sizes": tuple(range(1, 101)),
        },
    ),
}

# The final models of the spaces whose published ones are trained otherwise than the preset says; of CIFAR-100 likewise.
_FINAL_OF_SPACE = {("paper", space): _PUBLISHED_NAONET for space in ("nao", "nao19")}
_FINAL_OF_TASK = {("paper", "nao", "cifar100"): {"dropout": 0.2, "drop_path": 0.4}}


def final_training(preset: str, space: str, task: str) -> ImageTraining:
    """The training of the final models of a preset.

    Args:
        preset: a key of `PRESETS`.
        space: that the cells are of.
        task: what they learn.
    """
    training = _FINAL_OF_SPACE.get((preset, space), PRESETS[preset].final)
    return dataclasses.replace(training, **_FINAL_OF_TASK.get((preset, space, task), {}))
