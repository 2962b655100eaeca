"""Adam (Kingma and Ba, 2015) with gradient clipping, for the weights of several independent members.

Keras optimizers clip by one norm over all weights, which would couple the members; here every member has its own.

Letters: E members; every weight, gradient and moment is `[E, ...]`.
"""

from collections.abc import Sequence

import tensorflow as tf

FIRST_DECAY, SECOND_DECAY, EPSILON = 0.9, 0.999, 1e-8  # the paper's, and all frameworks'


def _for_each_member(values, like):
    return tf.reshape(values, [-1] + [1] * (like.shape.rank - 1))  # [E, 1, ...]


def clip_by_member_norm(gradients: Sequence[tf.Tensor], largest: float) -> list[tf.Tensor]:
    """The gradients, scaled down so that no member's global norm is larger than `largest`."""
    squares = [tf.reduce_sum(tf.square(gradient), axis=range(1, gradient.shape.rank)) for gradient in gradients]  # [E]
    norm = tf.sqrt(tf.add_n(squares))  # [E]
    scale = largest / tf.maximum(norm, largest)  # [E]
    return [gradient * _for_each_member(scale, gradient) for gradient in gradients]


def adam_step(
    weights: Sequence[tf.Tensor],
    gradients: Sequence[tf.Tensor],
    *,
    first_moments: Sequence[tf.Tensor],
    second_moments: Sequence[tf.Tensor],
    step: tf.Tensor,
    learning_rate: tf.Tensor | float,
    weight_decay: float,
) -> tuple[list[tf.Tensor], list[tf.Tensor], list[tf.Tensor]]:
    """One step of Adam.

    Args:
        weights: list of `[E, ...]`.
        gradients: list of the same shapes.
        first_moments: running means of the gradients; zeros at first.
        second_moments: running means of their squares; zeros at first.
        step: the number of steps before this one, a scalar.
        learning_rate: a scalar.
        weight_decay: L2 coefficient, added to the gradients.

    Returns:
        The new weights, first moments and second moments.
    """
    count = tf.cast(step, tf.float32) + 1
    rate = learning_rate / (1 - FIRST_DECAY**count)
    correction = 1 / (1 - SECOND_DECAY**count)
    new_weights, new_first, new_second = [], [], []
    for weight, gradient, first, second in zip(weights, gradients, first_moments, second_moments, strict=True):
        gradient = gradient + weight_decay * weight
        first = FIRST_DECAY * first + (1 - FIRST_DECAY) * gradient
        second = SECOND_DECAY * second + (1 - SECOND_DECAY) * tf.square(gradient)
        new_weights.append(weight - rate * first / (tf.sqrt(second * correction) + EPSILON))
        new_first.append(first)
        new_second.append(second)
    return new_weights, new_first, new_second
