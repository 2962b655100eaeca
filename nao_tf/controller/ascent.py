"""The gradient ascent of NAO: e' = e + eta df/de (NAO, section 3.3).

One step, not many: every state moves along its own gradient of the predictor and is scaled to length 1 again, and the
decoder of the same member turns the states into an architecture.

Letters: E members of the ensemble, B architectures, S encoder steps, H hidden units, T tokens, K step sizes.
"""

from collections.abc import Sequence

import tensorflow as tf

from nao_tf.controller.encoder import unit
from nao_tf.controller.model import EncoderPredictorDecoder


def gradient(model: EncoderPredictorDecoder, states: tf.Tensor) -> tf.Tensor:
    """df/de, of every member's predictor with respect to its own states: `[E, B, S, H]` -> `[E, B, S, H]`."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(states)
        scores = model.predictor(states)  # [E, B]
    return tape.gradient(scores, states)


def ascend(
    states: tf.Tensor,
    states_gradient: tf.Tensor,
    *,
    step_sizes: tf.Tensor | Sequence[float],
    maximise: bool = True,
) -> tf.Tensor:
    """The states moved along the gradient, for each of several step sizes, and scaled to length 1 again.

    Args:
        states: `[E, B, S, H]`.
        states_gradient: `[E, B, S, H]`.
        step_sizes: eta, `[K]`, positive.
        maximise: up the gradient (True, for scores where higher is better) or down.

    Returns:
        The moved states, `[K, E, B, S, H]`.
    """
    direction = 1.0 if maximise else -1.0
    sizes = tf.reshape(tf.cast(step_sizes, states.dtype), [-1, 1, 1, 1, 1])  # [K, 1, 1, 1, 1]
    return unit(states + direction * sizes * states_gradient)  # [K, E, B, S, H]


def ascend_tokens(
    model: EncoderPredictorDecoder,
    tokens: tf.Tensor,
    *,
    step_sizes: tf.Tensor | Sequence[float],
    maximise: bool = True,
) -> tf.Tensor:
    """Encodes architectures, moves their states along the gradient, and decodes them.

    Args:
        model: a trained controller.
        tokens: int32 `[B, T]`, or `[E, B, T]`, each member its own.
        step_sizes: eta, `[K]`, positive.
        maximise: whether the score is to rise (True) or to fall.

    Returns:
        Legal tokens, int32 `[K, E, B, T]`: for every step size, member and architecture.
    """
    states = model.encode(tokens)  # [E, B, S, H]
    moved = ascend(states, gradient(model, states), step_sizes=step_sizes, maximise=maximise)  # [K, E, B, S, H]
    shape = tf.shape(moved)
    sizes, batch = shape[0], shape[2]
    side_by_side = tf.transpose(moved, [1, 0, 2, 3, 4])  # [E, K, B, S, H]
    side_by_side = tf.reshape(
        side_by_side, [model.members, sizes * batch, moved.shape[3], moved.shape[4]]
    )  # [E, K B, S, H]
    decoded = model.decode(side_by_side)  # [E, K B, T]
    decoded = tf.reshape(decoded, [model.members, sizes, batch, model.token_length])  # [E, K, B, T]
    return tf.transpose(decoded, [1, 0, 2, 3])  # [K, E, B, T]
