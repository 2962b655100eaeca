"""Settings of the training of an image classifier, and their presets.

The `paper` values are those of the authors' scripts, on 45,000 or 50,000 images of CIFAR-10. The `cpu` values are meant
for minutes on two cores.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

from nao_tf.child.images.macro import DEFAULT_STEM, MACROS, STEMS
from nao_tf.settings import plain
from nao_tf.training import schedules
from nao_tf.training.bounds import NOT_NEGATIVE, POSITIVE, RATE, Bound, check, one_of, optional, whole
from nao_tf.training.lengths import LENGTHS

PRECISIONS = ("float32", "bfloat16")
# Left out of identities at their defaults: work directories of before they were there are gone on with.
_LATER = (
    "macro",
    "stem",
    "decay_rate",
    "decay_steps",
    "label_smoothing",
    "drop_identity",
    "autoaugment",
    "smallest_crop",
    "color_jitter",
    "patience",
)


@dataclasses.dataclass(frozen=True)
class ImageTraining:
    """The training of an image classifier by stochastic gradient descent.

    Attributes:
        filters: F, of the cells before the first reduction.
        layers: normal cells; two reduction cells are added.
        batch_size: B.
        steps: training steps, a batch each; 0: as many as fit the images, see `length`.
        learning_rate: the highest.
        lowest_learning_rate: the end of the cosine.
        first_cycle: steps of the first cosine; each later one is twice as long. 0: one cosine over all steps.
        warmup: steps over which the learning rate rises linearly at first; 0 for none.
        momentum: share of the velocity that is kept at every step.
        nesterov: whether the momentum is Nesterov's.
        clip_norm: bound on the global norm of the gradient; 0 for none.
        weight_decay: L2 coefficient, added to the gradient after clipping.
        dropout: rate before the last layer.
        drop_path: rate of branches, see `CellNetwork`.
        cutout: size of the square, in pixels.
        auxiliary_weight: of the loss of the auxiliary head; 0 for none.
        shift: pixels that images are moved by at most.
        precision: "float32", or "bfloat16" with weights and statistics in float32.
        evaluation_batch: images that are evaluated at once.
        macro: the structure around the cells of a final model: nao, nao_ws or nao_pytorch; none: that of the authors'
            program for the cells' space.
        stem: how the network begins: cifar, a convolution, or imagenet, three of stride 2.
        decay_rate: what the learning rate is multiplied by every `decay_steps` steps, instead of a cosine; 1 for the
            cosine.
        decay_steps: steps between two multiplications; 0: those of an epoch.
        label_smoothing: share of the target that all classes have alike.
        drop_identity: whether drop-path drops identities too.
        autoaugment: whether images are changed by the published policy for CIFAR-10, see `data.autoaugment`.
        smallest_crop: share of a picture that a training crop has at least; of pictures of any size only.
        color_jitter: strength of random changes of brightness, contrast and saturation, and of half as large ones of
            hue; of pictures of any size only.
        patience: training steps of a final model without a gain on validation that bring on the end of the training;
            None: it ends with its last step.
        length: the row of `training.lengths.LENGTHS` that plans steps and patience where steps are 0; None: there is
            none.

    Raises:
        ValueError: a value that a field cannot have.
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
    macro: str | None = None
    stem: str = DEFAULT_STEM
    decay_rate: float = 1.0
    decay_steps: int = 0
    label_smoothing: float = 0.0
    drop_identity: bool = False
    autoaugment: bool = False
    smallest_crop: float = 0.08
    color_jitter: float = 0.0
    patience: int | None = None
    length: str | None = None

    def __post_init__(self):
        check(self, _BOUNDS | {"steps": whole(0 if self.length else 1)})

    def identity(self) -> dict[str, Any]:
        """What decides a training, as JSON values."""
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        values = plain(self)
        del values["length"]  # what it led to is there
        return {
            name: value for name, value in values.items() if name not in _LATER or getattr(self, name) != defaults[name]
        }

    def per_epoch(self, images: int) -> int:
        """Training steps of a pass over some number of images."""
        return max(1, images // self.batch_size)

    def for_epochs_of(self, images: int) -> Self:
        """The same training, with what was to be that of the data.

        Args:
            images: to train with. Their number decides the length where none is given, and `decay_steps` where they
                are those of an epoch.
        """
        per_epoch = self.per_epoch(images)
        changes: dict[str, Any] = {}
        if not self.steps and self.length is not None:
            length = LENGTHS[self.length]
            patience = length.patience(per_epoch) if self.patience is None else self.patience
            changes |= {"steps": length.steps(per_epoch), "patience": patience}
        if self.decay_rate < 1 and not self.decay_steps:
            changes["decay_steps"] = per_epoch
        return dataclasses.replace(self, **changes)

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0: a cosine, cosines with warm restarts, or a decay in steps."""
        if self.decay_rate < 1:
            if not self.decay_steps:
                raise ValueError("decay_steps is 0, the steps of an epoch, and no number of images was given")
            decayed = self.decay_rate ** (step // self.decay_steps)
            return schedules.warm_up(step, steps=self.warmup) * self.learning_rate * decayed
        length = self.first_cycle or self.steps
        falling = schedules.cosine(step, length=length, restarts=bool(self.first_cycle))
        rising = schedules.warm_up(step, steps=self.warmup)
        return rising * (self.lowest_learning_rate + (self.learning_rate - self.lowest_learning_rate) * falling)


_SHARE = Bound("a number above 0 and at most 1", lambda value: POSITIVE.holds(value) and value <= 1)
_BOUNDS = {
    **dict.fromkeys(("filters", "layers", "batch_size", "evaluation_batch"), whole(1)),
    **dict.fromkeys(("first_cycle", "warmup", "cutout", "shift"), whole(0)),
    "learning_rate": POSITIVE,
    **dict.fromkeys(("lowest_learning_rate", "clip_norm", "weight_decay", "auxiliary_weight"), NOT_NEGATIVE),
    **dict.fromkeys(("momentum", "dropout", "drop_path"), RATE),
    "precision": one_of(PRECISIONS),
    "macro": optional(one_of(MACROS)),
    "stem": one_of(STEMS),
    "decay_rate": _SHARE,
    "decay_steps": whole(0),
    "label_smoothing": RATE,
    "smallest_crop": _SHARE,
    "color_jitter": RATE,
    "patience": optional(whole(1)),
    "length": optional(one_of(LENGTHS)),
}


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

# The trainings of a search, by preset: a child from scratch, a round of the shared child, a finalist.
SCRATCH_TRAININGS: Mapping[str, ImageTraining] = {"cpu": _CPU_SEARCH, "paper": _PUBLISHED_SCRATCH}
SHARED_TRAININGS: Mapping[str, ImageTraining] = {
    "cpu": dataclasses.replace(_CPU_SEARCH, steps=900),
    "paper": _PUBLISHED_SHARED,
}
FINAL_TRAININGS: Mapping[str, ImageTraining] = {
    "cpu": ImageTraining(
        filters=16, layers=3, batch_size=64, steps=2_500, learning_rate=0.1, warmup=50, weight_decay=3e-3
    ),
    "paper": _PUBLISHED_FINAL,
}

# Published final models that are trained differently, by preset and space, and on CIFAR-100.
_FINAL_OF_SPACE = {("paper", space): _PUBLISHED_NAONET for space in ("nao", "nao19")}
_FINAL_OF_TASK: Mapping[tuple[str, str, str], Mapping[str, Any]] = {
    ("paper", "nao", "cifar100"): {"dropout": 0.2, "drop_path": 0.4}
}


def final_training(preset: str, space: str, *, task: str) -> ImageTraining:
    """The training of the final models of a preset.

    Args:
        preset: a key of `FINAL_TRAININGS`.
        space: the name of the cells' space.
        task: the name of the data.
    """
    training = _FINAL_OF_SPACE.get((preset, space), FINAL_TRAININGS[preset])
    return dataclasses.replace(training, **_FINAL_OF_TASK.get((preset, space, task), {}))
