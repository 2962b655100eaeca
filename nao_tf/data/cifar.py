"""The files of CIFAR-10 and CIFAR-100 as they are published: the binary version, or the one for Python.

The version for Python is pickled. It is not unpickled: its instructions are read as data, and the few constants that
make up the data set are picked out (`_constants`).

Letters: N images, H height (32), W width (32), C channels (3).
"""

from __future__ import annotations

import dataclasses
import pickletools
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nao_tf.errors import InputError

SHAPE = (3, 32, 32)  # as the files have it: channel-major
PIXELS = 3 * 32 * 32


@dataclasses.dataclass(frozen=True)
class Format:
    """The files of one data set.

    Attributes:
        classes: how many there are.
        train: pattern of the binary training files.
        test: name of the binary test file.
        label_bytes: in front of every image; the last of them is the class.
        names: name of the file with the names of the classes, one a line.
        python_train: pattern of the training files for Python.
        python_test: name of the test file for Python.
        python_labels: their key of the classes.
        python_names: file and key of the names of the classes.
    """

    classes: int
    train: str
    test: str
    label_bytes: int
    names: str
    python_train: str
    python_test: str
    python_labels: str
    python_names: tuple[str, str]


FORMATS: Mapping[str, Format] = {
    "cifar10": Format(
        10,
        "data_batch_*.bin",
        "test_batch.bin",
        1,
        "batches.meta.txt",
        "data_batch_[0-9]",
        "test_batch",
        "labels",
        ("batches.meta", "label_names"),
    ),
    "cifar100": Format(
        100,
        "train.bin",
        "test.bin",
        2,
        "fine_label_names.txt",
        "train",
        "test",
        "fine_labels",
        ("meta", "fine_label_names"),
    ),
}

_Part = tuple[np.ndarray, np.ndarray]


def read_folder(task: str, folder: Path) -> tuple[_Part, _Part, tuple[str, ...]]:
    """Reads the published files of a folder.

    Args:
        task: a key of `FORMATS`.
        folder: that holds them.

    Returns:
        Training images uint8 `[N, H, W, C]` and classes int32 `[N]`; those of the test; the names of the classes.

    Raises:
        InputError: a file is missing, has a wrong size, or a class that does not exist.
    """
    form = FORMATS[task]
    for pattern, test, read in (
        (form.train, form.test, _read_binary),
        (form.python_train, form.python_test, _read_python),
    ):
        paths = sorted(path for path in folder.glob(pattern) if path.is_file())
        if not paths:
            continue
        if not (folder / test).is_file():
            raise InputError(f"{folder}: {paths[0].name} is there but not {test}, the test images of {task}")
        parts = [read(path, form) for path in paths]
        train = (np.concatenate([images for images, _ in parts]), np.concatenate([labels for _, labels in parts]))
        return train, read(folder / test, form), _names(folder, form)
    raise InputError(
        f"{folder}: no files of {task}; expected {form.train} and {form.test} (binary version), "
        f"or {form.python_train} and {form.python_test} (version for Python)"
    )


def _read_binary(path: Path, form: Format) -> _Part:
    record = form.label_bytes + PIXELS
    content = np.fromfile(path, np.uint8)
    if not len(content) or len(content) % record:
        raise InputError(
            f"{path}: {len(content):,} bytes; a binary file has {record:,} for each image: "
            f"{form.label_bytes} of the class and {PIXELS:,} of pixels"
        )
    records = content.reshape(-1, record)
    return _part(path, records[:, form.label_bytes :], records[:, form.label_bytes - 1], form)


def _part(path, pixels, labels, form) -> _Part:
    labels = np.asarray(labels, np.int32)
    wrong = np.flatnonzero((labels < 0) | (labels >= form.classes))
    if len(wrong):
        raise InputError(f"{path}: image {wrong[0]} has class {labels[wrong[0]]}; classes are 0 to {form.classes - 1}")
    return np.ascontiguousarray(np.reshape(pixels, [-1, *SHAPE]).transpose(0, 2, 3, 1)), labels


def _names(folder: Path, form: Format) -> tuple[str, ...]:
    """Names of the classes, where the folder tells them; else their numbers."""
    names: list[str] = []
    if (folder / form.names).is_file():
        names = (folder / form.names).read_text(encoding="utf-8").split()
    elif (folder / form.python_names[0]).is_file():
        names = _constants(folder / form.python_names[0]).get(form.python_names[1], [])
    return tuple(map(str, names)) if len(names) == form.classes else tuple(map(str, range(form.classes)))


# ---- the version for Python


def _read_python(path: Path, form: Format) -> _Part:
    found = _constants(path)
    # Python 3 writes the bytes of an array as a text of the same numbers where the version is to be read by Python 2
    texts = [value.encode("latin-1") if isinstance(value, str) else value for value in found.get("data", [])]
    pixels = max((value for value in texts if isinstance(value, bytes)), key=len, default=b"")
    labels = [value for value in found.get(form.python_labels, []) if isinstance(value, int)]
    if not labels or len(pixels) != len(labels) * PIXELS:
        raise InputError(
            f"{path}: {len(pixels):,} bytes of pixels for {len(labels):,} classes; a file of this data set for Python "
            f"has {PIXELS:,} bytes an image under 'data' and its class under {form.python_labels!r}"
        )
    return _part(path, np.frombuffer(pixels, np.uint8), labels, form)


_BYTES = {"BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"}
_TEXT = {"BINUNICODE", "SHORT_BINUNICODE", "UNICODE", "STRING"}
_NUMBERS = {"BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1"}
_KEYS = ("data", "labels", "fine_labels", "coarse_labels", "label_names", "fine_label_names", "coarse_label_names")
_CODEC = "latin1"  # what Python 3 names behind bytes that it writes as text
_OTHER_KEYS = ("batch_label", "filenames", "num_cases_per_batch", "num_vis")


def _constants(path: Path) -> dict[str, list]:
    """The constants of a pickled dictionary behind each of its keys, in the order in which they are written.

    Nothing is built and nothing is run; what a constant belongs to is told by the last key in front of it. That is
    enough for a flat dictionary of arrays and lists, which the files of CIFAR are.
    """
    found: dict[str, list] = {}
    values: list = []  # what stands before the first key belongs to none
    try:
        for code, argument, _ in pickletools.genops(path.read_bytes()):
            if code.name in _BYTES or code.name in _TEXT:
                content = argument.encode("latin-1") if isinstance(argument, str) and code.name in _BYTES else argument
                key = content.decode("latin-1") if isinstance(content, bytes) and len(content) < 32 else content
                if key == _CODEC:
                    continue
                if key in _KEYS or key in _OTHER_KEYS:
                    values = found.setdefault(key, [])
                else:
                    values.append(key if isinstance(key, str) else content)
            elif code.name in _NUMBERS:
                values.append(int(argument))
    except ValueError as error:
        raise InputError(f"{path}: not a file of the version for Python ({error}); give the published files") from error
    return found
