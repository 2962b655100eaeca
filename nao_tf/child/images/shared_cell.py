"""A convolutional cell whose architecture is data (ENAS's and NAO's weight sharing).

Of the operations of a branch only the chosen one runs, and nothing is traced or compiled anew for an architecture. The
cell differs from `ConvolutionalCell` as the authors' search child does from their final one: a reduction cell halves
its inputs first and then has no strides, and a pointwise convolution with a kernel for each loose end brings the output
back to F channels.

The weights of one operation are one row of the cell's table, so that a step reads, and a trainer updates, ten rows.

Letters: B images, H height, W width, C channels, F filters, N states of a cell (7), P numbers of a table's row,
L loose ends.
"""

import functools
import math
import random
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from nao_tf.architecture.cells import BRANCHES, INPUTS, NODES
from nao_tf.child.images.layers import ConvolutionStep, FactorisedReductionStep
from nao_tf.child.images.normalisation import Normalisation
from nao_tf.child.images.operations import Operation, operation_called

STATES = INPUTS + NODES
EDGES = NODES * BRANCHES  # branches of a cell
_POOLED_AGAIN = "nao_tf.MaxPoolGradOfBranch"  # names a gradient


@tf.RegisterGradient(_POOLED_AGAIN)
def _pooled_again(operation, upstream):
    """The gradient of a maximum pooling that pools once more.

    oneDNN's gradient needs what its pooling noted, which does not leave the branch of a condition; without, TensorFlow
    falls back to a kernel that takes ten times as long as to pool again.
    """
    (values,) = operation.inputs
    window = {name: operation.get_attr(name) for name in ("ksize", "strides")}
    padding = operation.get_attr("padding").decode()
    pooled = tf.raw_ops.MaxPool(input=values, padding=padding, **window)
    return tf.raw_ops.MaxPoolGrad(orig_input=values, orig_output=pooled, grad=upstream, padding=padding, **window)


def row_width(operation: Operation, filters: int) -> int:
    """How many numbers of a row an operation has."""
    return sum(weight.size for weight in operation.tensors(filters, filters))


def apply_row(operation: Operation, values: tf.Tensor, *, row: tf.Tensor) -> tf.Tensor:
    """An operation on `[B, H, W, F]` with the weights at the beginning of `row`, `[P]`."""
    filters = values.shape[-1]
    tensors = operation.tensors(filters, filters)
    # not slices: the gradient of each would be a row of zeros, and that of all pieces is one concatenation
    sizes = [weight.size for weight in tensors]
    split = tf.split(row, [*sizes, row.shape[0] - sum(sizes)])[:-1] if tensors else []
    pieces = {weight.name: tf.reshape(piece, weight.shape) for weight, piece in zip(tensors, split, strict=True)}
    weights = {part.name: part.from_row(pieces, dtype=values.dtype) for part in operation.weights(filters, filters)}
    with tf.compat.v1.get_default_graph().gradient_override_map({"MaxPool": _POOLED_AGAIN}):
        return operation.apply(values, weights)


@functools.cache
def chooser(operations: tuple[Operation, ...]) -> tf.types.experimental.PolymorphicFunction:
    """The operation with a number: of the number, values `[B, H, W, F]` and a row `[P]`, `[B, H, W, F]`.

    One function for all branches of one size: one for each branch would be traced, differentiated and optimised many
    times over, which takes TensorFlow many times as long.

    Args:
        operations: in the order of their numbers.
    """

    def choose(number, values, row):
        return tf.switch_case(number, [functools.partial(apply_row, each, values, row=row) for each in operations])

    return tf.function(choose, autograph=False)


@keras.saving.register_keras_serializable(package="nao_tf")
class SharedCell(keras.layers.Layer):
    """A cell whose branches read and compute what an architecture names.

    Args:
        operations: keys of `OPERATIONS`, in the order of their numbers.
        filters: F.
        first: the number of the first operation.
        reduction: whether both inputs are halved first.
        per_input: whether an operation has its own weights for every node that it can read; True in the authors'
            searches. Without, a child that is trained for one architecture only is smaller.

    Attributes:
        table: `[rows, P]`; a row for each branch, each node that it can read, and each operation with weights; the last
            row stands for operations without.
        mixing: `[N, F, F]`, of the pointwise convolution of the loose ends.
    """

    def __init__(
        self,
        operations: Sequence[str],
        filters: int,
        *,
        first: int = 0,
        reduction: bool = False,
        per_input: bool = True,
        **kwargs,
    ):
        # Rows of the table stay float32 in any precision: scales and offsets are among them.
        super().__init__(**{"autocast": False, **kwargs})
        self.operations, self.filters, self.first = tuple(operations), filters, first
        self.reduction, self.per_input = reduction, per_input
        self._choices = [operation_called(name) for name in self.operations]
        weighted = [name for name, row in zip(self.operations, self._choices, strict=True) if row_width(row, filters)]
        # by operation: its place among those with weights, -1 for none
        self._place = [weighted.index(name) if name in weighted else -1 for name in self.operations]
        self._weighted = [operation_called(name) for name in weighted]
        readable = [node + INPUTS if per_input else 1 for node in range(NODES) for _ in range(BRANCHES)]
        self._offset = np.cumsum([0, *readable[:-1]]).tolist()  # by branch
        self._rows = sum(readable) * len(weighted) + 1

    def build(self, older_shape, newer_shape):
        """Makes the weights for two inputs `[B, H, W, C]`."""
        target = newer_shape[1:3]
        if self.reduction:
            target = tuple(-(-size // 2) for size in target)
        self.older = self._prepared(older_shape, target)
        self.newer = self._prepared(newer_shape, target)
        self._size = target
        width = max([row_width(operation, self.filters) for operation in self._weighted], default=1)
        self.table = self.add_weight(name="table", shape=[self._rows, width], initializer=self._initial, autocast=False)
        deviation = math.sqrt(2 / self.filters)
        self.mixing = self.add_weight(
            name="mixing",
            shape=[STATES, self.filters, self.filters],
            initializer=keras.initializers.TruncatedNormal(stddev=deviation),
        )
        self._normalisation = Normalisation("normalisation", self.filters)
        self.by_name = self._normalisation.create(self, initializer=None, moving=False)
        self.built = True

    def _prepared(self, shape, target):
        """The layers that bring an input to the cell's size and channels."""
        layers = []
        while True:
            halve = shape[1] > target[0]
            make = FactorisedReductionStep if halve else ConvolutionStep
            layer = make(self.filters, moving=False, dtype=self.dtype_policy)
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
            layers.append(layer)
            if shape[1] <= target[0]:
                return layers

    def _initial(self, shape, dtype=None):
        """First values of the table: every weight of a row starts as its operation says."""
        generator = np.random.default_rng(random.getrandbits(64))  # Keras's initialisers are seeded from there too
        table = np.zeros(shape, np.float32)
        for place, operation in enumerate(self._weighted):
            rows, at = slice(place, self._rows - 1, len(self._weighted)), 0
            count = len(range(*rows.indices(self._rows)))
            for weight in operation.tensors(self.filters, self.filters):
                table[rows, at : at + weight.size] = weight.starting_values(generator, count)
                at += weight.size
        return tf.constant(table)

    def rows(self, architecture: tf.Tensor) -> tf.Tensor:
        """The rows of the table that an architecture uses, `[branches]` int32.

        Args:
            architecture: the cell's integers, `[2 branches]` int32.
        """
        if not self._weighted:
            return tf.zeros([EDGES], tf.int32)
        sources, operations = architecture[0::2], architecture[1::2] - self.first  # [branches] each
        place = tf.gather(tf.constant(self._place), operations)
        read = sources if self.per_input else tf.zeros_like(sources)
        row = (tf.constant(self._offset) + read) * len(self._weighted) + place
        return tf.where(place < 0, self._rows - 1, row)

    def call(self, older, newer, architecture=None, chosen=None):
        """The cell's output.

        Args:
            older: output of the cell before the previous one, `[B, H, W, C]`; may be larger than `newer`.
            newer: output of the previous cell, `[B, H, W, C]`.
            architecture: the cell's integers, `[2 branches]` int32.
            chosen: the table's rows of the architecture, `[branches, P]`; taken from the table when None.

        Returns:
            `[B, H, W, F]`; of a reduction cell `[B, H / 2, W / 2, F]`.
        """
        if chosen is None:
            chosen = tf.gather(tf.convert_to_tensor(self.table), self.rows(architecture))
        rows = tf.unstack(chosen, EDGES)
        sources, operations = tf.unstack(architecture[0::2]), tf.unstack(architecture[1::2] - self.first)
        for layer in self.older:
            older = layer(older)
        for layer in self.newer:
            newer = layer(newer)
        shape = [newer.shape[0], *self._size, self.filters]
        # A list of tensors: an element is read at an index that is data without a copy, and its gradient holds nothing
        # for elements that nobody read.
        dtype = newer.dtype
        states = tf.raw_ops.EmptyTensorList(
            element_shape=tf.constant([-1, *shape[1:]]), max_num_elements=STATES, element_dtype=dtype
        )
        for state in (older, newer):
            states = tf.raw_ops.TensorListPushBack(input_handle=states, tensor=state)
        element = tf.shape(newer)
        for node in range(NODES):
            branches = []
            for edge in range(BRANCHES * node, BRANCHES * (node + 1)):
                read = tf.raw_ops.TensorListGetItem(
                    input_handle=states, index=sources[edge], element_shape=element, element_dtype=dtype
                )
                read.set_shape(shape)
                value = chooser(tuple(self._choices))(operations[edge], read, rows[edge])
                value.set_shape(shape)
                branches.append(value)
            states = tf.raw_ops.TensorListPushBack(input_handle=states, tensor=branches[0] + branches[1])
        return self._mix(states, sources, element, shape, dtype)

    def _mix(self, states, sources, element, shape, dtype):
        """ReLU, a pointwise convolution of the loose ends, normalisation: `[B, H, W, F]`."""
        read = tf.reduce_any(tf.one_hot(tf.stack(sources), STATES, True, False, dtype=tf.bool), 0)  # [N]
        loose = tf.cast(tf.reshape(tf.where(~read), [-1]), tf.int32)  # [L]
        values = tf.raw_ops.TensorListGather(
            input_handle=states, indices=loose, element_shape=element, element_dtype=dtype
        )  # [L, B, H, W, F]
        values = tf.nn.relu(tf.reshape(values, [tf.shape(loose)[0], -1, self.filters]))  # [L, B H W, F]
        kernels = tf.gather(tf.cast(tf.convert_to_tensor(self.mixing), dtype), loose)  # [L, F, F]
        mixed = tf.reduce_sum(tf.matmul(values, kernels), 0)  # [B H W, F]
        mixed = tf.reshape(mixed, element)
        mixed.set_shape(shape)
        normalise = self._normalisation.from_variables(self.by_name, training=True)
        return normalise(mixed)

    def compute_output_shape(self, older_shape, newer_shape):
        """Of two inputs `[B, H, W, C]`."""
        stride = 2 if self.reduction else 1
        return (newer_shape[0], *(-(-size // stride) for size in newer_shape[1:3]), self.filters)

    def get_config(self):
        """Plain JSON values."""
        names = ("filters", "first", "reduction", "per_input")
        own = {name: getattr(self, name) for name in names}
        return {**super().get_config(), "operations": list(self.operations), **own}
