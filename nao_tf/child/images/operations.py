"""The operations of convolutional cells, one row of `OPERATIONS` each (NAO, section 3.1; authors' code).

A row names the weights of its operation and computes with them. All else asks the row: the layer of a network of one
architecture (`layers.py`), the table of shared weights (`shared_cell.py`), and the size of a network (`size.py`). A new
operation is a row here and its name in a space of cells; `examples/own_operation.py` adds one.

Letters: B images, H height, W width, C channels in, F channels out (filters).
"""

import abc
import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import tensorflow as tf

from nao_tf.architecture.cells import IDENTITY, ZERO
from nao_tf.child.images.normalisation import Normalisation
from nao_tf.child.images.weights import Weight

# ---- the mathematics


def convolve(values: tf.Tensor, kernel: tf.Tensor, *, stride: int | tuple[int, int] = 1) -> tf.Tensor:
    """Plain convolution, `[B, H, W, C]` with `[h, w, C, F]`, padded so that only the stride makes the image smaller."""
    return tf.nn.conv2d(values, kernel, stride, "SAME")  # [B, H / stride, W / stride, F]


def convolve_depthwise(values: tf.Tensor, kernel: tf.Tensor, *, stride: int = 1, dilation: int = 1) -> tf.Tensor:
    """Each channel with its own kernel, `[h, w, C, 1]`, padded so that only the stride makes the image smaller."""
    if dilation == 1:
        return tf.nn.depthwise_conv2d(values, kernel, [1, stride, stride, 1], "SAME")  # [B, H / stride, W / stride, C]
    values = tf.nn.depthwise_conv2d(values, kernel, [1, 1, 1, 1], "SAME", dilations=[dilation, dilation])
    if stride == 1:
        return values
    # TensorFlow has no stride together with a dilation: these are the pixels that a padded stride of 2 would have kept.
    rows, columns = (1 - size % 2 for size in values.shape[1:3])
    return values[:, rows::2, columns::2]  # [B, H / 2, W / 2, C]


def rectify(values: tf.Tensor) -> tf.Tensor:
    """ReLU of `[B, H, W, C]`.

    TensorFlow fuses a normalisation and the ReLU after it. oneDNN's kernel for the two is made for multiples of sixteen
    channels, and takes twice as long as the two apart for other numbers; a leaky ReLU is left alone.
    """
    return tf.nn.relu(values) if values.shape[-1] % 16 == 0 else tf.nn.leaky_relu(values, 0.0)


def _min_pool2d(values, size, stride, padding):
    return -tf.nn.max_pool2d(-values, size, stride, padding)


def halved(shape: tuple[int, int]) -> tuple[int, int]:
    """H and W after a stride of 2, rounded up."""
    height, width = (-(-size // 2) for size in shape)
    return height, width


# ---- what a row is


class Operation(abc.ABC):
    """What a branch of a cell does to a node: one row of `OPERATIONS`.

    A row holds no weights. It is asked for the weights that it needs, and given them when it is applied, so the same
    row serves networks with weights of their own and cells that share theirs. Rows are hashable, as frozen
    dataclasses are.
    """

    droppable: ClassVar[bool] = True  # whether drop-path may drop it

    @abc.abstractmethod
    def weights(self, channels: int, filters: int) -> Sequence[Weight | Normalisation]:
        """The weights for C channels in and F channels out. In a cell both are equal."""

    @abc.abstractmethod
    def apply(self, values: tf.Tensor, weights: Mapping[str, Any], *, stride: int = 1) -> tf.Tensor:
        """Computes the operation.

        Args:
            values: `[B, H, W, C]`.
            weights: by the names that `weights` gave: a `Weight` is a tensor of its shape, a `Normalisation` a function
                of `[B, H, W, F]`.
            stride: 2 where a reduction cell reads its input.

        Returns:
            `[B, H / stride, W / stride, F]`, sizes rounded up.
        """

    def where_halved(self, halving: "Halving") -> "Operation":
        """The operation that stands for this one where the image is halved.

        Args:
            halving: how the network halves images.
        """
        return self

    def parameters(self, channels: int, filters: int) -> int:
        """Numbers that are learned."""
        return sum(weight.size for weight in self.tensors(channels, filters))

    def multiply_adds(self, channels: int, filters: int, *, shape: tuple[int, int], stride: int = 1) -> int:
        """Multiply-adds for one image, those of normalisations not counted.

        Args:
            channels: C.
            filters: F.
            shape: H and W of the input.
            stride: see `apply`.
        """
        pixels = math.prod(halved(shape) if stride > 1 else shape)
        return sum(weight.multiply_adds(pixels) for weight in self.tensors(channels, filters))

    def tensors(self, channels: int, filters: int) -> list[Weight]:
        """The weights as tensors, a normalisation as its scale and its offset: what a row of a table holds."""
        return [weight for part in self.weights(channels, filters) for weight in part.weights]


@dataclasses.dataclass(frozen=True)
class Zero(Operation):
    """Nothing at all."""

    def weights(self, channels: int, filters: int) -> Sequence[Weight | Normalisation]:
        """None."""
        return ()

    def apply(self, values: tf.Tensor, weights: Mapping[str, Any], *, stride: int = 1) -> tf.Tensor:
        """Zeros."""
        return tf.zeros_like(values[:, ::stride, ::stride])  # [B, H / stride, W / stride, C]


@dataclasses.dataclass(frozen=True)
class Identity(Operation):
    """The node as it is. Drop-path does not drop it (authors' code)."""

    droppable: ClassVar[bool] = False

    def weights(self, channels: int, filters: int) -> Sequence[Weight | Normalisation]:
        """None."""
        return ()

    def apply(self, values: tf.Tensor, weights: Mapping[str, Any], *, stride: int = 1) -> tf.Tensor:
        """The values. `where_halved` stands for this operation at any other stride."""
        return values

    def where_halved(self, halving: "Halving") -> Operation:
        """What the network halves with."""
        return halving.identity


@dataclasses.dataclass(frozen=True)
class Pooling(Operation):
    """A pooling of squares; what lies outside the image does not count.

    Attributes:
        kind: a key of `POOLINGS`.
        size: of the squares, in pixels.
    """

    kind: str
    size: int

    POOLINGS: ClassVar[Mapping[str, Callable]] = {
        "average": tf.nn.avg_pool2d,
        "max": tf.nn.max_pool2d,
        "min": _min_pool2d,
    }

    def weights(self, channels: int, filters: int) -> Sequence[Weight | Normalisation]:
        """None."""
        return ()

    def apply(self, values: tf.Tensor, weights: Mapping[str, Any], *, stride: int = 1) -> tf.Tensor:
        """The pooled values."""
        return self.POOLINGS[self.kind](values, self.size, stride, "SAME")  # [B, H / stride, W / stride, C]


@dataclasses.dataclass(frozen=True)
class Convolution(Operation):
    """ReLU, convolution without bias, batch normalisation.

    Attributes:
        height, width: of the kernel.
        relu: whether the ReLU is there; the first convolution of a network has none.
    """

    height: int
    width: int
    relu: bool = True

    def weights(self, channels: int, filters: int) -> Sequence[Weight | Normalisation]:
        """Kernel and normalisation."""
        return (
            Weight("kernel", (self.height, self.width, channels, filters)),
            Normalisation("normalisation", filters),
        )

    def apply(self, values: tf.Tensor, weights: Mapping[str, Any], *, stride: int | tuple[int, int] = 1) -> tf.Tensor:
        """The convolution; a stride of two numbers is that of H and that of W."""
        values = rectify(values) if self.relu else values
        values = convolve(values, weights["kernel"], stride=stride)  # [B, H / stride, W / stride, F]
        return weights["normalisation"](values)


@dataclasses.dataclass(frozen=True)
class SeparableConvolution(Operation):
    """ReLU, depthwise convolution, pointwise convolution, batch normalisation.

    Attributes:
        size: of the square kernel.
        dilation: distance between the kernel's pixels.
    """

    size: int
    dilation: int = 1

    def weights(self, channels: int, filters: int) -> Sequence[Weight | Normalisation]:
        """Both kernels and the normalisation."""
        return (
            Weight("kernel", (self.size, self.size, channels, 1)),
            Weight("pointwise", (1, 1, channels, filters)),
            Normalisation("normalisation", filters),
        )

    def apply(self, values: tf.Tensor, weights: Mapping[str, Any], *, stride: int = 1) -> tf.Tensor:
        """The convolution."""
        values = rectify(values)
        # [B, H / stride, W / stride, C]
        values = convolve_depthwise(values, weights["kernel"], stride=stride, dilation=self.dilation)
        values = convolve(values, weights["pointwise"])  # [B, H / stride, W / stride, F]
        return weights["normalisation"](values)


@dataclasses.dataclass(frozen=True)
class FactorisedReduction(Operation):
    """Halves an image and keeps its information: ReLU, two pointwise convolutions, the second one pixel further, side
    by side, batch normalisation (authors' code).

    Attributes:
        relu: whether the ReLU is there.
    """

    relu: bool = True

    def weights(self, channels: int, filters: int) -> Sequence[Weight | Normalisation]:
        """A kernel for half of the filters each, and the normalisation."""
        first = filters // 2
        return (
            Weight("kernel_0", (1, 1, channels, first)),
            Weight("kernel_1", (1, 1, channels, filters - first)),
            Normalisation("normalisation", filters),
        )

    def apply(self, values: tf.Tensor, weights: Mapping[str, Any], *, stride: int = 2) -> tf.Tensor:
        """The halved image; the stride is always 2."""
        # One convolution of squares of two, zeros in three of their corners, is faster than to take every second pixel.
        corners = [
            tf.pad(weights[f"kernel_{shift}"], [[shift, 1 - shift], [shift, 1 - shift], [0, 0], [0, 0]])
            for shift in range(2)
        ]  # [2, 2, C, F / 2] each
        values = rectify(values) if self.relu else values
        return weights["normalisation"](convolve(values, tf.concat(corners, -1), stride=2))


@dataclasses.dataclass(frozen=True)
class Chain(Operation):
    """Operations one after another; the first has the stride.

    Attributes:
        operations: in their order.
    """

    operations: tuple[Operation, ...]

    def weights(self, channels: int, filters: int) -> Sequence[Weight | Normalisation]:
        """Those of all operations, with the number of the operation in front of the name."""
        return tuple(
            dataclasses.replace(part, name=f"{number}_{part.name}")
            for number, operation in enumerate(self.operations)
            for part in operation.weights(filters if number else channels, filters)
        )

    def apply(self, values: tf.Tensor, weights: Mapping[str, Any], *, stride: int = 1) -> tf.Tensor:
        """The last operation's output."""
        for number, operation in enumerate(self.operations):
            prefix = f"{number}_"
            own = {name.removeprefix(prefix): each for name, each in weights.items() if name.startswith(prefix)}
            values = operation.apply(values, own, stride=self._strides(stride)[number])  # type: ignore[arg-type]
        return values  # [B, H / stride, W / stride, F]

    def _strides(self, stride: int) -> Sequence[int | tuple[int, int]]:
        """Of each operation."""
        return (stride, *[1] * (len(self.operations) - 1))


@dataclasses.dataclass(frozen=True)
class CrossedConvolutions(Chain):
    """A convolution of 1 x n pixels and one of n x 1.

    Attributes:
        operations: both.
        divided: whether the first has the stride of W and the second that of H; else the first has both.
    """

    operations: tuple[Convolution, Convolution]
    divided: bool = False

    def where_halved(self, halving: "Halving") -> Operation:
        """With strides as the network has them."""
        return dataclasses.replace(self, divided=halving.divided)

    def multiply_adds(self, channels: int, filters: int, *, shape: tuple[int, int], stride: int = 1) -> int:
        """See `Operation`; the first of a divided pair has H rows still."""
        if not self.divided or stride == 1:
            return super().multiply_adds(channels, filters, shape=shape, stride=stride)
        (height, _), (halved_height, halved_width) = shape, halved(shape)
        first, second = self.operations
        return first.multiply_adds(channels, filters, shape=(height, halved_width)) + second.multiply_adds(
            filters, filters, shape=(halved_height, halved_width)
        )

    def _strides(self, stride: int) -> Sequence[int | tuple[int, int]]:
        return ((1, stride), (stride, 1)) if self.divided else super()._strides(stride)


@dataclasses.dataclass(frozen=True)
class Halving:
    """How reduction cells halve images.

    Attributes:
        identity: what stands for an identity.
        loose_end: what is done to an input of the cell that nothing reads.
        divided: see `CrossedConvolutions`.
    """

    identity: Operation
    loose_end: FactorisedReduction
    divided: bool = False


# ---- the table

OPERATIONS: dict[str, Operation] = {
    ZERO: Zero(),
    IDENTITY: Identity(),
    "conv 1x1": Convolution(1, 1),
    "conv 3x3": Convolution(3, 3),
    "conv 1x3+3x1": CrossedConvolutions((Convolution(1, 3), Convolution(3, 1))),
    "conv 1x7+7x1": CrossedConvolutions((Convolution(1, 7), Convolution(7, 1))),
    **{f"separable conv {size}x{size}": Chain((SeparableConvolution(size),) * 2) for size in (3, 5, 7)},
    **{f"dilated separable conv {size}x{size}": Chain((SeparableConvolution(size, 2),) * 2) for size in (3, 5, 7)},
    **{f"average pooling {size}x{size}": Pooling("average", size) for size in (2, 3, 5)},
    **{f"max pooling {size}x{size}": Pooling("max", size) for size in (2, 3, 5, 7)},
    "min pooling 2x2": Pooling("min", 2),
}

# By the names that `Macro.halving` has for them.
HALVINGS: Mapping[str, Halving] = {
    "pointwise": Halving(Convolution(1, 1), FactorisedReduction()),
    "factorised": Halving(FactorisedReduction(), FactorisedReduction()),
    "linear": Halving(FactorisedReduction(relu=False), FactorisedReduction(relu=False), divided=True),
}
DEFAULT_HALVING = "pointwise"


def operation_called(name: str, *, stride: int = 1, halving: str = DEFAULT_HALVING) -> Operation:
    """The row that stands for an operation at a stride.

    Args:
        name: a key of `OPERATIONS`.
        stride: 1, or 2 where the image is halved.
        halving: a key of `HALVINGS`.

    Raises:
        ValueError: there is no such operation, or no such halving.
    """
    if name not in OPERATIONS:
        raise ValueError(f"operation {name!r}; known are {', '.join(OPERATIONS)}")
    if halving not in HALVINGS:
        raise ValueError(f"halving {halving!r}; known are {', '.join(HALVINGS)}")
    return OPERATIONS[name].where_halved(HALVINGS[halving]) if stride > 1 else OPERATIONS[name]
