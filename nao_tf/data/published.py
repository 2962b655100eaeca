"""The published corpora: what their files are called, wherever a user unpacked them."""

from collections.abc import Mapping
from pathlib import Path

from nao_tf.errors import InputError

PARTS = ("train", "valid", "test")
SPLITS: Mapping[str, str] = dict(zip(PARTS, ("train", "validation", "test"), strict=True))  # TFDS's usual names

# Task → the names its files go by, the original publication's first.
FILE_NAMES: Mapping[str, tuple[str, ...]] = {
    "ptb": ("ptb.{part}.txt", "{part}.txt"),  # Mikolov's archive; the usual language-model examples
    "wikitext2": ("wiki.{part}.tokens", "{part}.txt"),  # Merity's archive; the usual language-model examples
}


def published_files(task: str, folder: Path) -> dict[str, Path]:
    """The files of a published corpus in `folder`: part → path.

    Raises:
        InputError: the files of some part are missing.
    """
    found, missing = _search(task, folder)
    if missing:
        wanted = " or ".join(name.format(part=missing[0]) for name in FILE_NAMES[task])
        raise InputError(
            f"{folder}: no file for the part {missing[0]!r} of {task}; expected {wanted}; parts are {', '.join(PARTS)}"
        )
    return found


def has_published_files(task: str, folder: Path) -> bool:
    """Whether `folder` holds at least one file of the published corpus."""
    found, _ = _search(task, folder)
    return bool(found)


def _search(task: str, folder: Path) -> tuple[dict[str, Path], list[str]]:
    found: dict[str, Path] = {}
    for part in PARTS:
        candidates = [folder / name.format(part=part) for name in FILE_NAMES[task]]
        path = next((path for path in candidates if path.exists()), None)
        if path is not None:
            found[part] = path
    return found, [part for part in PARTS if part not in found]
