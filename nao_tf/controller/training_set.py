"""The controller's training set: targets, spellings, held-out parts and batches.

Letters: E members of an ensemble, P architectures of the pool, B architectures of a batch, L spellings of each, T
tokens, N training steps.
"""

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import numpy as np

from nao_tf.architecture import Architecture, SearchSpace
from nao_tf.controller.settings import ControllerSettings
from nao_tf.controller.spellings import spellings_of

# Pools are padded to this size times a power of 2, so that few sizes are ever compiled. Where a training step reads the
# whole pool the padding costs time. Where it reads a batch the padding is free, so all pools of a usual search get one
# size.
SMALLEST_PADDING, SMALLEST_PADDING_FOR_BATCHES = 64, 512


def normalise_by_rank(scores: np.ndarray) -> np.ndarray:
    """Scores `[P]` by their rank, evenly within (0, 1); equal scores share their mean rank."""
    below = np.sum(scores[:, np.newaxis] > scores, axis=1)  # [P]
    equal = np.sum(scores[:, np.newaxis] == scores, axis=1)  # [P]
    return (below + 0.5 * equal) / len(scores)


def normalise_by_range(scores: np.ndarray) -> np.ndarray:
    """Scores `[P]` scaled to 0 (the lowest) .. 1 (the highest), as in the authors' code; 0.5 where all are equal."""
    lowest, highest = np.min(scores), np.max(scores)
    if lowest == highest:
        return np.full(scores.shape, 0.5)
    return (scores - lowest) / (highest - lowest)


NORMALISATIONS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "rank": normalise_by_rank,
    "min-max": normalise_by_range,
}


def _targets(scores, held_out, targets):
    """The targets of one member: the scores that it sees, normalised among themselves, `[P]`; 0 for the others."""
    normalised = np.zeros(scores.shape)
    if not np.all(held_out):
        normalised[~held_out] = NORMALISATIONS[targets](scores[~held_out])
    return normalised


def _deal(count, settings, generator):
    """The architectures that each member never sees, bool `[E, P]`."""
    order = generator.permutation(count)
    if settings.members > 1 and settings.held_out:
        part = np.empty(count, int)
        part[order] = np.arange(count) % settings.members
        return part == np.arange(settings.members)[:, np.newaxis]  # [E, P]
    hidden = np.zeros([settings.members, count], bool)
    hidden[:, order[: min(round(settings.held_out * count), count - 1)]] = True
    return hidden


def _padded_size(count, settings):
    size = SMALLEST_PADDING if settings.batch_size > SMALLEST_PADDING else SMALLEST_PADDING_FOR_BATCHES
    while size < count:
        size *= 2
    return size


def _batches(count, padded, *, settings, generator):
    """The architectures that every training step reads, by their index, int32 `[N, B]`."""
    size = settings.batch_size
    if count <= size:  # the whole pool; the padding has weight 0
        steps = max(settings.steps or 0, settings.epochs or 0)
        return np.tile(np.arange(min(padded, max(size, count)), dtype=np.int32), (steps, 1))
    per_epoch = count // size  # a shuffled epoch drops the remainder, as in the authors' code
    steps = max(settings.steps or 0, (settings.epochs or 0) * per_epoch)
    epochs = -(-steps // per_epoch)
    orders = [generator.permutation(count)[: per_epoch * size].reshape(per_epoch, size) for _ in range(epochs)]
    return np.concatenate(orders)[:steps].astype(np.int32)


@dataclasses.dataclass(frozen=True)
class TrainingSet:
    """The training set of one controller.

    Attributes:
        tokens: of the pool, int32 `[P, T]`.
        scores: of the pool, float64 `[P]`.
        held_out: the architectures that each member never sees, bool `[E, P]`.
        spellings: the pool in several spellings, padded, int32 `[P, L, T]`.
        targets: of each member, padded, float32 `[E, P]`.
        example_weights: of each member, padded, float32 `[E, P]`: 0 for held-out architectures and for padding, else 1.
        batches: the architectures that every training step reads, by their index, int32 `[N, B]`.
        seeds: of each member's dropout and choice of spellings, int32 `[E]`.
    """

    tokens: np.ndarray
    scores: np.ndarray
    held_out: np.ndarray
    spellings: np.ndarray
    targets: np.ndarray
    example_weights: np.ndarray
    batches: np.ndarray
    seeds: np.ndarray

    @classmethod
    def of(
        cls,
        space: SearchSpace,
        architectures: Sequence[Architecture],
        *,
        scores: Sequence[float] | np.ndarray,
        settings: ControllerSettings,
        seed: int,
    ) -> Self:
        """The training set of a pool.

        Args:
            space: of the architectures.
            architectures: `[P]`, at least two.
            scores: `[P]`, finite, higher is better.
            settings: of the controller.
            seed: of the held-out parts, the spellings and the batches.

        Raises:
            ValueError: fewer than two architectures, another number of scores, an architecture of another space, or a
                score that is not finite.
        """
        scores = np.asarray(scores, np.float64)
        if len(architectures) < 2:
            raise ValueError(f"pool of {len(architectures)} architectures; the controller learns from at least 2")
        if scores.shape != (len(architectures),):
            raise ValueError(f"{len(architectures)} architectures, but scores of shape {list(scores.shape)}")
        if not np.all(np.isfinite(scores)):
            first = int(np.flatnonzero(~np.isfinite(scores))[0])
            raise ValueError(f"score {scores[first]} of architecture {architectures[first]}; scores must be finite")
        count, padded = len(architectures), _padded_size(len(architectures), settings)
        generator = np.random.default_rng([seed, count])
        tokens = space.token_array(architectures)  # [P, T]
        held_out = _deal(count, settings, generator)  # [E, P]
        targets = np.stack([_targets(scores, hidden, settings.targets) for hidden in held_out])  # [E, P]
        spellings = spellings_of(
            space, architectures, count=settings.spellings, generators=itertools.repeat(generator)
        )  # [P, L, T]
        padding = [[0, 0], [0, padded - count]]
        return cls(
            tokens=tokens,
            scores=scores,
            held_out=held_out,
            # padded with the first architecture: any legal tokens do
            spellings=np.concatenate([spellings, np.repeat(spellings[:1], padded - count, axis=0)]),
            targets=np.pad(targets, padding).astype(np.float32),
            example_weights=np.pad(~held_out, padding).astype(np.float32),
            batches=_batches(count, padded, settings=settings, generator=generator),
            seeds=np.random.default_rng([seed, 1]).integers(2**31, size=settings.members, dtype=np.int32),
        )
