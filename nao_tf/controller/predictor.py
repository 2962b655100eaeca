"""The predictor f: from the representation of an architecture to its score, higher is better (NAO, section 3.2).

Letters: E members of the ensemble, B architectures, S encoder steps, H hidden units, W width of a layer.
"""

import dataclasses
from collections.abc import Callable, Mapping

import keras
import tensorflow as tf

from nao_tf.controller.encoder import mean_embedding
from nao_tf.controller.ensemble.dropout import Stream, dropout
from nao_tf.controller.ensemble.initialiser import Initialiser
from nao_tf.controller.settings import ControllerSettings

# How the states become the predictor's input, [E, B, S, H] -> [E, B, inputs].
READINGS: Mapping[str, Callable[[tf.Tensor], tf.Tensor]] = {
    # The architecture embedding, as published.
    "mean": mean_embedding,
    # All states side by side: keeps the positions, which the mean loses.
    "states": lambda states: tf.reshape(
        states, [states.shape[0], tf.shape(states)[1], states.shape[2] * states.shape[3]]
    ),
}


@keras.saving.register_keras_serializable(package="nao_tf")
class Predictor(keras.layers.Layer):
    """Layers of rectified units and a sigmoid (NAO, section 3.2; authors' code).

    Args:
        steps: S.
        settings: of the controller.
        seed: of the initial weights.
    """

    def __init__(self, steps: int, *, settings: ControllerSettings, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.steps = steps
        self.settings = settings
        self.seed = seed

    def build(self, input_shape=None):
        """Makes the weights; their shapes follow from the configuration alone."""
        settings = self.settings
        initialiser = Initialiser(scheme=settings.initialisation, seed=self.seed, part="predictor")
        inputs = settings.hidden * (self.steps if settings.predictor_reading == "states" else 1)
        widths = [inputs, *[settings.predictor_width] * settings.predictor_layers, 1]
        self.kernels, self.biases = [], []
        for index, shape in enumerate(zip(widths[:-1], widths[1:], strict=True)):
            name = f"kernel_{index}"
            # 0.04: the authors' code for recurrent cells
            initializer = initialiser.matrix(name, shape, authors_limit=0.04)
            self.kernels.append(self.add_weight(name=name, shape=[settings.members, *shape], initializer=initializer))
            self.biases.append(
                self.add_weight(name=f"bias_{index}", shape=[settings.members, 1, shape[1]], initializer="zeros")
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
        settings = self.settings
        layer = READINGS[settings.predictor_reading](states)  # [E, B, H] (mean) or [E, B, S H] (states)
        for index, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            layer = tf.matmul(layer, kernel.value) + bias.value  # [E, B, W], in the last layer [E, B, 1]
            if index < settings.predictor_layers:
                layer = dropout(
                    tf.nn.relu(layer),
                    settings.predictor_dropout,
                    seed=dropout_seed,
                    stream=Stream.PREDICTOR_LAYER + index,
                )
        return tf.sigmoid(tf.squeeze(layer, -1))  # [E, B]

    def get_config(self):
        """Plain JSON values."""
        return {
            **super().get_config(),
            "steps": self.steps,
            "settings": dataclasses.asdict(self.settings),
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        """A layer with the values of `get_config`."""
        return super().from_config({**config, "settings": ControllerSettings(**config["settings"])})
