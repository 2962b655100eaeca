"""The encoder E: an architecture's tokens become a sequence of unit vectors (NAO, section 3.2).

Letters: E members of the ensemble, B architectures, T tokens, S encoder steps, R = T / S tokens a step, V vocabulary,
D width of the token embedding, H hidden units.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from nao_tf.controller.ensemble import initialiser
from nao_tf.controller.ensemble.dropout import dropout
from nao_tf.controller.ensemble.lstm import GATES, lstm

EMBEDDING_DROPOUT, STATE_DROPOUT = 0, 1  # which masks of a dropout seed are the encoder's


def unit(vectors):
    """The vectors of the last axis, scaled to length 1; a zero vector stays zero."""
    return tf.math.l2_normalize(vectors, axis=-1, epsilon=1e-12)


def mean_embedding(states):
    """The architecture embedding, the normalised mean of the states (authors' code): `[..., S, H]` -> `[..., H]`."""
    return unit(tf.reduce_mean(states, axis=-2))


@keras.saving.register_keras_serializable(package="nao_tf")
class Encoder(keras.layers.Layer):
    """Token embedding, one LSTM layer, states of length 1 (NAO, section 3.2; sizes of the authors' code).

    Args:
        members: E.
        token_length: T.
        vocabulary_size: V.
        tokens_per_encoder_step: R; that many neighbouring embeddings make one step of the LSTM. Divides T.
        embedding_width: D.
        hidden: H.
        embedding_dropout: dropped share of the token embeddings, in training.
        state_dropout: dropped share of the LSTM's outputs, in training.
        initialisation: `glorot` or `authors`.
        seed: of the initial weights.

    Raises:
        ValueError: the token length is no multiple of the tokens of a step.
    """

    def __init__(
        self,
        members: int,
        token_length: int,
        vocabulary_size: int,
        tokens_per_encoder_step: int,
        embedding_width: int,
        hidden: int,
        embedding_dropout: float = 0.0,
        state_dropout: float = 0.0,
        initialisation: str = "glorot",
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if token_length % tokens_per_encoder_step:
            raise ValueError(
                f"{token_length} tokens do not divide into encoder steps of {tokens_per_encoder_step} tokens each"
            )
        self.members = members
        self.token_length = token_length
        self.vocabulary_size = vocabulary_size
        self.tokens_per_encoder_step = tokens_per_encoder_step
        self.embedding_width = embedding_width
        self.hidden = hidden
        self.embedding_dropout = embedding_dropout
        self.state_dropout = state_dropout
        self.initialisation = initialisation
        self.seed = seed

    @property
    def steps(self) -> int:
        """S, the time steps of the LSTM."""
        return self.token_length // self.tokens_per_encoder_step

    def build(self, input_shape=None):
        """Makes the weights; their shapes follow from the configuration alone."""
        scheme, seed, hidden = self.initialisation, self.seed, self.hidden
        inputs, gates = self.tokens_per_encoder_step * self.embedding_width, GATES * hidden
        limit = hidden**-0.5  # of all LSTM weights in the authors' framework
        self.embedding = self.add_weight(
            name="embedding",
            shape=[self.members, self.vocabulary_size, self.embedding_width],
            initializer=initialiser.embedding(scheme, seed, "encoder/embedding"),
        )
        self.kernel = self.add_weight(
            name="kernel",
            shape=[self.members, inputs, gates],
            initializer=initialiser.matrix(scheme, inputs, gates, seed, "encoder/kernel", limit),
        )
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel",
            shape=[self.members, hidden, gates],
            initializer=initialiser.matrix(scheme, hidden, gates, seed, "encoder/recurrent_kernel", limit),
        )
        self.bias = self.add_weight(name="bias", shape=[self.members, 1, gates], initializer="zeros")
        self.built = True

    def call(self, tokens, dropout_seed=None):
        """The continuous representation of architectures.

        Args:
            tokens: int32 `[E, B, T]`.
            dropout_seed: int32 `[2]` or `[E, 2]` in training; None: no dropout.

        Returns:
            The states, unit vectors, `[E, B, S, H]`.
        """
        one_hot = tf.one_hot(tokens, self.vocabulary_size)  # [E, B, T, V]
        # A product with the one-hot tokens: its gradient is a product too; a scatter is slower at these vocabularies.
        embedded = tf.einsum("ebtv,evd->ebtd", one_hot, self.embedding.value)  # [E, B, T, D]
        embedded = dropout(embedded, self.embedding_dropout, dropout_seed, EMBEDDING_DROPOUT)
        batch = tf.shape(tokens)[1]
        inputs = tf.reshape(embedded, [self.members, batch, self.steps, self.kernel.shape[1]])  # [E, B, S, R D]
        inputs = tf.transpose(inputs, [2, 0, 1, 3])  # [S, E, B, R D]
        inputs = tf.pad(inputs, [[0, 0], [0, 0], [0, 0], [0, 1]], constant_values=1.0)  # [S, E, B, R D + 1]
        kernel = tf.concat([self.kernel.value, self.bias.value], axis=1)  # [E, R D + 1, 4 H]
        start = tf.zeros([self.members, batch, self.hidden])  # [E, B, H]
        outputs = lstm(inputs, kernel, self.recurrent_kernel.value, start, start)  # [S, E, B, H]
        outputs = dropout(tf.transpose(outputs, [1, 2, 0, 3]), self.state_dropout, dropout_seed, STATE_DROPOUT)
        return unit(outputs)  # [E, B, S, H]

    def get_config(self):
        """Plain JSON values."""
        return {
            **super().get_config(),
            "members": self.members,
            "token_length": self.token_length,
            "vocabulary_size": self.vocabulary_size,
            "tokens_per_encoder_step": self.tokens_per_encoder_step,
            "embedding_width": self.embedding_width,
            "hidden": self.hidden,
            "embedding_dropout": self.embedding_dropout,
            "state_dropout": self.state_dropout,
            "initialisation": self.initialisation,
            "seed": self.seed,
        }
