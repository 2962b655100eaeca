"""What a search has to teach its controller: targets, spellings, held-out parts and batches.

Letters: E members of an ensemble, P architectures of the pool, B architectures of a batch, L spellings of each, T
tokens, N training steps.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from nao_tf.controller.batching import longer
from nao_tf.controller.model import EncoderPredictorDecoder

# Pools are padded to this size times a power of 2, so that few sizes are ever compiled. Where a training step reads the
# whole pool the padding costs time; where it reads a batch, nothing, so all pools of a usual search are of one size.
SMALLEST_PADDING, SMALLEST_PADDING_FOR_BATCHES = 64, 512


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
class Lesson:
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


def prepare(space, architectures, scores, seed, settings) -> Lesson:
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
    own_tokens = space.token_array(architectures)  # [P, T]
    held_out = _deal(count, settings, generator)  # [E, P]
    targets = np.stack([_targets(scores, ~hidden, settings.targets) for hidden in held_out])  # [E, P]
    spelt = _spell(space, architectures, own_tokens, settings, generator)  # [P, L, T]
    return Lesson(
        EncoderPredictorDecoder.for_space(space, settings, seed),
        own_tokens,
        scores,
        held_out,
        longer(spelt, padded),
        np.pad(targets, [[0, 0], [0, padded - count]]).astype(np.float32),
        _batches(count, padded, settings, generator),
        np.random.default_rng([seed, 1]).integers(2**31, size=settings.members, dtype=np.int32),
    )
