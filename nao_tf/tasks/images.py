"""Image classifiers: pairs of convolutional cells for CIFAR-10, CIFAR-100 and anyone's folders of images.

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

from nao_tf import files
from nao_tf.architecture import Architecture, ConvolutionalSpace, parse_cells
from nao_tf.architecture.cells import IDENTITY, SPACES
from nao_tf.child.images.macro import macro_of_space, published_macro, reductions
from nao_tf.controller.settings import PRESETS as CONTROLLERS
from nao_tf.data import digits
from nao_tf.data.image_folder import left_out_text
from nao_tf.data.images import ImageData, load_images
from nao_tf.errors import InputError
from nao_tf.observer import Epoch, Observer
from nao_tf.search.evaluator import Evaluator, FromScratch, SharedWeights
from nao_tf.search.executors import Executor
from nao_tf.search.rungs import check_ladder
from nao_tf.search.settings import SIZES, StudySettings
from nao_tf.search.strategies.nao import PUBLISHED_ASCENT
from nao_tf.tasks.sizes import limited
from nao_tf.tasks.task import (
    EXPORT_WEIGHTS,
    LADDER,
    LIMITS,
    DataFiles,
    FinalModel,
    Latency,
    Metric,
    Rival,
    Short,
    Task,
    chosen,
    with_ladder,
)
from nao_tf.training import lengths
from nao_tf.training.image_settings import (
    FINAL_TRAININGS,
    SCRATCH_TRAININGS,
    SHARED_TRAININGS,
    ImageTraining,
    final_training,
)
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
    score=SHARED_TRAININGS["paper"],
    final=FINAL_TRAININGS["paper"],
)
_CPU = ImageSettings(
    budget=48,
    initial=24,
    proposals=8,
    finalists=1,
    space="nao",
    weight_sharing=False,
    score=SCRATCH_TRAININGS["cpu"],
    final=FINAL_TRAININGS["cpu"],
)
PRESETS: Mapping[str, Mapping[bool, ImageSettings]] = {  # by name, then by weight sharing
    "cpu": {
        False: _CPU,
        True: dataclasses.replace(_CPU, space="enas", weight_sharing=True, score=SHARED_TRAININGS["cpu"]),
    },
    "paper": {
        True: _PUBLISHED,
        False: dataclasses.replace(_PUBLISHED, space="nao", weight_sharing=False, score=SCRATCH_TRAININGS["paper"]),
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

    Class attributes:
        by_preset: the settings of presets, by name, then by weight sharing.
        published_forms: see `PUBLISHED_FORMS`.
    """

    names: ClassVar[tuple[str, ...]] = ("cifar10", "cifar100", OWN_IMAGES)
    axes = ("weight_sharing", "space")
    short: ClassVar[Mapping[str, Short]] = {
        "data_dir": Short("data.directory"),
        "download": Short("data.download"),
        "image_size": Short("data.image_size"),
        "weight_sharing": Short("weight_sharing"),
        "space": Short("space"),
        "sample_by_parameters": Short("by_parameters"),
        **LIMITS,
        "budget": Short("budget"),
        "initial": Short("initial"),
        "proposals": Short("proposals"),
        "finalists": Short("finalists"),
        "final_seeds": Short("final_seeds"),
        "audited": Short("audited"),
        "search_filters": Short("score.filters", description="Channels of the first cells of a search's children."),
        "search_layers": Short("score.layers", description="Normal cells of a search's children."),
        "search_steps": Short(
            "score.steps", description="Training steps of a child of a search, or of a round of the shared one."
        ),
        "rungs": Short("rungs", description=LADDER),
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
        "macro": Short("final.macro"),
        "label_smoothing": Short("final.label_smoothing"),
        "autoaugment": Short("final.autoaugment"),
        "export_weights": Short("export_weights"),
    }
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
    final_metric = Metric("validation_accuracy", higher_is_better=True)
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


class FinalClassifier(FinalModel):
    """An image classifier that is trained to the end.

    Args:
        trainer: a `training.images.ImageTrainer`, which other models of the network may share: the model that was
            trained last has its weights.
        data: the images.
        seed: of the weights and of everything random.
        steps: of the training.
        weights: how an export stores them.
    """

    def __init__(self, trainer: Any, *, data: ImageData, seed: int, steps: int, weights: str):
        self._trainer, self._data, self._seed, self._weights = trainer, data, seed, weights
        self.parameters, self.steps = trainer.parameters, steps
        self.ends_early = trainer.settings.patience is not None

    def train(self, checkpoint: pathlib.Path, *, label: str, observer: Observer) -> None:
        """See `FinalModel`."""
        trainer = self._trainer
        trainer.change_steps(self.steps)
        trainer.weights_of = self  # not of a model that was trained with it before
        trainer.train(
            self._seed,
            checkpoint=checkpoint,
            report=lambda step, loss: observer.training(label, step, loss=loss, steps=self.steps),
            on_epoch=lambda epoch: observer.epoch(label, _shown(epoch)),
        )

    def validate(self) -> float:
        """Validation accuracy."""
        return self._trained().validate()

    def measure(self) -> dict[str, Any]:
        """Validation and test figures, every image once, and trainable parameters without an auxiliary head's.

        Also the training steps that were made, and those that led to the weights.
        """
        trainer = self._trained()
        valid, test = trainer.measure(self._data.valid), trainer.measure(self._data.test)
        figures = {
            "validation_accuracy": valid.accuracy,
            "validation_loss": valid.loss,
            "accuracy": test.accuracy,
            "loss": test.loss,
            "parameters": self.parameters,
        }
        done, best = trainer.trained
        if best:  # not of a training of before images were validated
            figures |= {"trained_steps": done, "best_step": best}
        return figures if test.top_5 is None else {**figures, "top_5_accuracy": test.top_5}

    def seconds_per_step(self) -> float:
        """See `FinalModel`."""
        self._trainer.weights_of = None
        return self._trainer.seconds_per_step()

    def export(self, directory: pathlib.Path) -> None:
        """Writes the model with the names of its classes, and what names the images that it was trained on."""
        from nao_tf.serving import training_data
        from nao_tf.serving.export_classifier import export_classifier

        with files.replacing(directory) as temporary:
            export_classifier(
                self._trained().model,
                self._data.class_names,
                directory=temporary,
                centre=self._data.centre,
                weights=self._weights,
            )
            training_data.write(temporary, self._data.fingerprint())

    def export_keras(self, directory: pathlib.Path) -> str | None:
        """See `FinalModel`; with the names of the classes."""
        from nao_tf.serving.export_keras import export_keras_classifier

        reason = export_keras_classifier(self._trained().model, self._data.class_names, directory=directory)
        return None if reason is None else f"no found_cell.py: {reason}"

    def _trained(self):
        """The trainer, with this model's weights. Raises RuntimeError where it has others."""
        if self._trainer.weights_of is not self:
            raise RuntimeError("another model was trained with this program since; train this one from its checkpoint")
        return self._trainer


def _shown(epoch) -> Epoch:
    """An epoch as observers get it: accuracies instead of shares of errors."""
    return Epoch(
        number=epoch.epoch,
        step=epoch.step,
        metric=ImageTask.final_metric.name,
        value=None if epoch.validation is None else 1 - epoch.validation,
        best=1 - epoch.best,
        averaged=epoch.averaging,
        ending=epoch.ending,
    )
