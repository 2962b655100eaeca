"""The encoder E: an architecture's tokens become a sequence of unit vectors (NAO, section 3.2).

Letters: E members of the ensemble, B architectures, T tokens, S encoder steps, R = T / S tokens a step, V vocabulary,
D width of the token embedding, H hidden units.
"""

import dataclasses

import keras
import tensorflow as tf

from nao_tf.controller.ensemble.dropout import Stream, dropout
from nao_tf.controller.ensemble.initialiser import Initialiser
from nao_tf.controller.ensemble.lstm import GATES, lstm
from nao_tf.controller.settings import ControllerSettings


def unit(vectors: tf.Tensor) -> tf.Tensor:
    """The vectors of the last axis, scaled to length 1; a zero vector stays zero."""
    return tf.math.l2_normalize(vectors, axis=-1, epsilon=1e-12)


def mean_embedding(states: tf.Tensor) -> tf.Tensor:
    """The architecture embedding, the normalised mean of the states (authors' code): `[..., S, H]` -> `[..., H]`."""
    return unit(tf.reduce_mean(states, axis=-2))


@keras.saving.register_keras_serializable(package="nao_tf")
class Encoder(keras.layers.Layer):
    """Token embedding, one LSTM layer, states of length 1 (NAO, section 3.2; sizes of the authors' code).

    Args:
        token_length: T.
        vocabulary_size: V.
        tokens_per_encoder_step: R; that many neighbouring embeddings make one step of the LSTM. Divides T.
        settings: of the controller.
        seed: of the initial weights.

    Raises:
        ValueError: the token length is no multiple of the tokens of a step.
    """

    def __init__(
        self,
        token_length: int,
        vocabulary_size: int,
        *,
        settings: ControllerSettings,
        tokens_per_encoder_step: int = 1,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if token_length % tokens_per_encoder_step:
            raise ValueError(
                f"{token_length} tokens do not divide into encoder steps of {tokens_per_encoder_step} tokens each"
            )
        self.token_length = token_length
        self.vocabulary_size = vocabulary_size
        self.tokens_per_encoder_step = tokens_per_encoder_step
        self.settings = settings
        self.seed = seed

    @property
    def steps(self) -> int:
        """S, the time steps of the LSTM."""
        return self.token_length // self.tokens_per_encoder_step

    def build(self, input_shape=None):
        """Makes the weights; their shapes follow from the configuration alone."""
        settings = self.settings
        initialiser = Initialiser(scheme=settings.initialisation, seed=self.seed, part="encoder")
        members, hidden, gates = settings.members, settings.hidden, GATES * settings.hidden
        inputs = self.tokens_per_encoder_step * settings.embedding_width
        limit = hidden**-0.5  # of all LSTM weights in the authors' framework
        self.embedding = self.add_weight(
            name="embedding",
            shape=[members, self.vocabulary_size, settings.embedding_width],
            initializer=initialiser.embedding("embedding"),
        )
        self.kernel = self.add_weight(
            name="kernel",
            shape=[members, inputs, gates],
            initializer=initialiser.matrix("kernel", (inputs, gates), authors_limit=limit),
        )
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel",
            shape=[members, hidden, gates],
            initializer=initialiser.matrix("recurrent_kernel", (hidden, gates), authors_limit=limit),
        )
        self.bias = self.add_weight(name="bias", shape=[members, 1, gates], initializer="zeros")
        self.built = True

    def call(self, tokens, dropout_seed=None):
        """The continuous representation of architectures.

        Args:
            tokens: int32 `[E, B, T]`.
            dropout_seed: int32 `[2]` or `[E, 2]` in training; None: no dropout.

        Returns:
            The states, unit vectors, `[E, B, S, H]`.
        """
        settings = self.settings
        one_hot = tf.one_hot(tokens, self.vocabulary_size)  # [E, B, T, V]
        # A product with the one-hot tokens: its gradient is a product too; a scatter is slower at these vocabularies.
        embedded = tf.einsum("ebtv,evd->ebtd", one_hot, self.embedding.value)  # [E, B, T, D]
        embedded = dropout(embedded, settings.embedding_dropout, seed=dropout_seed, stream=Stream.TOKEN_EMBEDDING)
        batch = tf.shape(tokens)[1]
        inputs = tf.reshape(embedded, [settings.members, batch, self.steps, self.kernel.shape[1]])  # [E, B, S, R D]
        inputs = tf.transpose(inputs, [2, 0, 1, 3])  # [S, E, B, R D]
        inputs = tf.pad(inputs, [[0, 0], [0, 0], [0, 0], [0, 1]], constant_values=1.0)  # [S, E, B, R D + 1]
        kernel = tf.concat([self.kernel.value, self.bias.value], axis=1)  # [E, R D + 1, 4 H]
        start = tf.zeros([settings.members, batch, settings.hidden])  # [E, B, H]
        outputs = lstm(
            inputs,
            kernel,
            recurrent_kernel=self.recurrent_kernel.value,
            initial_hidden=start,
            initial_cell=start,
        )  # [S, E, B, H]
        outputs = tf.transpose(outputs, [1, 2, 0, 3])  # [E, B, S, H]
        outputs = dropout(outputs, settings.state_dropout, seed=dropout_seed, stream=Stream.ENCODER_STATE)
        return unit(outputs)  # [E, B, S, H]

    def get_config(self):
        """Plain JSON values."""
        return {
            **super().get_config(),
            "token_length": self.token_length,
            "vocabulary_size": self.vocabulary_size,
            "tokens_per_encoder_step": self.tokens_per_encoder_step,
            "settings": dataclasses.asdict(self.settings),
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        """A layer with the values of `get_config`."""
        return super().from_config({**config, "settings": ControllerSettings(**config["settings"])})
