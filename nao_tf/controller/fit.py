"""Training the controller on a pool of architectures and their scores (NAO, algorithm 1, line 4).

Several searches train their controllers together: those that have the same shapes are members of one batched program,
each as it would be alone.

Letters: C controllers of a call, E members of an ensemble, P architectures of the pool, B architectures of a batch, L
spellings of each, T tokens, N training steps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from nao_tf.architecture import Architecture, SearchSpace
from nao_tf.controller.batching import filled_up, in_parts, parts
from nao_tf.controller.compiled import program_for, weights_of
from nao_tf.controller.fitted import FittedController
from nao_tf.controller.quality import Quality, hamming_distance, kendall_tau, pairwise_accuracy
from nao_tf.controller.settings import ControllerSettings
from nao_tf.controller.training_set import prepare

STEPS_PER_CALL = 100  # training steps of one compiled call


def fit(
    space: SearchSpace,
    architectures: Sequence[Architecture],
    scores: Sequence[float],
    settings: ControllerSettings,
    seed: int,
) -> FittedController:
    """Trains a controller from scratch on a pool.

    An ensemble holds out in turn: the pool is dealt into as many parts as there are members, and member k never sees
    part k. A single member never sees the share `settings.held_out`. What is held out from a member has no influence
    on its weights, not even through the normalisation of the targets.

    Args:
        space: of the architectures.
        architectures: the pool, `[P]`, at least two.
        scores: their scores, `[P]`, on any scale, higher is better.
        settings: sizes and training.
        seed: of the initial weights, the parts, dropout and augmentation. The same seed gives the same weights.

    Returns:
        The trained controller and its quality on what was held out.

    Raises:
        ValueError: fewer than two architectures, another number of scores, an architecture of another space, or a score
            that is not finite.
    """
    return fit_together(space, [architectures], [scores], settings, [seed])[0]


def fit_together(
    space: SearchSpace,
    pools: Sequence[Sequence[Architecture]],
    scores: Sequence[Sequence[float]],
    settings: ControllerSettings,
    seeds: Sequence[int],
) -> list[FittedController]:
    """Trains the controllers of several searches, as many of them at a time as one batched program.

    Each comes out as `fit` makes it, up to the rounding of sums.

    Args:
        space: of all architectures.
        pools: of every search its pool, `[C]` of `[P]` each; they need not be equally large.
        scores: of every search the scores of its pool.
        settings: of all controllers.
        seeds: of every search, `[C]`.

    Returns:
        The trained controllers, `[C]`.

    Raises:
        ValueError: as `fit`; or another number of scores or seeds than of pools.
    """
    lessons = [prepare(space, *of_search, settings) for of_search in zip(pools, scores, seeds, strict=True)]
    fitted: list[FittedController | None] = [None] * len(lessons)
    for part in parts([lesson.shapes for lesson in lessons], settings):
        for index, controller in zip(part, _learn(space, [lessons[index] for index in part], settings), strict=True):
            fitted[index] = controller
    return fitted


def _learn(space, lessons, settings) -> list[FittedController]:
    """Trains the controllers of lessons with the same shapes by one program."""
    filled = filled_up(lessons, settings)
    models = [lesson.model for lesson in filled]
    program = program_for(models[0], settings, len(filled))
    members, together = settings.members, len(filled)

    def for_each_member(arrays):
        return np.repeat(np.stack(arrays), members, axis=0)  # [C E, ...]

    tokens = tf.constant(for_each_member([lesson.spelt for lesson in filled]))  # [C E, P, L, T]
    targets = np.concatenate([lesson.targets for lesson in filled])  # [C E, P]
    weights = np.zeros(targets.shape, np.float32)  # [C E, P]
    for index, lesson in enumerate(filled):
        weights[index * members : (index + 1) * members, : len(lesson.scores)] = ~lesson.held_out
    targets, weights = tf.constant(targets), tf.constant(weights)
    seeds = tf.constant(np.concatenate([lesson.seeds for lesson in filled]))  # [C E]
    batches = np.stack([lesson.batches for lesson in filled], axis=1)  # [N, C, B]
    initial = weights_of(*models)
    zeros = [tf.zeros_like(weight) for weight in initial]
    state, losses = (initial, zeros, zeros), tf.zeros([together * members])
    for step in range(0, len(batches), STEPS_PER_CALL):
        chunk = batches[step : step + STEPS_PER_CALL]
        missing = STEPS_PER_CALL - len(chunk)
        state, losses = program.train(
            state,
            tokens,
            targets,
            weights,
            tf.constant(np.repeat(np.pad(chunk, [[0, missing], [0, 0], [0, 0]]), members, axis=1)),  # [N, C E, B]
            seeds,
            tf.constant(step),
            tf.constant(len(chunk)),
            tf.constant(len(batches)),
        )
    for index, variables in enumerate(zip(*(model.trainable_variables for model in models), strict=True)):
        for variable, value in zip(
            variables[: len(lessons)], np.split(state[0][index].numpy(), together), strict=False
        ):
            variable.assign(value)  # strict=False: what fills the program up is dropped
    losses = losses.numpy().reshape(together, members)
    fitted = [
        FittedController(space, lesson.model, settings, Quality(0, None, None, None), tuple(of_members.tolist()))
        for lesson, of_members in zip(lessons, losses, strict=False)
    ]
    return _judge(fitted, lessons)


def _judge(fitted, lessons):
    """The controllers with their quality: each held-out architecture judged by the member that never saw it."""
    tokens = [lesson.own_tokens for lesson in lessons]  # [C] of [P, T]
    predictions = in_parts(fitted, tokens, lambda program: program.predict, 0)  # [C] of [E, P]
    reconstructions = in_parts(fitted, tokens, lambda program: program.reconstruct, 0)  # [C] of [E, P, T]
    judged = []
    for controller, lesson, predicted, reconstructed in zip(fitted, lessons, predictions, reconstructions, strict=True):
        member, index = np.nonzero(lesson.held_out)
        if len(index):
            quality = Quality(
                held_out=len(index),
                pairwise_accuracy=pairwise_accuracy(lesson.scores[index], predicted[member, index]),
                kendall_tau=kendall_tau(lesson.scores[index], predicted[member, index]),
                hamming_distance=hamming_distance(lesson.own_tokens[index], reconstructed[member, index]),
            )
            controller = dataclasses.replace(controller, quality=quality)
        judged.append(controller)
    return judged
