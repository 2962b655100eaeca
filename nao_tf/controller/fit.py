"""Training the controller on a pool of architectures and their scores (NAO, algorithm 1, line 4), and what comes of it.

Several searches train their controllers together: those that have the same shapes are members of one batched program,
each as it would be alone.

Letters: C controllers of a call, E members of an ensemble, P architectures of the pool, B architectures of a batch, L
spellings of each, T tokens, N training steps, K step sizes.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from nao_tf.architecture import Architecture, SearchSpace
from nao_tf.controller.model import EncoderPredictorDecoder
from nao_tf.controller.program import program_for, weights_of
from nao_tf.controller.quality import hamming_distance, kendall_tau, pairwise_accuracy
from nao_tf.controller.settings import ControllerSettings

# Pools are padded to this size times a power of 2, so that few sizes are ever compiled. Where a training step reads the
# whole pool the padding costs time; where it reads a batch, nothing, so all pools of a usual search are of one size.
SMALLEST_PADDING, SMALLEST_PADDING_FOR_BATCHES = 64, 512
STEPS_PER_CALL = 100  # training steps of one compiled call
MEMBERS_PER_CALL = 20  # about as many, of several ensembles, go into one call: more leave the caches of a processor


@dataclasses.dataclass(frozen=True)
class Quality:
    """How a controller does on architectures that it did not learn.

    Attributes:
        held_out: how many those are. In an ensemble each is judged by the members that never saw it.
        pairwise_accuracy: share of their pairs that are ordered right; None for fewer than two.
        kendall_tau: Kendall's tau-b; None where it is undefined.
        hamming_distance: tokens that differ between them and their reconstructions, in the mean; None for none.
    """

    held_out: int
    pairwise_accuracy: float | None
    kendall_tau: float | None
    hamming_distance: float | None


@dataclasses.dataclass(frozen=True)
class Proposal:
    """An architecture that gradient ascent came to.

    Attributes:
        architecture: in canonical form.
        parent: the architecture that the ascent, or the first of several, started from.
        step_size: eta of the ascent that led there, the smallest of those asked for.
        predicted: the mean of the members' predictions for the architecture itself, higher is better.
        spread: their standard deviation.
    """

    architecture: Architecture
    parent: Architecture
    step_size: float
    predicted: float
    spread: float


@dataclasses.dataclass(frozen=True)
class FittedController:
    """A controller that has learnt a pool.

    Attributes:
        space: the search space.
        model: the trained model; all its members.
        settings: how it was trained.
        quality: on held-out architectures.
        losses: the joint loss of every member at the last training step, `[E]`.
    """

    space: SearchSpace
    model: EncoderPredictorDecoder
    settings: ControllerSettings
    quality: Quality
    losses: tuple[float, ...]

    def predict(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """The predicted scores, float32 `[B]`: mean of the members, on the scale of the targets, higher is better.

        Raises:
            ValueError: no architecture, or one of another space.
        """
        return np.mean(self.predict_members(architectures), axis=0)  # [B]

    def predict_members(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """The scores that each member predicts, float32 `[E, B]`. Their spread tells how sure the ensemble is."""
        return _predict_members([self], [architectures])[0]

    def improve(
        self,
        architectures: Sequence[Architecture],
        step_sizes: Sequence[float],
        ascents: int = 1,
        exploration: float = 0.0,
    ) -> list[Proposal]:
        """New architectures by gradient ascent from each architecture, by each member, with each step size.

        Args:
            architectures: where to start; usually the best of the pool.
            step_sizes: eta, positive; the authors use 1, 2, 3, … and 10, 20, 30.
            ascents: how often; every further ascent starts from the most promising of what those before came to.
            exploration: how many standard deviations of the members' predictions count for an architecture.

        Returns:
            The proposals, the most promising first; no two of the same architecture, and none of the given ones.

        Raises:
            ValueError: no architecture, one of another space, no step size, or one that is not positive.
        """
        return improve_together([self], [architectures], step_sizes, ascents, exploration)[0]


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
    lessons = [_prepare(space, *of_search, settings) for of_search in zip(pools, scores, seeds, strict=True)]
    fitted: list[FittedController | None] = [None] * len(lessons)
    for part in _parts([lesson.shapes for lesson in lessons], settings):
        for index, controller in zip(part, _learn(space, [lessons[index] for index in part], settings), strict=True):
            fitted[index] = controller
    return fitted


def improve_together(
    controllers: Sequence[FittedController],
    architectures: Sequence[Sequence[Architecture]],
    step_sizes: Sequence[float],
    ascents: int = 1,
    exploration: float = 0.0,
) -> list[list[Proposal]]:
    """The proposals of several controllers, as `FittedController.improve` gives them, by batched programs.

    Args:
        controllers: `[C]`, with the same settings and space.
        architectures: where each of them starts, `[C]` of `[B]` each.
        step_sizes: eta, positive.
        ascents: how often; every further ascent starts from the most promising of what those before came to, as many
            as the first started from.
        exploration: kappa; proposals are ranked by the mean of the members' predictions and kappa times their standard
            deviation, an upper confidence bound (Srinivas et al., 2010). 0: by the mean alone.

    Raises:
        ValueError: as `FittedController.improve`.
    """
    sizes = np.sort(np.asarray(step_sizes, np.float32).reshape(-1))  # [K]
    if not len(sizes) or not np.all(sizes > 0) or not np.all(np.isfinite(sizes)):
        raise ValueError(f"step sizes {list(step_sizes)}; at least one, all positive and finite")
    if ascents < 1:
        raise ValueError(f"{ascents} ascents; at least one")
    starts = [{cell.canonical: cell for cell in part} for part in architectures]  # the root of each
    left = [dict.fromkeys(part) for part in starts]  # where an ascent has started
    found: list[dict[Architecture, Proposal]] = [{} for _ in controllers]
    for ascent in range(ascents):
        some = [index for index, of_search in enumerate(starts) if of_search or ascent == 0]
        new = _ascend_together([controllers[index] for index in some], [starts[index] for index in some], sizes)
        for index, of_search in zip(some, new, strict=True):
            found[index] = {**of_search, **found[index]}  # what came first stays
            best = _ranked((found[index][cell] for cell in found[index].keys() - left[index].keys()), exploration)
            starts[index] = {cell.architecture: cell.parent for cell in best[: len(architectures[index])]}
            left[index].update(dict.fromkeys(starts[index]))
    return [
        _ranked((of_search[cell] for cell in of_search.keys() - {cell.canonical for cell in part}), exploration)
        for of_search, part in zip(found, architectures, strict=True)
    ]


def _ranked(proposals, exploration):
    """Proposals, the most promising first."""
    return sorted(
        proposals,
        key=lambda proposal: (-proposal.predicted - exploration * proposal.spread, proposal.architecture.values),
    )


def _ascend_together(controllers, starts, sizes) -> list[dict[Architecture, Proposal]]:
    """What one ascent of each controller comes to, from starts whose roots are given: `{canonical start: root}`."""
    tokens = [tokens_of(controller.space, list(part)) for controller, part in zip(controllers, starts, strict=True)]
    moved = _in_parts(controllers, tokens, lambda program: functools.partial(program.improve, step_sizes=sizes), 1)
    found = [
        _distinct(controller.space, part, candidates, sizes)
        for controller, part, candidates in zip(controllers, starts, moved, strict=True)
    ]
    proposals: list[dict[Architecture, Proposal]] = [{} for _ in controllers]
    some = [index for index, of_search in enumerate(found) if of_search]  # the others came to nothing new
    predicted = _predict_members([controllers[index] for index in some], [list(found[index]) for index in some])
    for index, scores in zip(some, predicted, strict=True):
        for (cell, (root, size)), of_members in zip(found[index].items(), scores.T, strict=True):
            proposals[index][cell] = Proposal(cell, root, size, float(of_members.mean()), float(of_members.std()))
    return proposals


def _distinct(space, starts, candidates, sizes):
    """What an ascent came to, `[K, E, B, T]`, by canonical architecture: the root of its start, and the step size."""
    found: dict[Architecture, tuple[Architecture, float]] = {}
    canonical: dict[tuple[int, ...], Architecture] = {}
    for size, of_size in zip(sizes, candidates, strict=True):
        for of_member in of_size:  # [B, T]
            for (start, root), string in zip(starts.items(), map(tuple, of_member.tolist()), strict=True):
                if string not in canonical:
                    canonical[string] = space.from_tokens(string).canonical
                if canonical[string] != start:
                    found.setdefault(canonical[string], (root, float(size)))
    return found


def _parts(shapes, settings):
    """The numbers of the controllers that one call can serve: those of equal shapes, not too many at a time."""
    together = max(1, MEMBERS_PER_CALL // settings.members)
    alike: dict[object, list[int]] = {}
    for index, shape in enumerate(shapes):
        alike.setdefault(shape, []).append(index)
    return [of_shape[at : at + together] for of_shape in alike.values() for at in range(0, len(of_shape), together)]


def _filled(part, settings):
    """A part of several, filled up by repetition to the one number of controllers that programs are compiled for."""
    together = 1 if len(part) == 1 else max(1, MEMBERS_PER_CALL // settings.members)
    return [*part, *[part[0]] * (together - len(part))]


def _in_parts(controllers, tokens, function, member_axis):
    """The results of a function of weights and tokens, for each controller: `[C]` of `[..., E, B, ...]`.

    Args:
        controllers: `[C]`, with the same settings and space.
        tokens: of each controller its own, `[C]` of int32 `[B, T]`.
        function: the compiled function out of a `Program`.
        member_axis: which dimension of the function's result the members are.
    """
    results: list[np.ndarray | None] = [None] * len(controllers)
    if not controllers:
        return results
    settings = controllers[0].settings
    for part in _parts([()] * len(controllers), settings):
        filled = _filled(part, settings)
        longest = max(len(tokens[index]) for index in part)
        read = np.concatenate(
            [
                np.broadcast_to(_longer(tokens[index], longest), [settings.members, longest, tokens[index].shape[1]])
                for index in filled
            ]
        )  # [C E, B, T]
        models = [controllers[index].model for index in filled]
        program = program_for(models[0], settings, len(filled))
        result = function(program)(weights_of(*models), read).numpy()
        for index, own in zip(filled, np.split(result, len(filled), axis=member_axis), strict=True):
            results[index] = np.take(own, range(len(tokens[index])), axis=member_axis + 1)
    return results


def _longer(rows, length):
    """Rows `[B, …]` with the first repeated behind them."""
    return np.concatenate([rows, np.repeat(rows[:1], length - len(rows), axis=0)])


def _predict_members(controllers, architectures):
    """The scores that the members of each controller predict for its own architectures: `[C]` of `[E, B]`."""
    tokens = [tokens_of(controller.space, part) for controller, part in zip(controllers, architectures, strict=True)]
    return _in_parts(controllers, tokens, lambda program: program.predict, 0)


def tokens_of(space: SearchSpace, architectures: Sequence[Architecture]) -> np.ndarray:
    """The tokens of architectures, int32 `[B, T]`. Raises ValueError for none and for those of another space."""
    if not len(architectures):
        raise ValueError("no architectures; at least one")
    for architecture in architectures:
        if architecture.space != space:
            raise ValueError(f"architecture {architecture} of space {architecture.space.name!r}, not {space.name!r}")
    return np.array([architecture.tokens for architecture in architectures], np.int32)


def normalise_by_rank(scores: np.ndarray) -> np.ndarray:
    """Scores `[P]` by their rank, evenly within (0, 1); equal scores share their mean rank."""
    below = np.sum(scores[:, np.newaxis] > scores, axis=1)  # [P]
    equal = np.sum(scores[:, np.newaxis] == scores, axis=1)  # [P]
    return (below + 0.5 * equal) / len(scores)


def normalise_by_range(scores: np.ndarray) -> np.ndarray:
    """Scores `[P]` from 0, the least, to 1, the most (authors' code); 0.5 when all are equal, not a division by 0."""
    least, most = np.min(scores), np.max(scores)
    if least == most:
        return np.full(scores.shape, 0.5)
    return (scores - least) / (most - least)


NORMALISATIONS = {"rank": normalise_by_rank, "min-max": normalise_by_range}


def _targets(scores, seen, targets):
    """What one member learns to predict: its own architectures' scores, normalised among themselves, `[P]`."""
    normalised = np.zeros(scores.shape)
    if np.any(seen):
        normalised[seen] = NORMALISATIONS[targets](scores[seen])
    return normalised


def _deal(count, settings, generator):
    """Which architectures each member never sees, bool `[E, P]`."""
    order = generator.permutation(count)
    if settings.members > 1 and settings.held_out:
        part = np.empty(count, int)
        part[order] = np.arange(count) % settings.members
        return part == np.arange(settings.members)[:, np.newaxis]  # [E, P]
    hidden = np.zeros([settings.members, count], bool)
    hidden[:, order[: min(round(settings.held_out * count), count - 1)]] = True
    return hidden


def _spell(space, architectures, own_tokens, settings, generator):
    """Every architecture in several spellings of the same computation, its own first, int32 `[P, L, T]`."""
    spelt = np.repeat(own_tokens[:, np.newaxis], settings.spellings, axis=1)  # [P, L, T]
    for index, architecture in enumerate(architectures):
        for spelling in range(1, settings.spellings):
            spelt[index, spelling] = space.tokens(space.symmetry(architecture.values, generator))
    return spelt


def _padded_size(count, settings):
    size = SMALLEST_PADDING if settings.batch_size > SMALLEST_PADDING else SMALLEST_PADDING_FOR_BATCHES
    while size < count:
        size *= 2
    return size


def _batches(count, padded, settings, generator):
    """Which architectures every training step reads, int32 `[N, B]`."""
    size = settings.batch_size
    if count <= size:  # the whole pool; the padding weighs nothing
        steps = settings.epochs if settings.steps is None else settings.steps
        return np.tile(np.arange(min(padded, max(size, count)), dtype=np.int32), (steps, 1))
    per_epoch = count // size  # a shuffled epoch drops what is left over, as in the authors' code
    steps = settings.epochs * per_epoch if settings.steps is None else settings.steps
    epochs = -(-steps // per_epoch)
    orders = [generator.permutation(count)[: per_epoch * size].reshape(per_epoch, size) for _ in range(epochs)]
    return np.concatenate(orders)[:steps].astype(np.int32)


@dataclasses.dataclass(frozen=True)
class _Lesson:
    """What one search has to teach its controller.

    Attributes:
        model: untrained.
        own_tokens: of the pool, int32 `[P, T]`.
        scores: of the pool, `[P]`.
        held_out: which architectures each member never sees, bool `[E, P]`.
        spelt: the pool in several spellings, padded, int32 `[P, L, T]`.
        targets: what each member learns to predict, padded, float32 `[E, P]`.
        batches: which architectures every training step reads, int32 `[N, B]`.
        seeds: of dropout and the choice of spellings, int32 `[E]`.
    """

    model: EncoderPredictorDecoder
    own_tokens: np.ndarray
    scores: np.ndarray
    held_out: np.ndarray
    spelt: np.ndarray
    targets: np.ndarray
    batches: np.ndarray
    seeds: np.ndarray

    @property
    def shapes(self):
        """Lessons with the same shapes can be learnt together."""
        return self.spelt.shape, self.batches.shape


def _prepare(space, architectures, scores, seed, settings) -> _Lesson:
    """The lesson of one search. Raises ValueError."""
    scores = np.asarray(scores, np.float64)
    if len(architectures) < 2:
        raise ValueError(f"pool of {len(architectures)} architectures; the controller learns from at least 2")
    if scores.shape != (len(architectures),):
        raise ValueError(f"{len(architectures)} architectures, but scores of shape {list(scores.shape)}")
    if not np.all(np.isfinite(scores)):
        worst = int(np.flatnonzero(~np.isfinite(scores))[0])
        raise ValueError(f"score {scores[worst]} of architecture {architectures[worst]}; scores must be finite")
    count, padded = len(architectures), _padded_size(len(architectures), settings)
    generator = np.random.default_rng([seed, count])
    own_tokens = tokens_of(space, architectures)  # [P, T]
    held_out = _deal(count, settings, generator)  # [E, P]
    targets = np.stack([_targets(scores, ~hidden, settings.targets) for hidden in held_out])  # [E, P]
    spelt = _spell(space, architectures, own_tokens, settings, generator)  # [P, L, T]
    return _Lesson(
        EncoderPredictorDecoder.for_space(space, settings, seed),
        own_tokens,
        scores,
        held_out,
        _longer(spelt, padded),
        np.pad(targets, [[0, 0], [0, padded - count]]).astype(np.float32),
        _batches(count, padded, settings, generator),
        np.random.default_rng([seed, 1]).integers(2**31, size=settings.members, dtype=np.int32),
    )


def _learn(space, lessons, settings) -> list[FittedController]:
    """Trains the controllers of lessons with the same shapes by one program."""
    filled = _filled(lessons, settings)
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
    predictions = _in_parts(fitted, tokens, lambda program: program.predict, 0)  # [C] of [E, P]
    reconstructions = _in_parts(fitted, tokens, lambda program: program.reconstruct, 0)  # [C] of [E, P, T]
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
