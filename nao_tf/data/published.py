"""The names of the files of the published corpora, wherever a user unpacked them."""

import pathlib
from collections.abc import Mapping

from nao_tf.errors import InputError

PARTS = ("train", "valid", "test")
SPLITS: Mapping[str, str] = dict(zip(PARTS, ("train", "validation", "test"), strict=True))  # TFDS's usual names

# Task -> the names of its files, the original publication's first.
FILE_NAMES: Mapping[str, tuple[str, ...]] = {
    "ptb": ("ptb.{part}.txt", "{part}.txt"),  # Mikolov's archive; the usual language-model examples
    "wikitext2": ("wiki.{part}.tokens", "{part}.txt"),  # Merity's archive; the usual language-model examples
}


def published_files(task: str, folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """The files of a published corpus in `folder`: part -> path.

    Raises:
        InputError: the files of some part are missing.
    """
    files, missing = _search(task, folder)
    if missing:
        names = " or ".join(name.format(part=missing[0]) for name in FILE_NAMES[task])
        raise InputError(
            f"{folder}: no file for the part {missing[0]!r} of {task}; expected {names}; parts are {', '.join(PARTS)}"
        )
    return files


def has_published_files(task: str, folder: pathlib.Path) -> bool:
    """Whether `folder` holds at least one file of the published corpus."""
    files, _ = _search(task, folder)
    return bool(files)


def _search(task: str, folder: pathlib.Path) -> tuple[dict[str, pathlib.Path], list[str]]:
    files: dict[str, pathlib.Path] = {}
    for part in PARTS:
        candidates = [folder / name.format(part=part) for name in FILE_NAMES[task]]
        path = next((path for path in candidates if path.exists()), None)
        if path is not None:
            files[part] = path
    return files, [part for part in PARTS if part not in files]
