"""The recurrent cell of the search space, stand-alone and with shared weights (authors' code; ENAS's space).

For a time step t, with gates c and values h, and s_p the node that node i reads:

    [c_0, h_0] = [x_t * m_x ; h_{t-1} * m_h] W_0      s_0 = h_{t-1} + sigmoid(c_0) * (tanh(h_0) - h_{t-1})
    [c_i, h_i] = (s_p * m_h) W_i                      s_i = s_p + sigmoid(c_i) * (a_i(h_i) - s_p)        i = 1..11
    h_t = mean of the nodes

An architecture is data to the compiled program: predecessors and activations are int32 tensors, so that one program
serves all of them. The loop over time is the hot loop of a search; it is written with its gradient:

* the projection of all inputs is one product before the loop, and so are the gradients of all weights after it;
* the forward loop keeps the operands of every node's gradient: the node read, the open gate, the activated value;
* with many units the values are stored units first (`layout`); shapes below are those of sequences first;
* every derivative is a polynomial of kept values (`DERIVATIVE`), so walking back computes no transcendental function.

Letters: T time steps, B sequences, U units, N searched nodes (11), A activations (4).
"""

import keras
import numpy as np
import tensorflow as tf

from nao_tf.architecture.recurrent import NODES, NUMBERINGS
from nao_tf.child.language.layout import Layout

ACTIVATIONS = NUMBERINGS["nao_ws"]  # the numbering of `RecurrentSpace` where none is given

# a(x) = scale * tanh(slope * x) + shift + linear * x + rectified * max(x, 0), so that any mixture of activations is one
# fused expression; sigmoid(x) = tanh(x / 2) / 2 + 1 / 2. One row for each of ACTIVATIONS, here and in DERIVATIVE.
FORMULA = np.array(
    # slope scale shift linear rectified
    [
        [1.0, 1.0, 0.0, 0.0, 0.0],  # tanh
        [0.0, 0.0, 0.0, 0.0, 1.0],  # relu
        [0.5, 0.5, 0.5, 0.0, 0.0],  # sigmoid
        [0.0, 0.0, 0.0, 1.0, 0.0],  # identity
    ],
    np.float32,
)
# a'(x), of y = a(x): constant + linear * y + square * y^2 + positive * [y > 0].
DERIVATIVE = np.array(
    # constant linear square positive
    [
        [1.0, 0.0, -1.0, 0.0],  # tanh
        [0.0, 0.0, 0.0, 1.0],  # relu
        [0.0, 1.0, -1.0, 0.0],  # sigmoid
        [1.0, 0.0, 0.0, 0.0],  # identity
    ],
    np.float32,
)


def activate(values: tf.Tensor, formula: tf.Tensor) -> tf.Tensor:
    """a(values) for one row of FORMULA."""
    slope, scale, shift, linear, rectified = tf.unstack(tf.cast(formula, values.dtype))
    return scale * tf.tanh(slope * values) + shift + linear * values + rectified * tf.nn.relu(values)


def derivative(activated: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
    """a'(x) from a(x), for one row of DERIVATIVE."""
    constant, linear, square, positive = tf.unstack(tf.cast(row, activated.dtype))
    return constant + activated * (linear + square * activated) + positive * tf.cast(activated > 0, activated.dtype)


def choose(nodes: list[tf.Tensor], index: tf.Tensor) -> tf.Tensor:
    """nodes[index]; for an index that is data, a tournament over its bits.

    Indexing a stack would copy all nodes, and XLA would make an index into it a constant of the program. An index that
    is a plain number (an export has one architecture) costs nothing.
    """
    if not tf.is_tensor(index):
        return nodes[index]
    bit = 0
    while len(nodes) > 1:
        odd = tf.cast(tf.bitwise.bitwise_and(tf.bitwise.right_shift(index, bit), 1), tf.bool)
        pairs = [nodes[k : k + 2] for k in range(0, len(nodes), 2)]
        nodes = [tf.where(odd, pair[1], pair[0]) if len(pair) == 2 else pair[0] for pair in pairs]
        bit += 1
    return nodes[0]


def split_architecture(architecture: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Integers `predecessor activation` x N, `[2 N]`, as predecessors `[N]` and activations `[N]`.

    A tuple of plain integers stays plain, in NumPy arrays: a program is then made for this one architecture.
    """
    pairs = (
        np.reshape(architecture, [-1, 2]) if isinstance(architecture, tuple) else tf.reshape(architecture, [-1, 2])
    )  # [N, 2]
    return pairs[:, 0], pairs[:, 1]


def unroll(
    projected: tf.Tensor,
    state: tf.Tensor,
    *,
    first_kernel: tf.Tensor,
    kernels: tf.Tensor,
    mask: tf.Tensor | None,
    architecture: tf.Tensor | tuple[int, ...],
    average_first: bool,
) -> tf.Tensor:
    """Runs the cell over time.

    Args:
        projected: x_t W_0, the inputs' part of node 0, `[T, B, 2 U]`.
        state: h_0, `[B, U]`.
        first_kernel: the state's part of W_0, `[U, 2 U]`.
        kernels: W_1..W_N, `[N, U, 2 U]`.
        mask: m_h, the dropout mask of the kernels' operands, `[B, U]`; None for none.
        architecture: `[2 N]` int32, or a tuple of integers, for which the program is then made.
        average_first: whether node 0 is part of the mean (it is while weights are shared, it is not in the authors'
            final models).

    Returns:
        h_1..h_T, `[T, B, U]`. The last of them is the state to carry over.
    """

    @tf.custom_gradient
    def differentiable(projected, state, first_kernel, kernels):
        same = {"mask": mask, "architecture": architecture, "average_first": average_first}
        outputs, kept = _forward(projected, state, first_kernel=first_kernel, kernels=kernels, **same)

        def gradient(upstream):
            return _backward(upstream, kept, first_kernel=first_kernel, kernels=kernels, **same)

        return outputs, gradient

    return differentiable(projected, state, first_kernel, kernels)


def _size(tensor, axis):
    """A dimension of a tensor: a Python number where it is known, else read off at run time (exports)."""
    known = tensor.shape[axis]
    return tf.shape(tensor)[axis] if known is None else known


def _masking(mask, layout):
    """A function that multiplies values in a layout by a mask `[B, U]`, or returns them if the mask is None."""
    if mask is None:
        return lambda values: values
    mask = layout.turn(mask)
    return lambda values: values * mask


def _forward(projected, state, *, first_kernel, kernels, mask, architecture, average_first):
    steps, batch, units = _size(projected, 0), projected.shape[1], first_kernel.shape[0]
    count, dtype = kernels.shape[0], projected.dtype
    predecessors, activations = split_architecture(architecture)
    formulas = tf.gather(FORMULA, activations)  # [N, 5]
    tanh = tf.constant(FORMULA[ACTIVATIONS.index("tanh")])
    averaged = count + 1 if average_first else count
    layout = Layout.of(units)
    projected, state, first_kernel, kernels = map(layout.turn, (projected, state, first_kernel, kernels))
    masked = _masking(mask, layout)

    def node(source, product, formula):
        gate, value = layout.halves(product)  # [B, U]
        gate, value = tf.sigmoid(gate), activate(value, formula)
        return source + gate * (value - source), (source, gate, value)

    def step(t, hidden, outputs, kept):
        first, parts = node(hidden, projected[t] + layout.product(masked(hidden), first_kernel), tanh)
        nodes, flat = [first], [*parts]
        for i in range(count):
            source = choose(nodes, predecessors[i])  # [B, U]
            result, parts = node(source, layout.product(masked(source), kernels[i]), formulas[i])
            nodes.append(result)
            flat += parts
        hidden = tf.add_n(nodes[-averaged:]) / averaged  # [B, U]
        kept = [array.write(t, value) for array, value in zip(kept, flat, strict=True)]
        return t + 1, hidden, outputs.write(t, hidden), kept

    def array():
        return tf.TensorArray(dtype, steps, element_shape=layout.shape(batch, units))

    loop = tf.while_loop(
        lambda t, *_: t < steps,
        step,
        (0, state, array(), [array() for _ in range(3 * (count + 1))]),
        maximum_iterations=steps,
    )
    outputs, kept = loop[2].stack(), [array.stack() for array in loop[3]]
    return layout.turn(outputs), kept  # [T, B, U], 3 (N + 1) times the same in the cell's layout


def _backward(upstream, kept, *, first_kernel, kernels, mask, architecture, average_first):
    steps, batch, units = _size(upstream, 0), upstream.shape[1], upstream.shape[2]
    count, dtype = kernels.shape[0], upstream.dtype
    predecessors, activations = split_architecture(architecture)
    slopes = tf.gather(DERIVATIVE, activations)  # [N, 4]
    tanh = tf.constant(DERIVATIVE[ACTIVATIONS.index("tanh")])
    averaged = count + 1 if average_first else count
    sources, gates, values = kept[0::3], kept[1::3], kept[2::3]  # N + 1 times [T, B, U]
    layout = Layout.of(units)
    upstream = layout.turn(upstream)
    transposed = layout.turn(tf.transpose(kernels, [0, 2, 1]))  # [N, 2 U, U]
    first_transposed = layout.turn(tf.transpose(first_kernel))  # [2 U, U]
    masked = _masking(mask, layout)

    def node(t, index, *, gradient, slope, transposed_kernel):
        """Gradients of a node's product `[B, 2 U]` and of the node it read `[B, U]`, from that of the node."""
        source, gate, value = sources[index][t], gates[index][t], values[index][t]  # [B, U]
        to_gate = gradient * (value - source) * gate * (1 - gate)
        to_value = gradient * gate * derivative(value, slope)
        product = layout.join(to_gate, to_value)  # [B, 2 U]
        return product, gradient * (1 - gate) + masked(layout.product(product, transposed_kernel))

    def step(t, carried, products):
        share = (upstream[t] + carried) / averaged  # [B, U]
        to_sources, written = [None] * count, list(products)
        for i in reversed(range(count)):
            # node i + 1 is read by those of the later nodes that name it
            readers = [tf.where(predecessors[j] == i + 1, to_sources[j], 0) for j in range(i + 1, count)]
            product, to_sources[i] = node(
                t, i + 1, gradient=tf.add_n([share, *readers]), slope=slopes[i], transposed_kernel=transposed[i]
            )
            written[i + 1] = products[i + 1].write(t, product)
        readers = [tf.where(predecessors[j] == 0, to_sources[j], 0) for j in range(count)]
        own = [share] if average_first else []
        product, carried = node(t, 0, gradient=tf.add_n(own + readers), slope=tanh, transposed_kernel=first_transposed)
        written[0] = products[0].write(t, product)
        return t - 1, carried, written

    shape = layout.shape(batch, 2 * units)
    arrays = [tf.TensorArray(dtype, steps, element_shape=shape) for _ in range(count + 1)]
    loop = tf.while_loop(
        lambda t, *_: t >= 0, step, (steps - 1, tf.zeros_like(upstream[0]), arrays), maximum_iterations=steps
    )
    products = [array.stack() for array in loop[2]]  # N + 1 times [T, B, 2 U]
    to_kernels = [
        layout.kernel_gradient(masked(source), product) for source, product in zip(sources, products, strict=True)
    ]  # N + 1 times [U, 2 U]
    return layout.turn(products[0]), layout.turn(loop[1]), to_kernels[0], tf.stack(to_kernels[1:])


@keras.saving.register_keras_serializable(package="nao_tf")
class RecurrentCell(keras.layers.Layer):
    """The stand-alone cell: one matrix a node; any architecture of the space runs with the same weights.

    Args:
        units: U.
        nodes: N, the searched nodes.
        average_first: whether node 0 is part of the output's mean; the authors' final models leave it out.
        scale: weights start uniform in +-scale; None for Glorot's bound of each matrix. The authors take 0.04.

    Attributes:
        searched: True: an architecture describes this cell.
        first_kernel: W_0, `[2 U, 2 U]`; the upper half multiplies the input.
        kernels: W_1..W_N, `[N, U, 2 U]`.
    """

    searched = True

    def __init__(
        self,
        units: int,
        *,
        nodes: int = NODES,
        average_first: bool = False,
        scale: float | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units, self.nodes, self.average_first, self.scale = units, nodes, average_first, scale

    def build(self, input_shape=None):
        """Creates the weights; needs no shape, since inputs are as wide as the state."""
        self.first_kernel = self._matrices("first_kernel", [2 * self.units, 2 * self.units])
        self.kernels = self._matrices("kernels", [self.matrices, self.units, 2 * self.units])
        self.built = True

    @property
    def matrices(self) -> int:
        """The number of `[U, 2 U]` matrices in `kernels`."""
        return self.nodes

    def _matrices(self, name, shape):
        bound = self.scale or (6 / sum(shape[-2:])) ** 0.5  # Glorot and Bengio, 2010
        initializer = keras.initializers.RandomUniform(-bound, bound)
        return self.add_weight(name=name, shape=shape, initializer=initializer)

    def chosen(self, architecture: tf.Tensor | tuple[int, ...]) -> tf.Tensor:
        """W_1..W_N of an architecture, `[N, U, 2 U]`; here the same for all."""
        return tf.convert_to_tensor(self.kernels)

    def initial_state(self, batch: int | tf.Tensor) -> tf.Tensor:
        """h_0 = 0, `[B, U]`."""
        return tf.zeros([batch, self.units], self.compute_dtype)

    def call(self, inputs, state, architecture, *, input_mask=None, state_mask=None, chosen=None, length=None):
        """Runs over time.

        Args:
            inputs: `[T, B, U]`.
            state: `[B, U]`.
            architecture: `[2 N]` int32, or a tuple of integers, for which the program is then made.
            input_mask: m_x, `[B, U]` or None.
            state_mask: m_h, `[B, U]` or None.
            chosen: the result of `chosen(architecture)`, for callers that need the gradient with respect to it.
            length: scalar int32, the time step whose state is carried over; later ones are padding. None for T.

        Returns:
            Outputs `[T, B, U]` and the state to carry over `[B, U]`.
        """
        first = tf.convert_to_tensor(self.first_kernel)
        kernels = self.chosen(architecture) if chosen is None else chosen
        masked = inputs if input_mask is None else inputs * input_mask
        projected = tf.tensordot(masked, first[: self.units], 1)  # [T, B, 2 U]
        outputs = unroll(
            projected,
            state,
            first_kernel=first[self.units :],
            kernels=kernels,
            mask=state_mask,
            architecture=architecture,
            average_first=self.average_first,
        )  # [T, B, U]
        return outputs, outputs[-1] if length is None else tf.gather(outputs, length - 1)

    def get_config(self):
        """The constructor's arguments as plain JSON values."""
        config = {"units": self.units, "nodes": self.nodes, "average_first": self.average_first, "scale": self.scale}
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable(package="nao_tf")
class SharedRecurrentCell(RecurrentCell):
    """The cell whose weights all architectures share (ENAS, and NAO with weight sharing).

    Node i owns one matrix for each pair of a predecessor (i of them) and an activation (4); an architecture uses 11 of
    the 264. Node 0 is part of the mean, as in the authors' search.

    Attributes:
        kernels: `[264, U, 2 U]` for 11 nodes; node by node, then predecessor by predecessor, then by activation.
    """

    def __init__(
        self,
        units: int,
        *,
        nodes: int = NODES,
        average_first: bool = True,
        scale: float | None = None,
        **kwargs,
    ):
        super().__init__(units, nodes=nodes, average_first=average_first, scale=scale, **kwargs)

    @property
    def matrices(self) -> int:
        """The number of `[U, 2 U]` matrices in `kernels`."""
        return len(ACTIVATIONS) * self.nodes * (self.nodes + 1) // 2

    def rows(self, architecture: tf.Tensor | tuple[int, ...]) -> tf.Tensor:
        """The indices of the matrices that an architecture uses, `[N]`."""
        predecessors, activations = split_architecture(architecture)
        nodes = tf.range(self.nodes)
        return len(ACTIVATIONS) * (nodes * (nodes + 1) // 2 + predecessors) + activations

    def chosen(self, architecture: tf.Tensor | tuple[int, ...]) -> tf.Tensor:
        """W_1..W_N of an architecture, `[N, U, 2 U]`."""
        return tf.gather(tf.convert_to_tensor(self.kernels), self.rows(architecture))
