"""Checkpoints: arrays under their names, in one file that is written whole or not at all."""

import os
from collections.abc import Mapping, Sequence

import numpy as np

from nao_tf import files


def save(path: os.PathLike[str] | str, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes a checkpoint. A stop at any instant leaves the file that was there before, or the new one."""
    files.write_arrays(path, arrays)


def load(path: os.PathLike[str] | str) -> dict[str, np.ndarray] | None:
    """The arrays of a checkpoint; None where there is none."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        return None


def variables(prefix: str, items: Sequence) -> dict[str, np.ndarray]:
    """Values of Keras or TensorFlow variables as arrays, each named by the prefix and its index."""
    return {f"{prefix}/{index}": np.asarray(item) for index, item in enumerate(items)}


def assign(prefix: str, items: Sequence, *, arrays: Mapping[str, np.ndarray]) -> None:
    """Assigns variables the values that `variables` took of them."""
    for index, item in enumerate(items):
        item.assign(arrays[f"{prefix}/{index}"])
