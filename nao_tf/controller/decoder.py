"""The decoder D: from the representation of an architecture back to its tokens (NAO, section 3.2).

An LSTM that starts from the architecture embedding and attends to the encoder's states. What it writes is masked by the
grammar of the search space, inside the compiled program, so it is always an architecture.

Letters: E members of the ensemble, B architectures, T tokens, S encoder steps, V vocabulary, H hidden units, G = 4 H
gates, K strings kept by the beam search.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from nao_tf.architecture import START_TOKEN
from nao_tf.controller.encoder import mean_embedding
from nao_tf.controller.ensemble import initialiser
from nao_tf.controller.ensemble.lstm import GATES, lstm, lstm_step

NEVER = -np.inf  # the logit of what is illegal


def attention(outputs, states):
    """Dot attention (Luong et al. 2015): how much of every state the decoder reads at each of its outputs.

    Args:
        outputs: `[E, B, T, H]`.
        states: `[E, B, S, H]`.

    Returns:
        The weights of the states, `[E, B, T, S]`; their sum over S is 1.
    """
    return tf.nn.softmax(tf.matmul(outputs, states, transpose_b=True))  # [E, B, T, S]


def mask_logits(logits, legal):
    """The logits with minus infinity where `legal` is false; both `[..., V]`."""
    return tf.where(legal, logits, NEVER)


def _legal_log_probabilities(logits, legal):
    # A string that the beam search gave up may have no legal continuation at all: minus infinity, never NaN.
    finite = tf.where(legal, logits, -1e30)
    return mask_logits(tf.nn.log_softmax(finite), legal)


@keras.saving.register_keras_serializable(package="nao_tf")
class Decoder(keras.layers.Layer):
    """Token embedding, one LSTM layer, dot attention, a projection to the vocabulary (authors' code, recurrent cells).

    Args:
        members: E.
        grammar: bool `[T, V, V]` by position, last token, token: which token may follow which. Nested lists do.
        hidden: H; the width of the token embedding and of the encoder's states too.
        initialisation: `glorot` or `authors`.
        seed: of the initial weights.
    """

    def __init__(self, members: int, grammar, hidden: int, initialisation: str = "glorot", seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.members = members
        self.grammar = np.asarray(grammar, bool)
        self.hidden = hidden
        self.initialisation = initialisation
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
        scheme, seed, hidden = self.initialisation, self.seed, self.hidden

        def matrix(name, fan_in, fan_out, authors_limit=None):
            return self.add_weight(
                name=name,
                shape=[self.members, fan_in, fan_out],
                initializer=initialiser.matrix(scheme, fan_in, fan_out, seed, f"decoder/{name}", authors_limit),
            )

        self.embedding = self.add_weight(
            name="embedding",
            shape=[self.members, self.vocabulary_size, hidden],
            initializer=initialiser.embedding(scheme, seed, "decoder/embedding"),
        )
        self.kernel = matrix("kernel", hidden, GATES * hidden, hidden**-0.5)
        self.recurrent_kernel = matrix("recurrent_kernel", hidden, GATES * hidden, hidden**-0.5)
        self.bias = self.add_weight(name="bias", shape=[self.members, 1, GATES * hidden], initializer="zeros")
        self.mixing_kernel = matrix("mixing_kernel", 2 * hidden, hidden)
        self.mixing_bias = self.add_weight(name="mixing_bias", shape=[self.members, 1, hidden], initializer="zeros")
        self.output_kernel = matrix("output_kernel", hidden, self.vocabulary_size)
        self.output_bias = self.add_weight(
            name="output_bias", shape=[self.members, 1, self.vocabulary_size], initializer="zeros"
        )
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
            one_hot, self._projected_vocabulary(), self.recurrent_kernel.value, embedding, embedding
        )  # [T, E, B, H]
        return self._logits(tf.transpose(outputs, [1, 2, 0, 3]), states)  # [E, B, T, V]

    def greedy(self, states):
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
            hidden, cell, _ = lstm_step(projected, self.recurrent_kernel.value, hidden, cell)
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

    def beam_search(self, states, width: int):
        """The most likely legal strings that a beam of `width` finds.

        Args:
            states: `[E, B, S, H]`.
            width: K.

        Returns:
            Tokens, int32 `[E, B, K, T]`, and their log probabilities among legal strings, `[E, B, K]`, the likeliest
            first. A space with fewer than K strings fills up with strings of log probability minus infinity, which
            are no architectures.
        """
        if width < 1:
            raise ValueError(f"beam of width {width}; at least 1")
        members, vocabulary_size = self.members, self.vocabulary_size
        vocabulary, grammar = self._projected_vocabulary(), tf.constant(self.grammar)
        batch = tf.shape(states)[1]
        embedding = mean_embedding(states)  # [E, B, H]

        def extend(position, strings, totals, hidden, cell):
            previous = strings[..., -1]  # [E, B, K]
            flat = tf.reshape(previous, [members, -1])  # [E, B K]
            projected = tf.gather(vocabulary, flat, axis=1, batch_dims=1)  # [E, B K, G]
            hidden, cell, _ = lstm_step(
                projected,
                self.recurrent_kernel.value,
                tf.reshape(hidden, [members, -1, self.hidden]),  # [E, B K, H]
                tf.reshape(cell, [members, -1, self.hidden]),
            )
            hidden = tf.reshape(hidden, [members, batch, width, self.hidden])  # [E, B, K, H]
            cell = tf.reshape(cell, [members, batch, width, self.hidden])
            legal = tf.gather(grammar[position], previous)  # [E, B, K, V]
            extended = totals[..., tf.newaxis] + _legal_log_probabilities(self._logits(hidden, states), legal)
            extended = tf.reshape(extended, [members, batch, width * vocabulary_size])  # [E, B, K V]
            totals, chosen = tf.math.top_k(extended, width)  # [E, B, K]
            kept, token = chosen // vocabulary_size, chosen % vocabulary_size
            strings, hidden, cell = (tf.gather(kind, kept, axis=2, batch_dims=2) for kind in (strings, hidden, cell))
            return position + 1, tf.concat([strings, token[..., tf.newaxis]], -1), totals, hidden, cell

        start = tf.fill([members, batch, width, 1], START_TOKEN)  # [E, B, K, 1]
        # All strings are empty at first: but for one of them they must not count.
        first = tf.one_hot(0, width, on_value=0.0, off_value=NEVER)  # [K]
        totals = tf.broadcast_to(first, [members, batch, width])
        copies = tf.repeat(embedding[:, :, tf.newaxis], width, axis=2)  # [E, B, K, H]
        _, strings, totals, _, _ = tf.while_loop(
            lambda position, *_: position < self.token_length,
            extend,
            (0, start, totals, copies, copies),
            shape_invariants=(
                tf.TensorShape([]),
                tf.TensorShape([members, None, width, None]),
                tf.TensorShape([members, None, width]),
                tf.TensorShape([members, None, width, self.hidden]),
                tf.TensorShape([members, None, width, self.hidden]),
            ),
            maximum_iterations=self.token_length,
        )
        tokens = tf.ensure_shape(strings[..., 1:], [members, None, width, self.token_length])  # [E, B, K, T]
        return tokens, totals

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
            "members": self.members,
            "grammar": self.grammar.astype(int).tolist(),
            "hidden": self.hidden,
            "initialisation": self.initialisation,
            "seed": self.seed,
        }
