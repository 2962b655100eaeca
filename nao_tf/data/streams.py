"""A text as batches: parallel streams of tokens, and the number of their windows of time.

Letters: T time steps, B streams side by side (the batch), N tokens of the text.
"""

from typing import NamedTuple

import numpy as np

from nao_tf.errors import InputError

PADDING_TARGET = -1  # no word has this id, so a loss that forgets the weights fails loudly instead of being wrong
PADDING_INPUT = 0  # inputs are looked up in an embedding, so padding must be an id that exists


class EvaluationStreams(NamedTuple):
    """Streams that score every token of a text once; see `evaluation_streams`.

    Attributes:
        inputs: int32 `[T, B]`, `PADDING_INPUT` where padded.
        targets: int32 `[T, B]`, `PADDING_TARGET` where padded.
        weights: float32 `[T, B]`, 1 where there is a token to predict, 0 where padded.
    """

    inputs: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


def streams(tokens: np.ndarray, batch_size: int) -> np.ndarray:
    """Cuts a text into contiguous streams of equal length, side by side; the remainder is dropped.

    Args:
        tokens: int32 `[N]`.
        batch_size: B.

    Returns:
        int32 `[T, B]` with T = N // B; row t of column b is token `b * T + t` of the text.

    Raises:
        InputError: `batch_size` is not positive, or leaves fewer than two rows (an input and its target).
    """
    _check_positive("batch_size", batch_size)
    rows = len(tokens) // batch_size
    if rows < 2:
        raise InputError(
            f"batch_size is {batch_size}, but a text of {len(tokens)} tokens fills at most {len(tokens) // 2} streams"
            " with the two tokens each needs; give a smaller batch_size or a longer text"
        )
    columns = np.asarray(tokens, dtype=np.int32)[: rows * batch_size].reshape(batch_size, rows)  # [B, T]
    return np.ascontiguousarray(columns.T)  # [T, B]


def window_count(stream: np.ndarray, steps: int) -> int:
    """The number of whole windows of streams; a shorter one at the end is left out, so that all have one shape.

    Args:
        stream: int32 `[T, B]`, from `streams`.
        steps: the length of a window, over which gradients flow back.

    Raises:
        InputError: `steps` is not positive, or there would be no window at all.
    """
    _check_positive("steps", steps)
    count = (len(stream) - 1) // steps  # the last row is a target only
    if count < 1:
        raise InputError(
            f"a window has {steps} steps, but a text in {stream.shape[1]} streams only {len(stream) - 1} to predict;"
            " give a smaller batch_size or a longer text"
        )
    return count


def evaluation_streams(tokens: np.ndarray, batch_size: int, *, steps: int = 1) -> EvaluationStreams:
    """Like `streams`, but loses no token: exactly N - 1 targets are scored, whatever the batch size.

    The first token of the text has nothing before it; each of the other N - 1 is a target exactly once. The N - 1
    pairs of input and target are cut into contiguous columns, so that the last target of a column is the first input
    of the next one. The end of the last column (of the last columns, for texts that are short for the batch) is padded
    with weight 0. Sums of `weights * loss` over `weights.sum()` are therefore exact means over the text. Only the
    context depends on the batch size: every column but the first starts with an empty state.

    Args:
        tokens: int32 `[N]`.
        batch_size: B.
        steps: T is rounded up to a multiple of it, so that windows of `steps` rows all have one shape.

    Returns:
        Inputs, targets and weights, each `[T, B]`.

    Raises:
        InputError: `batch_size` or `steps` is not positive, or the text has fewer than two tokens.
    """
    _check_positive("batch_size", batch_size)
    _check_positive("steps", steps)
    tokens = np.asarray(tokens, dtype=np.int32)  # [N]
    pairs = len(tokens) - 1
    if pairs < 1:
        raise InputError(f"a text of {len(tokens)} tokens has nothing to predict; at least 2 tokens are needed")
    rows = -(-pairs // batch_size)  # rounded up
    rows = -(-rows // steps) * steps
    padding = (0, rows * batch_size - pairs)

    def columns(values: np.ndarray, fill: int) -> np.ndarray:
        padded = np.pad(values, padding, constant_values=fill)  # [B * T]
        return np.ascontiguousarray(padded.reshape(batch_size, rows).T)  # [T, B]

    return EvaluationStreams(
        inputs=columns(tokens[:-1], PADDING_INPUT),
        targets=columns(tokens[1:], PADDING_TARGET),
        weights=columns(np.ones(pairs, dtype=np.float32), 0),
    )


def _check_positive(name: str, value: int) -> None:
    if value < 1:
        raise InputError(f"{name} is {value}; at least 1 is needed")
