"""The decoder D: from the representation of an architecture back to its tokens (NAO, section 3.2).

An LSTM that starts from the architecture embedding and attends to the encoder's states. Its tokens are masked by the
grammar of the search space, inside the compiled program, so they are always an architecture.

Letters: E members of the ensemble, B architectures, T tokens, S encoder steps, V vocabulary, H hidden units, G = 4 H
gates.
"""

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from nao_tf.architecture import START_TOKEN
from nao_tf.controller.encoder import mean_embedding
from nao_tf.controller.ensemble.initialiser import Initialiser
from nao_tf.controller.ensemble.lstm import GATES, lstm, lstm_step
from nao_tf.controller.settings import ControllerSettings


def attention(outputs: tf.Tensor, states: tf.Tensor) -> tf.Tensor:
    """Dot attention (Luong et al., 2015): the weight of every state at each of the decoder's outputs.

    Args:
        outputs: `[E, B, T, H]`.
        states: `[E, B, S, H]`.

    Returns:
        The weights of the states, `[E, B, T, S]`; their sum over S is 1.
    """
    return tf.nn.softmax(tf.matmul(outputs, states, transpose_b=True))  # [E, B, T, S]


def mask_logits(logits: tf.Tensor, legal: tf.Tensor) -> tf.Tensor:
    """The logits, minus infinity where `legal` is false; both `[..., V]`."""
    return tf.where(legal, logits, -np.inf)


@keras.saving.register_keras_serializable(package="nao_tf")
class Decoder(keras.layers.Layer):
    """Token embedding, one LSTM layer, dot attention, a projection to the vocabulary (authors' code, recurrent cells).

    Args:
        grammar: bool `[T, V, V]`, indexed by position, last token, token: which token may follow which. Or nested
            lists.
        settings: of the controller.
        seed: of the initial weights.
    """

    def __init__(
        self,
        grammar: np.ndarray | Sequence[Sequence[Sequence[int]]],
        *,
        settings: ControllerSettings,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.grammar = np.asarray(grammar, bool)
        self.settings = settings
        self.seed = seed
        if self.grammar.ndim != 3 or self.grammar.shape[1] != self.grammar.shape[2]:
            raise ValueError(f"grammar of shape {self.grammar.shape}; it takes [tokens, vocabulary, vocabulary]")

    @property
    def token_length(self) -> int:
        """T."""
        return self.grammar.shape[0]

    @property
    def vocabulary_size(self) -> int:
        """V."""
        return self.grammar.shape[1]

    def build(self, input_shape=None):
        """Makes the weights; their shapes follow from the configuration alone."""
        settings = self.settings
        initialiser = Initialiser(scheme=settings.initialisation, seed=self.seed, part="decoder")
        members, hidden, gates = settings.members, settings.hidden, GATES * settings.hidden

        def add_matrix(name, shape, *, authors_limit=None):
            initializer = initialiser.matrix(name, shape, authors_limit=authors_limit)
            return self.add_weight(name=name, shape=[members, *shape], initializer=initializer)

        def add_bias(name, width):
            return self.add_weight(name=name, shape=[members, 1, width], initializer="zeros")

        self.embedding = self.add_weight(
            name="embedding",
            shape=[members, self.vocabulary_size, hidden],
            initializer=initialiser.embedding("embedding"),
        )
        limit = hidden**-0.5  # of all LSTM weights in the authors' framework
        self.kernel = add_matrix("kernel", (hidden, gates), authors_limit=limit)
        self.recurrent_kernel = add_matrix("recurrent_kernel", (hidden, gates), authors_limit=limit)
        self.bias = add_bias("bias", gates)
        self.mixing_kernel = add_matrix("mixing_kernel", (2 * hidden, hidden))
        self.mixing_bias = add_bias("mixing_bias", hidden)
        self.output_kernel = add_matrix("output_kernel", (hidden, self.vocabulary_size))
        self.output_bias = add_bias("output_bias", self.vocabulary_size)
        self.built = True

    def call(self, states, targets):
        """The logits of `targets` by teacher forcing: at every position the true token before it was read.

        Args:
            states: the encoder's states, `[E, B, S, H]`.
            targets: int32 `[E, B, T]`.

        Returns:
            The logits, unmasked, `[E, B, T, V]`.
        """
        earlier = tf.pad(targets[..., :-1], [[0, 0], [0, 0], [1, 0]], constant_values=START_TOKEN)  # [E, B, T]
        one_hot = tf.one_hot(tf.transpose(earlier, [2, 0, 1]), self.vocabulary_size)  # [T, E, B, V]
        embedding = mean_embedding(states)  # [E, B, H]
        outputs = lstm(
            one_hot,
            self._projected_vocabulary(),
            recurrent_kernel=self.recurrent_kernel.value,
            initial_hidden=embedding,
            initial_cell=embedding,
        )  # [T, E, B, H]
        return self._logits(tf.transpose(outputs, [1, 2, 0, 3]), states)  # [E, B, T, V]

    def greedy(self, states: tf.Tensor) -> tf.Tensor:
        """The most likely legal token at every position.

        Args:
            states: `[E, B, S, H]`.

        Returns:
            Tokens, int32 `[E, B, T]`: always an architecture of the grammar's space.
        """
        vocabulary, grammar = self._projected_vocabulary(), tf.constant(self.grammar)
        embedding = mean_embedding(states)  # [E, B, H]

        def write_token(position, previous, hidden, cell, written):
            projected = tf.gather(vocabulary, previous, axis=1, batch_dims=1)  # [E, B, G]
            hidden, cell, _ = lstm_step(projected, self.recurrent_kernel.value, hidden=hidden, cell=cell)
            logits = tf.squeeze(self._logits(hidden[:, :, tf.newaxis], states), 2)  # [E, B, V]
            legal = tf.gather(grammar[position], previous)  # [E, B, V]
            token = tf.argmax(mask_logits(logits, legal), axis=-1, output_type=tf.int32)  # [E, B]
            return position + 1, token, hidden, cell, written.write(position, token)

        start = tf.fill(tf.shape(embedding)[:2], START_TOKEN)  # [E, B]
        written = tf.TensorArray(tf.int32, self.token_length, element_shape=start.shape)
        *_, written = tf.while_loop(
            lambda position, *_: position < self.token_length,
            write_token,
            (0, start, embedding, embedding, written),
            maximum_iterations=self.token_length,
        )
        return tf.transpose(written.stack(), [1, 2, 0])  # [E, B, T]

    def _projected_vocabulary(self):
        # A token's embedding times the kernel is the same wherever the token stands: V products instead of B T.
        return tf.matmul(self.embedding.value, self.kernel.value) + self.bias.value  # [E, V, G]

    def _logits(self, outputs, states):
        # tanh(W [context; output]): the context is a weighted sum of states, so its half of W is applied to the states,
        # which are fewer than the outputs.
        for_context, for_output = tf.split(self.mixing_kernel.value, 2, axis=1)  # 2 x [E, H, H]
        weights = attention(outputs, states)  # [E, B, T, S]
        mixed = tf.matmul(weights, tf.einsum("ebsh,ehi->ebsi", states, for_context))  # [E, B, T, H]
        mixed += tf.einsum("ebth,ehi->ebti", outputs, for_output)  # [E, B, T, H]
        mixed = tf.tanh(mixed + self.mixing_bias.value[:, tf.newaxis])
        return tf.einsum("ebth,ehv->ebtv", mixed, self.output_kernel.value) + self.output_bias.value[:, tf.newaxis]

    def get_config(self):
        """Plain JSON values."""
        return {
            **super().get_config(),
            "grammar": self.grammar.astype(int).tolist(),
            "settings": dataclasses.asdict(self.settings),
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        """A layer with the values of `get_config`."""
        return super().from_config({**config, "settings": ControllerSettings(**config["settings"])})
