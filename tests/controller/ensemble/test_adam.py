import numpy as np
import tensorflow as tf

from nao_tf.controller.ensemble.adam import adam_step, clip_by_member_norm


def test_every_member_is_clipped_by_its_own_norm():
    gradients = [tf.constant([[[3.0, 0.0]], [[0.3, 0.0]]]), tf.constant([[4.0], [0.4]])]
    clipped = clip_by_member_norm(gradients, 1.0)
    np.testing.assert_allclose(clipped[0], [[[0.6, 0.0]], [[0.3, 0.0]]], rtol=1e-6)
    np.testing.assert_allclose(clipped[1], [[0.8], [0.4]], rtol=1e-6)


def test_steps_are_those_of_the_paper():
    generator = np.random.default_rng(0)
    weight = generator.normal(size=[2, 3])
    first, second = np.zeros([2, 3]), np.zeros([2, 3])
    state = [tf.constant(value, tf.float32) for value in (weight, first, second)]
    for step in range(4):
        gradient = generator.normal(size=[2, 3])
        (new, one, two) = adam_step(
            [state[0]],
            [tf.constant(gradient, tf.float32)],
            first_moments=[state[1]],
            second_moments=[state[2]],
            step=tf.constant(step),
            learning_rate=0.01,
            weight_decay=0.1,
        )
        state = [new[0], one[0], two[0]]
        decayed = gradient + 0.1 * weight
        first, second = 0.9 * first + 0.1 * decayed, 0.999 * second + 0.001 * decayed**2
        unbiased = first / (1 - 0.9 ** (step + 1)), second / (1 - 0.999 ** (step + 1))
        weight = weight - 0.01 * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)
    np.testing.assert_allclose(state[0], weight, rtol=1e-5)
