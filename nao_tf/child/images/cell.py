"""A convolutional cell of one architecture (NAO, section 3.1; details from the authors' code).

Letters: B images, H height, W width, C channels, F filters, L loose ends.
"""

import typing
from collections.abc import Sequence

import keras
import tensorflow as tf

from nao_tf.architecture import Architecture, ConvolutionalSpace
from nao_tf.architecture.cells import BRANCHES, INPUTS, Branch, Cell
from nao_tf.child.images.layers import BranchOperation, ConvolutionStep, FactorisedReductionStep
from nao_tf.child.images.macro import ALWAYS, TWICE, macro_of
from nao_tf.child.images.operations import HALVINGS


def cells_of(architecture: Architecture) -> tuple[Cell, Cell]:
    """The normal and the reduction cell of an architecture of a `ConvolutionalSpace`."""
    return typing.cast(ConvolutionalSpace, architecture.space).cells_of(architecture.values)


def cell_to_lists(cell: Cell) -> list:
    """A cell as plain JSON values: for each node its two branches, each `[source, operation]`."""
    return [[[branch.source, branch.operation] for branch in node] for node in cell.nodes]


def cell_from_lists(nodes: Sequence) -> Cell:
    """The cell that `cell_to_lists` wrote."""
    return Cell(tuple(tuple(Branch(int(source), str(operation)) for source, operation in node) for node in nodes))


@keras.saving.register_keras_serializable(package="nao_tf")
class ConvolutionalCell(keras.layers.Layer):
    """A cell: two earlier outputs in, the concatenation of its loose ends out.

    In a reduction cell, what reads a cell's input has stride 2. An input that is itself a loose end of a reduction cell
    is halved by a factorised reduction.

    Args:
        cell: its nodes.
        filters: F, channels of every node.
        reduction: whether it is a reduction cell.
        macro: a key of `MACROS`.
        drop_identity: whether drop-path drops identities too.
    """

    def __init__(
        self,
        cell: Cell,
        filters: int,
        *,
        reduction: bool = False,
        macro: str = "nao",
        drop_identity: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.cell, self.filters, self.reduction, self.macro = cell, filters, reduction, macro
        self.drop_identity = drop_identity
        structure = macro_of(macro)
        self._common = {"initializer": structure.initializer, "dtype": self.dtype_policy}
        self._operations = [
            BranchOperation(
                branch.operation,
                filters,
                stride=2 if reduction and branch.source < INPUTS else 1,
                halving=structure.halving,
                **self._common,
            )
            for branch in self.branches
        ]

    @property
    def branches(self) -> list[Branch]:
        """The branches of all nodes, in their order."""
        return [branch for node in self.cell.nodes for branch in node]

    @property
    def operations(self) -> list[BranchOperation]:
        """What computes each branch."""
        return self._operations

    def build(self, older_shape, newer_shape):
        """Makes the weights for two inputs `[B, H, W, C]`; the older may be twice as high and wide."""
        self.older = self._prepared(
            older_shape, halve=older_shape[1] != newer_shape[1], convolve=older_shape[-1] != self.filters
        )
        structure = macro_of(self.macro)
        self.newer = self._prepared(newer_shape, convolve=structure.newer == ALWAYS or newer_shape[-1] != self.filters)
        inputs = (*newer_shape[:-1], self.filters)
        if structure.newer == TWICE:
            self.newer += self._prepared(inputs, convolve=True)
        nodes = (inputs[0], *self.compute_output_shape(older_shape, newer_shape)[1:3], self.filters)
        for branch, operation in zip(self.branches, self._operations, strict=True):
            operation.build(inputs if branch.source < INPUTS else nodes)
        self.loose_inputs = {}
        if self.reduction:
            for state in self.cell.loose_ends:
                if state < INPUTS:
                    relu = HALVINGS[structure.halving].loose_end.relu
                    halving = FactorisedReductionStep(self.filters, relu=relu, **self._common)
                    self.loose_inputs[str(state)] = self._built(halving, inputs)
        self.built = True

    def _prepared(self, shape, *, convolve, halve=False):
        """The layers that bring an input to the cell's size and channels."""
        if halve:
            return [self._built(FactorisedReductionStep(self.filters, **self._common), shape)]
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
            older = layer(older, training=training)  # [B, H, W, F]
        for layer in self.newer:
            newer = layer(newer, training=training)  # [B, H, W, F]
        states, values = [older, newer], []
        for index, (branch, operation) in enumerate(zip(self.branches, self._operations, strict=True)):
            value = operation(states[branch.source], training=training)  # [B, H, W, F], of a reduction cell halved
            if masks is not None and (self.drop_identity or operation.droppable):
                value = value * tf.cast(masks[index], value.dtype)[:, None, None, None]
            values.append(value)
            if len(values) == BRANCHES:
                states.append(tf.add_n(values))
                values = []
        for state, layer in self.loose_inputs.items():
            states[int(state)] = layer(states[int(state)], training=training)
        return tf.concat([states[state] for state in self.cell.loose_ends], -1)  # [B, H, W, L F]

    def compute_output_shape(self, older_shape, newer_shape):
        """Of two inputs `[B, H, W, C]`."""
        stride = 2 if self.reduction else 1
        sizes = (None if size is None else -(-size // stride) for size in newer_shape[1:3])
        return (newer_shape[0], *sizes, len(self.cell.loose_ends) * self.filters)

    def get_config(self):
        """Plain JSON values."""
        names = ("filters", "reduction", "macro", "drop_identity")
        own = {name: getattr(self, name) for name in names}
        return {**super().get_config(), "cell": cell_to_lists(self.cell), **own}

    @classmethod
    def from_config(cls, config):
        """The cell of `get_config`."""
        return super().from_config({**config, "cell": cell_from_lists(config["cell"])})
