"""The image classifiers that are trained, made of settings and data, without their weights."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Self

import keras

from nao_tf.architecture import Architecture, ConvolutionalSpace
from nao_tf.child.images.cell import cells_of
from nao_tf.child.images.cell_network import CellNetwork
from nao_tf.child.images.classifier import Classifier, Network
from nao_tf.child.images.macro import DEFAULT_STEM, published_macro
from nao_tf.child.images.residual_network import ResidualNetwork, width_of_equal_size
from nao_tf.child.images.shared_network import SharedNetwork
from nao_tf.child.images.size import Size, size_of_cells
from nao_tf.data.images import ImageData
from nao_tf.training.image_settings import ImageTraining

PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
BLOCKS = 3  # of a stage of the residual network: 20 layers


def _policy(settings: ImageTraining) -> keras.DTypePolicy:
    return keras.DTypePolicy(PRECISIONS[settings.precision])


def _classifier(settings: ImageTraining, data: ImageData, network: Network, **options: Any) -> Classifier:
    """A network with what the data and the settings say of every classifier."""
    mean, deviation = data.statistics()
    return Classifier(
        network,
        classes=len(data.class_names),
        image_shape=data.shape,
        mean=mean,
        deviation=deviation,
        dropout=settings.dropout,
        cutout=settings.cutout,
        **options,
    )


def make_classifier(settings: ImageTraining, data: ImageData, *, architecture: Architecture) -> Classifier:
    """A final model, without its weights."""
    network = CellNetwork(
        cells_of(architecture),
        settings.filters,
        layers=settings.layers,
        macro=macro_for(settings, architecture),
        stem=settings.stem,
        drop_path=settings.drop_path,
        drop_identity=settings.drop_identity,
        dtype=_policy(settings),
    )
    return _classifier(settings, data, network, auxiliary=settings.auxiliary_weight > 0)


def classifier_size(
    settings: ImageTraining, image_shape: Sequence[int], *, classes: int, architecture: Architecture
) -> Size:
    """The size of the final model of an architecture, by arithmetic.

    Args:
        settings: of its training.
        image_shape: `[H, W, C]`.
        classes: K.
        architecture: of a convolutional space.
    """
    return size_of_cells(
        cells_of(architecture),
        image_shape,
        classes=classes,
        filters=settings.filters,
        layers=settings.layers,
        macro=macro_for(settings, architecture),
        stem=settings.stem,
    )


def macro_for(settings: ImageTraining, architecture: Architecture) -> str:
    """The key of `MACROS` of an architecture's final model."""
    return settings.macro or published_macro(architecture)


def make_residual(settings: ImageTraining, data: ImageData, *, width: int) -> Classifier:
    """The hand-made network, without its weights."""
    return _classifier(settings, data, ResidualNetwork(width, BLOCKS, stem=settings.stem, dtype=_policy(settings)))


def make_shared(settings: ImageTraining, data: ImageData, *, space: ConvolutionalSpace, per_input: bool) -> Classifier:
    """The child of a search, without its weights.

    Args:
        settings: of its training.
        data: the images.
        space: that the architectures are of.
        per_input: see `SharedCell`.
    """
    network = SharedNetwork(
        space.operations,
        settings.filters,
        layers=settings.layers,
        stem=settings.stem,
        first=space.numbering.first_searched,
        per_input=per_input,
        dtype=_policy(settings),
    )
    return _classifier(settings, data, network, auxiliary=settings.auxiliary_weight > 0)


@dataclasses.dataclass(frozen=True)
class ResNet:
    """The hand-made network that found cells are compared with: a residual network of 20 layers.

    Attributes:
        width: channels of the first stage.
    """

    width: int

    @classmethod
    def of_size(cls, parameters: int, data: ImageData, *, stem: str = DEFAULT_STEM) -> Self:
        """The network that is nearest to a number of trainable parameters, of the widths that are fast."""
        channels, classes = data.shape[-1], len(data.class_names)
        return cls(width_of_equal_size(parameters, blocks=BLOCKS, channels=channels, classes=classes, stem=stem))


TrainedNetwork = Architecture | ResNet


def make_network(settings: ImageTraining, data: ImageData, *, network: TrainedNetwork) -> keras.Model:
    """The classifier of a network, without its weights."""
    if isinstance(network, ResNet):
        return make_residual(settings, data, width=network.width)
    return make_classifier(settings, data, architecture=network)
