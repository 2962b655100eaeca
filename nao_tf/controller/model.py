"""The controller: encoder, predictor and decoder, and the joint loss that trains them (NAO, section 3.2).

Letters: E members of the ensemble, B architectures, T tokens, S encoder steps, V vocabulary, H hidden units.
"""

import dataclasses
from collections.abc import Sequence
from typing import Self

import keras
import numpy as np
import tensorflow as tf

from nao_tf.architecture import SearchSpace
from nao_tf.controller.decoder import Decoder
from nao_tf.controller.encoder import Encoder, mean_embedding
from nao_tf.controller.predictor import Predictor
from nao_tf.controller.settings import ControllerSettings


def joint_loss(
    scores: tf.Tensor,
    logits: tf.Tensor,
    *,
    tokens: tf.Tensor,
    targets: tf.Tensor,
    example_weights: tf.Tensor,
    prediction_weight: float,
) -> tf.Tensor:
    """lambda times the prediction loss plus (1 - lambda) times the reconstruction loss (NAO, section 3.3).

    Args:
        scores: predicted scores, `[E, B]`.
        logits: of the decoder by teacher forcing, `[E, B, T, V]`.
        tokens: the tokens to reconstruct, int32 `[E, B, T]`.
        targets: the scores to predict, `[E, B]`.
        example_weights: `[E, B]`; 0 for held-out architectures and for padding.
        prediction_weight: lambda.

    Returns:
        The loss of every member, `[E]`: the squared error, mean of its examples, and the cross entropy in nats, mean of
        its examples and their tokens. A member without any example has loss 0.
    """
    total = tf.maximum(tf.reduce_sum(example_weights, axis=1), 1e-9)  # [E]
    squared_error = tf.square(scores - targets)  # [E, B]
    one_hot = tf.one_hot(tokens, logits.shape[-1])  # [E, B, T, V]
    chosen = tf.reduce_sum(logits * one_hot, axis=-1)  # [E, B, T]
    cross_entropy = tf.reduce_mean(tf.reduce_logsumexp(logits, axis=-1) - chosen, axis=-1)  # [E, B]
    joint = prediction_weight * squared_error + (1 - prediction_weight) * cross_entropy  # [E, B]
    return tf.reduce_sum(example_weights * joint, axis=1) / total  # [E]


@keras.saving.register_keras_serializable(package="nao_tf")
class EncoderPredictorDecoder(keras.Model):
    """The controller of one search space; an ensemble of them where `members` is more than 1.

    It holds all that it needs of its space, so a `.keras` file loads without the space.

    Args:
        grammar: bool `[T, V, V]`, indexed by position, last token, token: which token may follow which. Or nested
            lists.
        settings: sizes and training.
        tokens_per_encoder_step: tokens that the encoder reads as one step.
        seed: of the initial weights.

    Raises:
        ValueError: a grammar of another shape.
    """

    def __init__(
        self,
        grammar: np.ndarray | Sequence[Sequence[Sequence[int]]],
        *,
        settings: ControllerSettings,
        tokens_per_encoder_step: int = 1,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        grammar = np.asarray(grammar, bool)
        if grammar.ndim != 3 or grammar.shape[1] != grammar.shape[2]:
            raise ValueError(f"grammar of shape {grammar.shape}; it takes [tokens, vocabulary, vocabulary]")
        self.grammar = grammar
        self.tokens_per_encoder_step = tokens_per_encoder_step
        self.settings = settings
        self.seed = seed
        self.encoder = Encoder(
            grammar.shape[0],
            grammar.shape[1],
            tokens_per_encoder_step=tokens_per_encoder_step,
            settings=settings,
            seed=seed,
            name="encoder",
        )
        self.predictor = Predictor(self.encoder.steps, settings=settings, seed=seed, name="predictor")
        self.decoder = Decoder(grammar, settings=settings, seed=seed, name="decoder")
        # All shapes follow from the configuration, so the weights exist at once, in a loaded model too.
        for part in (self.encoder, self.predictor, self.decoder):
            part.build()
        self.built = True

    @classmethod
    def for_space(cls, space: SearchSpace, settings: ControllerSettings, *, seed: int = 0) -> Self:
        """The controller of a search space, untrained."""
        return cls(space.grammar, tokens_per_encoder_step=space.tokens_per_encoder_step, settings=settings, seed=seed)

    @property
    def members(self) -> int:
        """E, the members of the ensemble."""
        return self.settings.members

    @property
    def token_length(self) -> int:
        """T, the tokens of an architecture."""
        return self.grammar.shape[0]

    @property
    def vocabulary_size(self) -> int:
        """V, the words of the vocabulary."""
        return self.grammar.shape[1]

    def build(self, input_shape=None):
        """Makes nothing: the constructor made the weights."""
        self.built = True

    def call(self, tokens, dropout_seed=None):
        """All parts at once, the decoder by teacher forcing.

        Args:
            tokens: int32 `[B, T]`, shared by all members, or `[E, B, T]`, each member its own.
            dropout_seed: int32 `[2]`, or `[E, 2]`, each member its own, in training; None: no dropout.

        Returns:
            `states` `[E, B, S, H]`, `embedding` `[E, B, H]`, `score` `[E, B]`, `logits` `[E, B, T, V]` by name.
        """
        tokens = self.shared(tokens)  # [E, B, T]
        states = self.encoder(tokens, dropout_seed=dropout_seed)  # [E, B, S, H]
        return {
            "states": states,
            "embedding": mean_embedding(states),  # [E, B, H]
            "score": self.predictor(states, dropout_seed=dropout_seed),  # [E, B]
            "logits": self.decoder(states, tokens),  # [E, B, T, V]
        }

    def shared(self, tokens: tf.Tensor) -> tf.Tensor:
        """Tokens `[B, T]` or `[E, B, T]` as int32 `[E, B, T]`. Raises ValueError for other shapes."""
        tokens = tf.cast(tokens, tf.int32)
        if tokens.shape.rank not in (2, 3) or tokens.shape[-1] not in (None, self.token_length):
            raise ValueError(
                f"tokens of shape {tokens.shape.as_list()}; the controller takes [batch, {self.token_length}] "
                f"or [{self.members}, batch, {self.token_length}]"
            )
        if tokens.shape.rank == 2:
            tokens = tf.repeat(tokens[tf.newaxis], self.members, axis=0)  # [E, B, T]
        if tokens.shape[0] not in (None, self.members):
            raise ValueError(f"tokens for {tokens.shape[0]} members; the controller has {self.members}")
        return tf.ensure_shape(tokens, [self.members, None, self.token_length])

    def encode(self, tokens: tf.Tensor) -> tf.Tensor:
        """The representation of architectures: tokens `[B, T]` or `[E, B, T]` -> unit states `[E, B, S, H]`."""
        return self.encoder(self.shared(tokens))

    def predict_scores(self, tokens: tf.Tensor) -> tf.Tensor:
        """The predicted scores of architectures: tokens `[B, T]` or `[E, B, T]` -> `[E, B]`, higher is better."""
        return self.predictor(self.encode(tokens))

    def decode(self, states: tf.Tensor) -> tf.Tensor:
        """The architecture of each representation, greedily: `[E, B, S, H]` -> legal tokens, int32 `[E, B, T]`."""
        return self.decoder.greedy(states)

    def get_config(self):
        """Plain JSON values; the grammar of the space is among them."""
        return {
            **super().get_config(),
            "grammar": self.grammar.astype(int).tolist(),
            "tokens_per_encoder_step": self.tokens_per_encoder_step,
            "settings": dataclasses.asdict(self.settings),
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        """A model with the values of `get_config`."""
        return super().from_config({**config, "settings": ControllerSettings(**config["settings"])})
