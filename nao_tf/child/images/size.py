"""How large an image classifier is, by arithmetic alone: quick enough to judge every proposal of a search.

No TensorFlow runs here; `image_classifier` builds what this counts, and a test holds them together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from nao_tf.architecture.cells import IDENTITY, INPUTS, Cell
from nao_tf.child.images.cell import macro_of
from nao_tf.child.images.cell_classifier import STEM, reductions
from nao_tf.child.images.operations import CONVOLUTIONS


@dataclasses.dataclass
class Size:
    """The size of a network without its auxiliary head.

    Attributes:
        parameters: trainable ones.
        multiply_adds: of all convolutions and the last layer, for one image; papers call them FLOPs.
    """

    parameters: int = 0
    multiply_adds: int = 0

    def convolution(self, kernels: int, filters: int, pixels: int) -> None:
        """Adds a convolution with so many weights, its normalisation of so many channels, at so many places."""
        self.parameters += kernels + 2 * filters  # scale and offset
        self.multiply_adds += kernels * pixels


def _halved(shape):
    return tuple(-(-size // 2) for size in shape)


def _pixels(shape):
    return shape[0] * shape[1]


def size_of(
    cells: Sequence[Cell], classes: int, filters: int, layers: int, image_shape: Sequence[int], macro: str
) -> Size:
    """The size of an `ImageClassifier`.

    Args:
        cells: the normal and the reduction cell.
        classes: of the last layer.
        filters: of the first cells.
        layers: normal cells.
        image_shape: `[H, W, C]`.
        macro: a key of `cell.MACROS`.
    """
    structure, total = macro_of(macro), Size()
    shape, channels = tuple(image_shape[:2]), STEM * filters
    total.convolution(9 * image_shape[2] * channels, channels, _pixels(shape))
    older = newer = (shape, channels)
    for reduction in reductions(layers):
        filters *= 2 if reduction else 1
        cell, (shape, channels) = cells[int(reduction)], newer
        if older[0] != shape or older[1] != filters:
            # a factorised reduction has as many weights as a pointwise convolution, half of them at either place
            total.convolution(older[1] * filters, filters, _pixels(shape))
        base = structure.newer == "base"
        if not base or channels != filters:
            total.convolution(channels * filters, filters, _pixels(shape))
        if base:
            total.convolution(filters * filters, filters, _pixels(shape))
        after = _halved(shape) if reduction else shape
        for branch in (branch for node in cell.nodes for branch in node):
            if branch.operation == IDENTITY and reduction and branch.source < INPUTS:
                total.convolution(filters * filters, filters, _pixels(after))
            for step in CONVOLUTIONS.get(branch.operation, ()):
                kernel = step.height * step.width * filters
                kernels = kernel + filters * filters if step.separable else kernel * filters
                total.convolution(kernels, filters, _pixels(after))
        for state in cell.loose_ends:
            if reduction and state < INPUTS:
                total.convolution(filters * filters, filters, _pixels(after))
        older, newer = newer, (after, filters * len(cell.loose_ends))
    features = newer[1]
    total.parameters += (features + structure.bias) * classes
    total.multiply_adds += features * classes
    return total
