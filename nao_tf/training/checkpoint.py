"""Arrays on the disk, whole or not at all: written to a temporary file and renamed."""

from __future__ import annotations

import os
import pathlib

import numpy as np


def save(path: os.PathLike, arrays: dict[str, np.ndarray]) -> None:
    """Writes arrays under their names. A kill at any instant leaves the file that was there before, or the new one."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".writing")
    with open(temporary, "wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def load(path: os.PathLike) -> dict[str, np.ndarray] | None:
    """The arrays of a file, None where there is none."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        return None


def variables(prefix: str, items) -> dict[str, np.ndarray]:
    """Values of Keras variables, named by their place in the list."""
    return {f"{prefix}/{index}": np.asarray(item) for index, item in enumerate(items)}


def assign(prefix: str, items, arrays: dict[str, np.ndarray]) -> None:
    """Gives variables the values that `variables` took."""
    for index, item in enumerate(items):
        item.assign(arrays[f"{prefix}/{index}"])
