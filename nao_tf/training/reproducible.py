"""Equal seeds give equal results: the switches of TensorFlow and Keras."""

import keras
import tensorflow as tf


def reproducible(seed: int) -> None:
    """Makes everything random depend on the seed, and equal computations give equal results, in this process."""
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)
