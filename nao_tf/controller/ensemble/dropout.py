"""Dropout with a mask that is a function of an explicit seed, so that training repeats bit for bit.

The mask is an integer hash of the elements' numbers: a dozen operations that the compiler vectorises. Measured: the
general random generators cost a quarter of a whole training step.

Letters: E members of the ensemble.
"""

import enum

import tensorflow as tf

STREAMS_PER_STEP = 64  # how far apart the second numbers of the seeds of two training steps are


class Stream(enum.IntEnum):
    """The random streams of a training step; layer i of the predictor has number `PREDICTOR_LAYER + i`."""

    TOKEN_EMBEDDING = 0
    ENCODER_STATE = 1
    PREDICTOR_LAYER = 2
    SPELLING = STREAMS_PER_STEP - 1


def step_seeds(seeds: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
    """The seeds of a training step, one for each member: int32 `[E]` -> `[E, 2]`."""
    return tf.stack([seeds, tf.fill(tf.shape(seeds), step * STREAMS_PER_STEP)], axis=1)


def _mixed(bits):
    # The finaliser of MurmurHash3: every bit of the input changes each bit of the output with probability 1/2.
    bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(16, tf.uint32)))
    bits = bits * tf.constant(0x85EBCA6B, tf.uint32)
    bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(13, tf.uint32)))
    bits = bits * tf.constant(0xC2B2AE35, tf.uint32)
    return tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(16, tf.uint32)))


def random_bits(seed: tf.Tensor, stream: int, *, count: tf.Tensor | int) -> tf.Tensor:
    """Pseudo-random integers.

    The key of a stream is the first number of the seed, hashed, and the sum of its second number and `stream`.
    Seeds with the same first number share no stream if their second numbers are `STREAMS_PER_STEP` apart, as those
    of `step_seeds` are; neighbouring second numbers would share all but one.

    Args:
        seed: int32 `[..., 2]`, one seed or several.
        stream: which of the streams of the seed, a `Stream` or a number between two of them.
        count: integers of each seed.

    Returns:
        uint32 `[..., count]`.

    Raises:
        ValueError: no such stream.
    """
    if not 0 <= stream < STREAMS_PER_STEP:
        raise ValueError(f"random stream {stream}; a training step has {STREAMS_PER_STEP}, from 0")
    key = _mixed(tf.cast(seed[..., 0], tf.uint32)) + tf.cast(seed[..., 1] + int(stream), tf.uint32)
    key = _mixed(key * tf.constant(0x9E3779B9, tf.uint32))[..., tf.newaxis]  # [..., 1]
    return _mixed(_mixed(tf.cast(tf.range(count), tf.uint32) + key) + key)  # [..., count]


def dropout(inputs: tf.Tensor, rate: float, *, seed: tf.Tensor | None, stream: int) -> tf.Tensor:
    """Inverted dropout.

    Args:
        inputs: any shape; every element is dropped independently, so every member of an ensemble has its own mask.
        rate: the share that is dropped, 0 <= rate < 1.
        seed: int32 `[2]`; or `[E, 2]` for inputs `[E, ...]`, so that the mask of a member depends on its own seed
            alone; or None: no dropout (inference).
        stream: the random stream of the mask, a different one in every place that drops.

    Returns:
        The inputs with `rate` of them 0 and the others divided by `1 - rate`.
    """
    if seed is None or rate == 0:
        return inputs
    seed = tf.convert_to_tensor(seed)
    shape = tf.shape(inputs)
    count = tf.reduce_prod(shape[seed.shape.rank - 1 :])  # of one seed
    bits = tf.reshape(random_bits(seed, stream, count=count), shape)
    kept = bits >= tf.constant(int(rate * 2**32), tf.uint32)
    return tf.where(kept, inputs / (1 - rate), 0)
