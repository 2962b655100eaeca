"""Checkpoints: arrays under their names, in one file that is written whole or not at all."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from nao_tf import files

REMEDY = "delete it, and its training begins again, or give another --work_dir"


def save(path: os.PathLike[str] | str, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes a checkpoint. A stop at any instant leaves the file that was there before, or the new one."""
    files.write_arrays(path, arrays)


def load(path: os.PathLike[str] | str) -> dict[str, np.ndarray] | None:
    """The arrays of a checkpoint; None where there is none. Raises InputError where the file is damaged."""
    try:
        return files.read_arrays(path, remedy=REMEDY)
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def restoring(path: os.PathLike[str] | str) -> Iterator[None]:
    """A block that takes a model's state from the arrays of a checkpoint.

    Raises:
        InputError: the arrays do not fit: some are missing, or are of another shape.
    """
    try:
        yield
    except (KeyError, ValueError, TypeError) as error:
        reason = f"it has no array {error}" if isinstance(error, KeyError) else f"it is of another network: {error}"
        raise files.damaged(path, reason, remedy=REMEDY) from error


def variables(prefix: str, items: Sequence) -> dict[str, np.ndarray]:
    """Values of Keras or TensorFlow variables as arrays, each named by the prefix and its index."""
    return {f"{prefix}/{index}": np.asarray(item) for index, item in enumerate(items)}


def assign(prefix: str, items: Sequence, *, arrays: Mapping[str, np.ndarray]) -> None:
    """Assigns variables the values that `variables` took of them."""
    for index, item in enumerate(items):
        item.assign(arrays[f"{prefix}/{index}"])
