"""Files and folders that are written whole or not at all, whenever the process or the machine stops.

Everything is written under a temporary name in the same folder, forced to the disk and then renamed.
"""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import numpy as np

# The temporary name keeps the whole name, so that those of `a.json` and `a.npz` are two.
_WRITING = ".writing"
_REPLACED = ".replaced"


def write_text(path: os.PathLike[str] | str, text: str) -> None:
    """Writes a text file in UTF-8, line ends as they are; its folder is made where it is missing.

    A stop at any instant leaves the file that was there before, or the new one.
    """
    with _replacing_file(pathlib.Path(path)) as file:
        file.write(text.encode("utf-8"))


def write_arrays(path: os.PathLike[str] | str, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes arrays under their names, in NumPy's format `npz` whatever the suffix. See `write_text`."""
    with _replacing_file(pathlib.Path(path)) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub takes the names for other parameters


@contextlib.contextmanager
def replacing(directory: os.PathLike[str] | str) -> Iterator[pathlib.Path]:
    """A folder to write to, which becomes `directory` when the block ends without an exception.

    Args:
        directory: of the result; a folder of that name is replaced. Its parents are made where they are missing.

    Yields:
        The path of the temporary folder, which the block makes.

    A stop at any instant leaves the old folder, the new one, or, between two renamings, the old one under the name
    `directory` with `.replaced`, which the next call puts back first.
    """
    directory = pathlib.Path(directory)
    temporary = directory.with_name(directory.name + _WRITING)
    replaced = directory.with_name(directory.name + _REPLACED)
    directory.parent.mkdir(parents=True, exist_ok=True)
    if replaced.exists() and not directory.exists():
        replaced.rename(directory)
    for left in (temporary, replaced):
        shutil.rmtree(left, ignore_errors=True)
    try:
        yield temporary
        for folder, _, files in os.walk(temporary):
            for name in files:
                _to_disk(pathlib.Path(folder, name))
            _to_disk(pathlib.Path(folder))
        if directory.exists():
            directory.rename(replaced)
        temporary.rename(directory)
        _to_disk(directory.parent)
        shutil.rmtree(replaced, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def _replacing_file(path: pathlib.Path) -> Iterator[BinaryIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + _WRITING)
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _to_disk(path.parent)


def _to_disk(path: pathlib.Path) -> None:
    """Forces a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
