"""How a network is built around its cells (NAO, section 3.1; details from the authors' code).

With `layers` normal cells there are two reduction cells, at a third and two thirds of the way: N normal, reduction,
N normal, reduction, N normal for layers = 3 N.
"""

import dataclasses
from collections.abc import Mapping

STEM = 3  # filters of the stem / filters of the first cell (authors' code)


@dataclasses.dataclass(frozen=True)
class Macro:
    """A network around the cells; the authors' two repositories differ.

    Attributes:
        newer: when the output of the previous cell goes through a pointwise convolution: "always", or "base", once if
            its channels differ and then always once more.
        factorised_identity: whether an identity with a stride is a factorised reduction.
        bias: whether the last layer has one.
        initializer: of the kernels, as `keras.initializers.get` takes it.
    """

    newer: str
    factorised_identity: bool
    bias: bool
    initializer: object


MACROS: Mapping[str, Macro] = {
    "nao": Macro(
        newer="always",
        factorised_identity=False,
        bias=True,
        initializer={"class_name": "VarianceScaling", "config": {"scale": 2.0, "mode": "fan_out"}},
    ),
    "nao_ws": Macro(newer="base", factorised_identity=True, bias=False, initializer="he_normal"),
}
# The structure around the cells, by the space that they come from: that of the authors' program for the space.
MACRO_OF_SPACE: Mapping[str, str] = {"nao": "nao", "nao19": "nao", "enas": "nao_ws", "nao_v2": "nao_ws"}
DEFAULT_MACRO = "nao_ws"  # of the cells of a user's space: that of the authors' later program


def macro_of(name: str) -> Macro:
    """A row of `MACROS`. Raises ValueError for an unknown name."""
    if name not in MACROS:
        raise ValueError(f"macro structure {name!r}; known are {', '.join(MACROS)}")
    return MACROS[name]


def macro_of_space(space: str) -> str:
    """The key of `MACROS` for the cells of a space, by the name of the space."""
    return MACRO_OF_SPACE.get(space, DEFAULT_MACRO)


def reductions(layers: int) -> list[bool]:
    """For every cell whether it is a reduction cell: `layers` normal ones and two reductions among them."""
    return [index in (layers // 3, 2 * (layers // 3) + 1) for index in range(layers + 2)]


def auxiliary_place(layers: int) -> int:
    """The index of the cell that an auxiliary head follows: the first one after the second reduction."""
    return max(index for index, reduction in enumerate(reductions(layers)) if reduction) + 1
