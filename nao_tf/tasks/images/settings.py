"""The settings of a study of image classifiers, and where a user's own images come from."""

from __future__ import annotations

import dataclasses

from nao_tf.search.rungs import check_ladder
from nao_tf.search.settings import StudySettings
from nao_tf.tasks.task import EXPORT_WEIGHTS, DataFiles
from nao_tf.training.image_settings import ImageTraining


@dataclasses.dataclass(frozen=True, kw_only=True)
class OwnImages(DataFiles):
    """Where a user's own images come from.

    Attributes:
        image_size: height and width that they are brought to, in pixels.
    """

    image_size: int = 32

    def __post_init__(self):
        if self.image_size < 8:
            raise ValueError(f"images of {self.image_size} pixels; at least 8")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageSettings(StudySettings):
    """The settings of a study of image classifiers.

    Attributes:
        data: the images.
        space: the operations of the cells: nao, enas, nao_v2 or nao19.
        weight_sharing: whether one shared child scores the pool, or each architecture is trained from scratch.
        score: the training that scores: of a child, or of a round of the shared child.
        rungs: training steps of the rungs of a ladder, the fewest first; the last are those of `score`. None: every
            child is trained for as many steps, those of `score`.
        final: the training of final models.
        epochs: passes of the final models over the training images; none: final.steps says how long they train.
        export_weights: how an exported model's weights are stored: float32, float16 or int8; it computes in float32.
        by_parameters: whether the shared child is trained with large architectures more often (NAO-V2).
    """

    data: DataFiles = DataFiles()
    space: str
    weight_sharing: bool
    score: ImageTraining
    rungs: tuple[int, ...] = ()
    final: ImageTraining
    epochs: float | None = None
    export_weights: str = EXPORT_WEIGHTS[0]
    by_parameters: bool = False

    def __post_init__(self):
        super().__post_init__()
        check_ladder(self.rungs, shared=self.weight_sharing)
        if self.epochs is not None and self.epochs <= 0:
            raise ValueError(f"epochs of {self.epochs}; more than 0")
        if self.export_weights not in EXPORT_WEIGHTS:
            raise ValueError(f"{self.export_weights!r} is not one of {', '.join(EXPORT_WEIGHTS)}")
