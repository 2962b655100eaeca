"""ImageNet, and anyone's folders of pictures of any size: networks of cells that begin with three strides of 2.

The cells are those that were found on smaller images (NAO, section 4.2), or are searched here. Pictures stay in their
files; training sees random crops of them, and what is measured is the middle of each.

Importing this loads no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any, ClassVar

from nao_tf.architecture import Architecture
from nao_tf.data import imagenet
from nao_tf.errors import InputError
from nao_tf.search.evaluator import Evaluator
from nao_tf.search.executors import Executor
from nao_tf.search.settings import StudySettings
from nao_tf.tasks.images.presets import PRESETS as IMAGE_PRESETS
from nao_tf.tasks.images.settings import ImageSettings
from nao_tf.tasks.images.task import ImageTask
from nao_tf.tasks.task import DataFiles, FinalModel, Rival, Short
from nao_tf.training.image_settings import ImageTraining
from nao_tf.training.published_networks import MOBILE

LARGEST, SMALLEST = 320, 32  # pixels


@dataclasses.dataclass(frozen=True, kw_only=True)
class PictureFolder(DataFiles):
    """Where pictures come from.

    Attributes:
        image_size: height and width of the crops that networks see, in pixels.
    """

    image_size: int = imagenet.FORM[0][0]

    def __post_init__(self):
        if not SMALLEST <= self.image_size <= LARGEST:
            raise ValueError(f"images of {self.image_size} pixels; from {SMALLEST} to {LARGEST}")


def _of_crops(training: ImageTraining, **changes: Any) -> ImageTraining:
    """A training of the other image tasks, of crops of large pictures."""
    return dataclasses.replace(training, stem=MOBILE.stem, evaluation_batch=MOBILE.evaluation_batch, **changes)


def _settings(preset: str, weight_sharing: bool, final: ImageTraining) -> ImageSettings:
    settings = IMAGE_PRESETS[preset][weight_sharing]
    batch_size = min(settings.score.batch_size, final.batch_size)
    score = _of_crops(settings.score, batch_size=batch_size, smallest_crop=final.smallest_crop)
    return dataclasses.replace(settings, data=PictureFolder(), score=score, final=final)


# Crops of at least a third: a short training sees too little of each picture in smaller ones.
_CPU_FINAL = _of_crops(
    IMAGE_PRESETS["cpu"][False].final,
    batch_size=32,
    steps=1_000,
    smallest_crop=0.35,
    label_smoothing=MOBILE.label_smoothing,
)
PRESETS: Mapping[str, Mapping[bool, ImageSettings]] = {  # by name, then by weight sharing
    "cpu": {shared: _settings("cpu", shared, _CPU_FINAL) for shared in (False, True)},
    "paper": {shared: _settings("paper", shared, MOBILE) for shared in (True, False)},
}


class ImageNetTask(ImageTask):
    """Pictures of any size and number, and pairs of cells that learn them.

    Args:
        name: of the task.
        settings: of the study.
        data: the pictures.
    """

    names = (imagenet.NAME,)
    short: ClassVar[Mapping[str, Short]] = {
        name: each for name, each in ImageTask.short.items() if name != "autoaugment"
    }
    reads_with_tensorflow = (imagenet.NAME,)
    published_forms = {imagenet.NAME: imagenet.FORM}
    by_preset = PRESETS

    @classmethod
    def load(cls, name: str, settings: StudySettings, *, training: bool = False) -> ImageNetTask:
        """See `Task`; without pictures the task tells sizes, but trains nothing."""
        assert isinstance(settings, ImageSettings) and isinstance(settings.data, PictureFolder)
        if settings.score.autoaugment or settings.final.autoaugment:
            raise InputError(f"--set final.autoaugment: the policy is that of CIFAR; --task={name} has none")
        given = settings.data
        data = imagenet.load_imagenet(given.directory, image_size=given.image_size, download=given.download)
        if len(data.train):
            cls._check_batches(settings, data, training=training)
        return cls(name, settings, data=data)

    @classmethod
    def _final_training(cls, name, preset, *, settings, space) -> ImageTraining:
        return settings.final

    def _commonest(self) -> float:
        """See `ImageTask`; the pictures of TFDS are not read for it, and ImageNet's test has as many of each class."""
        parts = (self.data.valid, self.data.test)
        known = all(isinstance(part, imagenet.PictureFiles) for part in parts)
        return super()._commonest() if known else 1 / len(self.data.class_names)

    def require_data(self) -> None:
        """See `Task`."""
        imagenet.require_pictures(self.data)

    def evaluator(
        self, *, seed: int, directory: pathlib.Path | None = None, executor: Executor | None = None
    ) -> Evaluator:
        """See `Task`."""
        self.require_data()
        return super().evaluator(seed=seed, directory=directory, executor=executor)

    def final(
        self, network: Architecture | Rival, *, seed: int, devices: Any = None, steps: int | None = None
    ) -> FinalModel:
        """See `Task`."""
        self.require_data()
        return super().final(network, seed=seed, devices=devices, steps=steps)
