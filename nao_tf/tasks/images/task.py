"""The task of images: pairs of convolutional cells that learn the classes of pictures.

Importing this loads no TensorFlow; making an evaluator or a final model does.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import pathlib
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from nao_tf.architecture import Architecture, ConvolutionalSpace, parse_cells
from nao_tf.architecture.cells import IDENTITY, SPACES
from nao_tf.child.images.macro import macro_of_space, published_macro, reductions
from nao_tf.data import digits
from nao_tf.data.image_folder import left_out_text
from nao_tf.data.images import ImageData, load_images
from nao_tf.errors import InputError
from nao_tf.search.evaluator import Evaluator, FromScratch, SharedWeights
from nao_tf.search.executors import Executor
from nao_tf.search.settings import SIZES, StudySettings
from nao_tf.tasks.images.final_model import ACCURACY, FinalClassifier
from nao_tf.tasks.images.flags import FLAGS
from nao_tf.tasks.images.presets import PRESETS
from nao_tf.tasks.images.settings import ImageSettings, OwnImages
from nao_tf.tasks.sizes import limited
from nao_tf.tasks.task import FinalModel, Latency, Metric, Rival, Task, chosen, with_ladder
from nao_tf.training import lengths
from nao_tf.training.image_settings import ImageTraining, final_training
from nao_tf.training.published_networks import cells_in, published_training

OWN_IMAGES = "images"
RESIDUAL = "resnet"
_COLOURS = 3
# Of the published data of a task: the shape of an image, and the classes. A dry run tells a network's size for these
# too, where other data stand in for them.
PUBLISHED_FORMS: Mapping[str, tuple[tuple[int, int, int], int]] = {
    "cifar10": ((32, 32, 3), 10),
    "cifar100": ((32, 32, 3), 100),
}


class ImageTask(Task):
    """Images of some classes, and pairs of cells that learn them.

    Scores are losses on the same validation images in the same batches, nothing dropped, every batch normalised by its
    own statistics. The loss ranks architectures better than the accuracy does: it reads more of each image.

    Args:
        name: of the task.
        settings: of the study.
        data: the images.

    Class attributes:
        by_preset: the settings of presets, by name, then by weight sharing.
        published_forms: see `PUBLISHED_FORMS`.
    """

    names: ClassVar[tuple[str, ...]] = ("cifar10", "cifar100", OWN_IMAGES)
    axes = ("weight_sharing", "space")
    short = FLAGS
    same = (("layers", "stack"), ("steps", "epochs"), ("search_steps", "rungs"))
    default_baselines = (RESIDUAL,)
    reads_with_tensorflow = (OWN_IMAGES,)
    trains = ("data", "space", "final", "final_seeds", "epochs", "export_weights")
    rival = RESIDUAL
    sizes = varying_sizes = SIZES
    measures_latency = True
    noun = "cells"
    by_preset: ClassVar[Mapping[str, Mapping[bool, ImageSettings]]] = PRESETS
    published_forms: ClassVar[Mapping[str, tuple[tuple[int, int, int], int]]] = PUBLISHED_FORMS
    metric = Metric("validation_loss", higher_is_better=False)
    final_metric = ACCURACY
    test_metric = Metric("accuracy", higher_is_better=True, form="{:.2%}")

    def __init__(self, name: str, settings: ImageSettings, *, data: ImageData):
        settings = with_ladder(settings)  # a length that is given
        if settings.epochs is not None:
            steps = max(1, round(settings.epochs * (len(data.train) // settings.final.batch_size)))
            final = dataclasses.replace(settings.final, steps=steps)
            settings = dataclasses.replace(settings, final=final, epochs=None)
        settings, images = with_ladder(settings), len(data.train)
        self._chosen = {"score": not settings.score.steps, "final": not settings.final.steps}
        settings = dataclasses.replace(
            settings, score=settings.score.for_epochs_of(images), final=settings.final.for_epochs_of(images)
        )
        super().__init__(settings)
        self.name, self.data = name, data
        self._trainers: dict[object, Any] = {}
        self.limits_of(None)

    def __getstate__(self) -> dict[str, Any]:
        # another process compiles its own programs; it proposes nothing, so it needs no bounds
        return {**self.__dict__, "space": ConvolutionalSpace(self.settings.space), "_trainers": {}}

    # ---- how large its networks are

    def sizes_of(self, architecture: Architecture) -> dict[str, float]:
        """See `Task`."""
        from nao_tf.training.image_models import classifier_size

        classes = len(self.data.class_names)
        size = classifier_size(self.settings.final, self.data.shape, classes=classes, architecture=architecture)
        return {"parameters": size.parameters, "flops": size.multiply_adds}

    @property
    def copies_of_weights(self) -> int | None:
        """See `Task`; weights and momentum, as they are and as they were best."""
        return 4

    def limits_of(self, latency: Latency | None) -> None:
        """See `Task`."""
        final = self.settings.final
        self.space = limited(
            ConvolutionalSpace(self.settings.space),
            self.settings.bounds,
            task=self,
            latency=latency,
            of=f"{final.layers} layers of {final.filters} filters",
        )

    def serve_untrained(self, architecture: Architecture, directory: pathlib.Path) -> Mapping[str, Any]:
        """See `Task`; one image."""
        from nao_tf.serving.export_classifier import export_classifier
        from nao_tf.training.image_models import make_network

        model = make_network(self.settings.final, self.data, network=architecture)
        model.build()
        export_classifier(model, self.data.class_names, directory=directory, weights=self.settings.export_weights)
        return {"images": np.random.default_rng(0).integers(0, 256, [1, *self.data.shape]).astype(np.uint8)}

    def latency_features(self, architecture: Architecture) -> tuple[float, ...]:
        """See `Task`; multiply-adds, and operations that compute, in all cells of the network."""
        cells = ConvolutionalSpace(self.settings.space).cells_of(architecture.values)
        computing = [sum(branch.operation != IDENTITY for node in cell.nodes for branch in node) for cell in cells]
        count = sum(computing[int(reduction)] for reduction in reductions(self.settings.final.layers))
        return self.sizes_of(architecture)["flops"], count

    # ---- for the programs

    @classmethod
    def presets(
        cls, name: str, preset: str, *, training: bool = False, architecture: str | None = None, **axes: Any
    ) -> ImageSettings:
        """See `Task`."""
        settings = chosen(cls.by_preset, preset, variant=axes.get("weight_sharing"))
        space = axes.get("space") or ("nao" if training else settings.space)
        if space not in SPACES:
            raise InputError(f"--space={space}: known are {', '.join(SPACES)}")
        cells = None
        if training and architecture is not None:
            cells = parse_cells(cells_in(architecture), ConvolutionalSpace(space))
            space = cells.space.name
        final = cls._final_training(name, preset, settings=settings, space=space)
        if cells is not None:
            assert architecture is not None
            published = published_training(architecture, cells, task=name) if preset == "paper" else None
            final = published or dataclasses.replace(final, macro=_own_macro(cells))
        data, score = settings.data, settings.score
        if name == OWN_IMAGES:
            data = OwnImages()
            if preset in lengths.FITTED:
                length = "image_round" if settings.weight_sharing else "image_child"
                score = dataclasses.replace(score, steps=0, length=length)
                final = dataclasses.replace(final, steps=0, length="image_final")
        return dataclasses.replace(settings, data=data, space=space, score=score, final=final)

    @classmethod
    def _final_training(cls, name, preset, *, settings, space) -> ImageTraining:
        """The training of final models of cells of a space."""
        return final_training(preset, space, task=name)

    @classmethod
    def load(cls, name: str, settings: StudySettings, *, training: bool = False) -> ImageTask:
        """See `Task`."""
        assert isinstance(settings, ImageSettings)
        given = settings.data
        size = given.image_size if isinstance(given, OwnImages) else OwnImages.image_size
        data = load_images(name, given.directory, download=given.download, image_size=size)
        cls._check_batches(settings, data, training=training)
        return cls(name, settings, data=data)

    def with_settings(self, settings: ImageSettings) -> ImageTask:
        """See `Task`."""
        return type(self)(self.name, settings, data=self.data)

    @staticmethod
    def _check_batches(settings, data, *, training):
        """Raises InputError where images are fewer than a batch has, lack colours for a policy, or are all cut out."""
        for part in (settings.final,) if training else (settings.score, settings.final):
            if part.autoaugment and data.shape[-1] != _COLOURS:
                raise InputError(
                    f"--autoaugment: the policy changes colours; images of {data.source} have {data.shape[-1]} channel"
                )
            if part.batch_size > len(data.train):
                raise InputError(
                    f"batches of {part.batch_size} images; {data.source} has {len(data.train)} to train with; "
                    "give a smaller --batch_size"
                )
            if part.cutout >= 2 * max(data.shape[:2]):  # wherever its centre lies
                raise InputError(
                    f"a cutout of {part.cutout} pixels leaves nothing of images of {data.shape[0]} x {data.shape[1]}; "
                    "give a smaller --cutout"
                )

    def parse(self, text: str) -> Architecture:
        """See `Task`; cells of another space stay in it."""
        return parse_cells(cells_in(text), ConvolutionalSpace(self.settings.space))

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
        if data.left_out:
            line += f"; left out: {left_out_text(data.left_out)}"
        notes = [f"NOTICE: {note}" for note in data.notes]
        if data.name == digits.NAME:
            notes = [f"NOTICE: no {self.name} data was given; running on the embedded sample {data.name}", *notes]
        return [*notes, line]

    def length_line(self, *, training: bool = False) -> str | None:
        """See `Task`."""
        images = len(self.data.train)
        return lengths.line_of_study(
            self.settings,
            self._chosen,
            per_epoch=lambda part: part.per_epoch(images),
            size=f"{images:,} images",
            training=training,
        )

    def description(self, architecture: Architecture | None = None) -> dict[str, Any]:
        """See `Task`."""
        from nao_tf.training.image_models import classifier_size, macro_for

        data, final = self.data, self.settings.final
        size, form = None, None
        if architecture is not None:
            classes = len(data.class_names)
            size = classifier_size(final, data.shape, classes=classes, architecture=architecture)
            if self.published_forms.get(self.name, (data.shape, classes)) != (data.shape, classes):
                shape, classes = self.published_forms[self.name]
                published = classifier_size(final, shape, classes=classes, architecture=architecture)
                form = {"image_shape": list(shape), "classes": classes, **dataclasses.asdict(published)}
        return {
            **self.dataset(),
            "images": {part: len(getattr(data, part)) for part in ("train", "valid", "test")},
            "image_shape": list(data.shape),
            "classes": len(data.class_names),
            "left_out": dict(data.left_out),
            "notes": list(data.notes),
            "space": self.space.name if architecture is None else architecture.space.name,
            "parameters": None if size is None else size.parameters,
            "multiply_adds": None if size is None else size.multiply_adds,
            **({} if architecture is None else {"macro": macro_for(final, architecture), "stem": final.stem}),
            **({} if form is None else {"published_form": form}),
        }

    def score_identity(self) -> dict[str, Any]:
        """See `Task`; the bounds decide what is proposed."""
        settings = self.settings
        identity = {"weight_sharing": settings.weight_sharing, "score": settings.score.identity()}
        if settings.rungs:
            identity["rungs"] = list(settings.rungs)
        if settings.weight_sharing:
            identity["by_parameters"] = settings.by_parameters
        bounds = {name: getattr(settings, name) for name in ("max_parameters", "max_flops")}
        if settings.max_latency_ms is not None:
            bounds["max_latency_ms"] = settings.max_latency_ms
        if any(bounds.values()):
            identity |= bounds | {"of": {"filters": settings.final.filters, "layers": settings.final.layers}}
        return identity

    def final_identity(self) -> Any:
        """See `Task`."""
        return self.settings.final.identity()

    def figures_text(self, figures: Mapping[str, Any]) -> str:
        """See `Task`."""
        top_5 = f"top-5 {figures['top_5_accuracy']:.2%}  " if "top_5_accuracy" in figures else ""
        return (
            f"validation accuracy {figures['validation_accuracy']:.2%}  test accuracy {figures['accuracy']:.2%}  "
            f"{top_5}test loss {figures['loss']:.4f}  parameters {figures['parameters']:,}"
        )

    def useless(self, figures: Mapping[str, Any]) -> str | None:
        """See `Task`; a guess names the commonest class, and is right by two standard errors more often by luck."""
        parts = ((figures["validation_accuracy"], self.data.valid), (figures["accuracy"], self.data.test))
        right = sum(accuracy * len(part) for accuracy, part in parts)
        count, share = sum(len(part) for _, part in parts), self._commonest()
        if right / count > share + 2 * math.sqrt(share * (1 - share) / count):
            return None
        return (
            f"accuracy {right / count:.2%} on validation and test is that of a guess, the commonest class being "
            f"{share:.2%}: it has learnt nothing"
        )

    def _commonest(self) -> float:
        """The share of the commonest class among the validation and the test images."""
        labels = np.concatenate([self.data.valid.labels, self.data.test.labels])
        return np.bincount(labels).max() / len(labels)

    # ---- networks

    @property
    def independent_scores(self) -> bool:
        """See `Task`; not with shared weights."""
        return not self.settings.weight_sharing

    def evaluator(
        self, *, seed: int, directory: pathlib.Path | None = None, executor: Executor | None = None
    ) -> Evaluator:
        """See `Task`."""
        from nao_tf.training.image_children import ImageChild, SharedImageChild
        from nao_tf.training.reproducible import reproducibly

        settings = self.settings
        space = ConvolutionalSpace(settings.space)
        if settings.weight_sharing:
            shared = functools.partial(SharedImageChild, settings.score, data=self.data, space=space)
            return SharedWeights(shared, seed=seed, directory=directory, by_parameters=settings.by_parameters)
        child = functools.partial(reproducibly, ImageChild, seed, settings.score, data=self.data, space=space)
        return FromScratch(child, seed=seed, executor=executor, directory=directory, steps=settings.rungs)

    def final(
        self, network: Architecture | Rival, *, seed: int, devices: Any = None, steps: int | None = None
    ) -> FinalModel:
        """See `Task`; models of one network share its compiled program while no other is made."""
        from nao_tf.training.image_models import ResNet
        from nao_tf.training.images import ImageTrainer

        settings = self.settings.final
        trained = ResNet(**network.size) if isinstance(network, Rival) else network
        key = settings, trained, devices
        if key not in self._trainers:
            # the last one only: a network for every finalist would hold much memory
            self._trainers = {key: ImageTrainer(settings, data=self.data, network=trained, devices=devices)}
        steps = settings.steps if steps is None else steps
        weights = self.settings.export_weights
        return FinalClassifier(self._trainers[key], data=self.data, seed=seed, steps=steps, weights=weights)

    def rival_of(self, model: FinalModel) -> Rival:
        """A residual network of 20 layers with about as many parameters."""
        from nao_tf.training.image_models import ResNet

        assert model.parameters is not None
        width = ResNet.of_size(model.parameters, self.data, stem=self.settings.final.stem).width
        return Rival(RESIDUAL, {"width": width})


def _own_macro(architecture: Architecture) -> str | None:
    """The structure that cells were published with; None: that of their space, as of all others."""
    macro = published_macro(architecture)
    return None if macro == macro_of_space(architecture.space.name) else macro
