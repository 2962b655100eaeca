"""A convolutional cell with an architecture of its own (NAO, section 3.1; details from the authors' code).

Letters: B images, H height, W width, C channels, F filters, L loose ends.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import keras
import tensorflow as tf

from nao_tf.architecture.cells import BRANCHES, INPUTS, Branch, Cell
from nao_tf.child.images.operations import ConvolutionStep, FactorisedReduction, Operation


@dataclasses.dataclass(frozen=True)
class Macro:
    """How the authors build a network around the cells; their two repositories differ.

    Attributes:
        newer: when the output of the previous cell goes through a pointwise convolution: "always", or "base", once if
            its channels differ and then always once more.
        factorised_identity: whether an identity with a stride is a factorised reduction.
        bias: whether the last layer has one.
        initializer: of the kernels.
    """

    newer: str
    factorised_identity: bool
    bias: bool
    initializer: str


MACROS: Mapping[str, Macro] = {
    "nao": Macro(newer="always", factorised_identity=False, bias=True, initializer="variance_scaling_fan_out"),
    "nao_ws": Macro(newer="base", factorised_identity=True, bias=False, initializer="he_normal"),
}
INITIALIZERS = {
    "variance_scaling_fan_out": {"class_name": "VarianceScaling", "config": {"scale": 2.0, "mode": "fan_out"}},
    "he_normal": "he_normal",
}


def macro_of(name: str) -> Macro:
    """A row of `MACROS`. Raises ValueError for an unknown name."""
    if name not in MACROS:
        raise ValueError(f"macro structure {name!r}; known are {', '.join(MACROS)}")
    return MACROS[name]


@keras.saving.register_keras_serializable(package="nao_tf")
class ConvolutionalCell(keras.layers.Layer):
    """A cell: two earlier outputs in, the concatenation of its loose ends out.

    In a reduction cell, what reads a cell's input has stride 2. An input that is itself a loose end of a reduction cell
    is halved by a factorised reduction.

    Args:
        nodes: for each node its two branches, each `[source, operation]`; plain lists.
        filters: F, channels of every node.
        reduction: whether it is a reduction cell.
        macro: a key of `MACROS`.
    """

    def __init__(self, nodes, filters, reduction=False, macro="nao", **kwargs):
        super().__init__(**kwargs)
        self.nodes = [[[int(source), str(operation)] for source, operation in node] for node in nodes]
        self.filters, self.reduction, self.macro = filters, reduction, macro
        self.cell = Cell(tuple(tuple(Branch(*branch) for branch in node) for node in self.nodes))
        structure = macro_of(macro)
        self._common = {"initializer": INITIALIZERS[structure.initializer], "dtype": self.dtype_policy}
        self._operations = [
            Operation(
                branch.operation,
                filters,
                2 if reduction and branch.source < INPUTS else 1,
                structure.factorised_identity,
                **self._common,
            )
            for branch in self._branches
        ]

    @property
    def _branches(self):
        return [branch for node in self.cell.nodes for branch in node]

    def build(self, older_shape, newer_shape):
        """Makes the weights for two inputs `[B, H, W, C]`; the older may be twice as high and wide."""
        self.older = self._prepared(older_shape, older_shape[1] != newer_shape[1], older_shape[-1] != self.filters)
        base = macro_of(self.macro).newer == "base"
        self.newer = self._prepared(newer_shape, False, not base or newer_shape[-1] != self.filters)
        inputs = (*newer_shape[:-1], self.filters)
        if base:
            self.newer += self._prepared(inputs, False, True)
        nodes = (inputs[0], *self.compute_output_shape(older_shape, newer_shape)[1:3], self.filters)
        for branch, operation in zip(self._branches, self._operations, strict=True):
            operation.build(inputs if branch.source < INPUTS else nodes)
        self.loose_inputs = {}
        if self.reduction:
            for state in self.cell.loose_ends:
                if state < INPUTS:
                    self.loose_inputs[str(state)] = self._built(
                        FactorisedReduction(self.filters, **self._common), inputs
                    )
        self.built = True

    def _prepared(self, shape, halve, convolve):
        """The layers that bring an input to the cell's size."""
        if halve:
            return [self._built(FactorisedReduction(self.filters, **self._common), shape)]
        return [self._built(ConvolutionStep(self.filters, **self._common), shape)] if convolve else []

    @staticmethod
    def _built(layer, shape):
        layer.build(shape)
        return layer

    def call(self, older, newer, training=False, masks=None):
        """The cell's output.

        Args:
            older: output of the cell before the previous one, `[B, H, W, C]`, or twice as high and wide.
            newer: output of the previous cell, `[B, H, W, C]`.
            training: whether batch statistics are taken.
            masks: of drop-path, `[branches, B]`; None drops nothing.

        Returns:
            `[B, H, W, L F]`; of a reduction cell `[B, H / 2, W / 2, L F]`.
        """
        for layer in self.older:
            older = layer(older, training=training)
        for layer in self.newer:
            newer = layer(newer, training=training)
        states, values = [older, newer], []
        for index, (branch, operation) in enumerate(zip(self._branches, self._operations, strict=True)):
            value = operation(states[branch.source], training=training)
            if masks is not None and operation.droppable:
                value = value * tf.cast(masks[index], value.dtype)[:, None, None, None]
            values.append(value)
            if len(values) == BRANCHES:
                states.append(tf.add_n(values))
                values = []
        for state, layer in self.loose_inputs.items():
            states[int(state)] = layer(states[int(state)], training=training)
        return tf.concat([states[state] for state in self.cell.loose_ends], -1)

    def compute_output_shape(self, older_shape, newer_shape):
        """Of two inputs `[B, H, W, C]`."""
        stride = 2 if self.reduction else 1
        sizes = (None if size is None else -(-size // stride) for size in newer_shape[1:3])
        return (newer_shape[0], *sizes, len(self.cell.loose_ends) * self.filters)

    def get_config(self):
        """Plain JSON values."""
        nodes = [[list(branch) for branch in node] for node in self.nodes]
        names = ("filters", "reduction", "macro")
        return {**super().get_config(), "nodes": nodes, **{name: getattr(self, name) for name in names}}
