"""The LSTM of the encoder and the decoder: one time loop, with its gradient written out.

The input product of all time steps is one product before the loop, so its body holds the recurrent product only. The
gradient computes for all time steps at once whatever needs no gradient of a later step, walks back with the recurrent
product only, and leaves the gradients of the weights to products after the loop. The four gates are kept as four
sequences: concatenations keep the compiler from vectorising what it fuses with them, measured 1.4 times slower.

Letters: E members of the ensemble, B architectures, T time steps, D width of the inputs, H hidden units; G = 4 H, the
gates side by side in the order input, forget, output, candidate.
"""

import numpy as np
import tensorflow as tf

GATES = 4


def lstm(
    inputs: tf.Tensor,
    kernel: tf.Tensor,
    *,
    recurrent_kernel: tf.Tensor,
    initial_hidden: tf.Tensor,
    initial_cell: tf.Tensor,
) -> tf.Tensor:
    """The outputs of an LSTM at all time steps.

    There is no bias: with a column of ones in the inputs, or with one-hot inputs, the kernel holds it.

    Args:
        inputs: `[T, E, B, D]`; T is static.
        kernel: `[E, D, 4 H]`.
        recurrent_kernel: `[E, H, 4 H]`.
        initial_hidden: `[E, B, H]`.
        initial_cell: `[E, B, H]`.

    Returns:
        The hidden states, `[T, E, B, H]`.
    """
    return _lstm(inputs, kernel, recurrent_kernel, initial_hidden, initial_cell)


def lstm_step(
    projected: tf.Tensor, recurrent_kernel: tf.Tensor, *, hidden: tf.Tensor, cell: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tuple[tf.Tensor, ...]]:
    """One time step on an input that was multiplied with the kernel before.

    Args:
        projected: `[E, B, 4 H]`.
        recurrent_kernel: `[E, H, 4 H]`.
        hidden: `[E, B, H]`.
        cell: `[E, B, H]`.

    Returns:
        The new hidden and cell states, `[E, B, H]`, and the four gates, `[E, B, H]` each.
    """
    # sigmoid(x) = (1 + tanh(x / 2)) / 2: all gates are one expression, scale * tanh(scale * x) + shift.
    units = recurrent_kernel.shape[1]
    scale = np.repeat(np.array([0.5, 0.5, 0.5, 1.0], np.float32), units)  # [G]
    shift = np.repeat(np.array([0.5, 0.5, 0.5, 0.0], np.float32), units)  # [G]
    gates = scale * tf.tanh(scale * (projected + tf.matmul(hidden, recurrent_kernel))) + shift  # [E, B, G]
    input_gate, forget_gate, output_gate, candidate = tf.split(gates, GATES, axis=-1)  # 4 x [E, B, H]
    cell = forget_gate * cell + input_gate * candidate
    return output_gate * tf.tanh(cell), cell, (input_gate, forget_gate, output_gate, candidate)


def _sum_over_time(left, right):
    """The product of two sequences, summed over time and batch: `[T, E, B, X]`, `[T, E, B, Y]` -> `[E, X, Y]`."""

    def members_first(sequence):
        sequence = tf.transpose(sequence, [1, 0, 2, 3])  # [E, T, B, X]
        return tf.reshape(sequence, [sequence.shape[0], -1, sequence.shape[3]])  # [E, T B, X]

    return tf.matmul(members_first(left), members_first(right), transpose_a=True)


@tf.custom_gradient
def _lstm(inputs, kernel, recurrent_kernel, initial_hidden, initial_cell):
    length, width = inputs.shape[0], inputs.shape[3]
    # Never tf.matmul with a broadcast member axis: TensorFlow 2.21 with oneDNN crashes there at random where E is 1.
    projected = tf.einsum("tebd,edg->tebg", inputs, kernel)  # [T, E, B, G]

    def record(count):
        return [tf.TensorArray(inputs.dtype, length, element_shape=initial_hidden.shape) for _ in range(count)]

    def write(arrays, time, values):
        return [array.write(time, value) for array, value in zip(arrays, values, strict=True)]

    def forward(time, hidden, cell, arrays):
        hidden, cell, gates = lstm_step(projected[time], recurrent_kernel, hidden=hidden, cell=cell)
        return time + 1, hidden, cell, write(arrays, time, [hidden, cell, *gates])

    *_, arrays = tf.while_loop(
        lambda time, *_: time < length,
        forward,
        (0, initial_hidden, initial_cell, record(2 + GATES)),
        maximum_iterations=length,
    )
    hidden, cells, *gates = [array.stack() for array in arrays]  # 6 x [T, E, B, H]

    def gradient(output_gradient):
        input_gate, forget_gate, output_gate, candidate = gates
        squashed = tf.tanh(cells)  # [T, E, B, H]
        through_output = output_gate * (1 - squashed * squashed)  # [T, E, B, H]
        earlier_cells = tf.concat([initial_cell[tf.newaxis], cells[:-1]], axis=0)  # [T, E, B, H]
        slopes = [
            candidate * input_gate * (1 - input_gate),
            earlier_cells * forget_gate * (1 - forget_gate),
            squashed * output_gate * (1 - output_gate),
            input_gate * (1 - candidate * candidate),
        ]  # 4 x [T, E, B, H]
        # One product for each gate instead of a single long one: measured a third faster on the CPU.
        gate_kernels = tf.stack(tf.split(recurrent_kernel, GATES, axis=-1))  # [4, E, H, H]
        gate_kernels = tf.linalg.matrix_transpose(gate_kernels)

        def backward(time, hidden_gradient, cell_gradient, arrays):
            hidden_gradient += output_gradient[time]  # [E, B, H]
            cell_gradient += hidden_gradient * through_output[time]  # [E, B, H]
            reaching = (cell_gradient, cell_gradient, hidden_gradient, cell_gradient)
            gate_gradients = [reached * slope[time] for reached, slope in zip(reaching, slopes, strict=True)]
            return (
                time - 1,
                tf.reduce_sum(tf.matmul(tf.stack(gate_gradients), gate_kernels), axis=0),  # [E, B, H]
                cell_gradient * forget_gate[time],
                write(arrays, time, gate_gradients),
            )

        _, hidden_gradient, cell_gradient, arrays = tf.while_loop(
            lambda time, *_: time >= 0,
            backward,
            (length - 1, tf.zeros_like(initial_hidden), tf.zeros_like(initial_cell), record(GATES)),
            maximum_iterations=length,
        )
        gate_gradients = [array.stack() for array in arrays]  # 4 x [T, E, B, H]
        earlier_hidden = tf.concat([initial_hidden[tf.newaxis], hidden[:-1]], axis=0)  # [T, E, B, H]
        read = tf.concat([inputs, earlier_hidden], axis=-1)  # [T, E, B, D + H]
        weights_gradient = tf.concat([_sum_over_time(read, gate) for gate in gate_gradients], axis=-1)  # [E, D + H, G]
        inputs_gradient = tf.add_n(
            [
                tf.einsum("tebh,edh->tebd", gate, part)
                for gate, part in zip(gate_gradients, tf.split(kernel, GATES, axis=-1), strict=True)
            ]
        )  # [T, E, B, D]
        return (
            inputs_gradient,
            weights_gradient[:, :width],
            weights_gradient[:, width:],
            hidden_gradient,
            cell_gradient,
        )

    return hidden, gradient
