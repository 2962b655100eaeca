"""The published files of CIFAR-10 and CIFAR-100: the binary version, or the one for Python.

The version for Python is pickled. It is not unpickled: its instructions are read as data, and the few constants that
make up the data set are picked out (`_constants`).

Letters: N images, H height (32), W width (32), C channels (3).
"""

import dataclasses
import pathlib
import pickletools
from collections.abc import Mapping, Sequence

import numpy as np

from nao_tf.errors import InputError

SHAPE = (3, 32, 32)  # C, H, W: the order of the files
PIXELS = 3 * 32 * 32


@dataclasses.dataclass(frozen=True)
class Format:
    """The files of one data set.

    Attributes:
        classes: K, the number of classes.
        train: glob pattern of the binary training files.
        test: name of the binary test file.
        label_bytes: bytes before every image; the last of them is the class.
        names: name of the file with the names of the classes, one a line.
        python_train: glob pattern of the training files for Python.
        python_test: name of the test file for Python.
        python_labels: key of the classes in the files for Python.
        python_names: file and key of the names of the classes in the version for Python.
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
        classes=10,
        train="data_batch_*.bin",
        test="test_batch.bin",
        label_bytes=1,
        names="batches.meta.txt",
        python_train="data_batch_[0-9]",
        python_test="test_batch",
        python_labels="labels",
        python_names=("batches.meta", "label_names"),
    ),
    "cifar100": Format(
        classes=100,
        train="train.bin",
        test="test.bin",
        label_bytes=2,
        names="fine_label_names.txt",
        python_train="train",
        python_test="test",
        python_labels="fine_labels",
        python_names=("meta", "fine_label_names"),
    ),
}

_Part = tuple[np.ndarray, np.ndarray]


def read_folder(task: str, folder: pathlib.Path) -> tuple[_Part, _Part, tuple[str, ...]]:
    """Reads the published files of a folder.

    Args:
        task: a key of `FORMATS`.
        folder: of the files.

    Returns:
        Training images uint8 `[N, H, W, C]` and classes int32 `[N]`; the same of the test; the names of the classes.

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


def _read_binary(path: pathlib.Path, form: Format) -> _Part:
    record = form.label_bytes + PIXELS
    content = np.fromfile(path, np.uint8)
    if not len(content) or len(content) % record:
        raise InputError(
            f"{path}: {len(content):,} bytes; a binary file has {record:,} for each image: "
            f"{form.label_bytes} of the class and {PIXELS:,} of pixels"
        )
    records = content.reshape(-1, record)  # [N, label bytes + pixels]
    labels = records[:, form.label_bytes - 1]  # [N]
    return _part(path, records[:, form.label_bytes :], labels=labels, classes=form.classes)


def _part(path: pathlib.Path, pixels: np.ndarray, *, labels: Sequence[int] | np.ndarray, classes: int) -> _Part:
    """Pixels of N images in the order of the files as `[N, H, W, C]`, with their checked classes `[N]`."""
    labels = np.asarray(labels, np.int32)
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        raise InputError(f"{path}: image {wrong[0]} has class {labels[wrong[0]]}; classes are 0 to {classes - 1}")
    return np.ascontiguousarray(np.reshape(pixels, [-1, *SHAPE]).transpose(0, 2, 3, 1)), labels  # [N, H, W, C], [N]


def _names(folder: pathlib.Path, form: Format) -> tuple[str, ...]:
    """Names of the classes, where the folder holds them; else their numbers."""
    names: list[str] = []
    if (folder / form.names).is_file():
        names = (folder / form.names).read_text(encoding="utf-8").split()
    elif (folder / form.python_names[0]).is_file():
        names = _constants(folder / form.python_names[0]).get(form.python_names[1], [])
    return tuple(map(str, names)) if len(names) == form.classes else tuple(map(str, range(form.classes)))


# ---- the version for Python


def _read_python(path: pathlib.Path, form: Format) -> _Part:
    constants = _constants(path)
    # for Python 2, Python 3 writes the bytes of an array as a text of the same numbers
    data = [value.encode("latin-1") if isinstance(value, str) else value for value in constants.get("data", [])]
    pixels = max((value for value in data if isinstance(value, bytes)), key=len, default=b"")
    labels = [value for value in constants.get(form.python_labels, []) if isinstance(value, int)]
    if not labels or len(pixels) != len(labels) * PIXELS:
        raise InputError(
            f"{path}: {len(pixels):,} bytes of pixels for {len(labels):,} classes; a file of this data set for Python "
            f"has {PIXELS:,} bytes an image under 'data' and its class under {form.python_labels!r}"
        )
    return _part(path, np.frombuffer(pixels, np.uint8), labels=labels, classes=form.classes)


_BYTES = {"BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"}
_TEXT = {"BINUNICODE", "SHORT_BINUNICODE", "UNICODE", "STRING"}
_NUMBERS = {"BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1"}
_KEYS = ("data", "labels", "fine_labels", "coarse_labels", "label_names", "fine_label_names", "coarse_label_names")
_CODEC = "latin1"  # the name that Python 3 writes after bytes stored as text
_OTHER_KEYS = ("batch_label", "filenames", "num_cases_per_batch", "num_vis")


def _constants(path: pathlib.Path) -> dict[str, list]:
    """The constants after each key of a pickled dictionary, in the order of the file.

    Nothing is built and nothing is run; a constant belongs to the last key before it. That is enough for a flat
    dictionary of arrays and lists, which the files of CIFAR are.
    """
    constants: dict[str, list] = {}
    values: list = []  # constants before the first key, which belong to none
    try:
        for code, argument, _ in pickletools.genops(path.read_bytes()):
            if code.name in _BYTES or code.name in _TEXT:
                content = argument.encode("latin-1") if isinstance(argument, str) and code.name in _BYTES else argument
                key = content.decode("latin-1") if isinstance(content, bytes) and len(content) < 32 else content
                if key == _CODEC:
                    continue
                if key in _KEYS or key in _OTHER_KEYS:
                    values = constants.setdefault(key, [])
                else:
                    values.append(key if isinstance(key, str) else content)
            elif code.name in _NUMBERS and argument is not None:
                values.append(int(argument))
    except ValueError as error:
        raise InputError(f"{path}: not a file of the version for Python ({error}); give the published files") from error
    return constants
