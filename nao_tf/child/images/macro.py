"""How a network is built around its cells (NAO, section 3.1; details from the authors' three programs).

With `layers` normal cells there are two reduction cells, at a third and two thirds of the way: N normal, reduction,
N normal, reduction, N normal for layers = 3 N. Everything in which the programs differ is a row of `MACROS`; how a
network begins is a row of `STEMS`, one for images of about 32 pixels and one for those of ImageNet. A row is read by
the layers (`cell_stack.py`, `cell.py`) and by the count of sizes (`size.py`).

No TensorFlow is imported here: settings name these rows.
"""

import dataclasses
import fractions
from collections.abc import Mapping

from nao_tf.architecture import Architecture
from nao_tf.architecture.published_cells import published_name

ALWAYS, TWICE, DIFFERING = "always", "twice", "differing"  # values of `Macro.newer`
POINTWISE, FACTORISED, LINEAR = "pointwise", "factorised", "linear"  # values of `Macro.halving`


@dataclasses.dataclass(frozen=True)
class Macro:
    """A network around the cells, as one of the authors' programs builds it.

    Attributes:
        newer: when the output of the previous cell goes through a pointwise convolution: "always"; "twice", once if its
            channels differ from the cell's and then always once more; or "differing", once if they differ. (That of the
            cell before it does so if they differ, in all programs.)
        halving: how a reduction cell halves an image where nothing else is done to it, a key of
            `operations.HALVINGS`.
        relu_before_pooling: whether a ReLU stands before the global pooling.
        auxiliary_after: cells between the second reduction cell and the auxiliary head: 1 where a normal cell follows
            first, 0 where the head follows the reduction cell itself.
        bias: whether the last layers have one.
        initializer: of the kernels, as `keras.initializers.get` takes it.
    """

    newer: str
    halving: str
    relu_before_pooling: bool
    auxiliary_after: int
    bias: bool
    initializer: object


MACROS: Mapping[str, Macro] = {
    # TensorFlow, without weight sharing
    "nao": Macro(
        newer=ALWAYS,
        halving=POINTWISE,
        relu_before_pooling=True,
        auxiliary_after=1,
        bias=True,
        initializer={"class_name": "VarianceScaling", "config": {"scale": 2.0, "mode": "fan_out"}},
    ),
    # TensorFlow, with weight sharing
    "nao_ws": Macro(
        newer=TWICE,
        halving=FACTORISED,
        relu_before_pooling=True,
        auxiliary_after=1,
        bias=False,
        initializer="he_normal",
    ),
    # PyTorch; that of the networks published as NAONet-A, NAONet-B and NAONet-V2
    "nao_pytorch": Macro(
        newer=DIFFERING,
        halving=LINEAR,
        relu_before_pooling=False,
        auxiliary_after=0,
        bias=True,
        initializer="he_normal",
    ),
}
# The structure around the cells, by the space that they come from: that of the authors' program for the space.
MACRO_OF_SPACE: Mapping[str, str] = {"nao": "nao", "nao19": "nao", "enas": "nao_ws", "nao_v2": "nao_ws"}
DEFAULT_MACRO = "nao_ws"  # of the cells of a user's space: that of the authors' later program
# Published cells whose network is not that of their space.
MACRO_OF_CELLS: Mapping[str, str] = dict.fromkeys(("NAONet-A", "NAONet-B", "NAONet-V2"), "nao_pytorch")


def macro_of(name: str) -> Macro:
    """A row of `MACROS`. Raises ValueError for an unknown name."""
    if name not in MACROS:
        raise ValueError(f"macro structure {name!r}; known are {', '.join(MACROS)}")
    return MACROS[name]


def macro_of_space(space: str) -> str:
    """The key of `MACROS` for the cells of a space, by the name of the space."""
    return MACRO_OF_SPACE.get(space, DEFAULT_MACRO)


def published_macro(architecture: Architecture) -> str:
    """The key of `MACROS` that cells were published with; that of their space if they were not published."""
    return MACRO_OF_CELLS.get(published_name(architecture) or "") or macro_of_space(architecture.space.name)


def reductions(layers: int) -> list[bool]:
    """For every cell whether it is a reduction cell: `layers` normal ones and two reductions among them."""
    return [index in (layers // 3, 2 * (layers // 3) + 1) for index in range(layers + 2)]


def auxiliary_place(layers: int, after: int = 1) -> int:
    """The index of the cell that an auxiliary head follows.

    Args:
        layers: normal cells.
        after: see `Macro.auxiliary_after`.
    """
    return max(index for index, reduction in enumerate(reductions(layers)) if reduction) + after


# ---- the beginning of a network


@dataclasses.dataclass(frozen=True)
class StemConvolution:
    """A convolution 3x3 and its normalisation; a ReLU before it, but not before the first.

    Attributes:
        multiple: its channels / those of the first cell, rounded down, but at least one.
        stride: in both directions.
    """

    multiple: fractions.Fraction
    stride: int

    def channels(self, filters: int) -> int:
        """Its channels, where the first cell has `filters`."""
        return max(1, int(self.multiple * filters))


@dataclasses.dataclass(frozen=True)
class Stem:
    """How a network begins.

    Attributes:
        convolutions: one after another. The first cell reads the last one and the last but one; the same one twice
            where there is only one.
        auxiliary_stride: of the pooling of the auxiliary head, in pixels.
    """

    convolutions: tuple[StemConvolution, ...]
    auxiliary_stride: int


STEMS: Mapping[str, Stem] = {
    "cifar": Stem((StemConvolution(fractions.Fraction(3), 1),), auxiliary_stride=3),
    "imagenet": Stem(
        (
            StemConvolution(fractions.Fraction(1, 2), 2),
            StemConvolution(fractions.Fraction(1), 2),
            StemConvolution(fractions.Fraction(1), 2),
        ),
        auxiliary_stride=2,
    ),
}
DEFAULT_STEM = "cifar"


def stem_of(name: str) -> Stem:
    """A row of `STEMS`. Raises ValueError for an unknown name."""
    if name not in STEMS:
        raise ValueError(f"stem {name!r}; known are {', '.join(STEMS)}")
    return STEMS[name]
