"""New weights for a model that has been compiled."""

import random

import keras


def initialise(model: keras.Model, seed: int) -> None:
    """Gives a model the weights that a new one would start with under this seed; the compiled programs live on.

    Keras's initialisers take their seeds from Python's generator. `keras.utils.set_random_seed` would also throw away
    TensorFlow's kernels, and with them every program that was optimised: seconds for each child.
    """
    random.seed(seed)
    fresh = type(model).from_config(model.get_config())
    fresh.build()
    for variable, value in zip(model.variables, fresh.variables, strict=True):
        variable.assign(value)
