"""The predictor f: from the representation of an architecture to its score, higher is better (NAO, section 3.2).

Letters: E members of the ensemble, B architectures, S encoder steps, H hidden units, W width of a layer.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from nao_tf.controller.encoder import mean_embedding
from nao_tf.controller.ensemble import initialiser
from nao_tf.controller.ensemble.dropout import dropout

FIRST_DROPOUT = 2  # the first of the masks of a dropout seed that are the predictor's

# How the states become the predictor's input, [E, B, S, H] -> [E, B, inputs].
READINGS = {
    # The architecture embedding, as published.
    "mean": mean_embedding,
    # All states side by side: keeps which position said what, which the mean loses.
    "states": lambda states: tf.reshape(
        states, [states.shape[0], tf.shape(states)[1], states.shape[2] * states.shape[3]]
    ),
}


def read(states, reading: str):
    """The predictor's input: `[E, B, S, H]` -> `[E, B, H]` (`mean`) or `[E, B, S H]` (`states`)."""
    return READINGS[reading](states)


@keras.saving.register_keras_serializable(package="nao_tf")
class Predictor(keras.layers.Layer):
    """Layers of rectified units and a sigmoid (NAO, section 3.2; authors' code).

    Args:
        members: E.
        steps: S, the encoder's steps.
        hidden: H, the encoder's hidden units.
        reading: what it reads, a key of `READINGS`.
        layers: how many hidden layers.
        width: W.
        dropout: dropped share of each hidden layer's outputs, in training.
        initialisation: `glorot` or `authors`.
        seed: of the initial weights.

    Raises:
        ValueError: an unknown reading.
    """

    def __init__(
        self,
        members: int,
        steps: int,
        hidden: int,
        reading: str = "states",
        layers: int = 2,
        width: int = 200,
        dropout: float = 0.0,
        initialisation: str = "glorot",
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if reading not in READINGS:
            raise ValueError(f"predictor reads {reading!r}; known are {', '.join(READINGS)}")
        self.members = members
        self.steps = steps
        self.hidden = hidden
        self.reading = reading
        self.layers = layers
        self.width = width
        self.dropout = dropout
        self.initialisation = initialisation
        self.seed = seed

    def build(self, input_shape=None):
        """Makes the weights; their shapes follow from the configuration alone."""
        inputs = self.hidden * (self.steps if self.reading == "states" else 1)
        widths = [inputs, *[self.width] * self.layers, 1]
        self.kernels, self.biases = [], []
        for index, (fan_in, fan_out) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
            name = f"predictor/kernel_{index}"
            # 0.04: the authors' code for recurrent cells
            initializer = initialiser.matrix(self.initialisation, fan_in, fan_out, self.seed, name, 0.04)
            self.kernels.append(
                self.add_weight(name=f"kernel_{index}", shape=[self.members, fan_in, fan_out], initializer=initializer)
            )
            self.biases.append(
                self.add_weight(name=f"bias_{index}", shape=[self.members, 1, fan_out], initializer="zeros")
            )
        self.built = True

    def call(self, states, dropout_seed=None):
        """The predicted scores.

        Args:
            states: `[E, B, S, H]`.
            dropout_seed: int32 `[2]` or `[E, 2]` in training; None: no dropout.

        Returns:
            Scores in (0, 1), higher is better, `[E, B]`.
        """
        layer = read(states, self.reading)  # [E, B, inputs]
        for index, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            layer = tf.matmul(layer, kernel.value) + bias.value  # [E, B, W], at last [E, B, 1]
            if index < self.layers:
                layer = dropout(tf.nn.relu(layer), self.dropout, dropout_seed, FIRST_DROPOUT + index)
        return tf.sigmoid(tf.squeeze(layer, -1))  # [E, B]

    def get_config(self):
        """Plain JSON values."""
        return {
            **super().get_config(),
            "members": self.members,
            "steps": self.steps,
            "hidden": self.hidden,
            "reading": self.reading,
            "layers": self.layers,
            "width": self.width,
            "dropout": self.dropout,
            "initialisation": self.initialisation,
            "seed": self.seed,
        }
