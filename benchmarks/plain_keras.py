"""The published networks of plain Keras layers, from their integers: an independent description of all structures.

Tests compare the package's networks with these, and `mobile.py` compares their speed. Nothing of `nao_tf.child` builds
them. Every layer with weights takes them from an iterator, in the order in which this module makes layers; `weights_of`
gives the weights of a classifier of the package in that order.

Letters: F filters, K classes.
"""

import dataclasses

import keras
import numpy as np

INPUTS, NODES = 2, 5


@dataclasses.dataclass(frozen=True)
class Structure:
    """What the authors' three programs do differently (tables in words: docs/published.md).

    Attributes:
        newer: "always" / "twice" / "differing": pointwise convolutions of the newer input of a cell.
        identity: what an identity is where the image is halved: "pointwise" or "factorised".
        relu_of_halving: whether a factorised reduction inside a cell begins with a ReLU.
        divided: whether the first convolution of a crossed pair has the stride of the width only.
        last_relu: before the global pooling.
        head_after: cells between the second reduction cell and the auxiliary head.
        bias: of the last layers.
    """

    newer: str
    identity: str
    relu_of_halving: bool
    divided: bool
    last_relu: bool
    head_after: int
    bias: bool


STRUCTURES = {
    "nao": Structure("always", "pointwise", True, False, True, 1, True),
    "nao_ws": Structure("twice", "factorised", True, False, True, 1, False),
    "nao_pytorch": Structure("differing", "factorised", False, True, False, 0, True),
}
SMALL = ("separable 3", "separable 5", "average 3", "max 3", "identity")
LARGE = ("identity", "conv 1", "conv 3", "crossed 3", "crossed 7", "max 2", "max 3", "max 5",
         "average 2", "average 3", "average 5")  # fmt: skip
OPERATIONS = (*SMALL, *LARGE)  # by the numbers of the published strings


class Builder:
    """Makes layers and gives them weights.

    Args:
        structure: of the network.
        weights: an iterator of arrays, in the order of the layers; None: they start as Keras's do.
    """

    def __init__(self, structure, weights):
        self.structure, self.weights = structure, weights

    def given(self, layer, values, count, *, shape=None):
        """Calls a layer that has `count` weights; the first one may be kept in another shape."""
        result = layer(values)
        if self.weights is not None:
            arrays = [next(self.weights) for _ in range(count)]
            layer.set_weights([array.reshape(shape or array.shape) for array in arrays])
        return result

    def normalised(self, values):
        """Batch normalisation."""
        return self.given(keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5), values, 4)

    def convolved(self, values, filters, size=1, *, strides=1, relu=True):
        """ReLU, convolution, batch normalisation."""
        values = keras.layers.ReLU()(values) if relu else values
        layer = keras.layers.Conv2D(filters, size, strides, padding="same", use_bias=False)
        return self.normalised(self.given(layer, values, 1))

    def factorised(self, values, filters, *, relu):
        """Two pointwise convolutions of every second pixel, the second of the image moved by one."""
        values = keras.layers.ReLU()(values) if relu else values
        moved = keras.layers.Cropping2D(((1, 0), (1, 0)))(keras.layers.ZeroPadding2D(((0, 1), (0, 1)))(values))
        halves = [
            self.given(keras.layers.Conv2D(count, 1, 2, use_bias=False), each, 1)
            for each, count in ((values, filters // 2), (moved, filters - filters // 2))
        ]
        return self.normalised(keras.layers.Concatenate()(halves))

    def operation(self, name, values, filters, stride):
        """An operation of a branch."""
        kind, _, size = name.partition(" ")
        if kind == "identity":
            if stride == 1:
                return values
            if self.structure.identity == "pointwise":
                return self.convolved(values, filters, strides=2)
            return self.factorised(values, filters, relu=self.structure.relu_of_halving)
        size = int(size)
        if kind == "average":
            return keras.layers.AveragePooling2D(size, stride, padding="same")(values)
        if kind == "max":
            return keras.layers.MaxPooling2D(size, stride, padding="same")(values)
        if kind == "conv":
            return self.convolved(values, filters, size, strides=stride)
        if kind == "crossed":
            first, second = ((1, stride), (stride, 1)) if self.structure.divided else (stride, 1)
            values = self.convolved(values, filters, (1, size), strides=first)
            return self.convolved(values, filters, (size, 1), strides=second)
        for strides in (stride, 1):
            values = keras.layers.ReLU()(values)
            layer = keras.layers.SeparableConv2D(filters, size, strides, padding="same", use_bias=False)
            values = self.normalised(self.given(layer, values, 2))
        return values

    def cell(self, integers, older, newer, filters, stride):
        """A cell of two inputs."""
        structure, size = self.structure, newer.shape[1]
        if older.shape[1] != size:
            older = self.factorised(older, filters, relu=True)
        elif older.shape[-1] != filters:
            older = self.convolved(older, filters)
        if structure.newer == "always" or newer.shape[-1] != filters:
            newer = self.convolved(newer, filters)
        if structure.newer == "twice":
            newer = self.convolved(newer, filters)
        states, read = [older, newer], set()
        for node in range(NODES):
            parts = []
            for source, number in np.reshape(integers[4 * node : 4 * node + 4], [2, 2]):
                strides = stride if source < INPUTS else 1
                parts.append(self.operation(OPERATIONS[number], states[source], filters, strides))
                read.add(int(source))
            states.append(keras.layers.Add()(parts))
        loose = [state for state in range(INPUTS + NODES) if state not in read]
        if stride == 2:
            for state in loose:
                if state < INPUTS:
                    states[state] = self.factorised(states[state], filters, relu=structure.relu_of_halving)
        ends = [states[state] for state in loose]
        return keras.layers.Concatenate()(ends) if len(ends) > 1 else ends[0]

    def head(self, values, classes, stride):
        """The auxiliary head."""
        values = keras.layers.AveragePooling2D(5, stride)(keras.layers.ReLU()(values))
        values = keras.layers.ReLU()(self.convolved(values, 128, relu=False))
        # the package keeps the kernel of the whole image as a matrix
        layer = keras.layers.Conv2D(768, values.shape[1:3], use_bias=False)
        values = self.given(layer, values, 1, shape=(*values.shape[1:3], 128, 768))
        values = keras.layers.ReLU()(self.normalised(values))
        return self.dense(keras.layers.Flatten()(values), classes)

    def dense(self, values, classes):
        """A last layer."""
        bias = self.structure.bias
        return self.given(keras.layers.Dense(classes, use_bias=bias), values, 1 + bias)


def network(integers, structure, *, filters, cells_between, classes, size, large=False, weights=None, head=True):
    """A network that maps standardised images to logits and logits of the auxiliary head, if it has one.

    Args:
        integers: the normal and the reduction cell, as published.
        structure: a key of `STRUCTURES`.
        filters: F.
        cells_between: N, normal cells before, between and after the two reduction cells.
        classes: K.
        size: height and width of the images.
        large: whether three convolutions with a stride of 2 begin the network.
        weights: an iterator of arrays; None for fresh ones.
        head: whether there is an auxiliary head.
    """
    structure = STRUCTURES[structure]
    builder = Builder(structure, weights)
    images = keras.Input([size, size, 3])
    if large:
        values = builder.convolved(images, filters // 2, 3, strides=2, relu=False)
        older = builder.convolved(values, filters, 3, strides=2)
        newer = builder.convolved(older, filters, 3, strides=2)
    else:
        older = newer = builder.convolved(images, 3 * filters, 3, relu=False)
    auxiliary = None
    for number in range(3 * cells_between + 2):
        reduction = number in (cells_between, 2 * cells_between + 1)
        filters *= 2 if reduction else 1
        half = integers[20:] if reduction else integers[:20]
        older, newer = newer, builder.cell(half, older, newer, filters, 2 if reduction else 1)
        if head and number == 2 * cells_between + 1 + structure.head_after:
            auxiliary = builder.head(newer, classes, 2 if large else 3)
    newer = keras.layers.ReLU()(newer) if structure.last_relu else newer
    logits = builder.dense(keras.layers.GlobalAveragePooling2D()(newer), classes)
    return keras.Model(images, [logits] if auxiliary is None else [logits, auxiliary])


def weights_of(model):
    """The weights of a classifier around a `CellNetwork`, in the order in which this module makes layers."""
    network = model.network
    for layer in (network.stem, *network.stem_rest):
        yield from _of_operation(layer)
    for index, cell in enumerate(network.cells):
        for layer in (*cell.older, *cell.newer, *cell._operations, *cell.loose_inputs.values()):
            yield from _of_operation(layer)
        if network.head is not None and index == network._head_after:
            for layer in (network.head.narrow, network.head.whole):
                yield from _of_operation(layer)
            yield from network.head.dense.get_weights()
    yield from model.dense.get_weights()


def _of_operation(layer):
    """The arrays of a layer by the order of its row, as Keras's layers have them."""
    return map(np.asarray, layer.by_name.values())


def scrambled(model, seed):
    """Gives every weight of a classifier numbers that show a mistake: no statistic is 0 or 1, no scale is 1."""
    generator = np.random.default_rng(seed)
    for variable in model.variables:
        value = np.asarray(variable)
        if variable.path.endswith("moving_variance"):
            value = generator.uniform(0.5, 1.5, value.shape)
        elif len(value.shape) < 2:
            value = value + generator.uniform(-0.2, 0.2, value.shape)
        variable.assign(value)
