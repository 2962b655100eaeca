"""The language model around a recurrent cell: tied embeddings, dropout, loss and exact likelihoods.

Letters: T time steps, B sequences, U units, V words, N nodes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import keras
import tensorflow as tf

from nao_tf.child import regularisation
from nao_tf.child.language import softmax
from nao_tf.child.language.dropout_rates import Dropout


@keras.saving.register_keras_serializable(package="nao_tf")
class LanguageModel(keras.Model):
    """Words in, probabilities of the next word out; input and output embedding are one matrix (Inan et al., 2017).

    Args:
        cell: `RecurrentCell`, `SharedRecurrentCell` or `LongShortTermMemory`.
        vocabulary_size: V.
        architecture: the integers that `call` runs when it is given none; None when they are always given.
        dropout: rates, all applied in training only.
        activation_penalty: alpha of AR.
        temporal_penalty: beta of TAR; 1e-3 in all of the authors' scripts.
        scale: the embedding starts uniform in +-scale; None for 1 / sqrt(U). The authors take 0.04.

    Attributes:
        embedding: `[V, U]`.
        bias: `[V]`, of the softmax; starts at 0.
    """

    def __init__(
        self,
        cell,
        vocabulary_size,
        architecture=None,
        dropout=None,
        activation_penalty=0.0,
        temporal_penalty=1e-3,
        scale=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.cell = cell
        self.vocabulary_size = vocabulary_size
        self.architecture = None if architecture is None else [int(value) for value in architecture]
        self.dropout = dropout or Dropout()
        self.activation_penalty, self.temporal_penalty, self.scale = activation_penalty, temporal_penalty, scale

    def build(self, input_shape=None):
        """Makes the weights; needs no shape."""
        units = self.cell.units
        bound = self.scale or units**-0.5
        self.embedding = self.add_weight(
            name="embedding",
            shape=[self.vocabulary_size, units],
            initializer=keras.initializers.RandomUniform(-bound, bound),
        )
        self.bias = self.add_weight(name="bias", shape=[self.vocabulary_size], initializer="zeros")
        if not self.cell.built:  # a cell read back from a configuration is
            self.cell.build()
        self.built = True

    def with_architecture(self, values: Sequence[int]) -> LanguageModel:
        """Sets the integers that `call` runs, and returns the model."""
        self.architecture = [int(value) for value in values]
        return self

    @property
    def own_architecture(self) -> tuple[int, ...]:
        """The model's own integers, as numbers that a program is made for; empty when its cell has none."""
        return tuple(self.architecture or ())

    def hidden(self, tokens, state, architecture, training_seed=None, chosen=None, length=None):
        """Outputs of the cell.

        Args:
            tokens: `[T, B]` int32.
            state: carried over from the window before; `cell.initial_state(B)` at first.
            architecture: `[2 N]` int32.
            training_seed: `[2]` int32, of this step's dropout; None drops nothing.
            chosen: see `RecurrentCell.call`.
            length: see `RecurrentCell.call`.

        Returns:
            Outputs after dropout `[T, B, U]`, outputs before it `[T, B, U]`, and the state to carry over.
        """
        embedding = tf.convert_to_tensor(self.embedding)
        masks = dict.fromkeys(("output", "hidden", "input", "embedding", "words"))
        if training_seed is not None:
            shape = [tokens.shape[1], self.cell.units]
            for salt, name in enumerate(masks):
                rate = getattr(self.dropout, name)
                of = [self.vocabulary_size, 1] if name == "words" else shape
                masks[name] = regularisation.mask(of, rate, seed=training_seed, salt=salt, dtype=embedding.dtype)
        if masks["words"] is not None:
            embedding = embedding * masks["words"]
        inputs = tf.gather(embedding, tokens)  # [T, B, U]
        if masks["embedding"] is not None:
            inputs = inputs * masks["embedding"]
        outputs, state = self.cell(
            inputs,
            state,
            architecture=architecture,
            input_mask=masks["input"],
            state_mask=masks["hidden"],
            chosen=chosen,
            length=length,
        )
        dropped = outputs if masks["output"] is None else outputs * masks["output"]
        return dropped, outputs, state

    def loss_of_window(self, tokens, targets, state, architecture, training_seed, chosen=None, length=None):
        """The training loss of a window and the state to carry over.

        Args:
            tokens: `[T, B]` int32.
            targets: `[T, B]` int32.
            state: see `hidden`.
            architecture: `[2 N]` int32.
            training_seed: `[2]` int32.
            chosen: see `RecurrentCell.call`.
            length: scalar int32, the time steps of the window; those behind it are padding, which costs time and
                changes nothing. None for all T.

        Returns:
            Loss with penalties (scalar, nats a token), mean negative log likelihood without them, and the state.
        """
        dropped, outputs, state = self.hidden(tokens, state, architecture, training_seed, chosen, length)
        steps, batch = tokens.shape
        rows = steps * batch
        if length is None:
            weights = tf.fill([rows], tf.cast(1 / rows, dropped.dtype))
        else:
            by_time = regularisation.step_weights(steps, length, dtype=dropped.dtype) / batch  # [T]
            weights = tf.repeat(by_time, batch)  # [T B]
        likelihood = softmax.softmax_loss(
            tf.reshape(dropped, [rows, self.cell.units]),
            tf.convert_to_tensor(self.embedding),
            tf.convert_to_tensor(self.bias),
            tf.reshape(targets, [rows]),
            weights,
        )
        penalty = regularisation.activation_penalties(
            dropped,
            outputs,
            activation=self.activation_penalty,
            temporal=self.temporal_penalty,
            length=length,
        )
        return likelihood + penalty, likelihood, state

    def log_likelihoods(self, tokens, targets, state, architecture, chosen=None):
        """log p(target) of every token, `[T, B]` in nats, and the state; nothing is dropped."""
        outputs, _, state = self.hidden(tokens, state, architecture, chosen=chosen)
        rows = tokens.shape[0] * tokens.shape[1]
        found = softmax.log_likelihoods(
            tf.reshape(outputs, [rows, self.cell.units]),
            tf.convert_to_tensor(self.embedding),
            tf.convert_to_tensor(self.bias),
            tf.reshape(targets, [rows]),
        )
        return tf.reshape(found, tokens.shape), state

    def call(self, tokens, training=False):
        """Log probabilities of every next word, from a zero state, with the model's own architecture.

        Args:
            tokens: `[B, T]` int32: batch first, as Keras users write it.
            training: nothing is dropped here whatever it says; training goes through `loss_of_window`.

        Returns:
            `[B, T, V]`, in nats.
        """
        tokens = tf.transpose(tf.cast(tokens, tf.int32))  # [T, B]
        state = self.cell.initial_state(tf.shape(tokens)[1])
        outputs, _, _ = self.hidden(tokens, state, self.own_architecture)
        embedding = tf.convert_to_tensor(self.embedding)
        logits = tf.tensordot(outputs, embedding, [[2], [1]]) + tf.convert_to_tensor(self.bias)  # [T, B, V]
        return tf.transpose(tf.nn.log_softmax(logits), [1, 0, 2])

    def compute_output_shape(self, input_shape):
        """`[B, T]` to `[B, T, V]`."""
        return (*input_shape, self.vocabulary_size)

    def get_config(self):
        """Plain JSON values."""
        return {
            "name": self.name,
            "cell": keras.saving.serialize_keras_object(self.cell),
            "vocabulary_size": self.vocabulary_size,
            "architecture": self.architecture,
            "dropout": dataclasses.asdict(self.dropout),
            "activation_penalty": self.activation_penalty,
            "temporal_penalty": self.temporal_penalty,
            "scale": self.scale,
        }

    @classmethod
    def from_config(cls, config):
        """The model of a configuration."""
        cell = keras.saving.deserialize_keras_object(config["cell"])
        return cls(**{**config, "cell": cell, "dropout": Dropout(**config["dropout"])})
