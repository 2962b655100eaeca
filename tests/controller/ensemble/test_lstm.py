import numpy as np
import tensorflow as tf
from controllers import numpy_lstm

from nao_tf.controller.ensemble.lstm import lstm

T, E, B, D, H = 4, 2, 3, 5, 6


def _arguments():
    generator = np.random.default_rng(0)
    shapes = [T, E, B, D], [E, D, 4 * H], [E, H, 4 * H], [E, B, H], [E, B, H]
    return [generator.normal(size=shape) * 0.5 for shape in shapes]


def _lstm(inputs, kernel, recurrent_kernel, hidden, cell):
    return lstm(inputs, kernel, recurrent_kernel=recurrent_kernel, initial_hidden=hidden, initial_cell=cell)


def _numpy(inputs, kernel, recurrent_kernel, hidden, cell):
    outputs = np.empty([T, E, B, H])
    for member in range(E):
        for example in range(B):
            outputs[:, member, example] = numpy_lstm(
                inputs[:, member, example],
                kernel[member],
                recurrent_kernel[member],
                0,
                hidden[member, example],
                cell[member, example],
            )
    return outputs


def test_outputs_are_those_of_the_textbook():
    arguments = _arguments()
    computed = _lstm(*[tf.constant(argument, tf.float32) for argument in arguments])
    np.testing.assert_allclose(computed, _numpy(*arguments), rtol=1e-5, atol=1e-6)


def test_gradients_equal_finite_differences_of_the_textbook():
    arguments = _arguments()
    weights = np.random.default_rng(1).normal(size=[T, E, B, H])
    tensors = [tf.constant(argument, tf.float32) for argument in arguments]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        loss = tf.reduce_sum(_lstm(*tensors) * tf.constant(weights, tf.float32))
    gradients = tape.gradient(loss, tensors)
    generator = np.random.default_rng(2)
    for index, gradient in enumerate(gradients):
        for _ in range(12):
            place = tuple(generator.integers(size) for size in arguments[index].shape)
            ends = []
            for step in (1e-5, -1e-5):
                moved = [argument.copy() for argument in arguments]
                moved[index][place] += step
                ends.append(np.sum(_numpy(*moved) * weights))
            np.testing.assert_allclose(gradient.numpy()[place], (ends[0] - ends[1]) / 2e-5, rtol=2e-4, atol=1e-5)


def test_compiled_and_plain_agree():
    tensors = [tf.constant(argument, tf.float32) for argument in _arguments()]
    compiled = tf.function(_lstm, jit_compile=True)(*tensors)
    np.testing.assert_allclose(compiled, _lstm(*tensors), rtol=1e-5, atol=1e-6)
