"""The image classifiers that are trained, made of settings and data, without their weights."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from nao_tf.architecture import Architecture, ConvolutionalSpace
from nao_tf.child.images.cell_classifier import ImageClassifier
from nao_tf.child.images.residual_classifier import ResidualClassifier
from nao_tf.child.images.shared_classifier import SharedImageClassifier
from nao_tf.child.images.size import Size, size_of
from nao_tf.data.images import ImageData
from nao_tf.training.image_settings import ImageTraining

PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
# The structure around the cells, by the space that they come from: that of the authors' program for the space.
MACRO_OF_SPACE = {"nao": "nao", "nao19": "nao", "enas": "nao_ws", "nao_v2": "nao_ws"}
BLOCKS = 3  # of a stage of the residual network: 20 layers


def _common(settings: ImageTraining, data: ImageData) -> dict:
    """What all models of a data set are made with."""
    mean, deviation = data.statistics()
    return {
        "classes": len(data.class_names),
        "image_shape": list(data.shape),
        "mean": mean,
        "deviation": deviation,
        "dropout": settings.dropout,
        "cutout": settings.cutout,
        "dtype": keras.DTypePolicy(PRECISIONS[settings.precision]),
    }


def make_classifier(settings: ImageTraining, data: ImageData, architecture: Architecture) -> ImageClassifier:
    """A final model, without its weights."""
    space = architecture.space
    nodes = [
        [[[branch.source, branch.operation] for branch in node] for node in cell.nodes]
        for cell in space.cells_of(architecture.values)
    ]
    return ImageClassifier(
        nodes,
        filters=settings.filters,
        layers=settings.layers,
        macro=MACRO_OF_SPACE[space.name],
        drop_path=settings.drop_path,
        auxiliary=settings.auxiliary_weight > 0,
        **_common(settings, data),
    )


def classifier_size(settings: ImageTraining, data: ImageData, space: ConvolutionalSpace, values: Sequence[int]) -> Size:
    """The size of the final model of an architecture's integers, by arithmetic."""
    return size_of(
        space.cells_of(values),
        len(data.class_names),
        settings.filters,
        settings.layers,
        data.shape,
        MACRO_OF_SPACE[space.name],
    )


def make_residual(settings: ImageTraining, data: ImageData, width: int) -> ResidualClassifier:
    """The hand-made network, without its weights."""
    return ResidualClassifier(width=width, blocks=BLOCKS, **_common(settings, data))


def make_shared(settings: ImageTraining, data: ImageData, space: str, per_input: bool) -> SharedImageClassifier:
    """The child of a search, without its weights."""
    return SharedImageClassifier(
        space,
        filters=settings.filters,
        layers=settings.layers,
        per_input=per_input,
        auxiliary=settings.auxiliary_weight > 0,
        **_common(settings, data),
    )
