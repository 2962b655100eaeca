"""The controller: encoder, predictor and decoder, and the joint loss that trains them (NAO, section 3.2).

Letters: E members of the ensemble, B architectures, T tokens, S encoder steps, V vocabulary, H hidden units, K strings
kept by the beam search.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from nao_tf.architecture import SearchSpace
from nao_tf.controller.decoder import Decoder
from nao_tf.controller.encoder import Encoder, mean_embedding
from nao_tf.controller.predictor import Predictor
from nao_tf.controller.settings import ControllerSettings


def joint_loss(scores, logits, tokens, targets, example_weights, prediction_weight: float):
    """lambda times the prediction loss plus (1 - lambda) times the reconstruction loss (NAO, section 3.3).

    Args:
        scores: predicted scores, `[E, B]`.
        logits: of the decoder by teacher forcing, `[E, B, T, V]`.
        tokens: the tokens to reconstruct, int32 `[E, B, T]`.
        targets: the scores to predict, `[E, B]`.
        example_weights: `[E, B]`; 0 for what is held out or padding.
        prediction_weight: lambda.

    Returns:
        The loss of every member, `[E]`: squared error in the mean of its examples, and cross entropy in nats, in the
        mean of its examples and their tokens. A member without any example has loss 0.
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

    It carries what it needs to know of its space, so a `.keras` file loads without the space.

    Args:
        grammar: bool `[T, V, V]` by position, last token, token: which token may follow which. Nested lists do.
        tokens_per_encoder_step: tokens that the encoder reads as one step.
        members: E.
        embedding_width: width of one token's embedding in the encoder.
        hidden: H.
        predictor_reading: `states` or `mean`.
        predictor_layers: hidden layers of the predictor.
        predictor_width: units of each of them.
        embedding_dropout: dropped share of the encoder's embeddings, in training.
        state_dropout: dropped share of the encoder's outputs, in training.
        predictor_dropout: dropped share of the predictor's units, in training.
        initialisation: `glorot` or `authors`.
        seed: of the initial weights.
    """

    def __init__(
        self,
        grammar,
        tokens_per_encoder_step: int = 1,
        members: int = 1,
        embedding_width: int = 48,
        hidden: int = 96,
        predictor_reading: str = "states",
        predictor_layers: int = 2,
        predictor_width: int = 200,
        embedding_dropout: float = 0.0,
        state_dropout: float = 0.0,
        predictor_dropout: float = 0.0,
        initialisation: str = "glorot",
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        grammar = np.asarray(grammar, bool)
        if grammar.ndim != 3 or grammar.shape[1] != grammar.shape[2]:
            raise ValueError(f"grammar of shape {grammar.shape}; it takes [tokens, vocabulary, vocabulary]")
        self.grammar = grammar
        self.tokens_per_encoder_step = tokens_per_encoder_step
        self.members = members
        self.seed = seed
        self.encoder = Encoder(
            members=members,
            token_length=grammar.shape[0],
            vocabulary_size=grammar.shape[1],
            tokens_per_encoder_step=tokens_per_encoder_step,
            embedding_width=embedding_width,
            hidden=hidden,
            embedding_dropout=embedding_dropout,
            state_dropout=state_dropout,
            initialisation=initialisation,
            seed=seed,
            name="encoder",
        )
        self.predictor = Predictor(
            members=members,
            steps=self.encoder.steps,
            hidden=hidden,
            reading=predictor_reading,
            layers=predictor_layers,
            width=predictor_width,
            dropout=predictor_dropout,
            initialisation=initialisation,
            seed=seed,
            name="predictor",
        )
        self.decoder = Decoder(
            members=members,
            grammar=grammar,
            hidden=hidden,
            initialisation=initialisation,
            seed=seed,
            name="decoder",
        )
        # All shapes follow from the configuration, so the weights exist at once, in a loaded model too.
        for part in (self.encoder, self.predictor, self.decoder):
            part.build()
        self.built = True

    @classmethod
    def for_space(cls, space: SearchSpace, settings: ControllerSettings, seed: int = 0) -> EncoderPredictorDecoder:
        """The controller of a search space, untrained."""
        return cls(
            grammar=space.grammar,
            tokens_per_encoder_step=space.tokens_per_encoder_step,
            members=settings.members,
            embedding_width=settings.embedding_width,
            hidden=settings.hidden,
            predictor_reading=settings.predictor_reading,
            predictor_layers=settings.predictor_layers,
            predictor_width=settings.predictor_width,
            embedding_dropout=settings.embedding_dropout,
            state_dropout=settings.state_dropout,
            predictor_dropout=settings.predictor_dropout,
            initialisation=settings.initialisation,
            seed=seed,
        )

    @property
    def token_length(self) -> int:
        """T, the tokens of an architecture."""
        return self.grammar.shape[0]

    @property
    def vocabulary_size(self) -> int:
        """V, the words of the vocabulary."""
        return self.grammar.shape[1]

    def build(self, input_shape=None):
        """Nothing is left to make; the weights exist since the constructor."""
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

    def shared(self, tokens):
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

    def encode(self, tokens):
        """The representation of architectures: tokens `[B, T]` or `[E, B, T]` -> unit states `[E, B, S, H]`."""
        return self.encoder(self.shared(tokens))

    def predict_scores(self, tokens):
        """The predicted scores of architectures: tokens `[B, T]` or `[E, B, T]` -> `[E, B]`, higher is better."""
        return self.predictor(self.encode(tokens))

    def decode(self, states):
        """The architecture of each representation, greedily: `[E, B, S, H]` -> legal tokens, int32 `[E, B, T]`."""
        return self.decoder.greedy(states)

    def beam_search(self, states, width: int):
        """The likeliest architectures of each representation.

        States `[E, B, S, H]` -> tokens, int32 `[E, B, K, T]`, and their log probabilities, `[E, B, K]`.
        """
        return self.decoder.beam_search(states, width)

    def get_config(self):
        """Plain JSON values, what it knows of its space among them."""
        return {
            **super().get_config(),
            "grammar": self.grammar.astype(int).tolist(),
            "tokens_per_encoder_step": self.tokens_per_encoder_step,
            "members": self.members,
            "embedding_width": self.encoder.embedding_width,
            "hidden": self.encoder.hidden,
            "predictor_reading": self.predictor.reading,
            "predictor_layers": self.predictor.layers,
            "predictor_width": self.predictor.width,
            "embedding_dropout": self.encoder.embedding_dropout,
            "state_dropout": self.encoder.state_dropout,
            "predictor_dropout": self.predictor.dropout,
            "initialisation": self.encoder.initialisation,
            "seed": self.seed,
        }
