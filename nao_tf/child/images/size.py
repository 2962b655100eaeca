"""How large an image classifier is, by arithmetic alone: quick enough to judge every proposal of a search.

No TensorFlow runs here; the networks build what this counts, and a test holds them together.
"""

import dataclasses
from collections.abc import Sequence

from nao_tf.architecture.cells import INPUTS, Cell
from nao_tf.child.images.macro import ALWAYS, DEFAULT_STEM, TWICE, macro_of, reductions, stem_of
from nao_tf.child.images.operations import (
    HALVINGS,
    Convolution,
    FactorisedReduction,
    Operation,
    halved,
    operation_called,
)

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
    def of(
        cls,
        operation: Operation,
        filters: int,
        *,
        shape: tuple[int, int],
        channels: int | None = None,
        stride: int = 1,
    ) -> "Size":
        """The size of an operation.

        Args:
            operation: it.
            filters: channels of its output.
            shape: H and W of its input.
            channels: of its input; None for as many as of its output.
            stride: see `Operation.apply`.
        """
        channels = filters if channels is None else channels
        multiply_adds = operation.multiply_adds(channels, filters, shape=shape, stride=stride)
        return cls(operation.parameters(channels, filters), multiply_adds)

    @classmethod
    def of_last_layer(cls, features: int, classes: int, *, bias: bool = True) -> "Size":
        """The size of a dense layer."""
        return cls((features + bias) * classes, features * classes)


_Output = tuple[tuple[int, int], int]  # H and W, and channels


def _branches(cell):
    return [branch for node in cell.nodes for branch in node]


def _size_of_stem(image_shape: Sequence[int], filters: int, stem: str) -> tuple[Size, _Output, _Output]:
    """The size of a stem, and what the first cell reads: the older and the newer output."""
    height, width, channels = image_shape
    total, outputs = Size(), [((height, width), channels)]
    for each in stem_of(stem).convolutions:
        (shape, channels), wider = outputs[-1], each.channels(filters)
        total += Size.of(_SQUARE, wider, shape=shape, channels=channels, stride=each.stride)
        outputs.append((halved(shape) if each.stride > 1 else shape, wider))
    older, newer = [outputs[1], *outputs[1:]][-2:]
    return total, older, newer


def size_of_cells(
    cells: Sequence[Cell],
    image_shape: Sequence[int],
    *,
    classes: int,
    filters: int,
    layers: int,
    macro: str,
    stem: str = DEFAULT_STEM,
) -> Size:
    """The size of a classifier around a `CellNetwork`.

    Args:
        cells: the normal and the reduction cell.
        image_shape: `[H, W, C]`.
        classes: of the last layer.
        filters: of the first cells.
        layers: normal cells.
        macro: a key of `MACROS`.
        stem: a key of `STEMS`.
    """
    structure = macro_of(macro)
    total, older, newer = _size_of_stem(image_shape, filters, stem)
    for reduction in reductions(layers):
        filters *= 2 if reduction else 1
        cell, (shape, channels) = cells[int(reduction)], newer
        if older[0] != shape:
            total += Size.of(_HALVING, filters, shape=older[0], channels=older[1], stride=2)
        elif older[1] != filters:
            total += Size.of(_POINTWISE, filters, shape=shape, channels=older[1])
        if structure.newer == ALWAYS or channels != filters:
            total += Size.of(_POINTWISE, filters, shape=shape, channels=channels)
        if structure.newer == TWICE:
            total += Size.of(_POINTWISE, filters, shape=shape)
        after = halved(shape) if reduction else shape
        for branch in _branches(cell):
            stride = 2 if reduction and branch.source < INPUTS else 1
            operation = operation_called(branch.operation, stride=stride, halving=structure.halving)
            read = shape if branch.source < INPUTS else after
            total += Size.of(operation, filters, shape=read, stride=stride)
        for state in cell.loose_ends:
            if reduction and state < INPUTS:
                total += Size.of(HALVINGS[structure.halving].loose_end, filters, shape=shape, stride=2)
        older, newer = newer, (after, filters * len(cell.loose_ends))
    return total + Size.of_last_layer(newer[1], classes, bias=structure.bias)


def size_of_shared_cells(
    cells: Sequence[Cell],
    image_shape: Sequence[int],
    *,
    classes: int,
    filters: int,
    layers: int,
    stem: str = DEFAULT_STEM,
) -> Size:
    """The size of what one architecture uses of a classifier around a `SharedNetwork`.

    Args:
        cells: the normal and the reduction cell.
        image_shape: `[H, W, C]`.
        classes: of the last layer.
        filters: of the first cells.
        layers: normal cells.
        stem: a key of `STEMS`.
    """
    total, older, newer = _size_of_stem(image_shape, filters, stem)
    for reduction in reductions(layers):
        filters *= 2 if reduction else 1
        cell, target = cells[int(reduction)], halved(newer[0]) if reduction else newer[0]
        for shape, channels in (older, newer):
            total += _size_of_preparation(shape, channels, target=target, filters=filters)
        for branch in _branches(cell):
            total += Size.of(operation_called(branch.operation), filters, shape=target)
        mixing = Size.of(_POINTWISE, filters, shape=target, channels=filters * len(cell.loose_ends))
        total, older, newer = total + mixing, newer, (target, filters)
    return total + Size.of_last_layer(newer[1], classes)


def _size_of_preparation(shape, channels, *, target, filters):
    """The layers that bring an input of a shared cell to its size: halvings, or one pointwise convolution."""
    if shape[0] <= target[0]:
        return Size.of(_POINTWISE, filters, shape=target, channels=channels)
    total = Size()
    while shape[0] > target[0]:
        total += Size.of(_HALVING, filters, shape=shape, channels=channels, stride=2)
        shape, channels = halved(shape), filters
    return total


def size_of_residual(
    width: int, blocks: int, *, image_shape: Sequence[int], classes: int, stem: str = DEFAULT_STEM
) -> Size:
    """The size of a classifier around a `ResidualNetwork`.

    Args:
        width: channels of the first stage.
        blocks: of each stage.
        image_shape: `[H, W, C]`.
        classes: of the last layer.
        stem: a key of `STEMS`.
    """
    *before, last = [(each.channels(width), each.stride) for each in stem_of(stem).convolutions]
    shape, channels = (image_shape[0], image_shape[1]), image_shape[2]
    total, older = Size(), width
    for wider, stride in (*before, (width, last[1])):
        total += Size.of(_SQUARE, wider, shape=shape, channels=channels, stride=stride)
        shape, channels = halved(shape) if stride > 1 else shape, wider
    for stage in range(STAGES):
        newer, stride = width * 2**stage, 2 if stage else 1
        total += Size.of(_SQUARE, newer, shape=shape, channels=older, stride=stride)
        if stage:  # the shortcut
            total += Size.of(_POINTWISE, newer, shape=shape, channels=older, stride=stride)
        shape = halved(shape) if stage else shape
        for _ in range(2 * blocks - 1):
            total += Size.of(_SQUARE, newer, shape=shape)
        older = newer
    return total + Size.of_last_layer(older, classes)
