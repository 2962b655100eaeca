"""Checks of requests inside an exported graph: a wrong request gets an error that says what is wrong and what is right.

The C++ session that servers use runs a graph on whatever it is sent. It compares neither shapes with the signature nor
numbers with their ranges, and kernels that rely on a shape may end the process (tensorflow/serving#1530). So every
input of an export passes `received`, and then the checks of its values, before anything reads it: what follows takes
the checked tensor, which exists only if the check has passed.

An error reads "assertion failed: [images has the shape] [16 16 3] [; it takes [any, 16, 16, 3]]".

Letters: B rows, T tokens, V words of a vocabulary.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from nao_tf.architecture import START_TOKEN

# Of numbers that are no ids. Squares of larger ones, times gradients and widths, may overflow single precision.
LARGEST = 1e9


def received(values: tf.Tensor, specification: tf.TensorSpec) -> tf.Tensor:
    """An input of the shape and the name of its specification, checked when the graph runs.

    Args:
        values: the argument of the traced function.
        specification: of the signature; its rank and its fixed sizes are required, sizes of None are free.
    """
    sizes = [-1 if size is None else size for size in specification.shape]
    # Tracing and the optimiser take the shape of the signature for granted and would compute the check beforehand, with
    # success; a placeholder with a default forgets what is known of its default.
    values = tf.raw_ops.PlaceholderWithDefault(input=values, shape=tf.TensorShape(None))
    shape = tf.shape(values)
    first = tf.concat([shape, tf.fill([len(sizes)], -1)], 0)[: len(sizes)]  # as many as the specification has
    fits = tf.reduce_all((first == sizes) | (np.array(sizes) < 0))
    right = f"; it takes [{', '.join('any' if size < 0 else str(size) for size in sizes)}]"
    values = required(
        values, (tf.size(shape) == len(sizes)) & fits, message=[f"{specification.name} has the shape", shape, right]
    )
    return tf.ensure_shape(values, specification.shape)


def required(values: tf.Tensor, condition: tf.Tensor, *, message: Sequence[str | tf.Tensor]) -> tf.Tensor:
    """The values, if the condition, a scalar, holds; otherwise the request ends with the message.

    The parts of the message are computed in any case, so they have to be cheap and without errors of their own.
    """
    # The operation itself: `tf.debugging.Assert` makes a branch of a function of its own around it
    assertion = tf.raw_ops.Assert(
        condition=condition, data=[tf.convert_to_tensor(part) for part in message], summarize=-1
    )
    with tf.control_dependencies([assertion]):
        return tf.identity(values)


def none_of(values: tf.Tensor, wrong: tf.Tensor, *, name: str, right: str | Sequence[str | tf.Tensor]) -> tf.Tensor:
    """The values, if none is wrong; the error tells the first wrong one and where it is.

    Args:
        values: any shape.
        wrong: bool, of the same shape.
        name: of the input.
        right: what would be right, one or several parts of the message.
    """
    first = tf.where(wrong)[:1]  # [0 or 1, rank]: nothing where nothing is wrong
    parts = [right] if isinstance(right, str) else right
    message = [f"{name} has the value", tf.gather_nd(values, first), "at index", tf.reshape(first, [-1]), *parts]
    return required(values, ~tf.reduce_any(wrong), message=message)


def in_range(values: tf.Tensor, name: str, *, lowest: int, highest: int) -> tf.Tensor:
    """Integers, if all are from `lowest` to `highest`."""
    wrong = (values < lowest) | (values > highest)
    return none_of(values, wrong, name=name, right=f"; it takes {lowest} to {highest}")


def finite(values: tf.Tensor, name: str) -> tf.Tensor:
    """Floats, if all are numbers of at most `LARGEST` in size."""
    # Not ~(size <= LARGEST): TensorFlow's optimiser makes size > LARGEST of it, which does not hold for NaN
    wrong = ~tf.math.is_finite(values) | (tf.abs(values) > LARGEST)
    return none_of(values, wrong, name=name, right=f"; it takes finite numbers, from {-LARGEST:g} to {LARGEST:g}")


def padded(tokens: tf.Tensor, name: str, *, words: int, padding: int) -> tf.Tensor:
    """Ids of words `[B, T]`, if each is one of `words` and nothing but padding follows padding."""
    tokens = in_range(tokens, name, lowest=padding, highest=words - 1)
    ended = tf.pad(tokens[:, :-1] == padding, [[0, 0], [1, 0]])[:, : tf.shape(tokens)[1]]  # [B, T]
    return none_of(
        tokens, ended & (tokens != padding), name=name, right=f"after {padding}, which pads the end of a text"
    )


def as_many_rows(values: tf.Tensor, other: tf.Tensor, *, names: tuple[str, str], or_one: bool = False) -> tf.Tensor:
    """The values, if they have as many rows as another input, or one row where that serves for all."""
    rows, others = tf.shape(values)[0], tf.shape(other)[0]
    fits = (rows == others) | (rows == 1) if or_one else rows == others
    message = [
        f"{names[0]} has",
        rows,
        f"rows; it takes {'1, or ' if or_one else ''}as many as {names[1]} has:",
        others,
    ]
    return required(values, fits, message=message)


def architectures(tokens: tf.Tensor, name: str, *, grammar: np.ndarray) -> tf.Tensor:
    """Tokens of architectures `[B, T]`, if each may follow the one before it.

    Args:
        tokens: int32 `[B, T]`.
        name: of the input.
        grammar: bool `[T, V, V]`, indexed by position, last token, token.
    """
    length, words = grammar.shape[:2]
    tokens = in_range(tokens, name, lowest=START_TOKEN + 1, highest=words - 1)
    table = tf.constant(grammar)
    previous = tf.pad(tokens[:, :-1], [[0, 0], [1, 0]], constant_values=START_TOKEN)  # [B, T]
    positions = tf.zeros_like(tokens) + tf.range(length)  # [B, T]
    wrong = ~tf.gather_nd(table, tf.stack([positions, previous, tokens], -1))  # [B, T]
    first = tf.where(wrong)[:1]  # [0 or 1, 2]
    allowed = tf.gather_nd(table, tf.gather_nd(tf.stack([positions, previous], -1), first))  # [0 or 1, V]
    right = ["; no architecture of the search space goes on so, allowed there are", tf.where(allowed)[:, 1]]
    return none_of(tokens, wrong, name=name, right=right)
