"""Equal seeds give equal results: the switches of TensorFlow and Keras."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


def reproducible(seed: int) -> None:
    """Makes everything random depend on the seed, and equal computations give equal results, in this process."""
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)


def reproducibly(make: Callable[..., Any], seed: int, *arguments: Any, **named: Any) -> Any:
    """Calls a function in a process that may be new: `functools.partial(reproducibly, make, seed, …)` travels to one.

    Args:
        make: is called.
        seed: see `reproducible`.
        arguments: of `make`.
        named: of `make`.

    Returns:
        What `make` returns.
    """
    reproducible(seed)
    return make(*arguments, **named)
