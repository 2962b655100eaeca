"""Image classifiers: pairs of convolutional cells for CIFAR-10, CIFAR-100 and anyone's folders of images.

Importing this loads no TensorFlow; making an evaluator or a final model does.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from nao_tf.architecture import Architecture, Bounded, Constraint, ConvolutionalSpace, parse_cells
from nao_tf.architecture.cells import SPACES
from nao_tf.controller.settings import PRESETS as CONTROLLERS
from nao_tf.data import digits
from nao_tf.data.images import ImageData, load_images
from nao_tf.errors import InputError
from nao_tf.search.evaluator import Evaluator, FromScratch, SharedWeights
from nao_tf.search.executors import Executor
from nao_tf.search.settings import StudySettings
from nao_tf.search.strategies.nao_settings import PUBLISHED_ASCENT
from nao_tf.settings import plain
from nao_tf.tasks.task import Metric, Short, Task, chosen
from nao_tf.training.image_settings import ImageTraining, final_training

OWN_IMAGES = "images"
RESIDUAL = "resnet"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageFiles:
    """Where images come from.

    Attributes:
        directory: folder of the published files; given, it is used strictly.
        download: whether the data are fetched where they are neither given nor prepared.
    """

    directory: str | None = None
    download: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class OwnImages(ImageFiles):
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
        final: the training of final models.
        epochs: passes of the final models over the training images; none: final.steps says how long they train.
        by_parameters: whether the shared child is trained with large architectures more often (NAO-V2).
        max_parameters: trainable parameters that a final model may have; none: any number.
        max_flops: multiply-adds that a final model may need for an image; none: any number.
    """

    data: ImageFiles = ImageFiles()
    space: str
    weight_sharing: bool
    score: ImageTraining
    final: ImageTraining
    epochs: float | None = None
    by_parameters: bool = False
    max_parameters: int | None = None
    max_flops: int | None = None

    def __post_init__(self):
        super().__post_init__()
        for name in ("epochs", "max_parameters", "max_flops"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} of {value}; more than 0")


# The authors' searches: with weight sharing in the space `enas`, without it in the space of the paper.
_PUBLISHED = ImageSettings(
    budget=3200,  # 1000 + 4 rounds
    initial=1000,
    proposals=550,
    finalists=5,
    controller=CONTROLLERS["paper"],
    ascent=dataclasses.replace(
        PUBLISHED_ASCENT,
        random_share=1 / 11,  # up to 500 of the controller, 50 random
        step_sizes=tuple(range(1, 101)),
    ),
    space="enas",
    weight_sharing=True,
    score=PUBLISHED_SHARED,
    final=PUBLISHED_FINAL,
)
_CPU = ImageSettings(
    budget=48, initial=24, proposals=8, finalists=1, space="nao", weight_sharing=False, score=CPU_SCORE, final=CPU_FINAL
)
PRESETS: Mapping[str, Mapping[bool, ImageSettings]] = {  # by name, then by weight sharing
    "cpu": {
        False: _CPU,
        True: dataclasses.replace(_CPU, space="enas", weight_sharing=True, score=CPU_SHARED),
    },
    "paper": {
        True: _PUBLISHED,
        False: dataclasses.replace(_PUBLISHED, space="nao", weight_sharing=False, score=PUBLISHED_SCRATCH),
    },
}


class ImageTask(Task):
    """Images of some classes, and pairs of cells that learn them.

    Scores are losses on the same validation images in the same batches, nothing dropped, every batch normalised by its
    own statistics. The loss ranks architectures better than the accuracy does: it reads more of each image.

    Args:
        name: of the task.
        settings: of the study.
        data: the images.
    """

    names = ("cifar10", "cifar100", OWN_IMAGES)
    axes = ("weight_sharing", "space")
    short: Mapping[str, Short] = {
        "data_dir": Short("data.directory"),
        "download": Short("data.download"),
        "image_size": Short("data.image_size"),
        "weight_sharing": Short("weight_sharing"),
        "space": Short("space"),
        "sample_by_parameters": Short("by_parameters"),
        "max_parameters": Short("max_parameters"),
        "max_flops": Short("max_flops"),
        "budget": Short("budget"),
        "initial": Short("initial"),
        "proposals": Short("proposals"),
        "finalists": Short("finalists"),
        "search_filters": Short("score.filters", description="Channels of the first cells of a search's children."),
        "search_layers": Short("score.layers", description="Normal cells of a search's children."),
        "search_steps": Short(
            "score.steps", description="Training steps of a child of a search, or of a round of the shared one."
        ),
        "filters": Short("final.filters", description="Channels of the first cells of the final models."),
        "layers": Short("final.layers", description="Normal cells of the final models; reductions are added."),
        "stack": Short("final.layers", factor=3, description="N, normal cells between reductions: --layers is 3 N."),
        "batch_size": Short(
            "final.batch_size", also=("score.batch_size",), description="Sequences or images of a training step."
        ),
        "steps": Short("final.steps", description="Training steps of the final models."),
        "epochs": Short("epochs"),
        "learning_rate": Short("final.learning_rate", description="Of the final models."),
        "weight_decay": Short("final.weight_decay"),
        "clip_norm": Short("final.clip_norm"),
        "cutout": Short("final.cutout"),
        "drop_path": Short("final.drop_path"),
        "precision": Short("final.precision"),
    }
    same = (("layers", "stack"), ("steps", "epochs"))
    default_baselines = (RESIDUAL,)
    reads_with_tensorflow = (OWN_IMAGES,)
    trains = ("data", "space", "final", "epochs")
    rival = RESIDUAL
    noun = "cells"
    metric = Metric("validation_loss", higher_is_better=False)
    final_metric = Metric("validation_accuracy", higher_is_better=True)
    settings: ImageSettings

    def __init__(self, name: str, settings: ImageSettings, *, data: ImageData):
        if settings.epochs is not None:
            steps = max(1, round(settings.epochs * (len(data.train) // settings.final.batch_size)))
            final = dataclasses.replace(settings.final, steps=steps)
            settings = dataclasses.replace(settings, final=final, epochs=None)
        super().__init__(settings)
        self.name, self.data = name, data
        self.space = self._bounded(ConvolutionalSpace(settings.space))

    def _bounded(self, space):
        """The space, with the bounds of the settings on its final models. Raises ArchitectureError: none is so small."""
        settings, data = self.settings, self.data
        bounds = {name: getattr(settings, name) for name in ("max_parameters", "max_flops")}
        bounds = {name: bound for name, bound in bounds.items() if bound is not None}
        if not bounds:
            return space
        from nao_tf.training.image_models import classifier_size

        @functools.cache
        def excess(architecture):
            size = classifier_size(settings.final, data, space, architecture.values)
            sizes = {"max_parameters": size.parameters, "max_flops": size.multiply_adds}
            return max(sizes[name] / bound for name, bound in bounds.items())

        words = " and ".join(f"--{name}={bound:,}" for name, bound in bounds.items())
        name = f"{words} with {settings.final.layers} layers of {settings.final.filters} filters"
        bounded = Bounded(space, Constraint(excess, name))
        bounded.sample(np.random.default_rng(0))  # refused before anything is written
        return bounded

    # ---- for the programs

    @classmethod
    def presets(
        cls, name: str, preset: str, *, training: bool = False, architecture: str | None = None, **axes: Any
    ) -> ImageSettings:
        """See `Task`."""
        settings = chosen(PRESETS, preset, axes.get("weight_sharing"))
        space = axes.get("space") or ("nao" if training else settings.space)
        if space not in SPACES:
            raise InputError(f"--space={space}: known are {', '.join(SPACES)}")
        if training and architecture is not None:
            space = parse_cells(architecture, ConvolutionalSpace(space)).space.name
        data = OwnImages() if name == OWN_IMAGES else ImageFiles()
        return dataclasses.replace(settings, data=data, space=space, final=final_training(preset, space, task=name))

    @classmethod
    def load(cls, name: str, settings: StudySettings, *, training: bool = False) -> ImageTask:
        """See `Task`."""
        assert isinstance(settings, ImageSettings)
        files = settings.data
        size = {"image_size": files.image_size} if isinstance(files, OwnImages) else {}
        data = load_images(name, files.directory, download=files.download, **size)
        for part in (settings.final,) if training else (settings.score, settings.final):
            if part.batch_size > len(data.train):
                raise InputError(
                    f"batches of {part.batch_size} images; {data.source} has {len(data.train)} to train with; "
                    "give a smaller --batch_size"
                )
        return cls(name, settings, data=data)

    def parse(self, text: str) -> Architecture:
        """See `Task`; cells of another space stay in it."""
        return parse_cells(text, ConvolutionalSpace(self.settings.space))

    def member(self, architecture: Architecture) -> Architecture:
        """See `Task`; cells of another space are converted."""
        return ConvolutionalSpace(self.settings.space).convert(architecture)

    # ---- the data

    def dataset(self) -> dict[str, Any]:
        """See `Task`."""
        return {"dataset": self.data.name, "source": self.data.source}

    def fingerprint(self) -> str:
        """See `Task`."""
        return self.data.fingerprint()

    def data_lines(self) -> list[str]:
        """See `Task`."""
        data = self.data
        parts = ", ".join(f"{len(getattr(data, part)):,} {part}" for part in ("train", "valid", "test"))
        line = f"images {data.name} ({data.source}): {parts}, {len(data.class_names)} classes"
        if data.name != digits.NAME:
            return [line]
        return [f"NOTICE: no {self.name} data was given; running on the embedded sample {data.name}", line]

    def description(self, architecture: Architecture | None = None) -> dict[str, Any]:
        """See `Task`."""
        from nao_tf.training.image_models import classifier_size

        data, size = self.data, None
        if architecture is not None:
            size = classifier_size(self.settings.final, data, architecture.space, architecture.values)
        return {
            **self.dataset(),
            "images": {part: len(getattr(data, part)) for part in ("train", "valid", "test")},
            "image_shape": list(data.shape),
            "classes": len(data.class_names),
            "space": self.space.name,
            "parameters": None if size is None else size.parameters,
            "multiply_adds": None if size is None else size.multiply_adds,
        }

    def score_identity(self) -> dict[str, Any]:
        """See `Task`; the bounds decide what is proposed."""
        settings = self.settings
        identity = {"weight_sharing": settings.weight_sharing, "score": plain(settings.score)}
        if settings.weight_sharing:
            identity["by_parameters"] = settings.by_parameters
        bounds = {name: getattr(settings, name) for name in ("max_parameters", "max_flops")}
        if any(bounds.values()):
            identity |= bounds | {"of": {"filters": settings.final.filters, "layers": settings.final.layers}}
        return identity

    def figures_text(self, figures: Mapping[str, Any]) -> str:
        """See `Task`."""
        return (
            f"validation accuracy {figures['validation_accuracy']:.2%}  test accuracy {figures['accuracy']:.2%}  "
            f"test loss {figures['loss']:.4f}  parameters {figures['parameters']:,}"
        )

    # ---- networks

    def evaluator(
        self, *, seed: int, directory: pathlib.Path | None = None, executor: Executor | None = None
    ) -> Evaluator:
        """See `Task`."""
        from nao_tf.training.images import ImageChild, SharedImageChild

        settings = self.settings
        kind = SharedImageChild if settings.weight_sharing else ImageChild
        make_child = functools.partial(kind, settings.score, self.data, space=settings.space)
        if settings.weight_sharing:
            if directory is None:
                raise ValueError("shared weights are kept in a directory, and none was given")
            return SharedWeights(make_child, seed=seed, directory=directory, by_parameters=settings.by_parameters)
        return FromScratch(make_child, seed=seed, executor=executor)
