"""Training the controller on a pool of architectures and their scores (NAO, algorithm 1, line 4), and what comes of it.

Letters: E members of the ensemble, P architectures of the pool, L spellings of each, T tokens, K step sizes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from nao_tf.architecture import Architecture, SearchSpace
from nao_tf.controller.model import EncoderPredictorDecoder
from nao_tf.controller.program import program_for, weights_of
from nao_tf.controller.quality import hamming_distance, kendall_tau, pairwise_accuracy
from nao_tf.controller.settings import ControllerSettings

SMALLEST_PADDING = 64  # pools are padded to this size times a power of 2, so that few sizes are ever compiled
STEPS_PER_CALL = 100  # training steps of one compiled call


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
        parent: the architecture that the ascent started from.
        step_size: eta, the smallest of those asked for that led there.
        predicted: the mean of the members' predictions for the architecture itself, higher is better.
    """

    architecture: Architecture
    parent: Architecture
    step_size: float
    predicted: float


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
        tokens = tokens_of(self.space, architectures)  # [B, T]
        return program_for(self.model, self.settings).predict(weights_of(self.model), tokens).numpy()  # [E, B]

    def improve(self, architectures: Sequence[Architecture], step_sizes: Sequence[float]) -> list[Proposal]:
        """New architectures by gradient ascent from each architecture, by each member, with each step size.

        Args:
            architectures: where to start; usually the best of the pool.
            step_sizes: eta, positive; the authors use 1, 2, 3, … and 10, 20, 30.

        Returns:
            The proposals, the best predicted first; no two of the same architecture, none the same as the one it
            started from.

        Raises:
            ValueError: no architecture, one of another space, no step size, or one that is not positive.
        """
        tokens = tokens_of(self.space, architectures)  # [B, T]
        sizes = np.sort(np.asarray(step_sizes, np.float32).reshape(-1))  # [K]
        if not len(sizes) or not np.all(sizes > 0) or not np.all(np.isfinite(sizes)):
            raise ValueError(f"step sizes {list(step_sizes)}; at least one, all positive and finite")
        program, weights = program_for(self.model, self.settings), weights_of(self.model)
        candidates = program.improve(weights, tokens, sizes).numpy()  # [K, E, B, T]
        found: dict[Architecture, tuple[Architecture, float]] = {}
        canonical: dict[tuple[int, ...], Architecture] = {}
        starts = [architecture.canonical for architecture in architectures]
        for size, of_size in zip(sizes, candidates, strict=True):
            for of_member in of_size:  # [B, T]
                for parent, start, string in zip(architectures, starts, map(tuple, of_member.tolist()), strict=True):
                    if string not in canonical:
                        canonical[string] = self.space.from_tokens(string).canonical
                    if canonical[string] != start:
                        found.setdefault(canonical[string], (parent, float(size)))
        if not found:
            return []
        predicted = self.predict(list(found))
        proposals = [
            Proposal(architecture, parent, size, float(score))
            for (architecture, (parent, size)), score in zip(found.items(), predicted, strict=True)
        ]
        return sorted(proposals, key=lambda proposal: (-proposal.predicted, proposal.architecture.values))


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
    scores = np.asarray(scores, np.float64)
    if len(architectures) < 2:
        raise ValueError(f"pool of {len(architectures)} architectures; the controller learns from at least 2")
    if scores.shape != (len(architectures),):
        raise ValueError(f"{len(architectures)} architectures, but scores of shape {list(scores.shape)}")
    if not np.all(np.isfinite(scores)):
        worst = int(np.flatnonzero(~np.isfinite(scores))[0])
        raise ValueError(f"score {scores[worst]} of architecture {architectures[worst]}; scores must be finite")
    generator = np.random.default_rng([seed, len(architectures)])
    own_tokens = tokens_of(space, architectures)  # [P, T]
    held_out = _deal(len(architectures), settings, generator)  # [E, P]
    model = EncoderPredictorDecoder.for_space(space, settings, seed)
    losses = _train(
        model,
        _spell(space, architectures, own_tokens, settings, generator),  # [P, L, T]
        np.stack([_targets(scores, ~hidden, settings.targets) for hidden in held_out]),  # [E, P]
        ~held_out,  # [E, P]
        settings,
        seed,
        generator,
    )
    quality = _judge(model, settings, own_tokens, scores, held_out)
    return FittedController(space, model, settings, quality, tuple(losses))


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
    if settings.members > 1:
        part = np.empty(count, int)
        part[order] = np.arange(count) % settings.members
        return part == np.arange(settings.members)[:, np.newaxis]  # [E, P]
    hidden = np.zeros([1, count], bool)
    hidden[0, order[: min(round(settings.held_out * count), count - 1)]] = True
    return hidden


def _spell(space, architectures, own_tokens, settings, generator):
    """Every architecture in several spellings of the same computation, its own first, int32 `[P, L, T]`."""
    spelt = np.repeat(own_tokens[:, np.newaxis], settings.spellings, axis=1)  # [P, L, T]
    for index, architecture in enumerate(architectures):
        for spelling in range(1, settings.spellings):
            spelt[index, spelling] = space.tokens(space.symmetry(architecture.values, generator))
    return spelt


def _padded_size(count):
    size = SMALLEST_PADDING
    while size < count:
        size *= 2
    return size


def _batches(count, padded, settings, generator):
    """Which architectures every training step reads, int32 `[steps, batch]`."""
    size = settings.batch_size
    if count <= size:  # the whole pool; the padding weighs nothing
        steps = settings.epochs if settings.steps is None else settings.steps
        return np.tile(np.arange(min(padded, max(size, count)), dtype=np.int32), (steps, 1))
    per_epoch = count // size  # a shuffled epoch drops what is left over, as in the authors' code
    steps = settings.epochs * per_epoch if settings.steps is None else settings.steps
    epochs = -(-steps // per_epoch)
    orders = [generator.permutation(count)[: per_epoch * size].reshape(per_epoch, size) for _ in range(epochs)]
    return np.concatenate(orders)[:steps].astype(np.int32)


def _train(model, spelt, targets, seen, settings, seed, generator):
    """Trains `model` in place; the losses of the last step, `[E]`."""
    count, members = len(spelt), settings.members
    padded = _padded_size(count)
    more = padded - count
    tokens = np.concatenate([spelt, np.repeat(spelt[:1], more, axis=0)])  # [P, L, T]
    tokens = tf.constant(np.broadcast_to(tokens, [members, *tokens.shape]))  # [E, P, L, T]
    targets = tf.constant(np.pad(targets, [[0, 0], [0, more]]), tf.float32)  # [E, P]
    weights = tf.constant(np.pad(seen, [[0, 0], [0, more]]), tf.float32)  # [E, P]
    batches = _batches(count, padded, settings, generator)
    program = program_for(model, settings)
    initial = weights_of(model)
    zeros = [tf.zeros_like(weight) for weight in initial]
    state, losses = (initial, zeros, zeros), tf.zeros([members])
    for step in range(0, len(batches), STEPS_PER_CALL):
        chunk = batches[step : step + STEPS_PER_CALL]
        missing = STEPS_PER_CALL - len(chunk)
        state, losses = program.train(
            state,
            tokens,
            targets,
            weights,
            tf.constant(np.pad(chunk, [[0, missing], [0, 0]])),
            tf.constant(seed % 2**31, tf.int32),
            tf.constant(step),
            tf.constant(len(chunk)),
            tf.constant(len(batches)),
        )
    for variable, value in zip(model.trainable_variables, state[0], strict=True):
        variable.assign(value)
    return losses.numpy().tolist()


def _judge(model, settings, tokens, scores, held_out):
    """The quality on what was held out, each architecture judged by the member that never saw it."""
    member, index = np.nonzero(held_out)
    if not len(index):
        return Quality(0, None, None, None)
    program, weights = program_for(model, settings), weights_of(model)
    predictions = program.predict(weights, tokens).numpy()[member, index]
    shared = np.ascontiguousarray(np.broadcast_to(tokens, [settings.members, *tokens.shape]))  # [E, P, T]
    reconstructions = program.reconstruct(weights, shared).numpy()[member, index]  # [number, T]
    return Quality(
        held_out=len(index),
        pairwise_accuracy=pairwise_accuracy(scores[index], predictions),
        kendall_tau=kendall_tau(scores[index], predictions),
        hamming_distance=hamming_distance(tokens[index], reconstructions),
    )
