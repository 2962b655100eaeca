"""The compiled functions of a controller.

They take the weights as arguments, so that the controllers of all rounds of a search, which differ in nothing but their
weights, share one trace and one compilation.

Letters: E members of the ensemble, P architectures of the pool with its padding, L spellings of each, B architectures
of a batch, T tokens, V vocabulary, N training steps of a call, K step sizes.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import keras
import tensorflow as tf

from nao_tf.architecture import SearchSpace
from nao_tf.controller import ascent
from nao_tf.controller.ensemble.adam import adam_step, clip_by_member_norm
from nao_tf.controller.ensemble.dropout import Stream, random_bits, step_seeds
from nao_tf.controller.model import EncoderPredictorDecoder, joint_loss
from nao_tf.controller.settings import ControllerSettings

# The factor of the learning rate, by the share of the training that is done.
DECAY_FACTORS: Mapping[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "constant": lambda done: tf.ones_like(done),
    "linear": lambda done: 1 - done,
    "cosine": lambda done: 0.5 * (1 + tf.cos(math.pi * done)),
}


class TrainingState(NamedTuple):
    """The state of a training, three lists of `[E, ...]`.

    Attributes:
        weights: of the model.
        first_moments: of Adam.
        second_moments: of Adam.
    """

    weights: list[tf.Tensor]
    first_moments: list[tf.Tensor]
    second_moments: list[tf.Tensor]


class Examples(NamedTuple):
    """The pool as all training steps read it.

    Attributes:
        tokens: int32 `[E, P, L, T]`.
        targets: `[E, P]`.
        weights: `[E, P]`; 0 for held-out architectures and for padding.
        seeds: of dropout and the choice of spellings, int32 `[E]`.
    """

    tokens: tf.Tensor
    targets: tf.Tensor
    weights: tf.Tensor
    seeds: tf.Tensor


def weights_of(model: EncoderPredictorDecoder) -> list[tf.Tensor]:
    """The weights of a model as tensors, in the order of `CompiledController`."""
    return [tf.convert_to_tensor(weight.value) for weight in model.trainable_variables]


def compiled_for(space: SearchSpace, settings: ControllerSettings) -> "CompiledController":
    """The compiled functions of all controllers of a space with the same settings."""
    # The held-out share changes data, not the functions. Spaces are equal by name and positions; grammars may differ.
    return _compiled(space, dataclasses.replace(settings, held_out=0.0), space.grammar.tobytes())


@functools.lru_cache(maxsize=16)
def _compiled(space, settings, grammar):
    return CompiledController(EncoderPredictorDecoder.for_space(space, settings))


class CompiledController:
    """The compiled functions of all controllers with one configuration.

    Args:
        template: a model of that configuration; its own weights are never read.

    Attributes:
        train: `(state, examples, batches, step, count, total_steps) -> state, losses [E]`; see `_train`.
        predict: `(weights, tokens int32 [E, B, T]) -> scores [E, B]`.
        ascend: `(weights, tokens int32 [E, B, T], step sizes [K]) -> tokens int32 [K, E, B, T]`.
        reconstruct: `(weights, tokens int32 [E, B, T]) -> tokens int32 [E, B, T]`.
    """

    def __init__(self, template: EncoderPredictorDecoder):
        self.template = template
        self.settings = template.settings
        tokens = tf.TensorSpec([template.members, None, template.token_length], tf.int32)
        weights = [tf.TensorSpec(weight.shape, tf.float32) for weight in template.trainable_variables]
        self.train = tf.function(self._train, jit_compile=True, autograph=False)
        self.predict = tf.function(self._predict, [weights, tokens], autograph=False)
        self.ascend = tf.function(self._ascend, [weights, tokens, tf.TensorSpec([None], tf.float32)], autograph=False)
        self.reconstruct = tf.function(self._reconstruct, [weights, tokens], autograph=False)

    def _with(self, weights):
        # Inside this scope the template's layers read these tensors as their weights.
        return keras.StatelessScope(state_mapping=list(zip(self.template.trainable_variables, weights, strict=True)))

    def _predict(self, weights, tokens):
        with self._with(weights):
            return self.template.predict_scores(tokens)  # [E, B]

    def _ascend(self, weights, tokens, step_sizes):
        with self._with(weights):
            return ascent.ascend_tokens(self.template, tokens, step_sizes=step_sizes)  # [K, E, B, T]

    def _reconstruct(self, weights, tokens):
        with self._with(weights):
            return self.template.decode(self.template.encode(tokens))  # [E, B, T]

    def loss_and_gradients(
        self,
        weights: list[tf.Tensor],
        tokens: tf.Tensor,
        *,
        targets: tf.Tensor,
        example_weights: tf.Tensor,
        dropout_seed: tf.Tensor | None,
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """The joint loss of each member, `[E]`, and its gradients, a list of the weights' shapes `[E, ...]`.

        Args:
            weights: list of `[E, ...]`.
            tokens: int32 `[E, B, T]`.
            targets: `[E, B]`.
            example_weights: `[E, B]`.
            dropout_seed: int32 `[2]` or `[E, 2]`; None: no dropout.
        """
        with tf.GradientTape(watch_accessed_variables=False) as tape, self._with(weights):
            tape.watch(weights)
            outputs = self.template(tokens, dropout_seed=dropout_seed)
            losses = joint_loss(
                outputs["score"],
                outputs["logits"],
                tokens=tokens,
                targets=targets,
                example_weights=example_weights,
                prediction_weight=self.settings.prediction_weight,
            )
            # The members share no weight, so the gradient of the sum is that of each.
            total = tf.reduce_sum(losses)
        return losses, tape.gradient(total, weights)

    def _train(self, state, examples, batches, step, count, total_steps):
        """Many training steps in one compiled call.

        Args:
            state: a `TrainingState`.
            examples: the pool.
            batches: the architectures that each step reads, by their index, int32 `[N, E, B]`.
            step: the number of training steps before this call.
            count: how many of the N steps to make.
            total_steps: of the whole training.

        Returns:
            The new state and the losses of the last step, `[E]`.
        """
        settings = self.settings
        members, spellings = examples.tokens.shape[0], examples.tokens.shape[2]

        def train_step(index, weights, first, second, losses):
            now = step + index
            dropout_seed = step_seeds(examples.seeds, now)  # [E, 2]
            batch = batches[index]  # [E, B]
            tokens = tf.gather(examples.tokens, batch, axis=1, batch_dims=1)  # [E, B, L, T]
            if spellings > 1:
                bits = random_bits(dropout_seed, Stream.SPELLING, count=batch.shape[1])  # [E, B]
                choice = tf.cast(bits % tf.constant(spellings, tf.uint32), tf.int32)  # [E, B]
                tokens = tf.gather(tokens, choice, axis=2, batch_dims=2)  # [E, B, T]
            else:
                tokens = tf.squeeze(tokens, 2)  # [E, B, T]
            losses, gradients = self.loss_and_gradients(
                weights,
                tokens,
                targets=tf.gather(examples.targets, batch, axis=1, batch_dims=1),  # [E, B]
                example_weights=tf.gather(examples.weights, batch, axis=1, batch_dims=1),  # [E, B]
                dropout_seed=dropout_seed,
            )
            gradients = clip_by_member_norm(gradients, settings.clip_norm)
            done = tf.cast(now, tf.float32) / tf.cast(total_steps, tf.float32)
            rate = settings.learning_rate * DECAY_FACTORS[settings.learning_rate_decay](done)
            weights, first, second = adam_step(
                weights,
                gradients,
                first_moments=first,
                second_moments=second,
                step=now,
                learning_rate=rate,
                weight_decay=settings.weight_decay,
            )
            return index + 1, weights, first, second, losses

        _, weights, first, second, losses = tf.while_loop(
            lambda index, *_: index < count, train_step, (0, *state, tf.zeros([members]))
        )
        return TrainingState(weights=weights, first_moments=first, second_moments=second), losses
