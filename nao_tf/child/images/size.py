"""How large an image classifier is, by arithmetic alone: quick enough to judge every proposal of a search.

No TensorFlow runs here; the networks build what this counts, and a test holds them together.
"""

import dataclasses
from collections.abc import Sequence

from nao_tf.architecture.cells import INPUTS, Cell
from nao_tf.child.images.macro import STEM, macro_of, reductions
from nao_tf.child.images.operations import Convolution, FactorisedReduction, Operation, operation_called

STAGES = 3  # of a residual network

_POINTWISE, _HALVING, _SQUARE = Convolution(1, 1), FactorisedReduction(), Convolution(3, 3)


@dataclasses.dataclass(frozen=True)
class Size:
    """The size of a network without its auxiliary head.

    Attributes:
        parameters: trainable ones.
        multiply_adds: of all operations and the last layer, for one image; papers call them FLOPs.
    """

    parameters: int = 0
    multiply_adds: int = 0

    def __add__(self, other: "Size") -> "Size":
        """The size of both."""
        return Size(self.parameters + other.parameters, self.multiply_adds + other.multiply_adds)

    @classmethod
    def of(cls, operation: Operation, filters: int, *, pixels: int, channels: int | None = None) -> "Size":
        """The size of an operation.

        Args:
            operation: it.
            filters: channels of its output.
            pixels: of its output.
            channels: of its input; None for as many as of its output.
        """
        channels = filters if channels is None else channels
        return cls(operation.parameters(channels, filters), operation.multiply_adds(channels, filters, pixels=pixels))

    @classmethod
    def of_last_layer(cls, features: int, classes: int, *, bias: bool = True) -> "Size":
        """The size of a dense layer."""
        return cls((features + bias) * classes, features * classes)


def _halved(shape):
    return tuple(-(-size // 2) for size in shape)


def _pixels(shape):
    return shape[0] * shape[1]


def _branches(cell):
    return [branch for node in cell.nodes for branch in node]


def size_of_cells(
    cells: Sequence[Cell], image_shape: Sequence[int], *, classes: int, filters: int, layers: int, macro: str
) -> Size:
    """The size of a classifier around a `CellNetwork`.

    Args:
        cells: the normal and the reduction cell.
        image_shape: `[H, W, C]`.
        classes: of the last layer.
        filters: of the first cells.
        layers: normal cells.
        macro: a key of `MACROS`.
    """
    structure = macro_of(macro)
    shape, channels = tuple(image_shape[:2]), STEM * filters
    total = Size.of(_SQUARE, channels, pixels=_pixels(shape), channels=image_shape[2])
    older = newer = (shape, channels)
    for reduction in reductions(layers):
        filters *= 2 if reduction else 1
        cell, (shape, channels) = cells[int(reduction)], newer
        if older[0] != shape or older[1] != filters:
            # a factorised reduction has as many weights as a pointwise convolution, half of them at either place
            total += Size.of(_POINTWISE, filters, pixels=_pixels(shape), channels=older[1])
        base = structure.newer == "base"
        if not base or channels != filters:
            total += Size.of(_POINTWISE, filters, pixels=_pixels(shape), channels=channels)
        if base:
            total += Size.of(_POINTWISE, filters, pixels=_pixels(shape))
        after = _halved(shape) if reduction else shape
        for branch in _branches(cell):
            stride = 2 if reduction and branch.source < INPUTS else 1
            operation = operation_called(branch.operation, stride=stride, factorised=structure.factorised_identity)
            total += Size.of(operation, filters, pixels=_pixels(after))
        for state in cell.loose_ends:
            if reduction and state < INPUTS:
                total += Size.of(_HALVING, filters, pixels=_pixels(after))
        older, newer = newer, (after, filters * len(cell.loose_ends))
    return total + Size.of_last_layer(newer[1], classes, bias=structure.bias)


def size_of_shared_cells(
    cells: Sequence[Cell], image_shape: Sequence[int], *, classes: int, filters: int, layers: int
) -> Size:
    """The size of what one architecture uses of a classifier around a `SharedNetwork`.

    Args:
        cells: the normal and the reduction cell.
        image_shape: `[H, W, C]`.
        classes: of the last layer.
        filters: of the first cells.
        layers: normal cells.
    """
    shape, channels = tuple(image_shape[:2]), STEM * filters
    total = Size.of(_SQUARE, channels, pixels=_pixels(shape), channels=image_shape[2])
    older = newer = (shape, channels)
    for reduction in reductions(layers):
        filters *= 2 if reduction else 1
        cell, target = cells[int(reduction)], _halved(newer[0]) if reduction else newer[0]
        for shape, channels in (older, newer):
            total += _size_of_preparation(shape, channels, target=target, filters=filters)
        for branch in _branches(cell):
            total += Size.of(operation_called(branch.operation), filters, pixels=_pixels(target))
        mixing = Size.of(_POINTWISE, filters, pixels=_pixels(target), channels=filters * len(cell.loose_ends))
        total, older, newer = total + mixing, newer, (target, filters)
    return total + Size.of_last_layer(newer[1], classes)


def _size_of_preparation(shape, channels, *, target, filters):
    """The layers that bring an input of a shared cell to its size: halvings, or one pointwise convolution."""
    if shape[0] <= target[0]:
        return Size.of(_POINTWISE, filters, pixels=_pixels(target), channels=channels)
    total = Size()
    while shape[0] > target[0]:
        shape = _halved(shape)
        total += Size.of(_HALVING, filters, pixels=_pixels(shape), channels=channels)
        channels = filters
    return total


def size_of_residual(width: int, blocks: int, *, image_shape: Sequence[int], classes: int) -> Size:
    """The size of a classifier around a `ResidualNetwork`.

    Args:
        width: channels of the first stage.
        blocks: of each stage.
        image_shape: `[H, W, C]`.
        classes: of the last layer.
    """
    shape = tuple(image_shape[:2])
    total = Size.of(_SQUARE, width, pixels=_pixels(shape), channels=image_shape[2])
    older = width
    for stage in range(STAGES):
        newer, shape = width * 2**stage, _halved(shape) if stage else shape
        total += Size.of(_SQUARE, newer, pixels=_pixels(shape), channels=older)
        for _ in range(2 * blocks - 1):
            total += Size.of(_SQUARE, newer, pixels=_pixels(shape))
        if stage:  # the shortcut
            total += Size.of(_POINTWISE, newer, pixels=_pixels(shape), channels=older)
        older = newer
    return total + Size.of_last_layer(older, classes)
