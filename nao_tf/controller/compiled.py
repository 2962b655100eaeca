"""The compiled programs of a controller.

They take the weights as arguments, so that the controllers of all rounds of a search, which differ in nothing but their
weights, share one trace and one compilation. The members share no weight and no random number, so a program of many
members serves the ensembles of several searches side by side.

Letters: E members of all ensembles together, P architectures of the pool with its padding, L spellings of each, B
architectures of a batch, T tokens, N training steps of a call, K step sizes.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math

import keras
import tensorflow as tf

from nao_tf.controller import ascent
from nao_tf.controller.ensemble.adam import adam_step, clip_by_member_norm
from nao_tf.controller.ensemble.dropout import random_bits
from nao_tf.controller.model import EncoderPredictorDecoder, joint_loss
from nao_tf.controller.settings import ControllerSettings

MASKS_PER_STEP = 64  # dropout seeds that one training step may use

# The factor of the learning rate, by the share of the training that is done.
DECAY_FACTORS = {
    "constant": lambda done: tf.ones_like(done),
    "linear": lambda done: 1 - done,
    "cosine": lambda done: 0.5 * (1 + tf.cos(math.pi * done)),
}


def weights_of(*models: EncoderPredictorDecoder) -> list[tf.Tensor]:
    """The weights of models as tensors, in the order that the programs take them, the members one behind another."""
    if len(models) == 1:
        return [tf.convert_to_tensor(weight.value) for weight in models[0].trainable_variables]
    return [
        tf.concat([weight.value for weight in of_models], axis=0)
        for of_models in zip(*(model.trainable_variables for model in models), strict=True)
    ]


def program_for(model: EncoderPredictorDecoder, settings: ControllerSettings, together: int = 1) -> Program:
    """The program of all models with the configuration of this one, for `together` of them side by side."""
    configuration = {**model.get_config(), "seed": 0, "name": "template", "members": together * model.members}
    # what is held out is data to the program
    return _program(json.dumps(configuration, sort_keys=True), dataclasses.replace(settings, held_out=0.0))


@functools.lru_cache(maxsize=16)
def _program(configuration: str, settings: ControllerSettings) -> Program:
    return Program(EncoderPredictorDecoder.from_config(json.loads(configuration)), settings)


class Program:
    """The compiled programs of all controllers with one configuration.

    Args:
        template: a model of that configuration; its own weights are never read.
        settings: how it is trained.
    """

    def __init__(self, template: EncoderPredictorDecoder, settings: ControllerSettings):
        self.template = template
        self.settings = settings
        tokens = tf.TensorSpec([template.members, None, template.token_length], tf.int32)
        weights = [tf.TensorSpec(weight.shape, tf.float32) for weight in template.trainable_variables]
        self.train = tf.function(self._train, jit_compile=True, autograph=False)
        self.predict = tf.function(self._predict, [weights, tokens], autograph=False)
        self.improve = tf.function(self._improve, [weights, tokens, tf.TensorSpec([None], tf.float32)], autograph=False)
        self.reconstruct = tf.function(self._reconstruct, [weights, tokens], autograph=False)

    def _with(self, weights):
        # Inside this scope the template's layers read these tensors as their weights.
        return keras.StatelessScope(state_mapping=list(zip(self.template.trainable_variables, weights, strict=True)))

    def _predict(self, weights, tokens):
        with self._with(weights):
            return self.template.predict_scores(tokens)  # [E, B]

    def _improve(self, weights, tokens, step_sizes):
        with self._with(weights):
            return ascent.improve(self.template, tokens, step_sizes)  # [K, E, B, T]

    def _reconstruct(self, weights, tokens):
        with self._with(weights):
            return self.template.decode(self.template.encode(tokens))  # [E, B, T]

    def loss_and_gradients(self, weights, tokens, targets, example_weights, dropout_seed):
        """The joint loss of each member, `[E]`, and its gradients, a list of the weights' shapes `[E, ...]`.

        Args:
            weights: list of `[E, ...]`.
            tokens: int32 `[E, B, T]`.
            targets: `[E, B]`.
            example_weights: `[E, B]`.
            dropout_seed: int32 `[2]` or `[E, 2]`, or None.
        """
        with tf.GradientTape(watch_accessed_variables=False) as tape, self._with(weights):
            tape.watch(weights)
            outputs = self.template(tokens, dropout_seed=dropout_seed)
            losses = joint_loss(
                outputs["score"], outputs["logits"], tokens, targets, example_weights, self.settings.prediction_weight
            )
            # The members share no weight, so the gradient of the sum is that of each.
            total = tf.reduce_sum(losses)
        return losses, tape.gradient(total, weights)

    def _train(self, state, tokens, targets, example_weights, batches, seeds, step, count, total_steps):
        """Many training steps in one compiled call.

        Args:
            state: the weights, first and second moments, three lists of `[E, ...]`.
            tokens: the pool, int32 `[E, P, L, T]`.
            targets: `[E, P]`.
            example_weights: `[E, P]`.
            batches: which architectures each step reads, int32 `[N, E, B]`.
            seeds: of dropout and the choice of spellings, int32 `[E]`.
            step: how many steps were made before this call.
            count: how many of the N steps to make.
            total_steps: of the whole training.

        Returns:
            The new state and the losses of the last step, `[E]`.
        """
        settings = self.settings
        members, spellings = tokens.shape[0], tokens.shape[2]

        def train_step(index, weights, first, second, losses):
            now = step + index
            masks = tf.fill([members], now * MASKS_PER_STEP)
            dropout_seed = tf.stack([seeds, masks], axis=1)  # [E, 2]
            batch = batches[index]  # [E, B]
            batch_tokens = tf.gather(tokens, batch, axis=1, batch_dims=1)  # [E, B, L, T]
            if spellings > 1:
                bits = random_bits(dropout_seed, MASKS_PER_STEP - 1, batch.shape[1])  # [E, B]
                choice = tf.cast(bits % tf.constant(spellings, tf.uint32), tf.int32)  # [E, B]
                batch_tokens = tf.gather(batch_tokens, choice, axis=2, batch_dims=2)  # [E, B, T]
            else:
                batch_tokens = tf.squeeze(batch_tokens, 2)  # [E, B, T]
            losses, gradients = self.loss_and_gradients(
                weights,
                batch_tokens,
                tf.gather(targets, batch, axis=1, batch_dims=1),  # [E, B]
                tf.gather(example_weights, batch, axis=1, batch_dims=1),  # [E, B]
                dropout_seed,
            )
            gradients = clip_by_member_norm(gradients, settings.clip_norm)
            done = tf.cast(now, tf.float32) / tf.cast(total_steps, tf.float32)
            rate = settings.learning_rate * DECAY_FACTORS[settings.learning_rate_decay](done)
            weights, first, second = adam_step(weights, gradients, first, second, now, rate, settings.weight_decay)
            return index + 1, weights, first, second, losses

        weights, first, second = state
        _, weights, first, second, losses = tf.while_loop(
            lambda index, *_: index < count, train_step, (0, weights, first, second, tf.zeros([members]))
        )
        return (weights, first, second), losses
