"""The language model around a recurrent cell: tied embeddings, dropout, loss and exact likelihoods.

Letters: T time steps, B sequences, U units, V words, N nodes.
"""

import dataclasses
import typing
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
        architecture: the integers of the cell that `call` runs, `2 N` of them; None for a cell that has none, and for a
            model that is only trained, since the other methods take an architecture of any cell.
        dropout: rates, all applied in training only; None for no dropout.
        activation_penalty: alpha of AR.
        temporal_penalty: beta of TAR; 1e-3 in all of the authors' scripts.
        scale: the embedding starts uniform in +-scale; None for 1 / sqrt(U). The authors take 0.04.

    Attributes:
        embedding: `[V, U]`.
        bias: `[V]`, of the softmax; starts at 0.

    Raises:
        ValueError: an architecture is given to a cell that has none.
    """

    def __init__(
        self,
        cell: keras.layers.Layer,
        vocabulary_size: int,
        *,
        architecture: Sequence[int] | None = None,
        dropout: Dropout | None = None,
        activation_penalty: float = 0.0,
        temporal_penalty: float = 1e-3,
        scale: float | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if architecture is not None and not cell.searched:
            raise ValueError(f"an architecture was given, but {type(cell).__name__} has none")
        self.cell = cell
        self.vocabulary_size = vocabulary_size
        self._architecture = None if architecture is None else tuple(int(value) for value in architecture)
        self.dropout = dropout or Dropout()
        self.activation_penalty, self.temporal_penalty, self.scale = activation_penalty, temporal_penalty, scale

    def build(self, input_shape=None):
        """Creates the weights; needs no shape."""
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

    @property
    def architecture(self) -> tuple[int, ...] | None:
        """The integers of the cell that `call` runs, `2 N` of them; None without any."""
        return self._architecture

    def with_architecture(self, architecture: Sequence[int]) -> typing.Self:
        """A model with the same weights, not copies of them, whose `call` runs another architecture.

        Args:
            architecture: its integers, `2 N` of them.

        Raises:
            ValueError: the model's cell has no architecture.
        """
        config = {**self._settings(), "architecture": architecture}
        model = type(self)(self.cell, self.vocabulary_size, name=self.name, **config)
        model.embedding, model.bias, model.built = self.embedding, self.bias, True
        return model

    def chosen(self, architecture: tf.Tensor | tuple[int, ...] | None) -> tf.Tensor | None:
        """`chosen` of the cell, to be made once and given to several calls; None for a cell without architecture."""
        return self.cell.chosen(architecture) if self.cell.searched else None

    def hidden(
        self,
        tokens: tf.Tensor,
        state: tf.Tensor,
        *,
        architecture: tf.Tensor | tuple[int, ...] | None = None,
        training_seed: tf.Tensor | None = None,
        chosen: tf.Tensor | None = None,
        length: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Outputs of the cell.

        Args:
            tokens: `[T, B]` int32.
            state: carried over from the previous window; `cell.initial_state(B)` for the first.
            architecture: `[2 N]` int32, or a tuple of integers, for which the program is then made; None, or no
                integers, for a cell that has none.
            training_seed: `[2]` int32, of this step's dropout; None drops nothing.
            chosen: the result of `chosen(architecture)`; None to make it here.
            length: scalar int32, the time step whose state is carried over; later ones are padding. None for all T.

        Returns:
            Outputs after dropout `[T, B, U]`, outputs before it `[T, B, U]`, and the state to carry over.
        """
        embedding = tf.convert_to_tensor(self.embedding)
        masks = dict.fromkeys(("output", "hidden", "input", "embedding", "words"))
        if training_seed is not None:
            shape = [tokens.shape[1], self.cell.units]
            for salt, name in enumerate(masks):
                rate = getattr(self.dropout, name)
                masked = [self.vocabulary_size, 1] if name == "words" else shape
                masks[name] = regularisation.mask(masked, rate, seed=training_seed, salt=salt, dtype=embedding.dtype)
        if masks["words"] is not None:
            embedding = embedding * masks["words"]
        inputs = tf.gather(embedding, tokens)  # [T, B, U]
        if masks["embedding"] is not None:
            inputs = inputs * masks["embedding"]
        of_architecture = {"architecture": architecture, "chosen": chosen} if self.cell.searched else {}
        outputs, state = self.cell(
            inputs, state, input_mask=masks["input"], state_mask=masks["hidden"], length=length, **of_architecture
        )  # [T, B, U]
        dropped = outputs if masks["output"] is None else outputs * masks["output"]
        return dropped, outputs, state

    def loss_of_window(
        self,
        tokens: tf.Tensor,
        targets: tf.Tensor,
        *,
        state: tf.Tensor,
        architecture: tf.Tensor | tuple[int, ...] | None = None,
        training_seed: tf.Tensor,
        chosen: tf.Tensor | None = None,
        length: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The training loss of a window and the state to carry over.

        Args:
            tokens: `[T, B]` int32.
            targets: `[T, B]` int32.
            state: see `hidden`.
            architecture: see `hidden`.
            training_seed: `[2]` int32.
            chosen: see `hidden`.
            length: scalar int32, the time steps of the window; later ones are padding, which costs time and changes
                nothing. None for all T.

        Returns:
            Loss with penalties (scalar, nats a token), mean negative log likelihood without them, and the state.
        """
        dropped, outputs, state = self.hidden(
            tokens, state, architecture=architecture, training_seed=training_seed, chosen=chosen, length=length
        )
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
            bias=tf.convert_to_tensor(self.bias),
            targets=tf.reshape(targets, [rows]),
            weights=weights,
        )
        penalty = regularisation.activation_penalties(
            dropped, outputs, activation=self.activation_penalty, temporal=self.temporal_penalty, length=length
        )
        return likelihood + penalty, likelihood, state

    def log_likelihoods(
        self,
        tokens: tf.Tensor,
        targets: tf.Tensor,
        *,
        state: tf.Tensor,
        architecture: tf.Tensor | tuple[int, ...] | None = None,
        chosen: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """log p(target) of every token, `[T, B]` in nats, and the state to carry over. Nothing is dropped.

        Args: see `loss_of_window`.
        """
        outputs, _, state = self.hidden(tokens, state, architecture=architecture, chosen=chosen)
        rows = tokens.shape[0] * tokens.shape[1]
        likelihoods = softmax.log_likelihoods(
            tf.reshape(outputs, [rows, self.cell.units]),
            tf.convert_to_tensor(self.embedding),
            bias=tf.convert_to_tensor(self.bias),
            targets=tf.reshape(targets, [rows]),
        )
        return tf.reshape(likelihoods, tokens.shape), state  # [T, B]

    def call(self, tokens, training=False):
        """Log probabilities of every next word, from a zero state, with the model's own architecture.

        Args:
            tokens: `[B, T]` int32: batch first, as Keras users write it.
            training: ignored, nothing is dropped here; the loss of a training is `loss_of_window`.

        Returns:
            `[B, T, V]`, in nats.
        """
        tokens = tf.transpose(tf.cast(tokens, tf.int32))  # [T, B]
        state = self.cell.initial_state(tf.shape(tokens)[1])
        outputs, _, _ = self.hidden(tokens, state, architecture=self.architecture)
        embedding = tf.convert_to_tensor(self.embedding)
        logits = tf.tensordot(outputs, embedding, [[2], [1]]) + tf.convert_to_tensor(self.bias)  # [T, B, V]
        return tf.transpose(tf.nn.log_softmax(logits), [1, 0, 2])

    def compute_output_shape(self, input_shape):
        """`[B, T]` to `[B, T, V]`."""
        return (*input_shape, self.vocabulary_size)

    def _settings(self):
        return {
            "dropout": self.dropout,
            "activation_penalty": self.activation_penalty,
            "temporal_penalty": self.temporal_penalty,
            "scale": self.scale,
        }

    def get_config(self):
        """The constructor's arguments as plain JSON values."""
        return {
            "name": self.name,
            "cell": keras.saving.serialize_keras_object(self.cell),
            "vocabulary_size": self.vocabulary_size,
            "architecture": None if self.architecture is None else list(self.architecture),
            **self._settings(),
            "dropout": dataclasses.asdict(self.dropout),
        }

    @classmethod
    def from_config(cls, config):
        """The model of a configuration, without its weights."""
        cell = keras.saving.deserialize_keras_object(config["cell"])
        return cls(**{**config, "cell": cell, "dropout": Dropout(**config["dropout"])})
