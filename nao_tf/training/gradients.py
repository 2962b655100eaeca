"""Gradients before they reach the optimizer: clipping and weight decay."""

from collections.abc import Sequence

import tensorflow as tf


def clipped(gradients: Sequence[tf.Tensor], norm: float) -> list[tf.Tensor]:
    """Gradients with a global norm of at most `norm`; unchanged if that is 0."""
    return list(tf.clip_by_global_norm(gradients, norm)[0]) if norm else list(gradients)


def decayed(gradients: Sequence[tf.Tensor], values: Sequence[tf.Tensor], *, rate: float) -> list[tf.Tensor]:
    """Gradients plus `rate` times the weights; unchanged if the rate is 0."""
    if not rate:
        return list(gradients)
    return [gradient + rate * value for gradient, value in zip(gradients, values, strict=True)]
