"""The published files of CIFAR-10 and CIFAR-100: the binary version, or the one for Python.

The version for Python is pickled; of what a pickle can hold, only data are read (`pickled` module).

Letters: N images, H height (32), W width (32), C channels (3).
"""

import collections
import dataclasses
import fnmatch
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from nao_tf.data.folders import entries
from nao_tf.data.names import in_one_line, is_packed
from nao_tf.data.pickled import read_pickle, text_of
from nao_tf.data.picture import holds_pictures
from nao_tf.errors import InputError

_PICKLES = (".pkl", ".pickle")
_NAMED, _LONGEST_KEY = 10, 40  # keys of a pickle that an error names, and their characters
_NEEDED = "integers are needed"
_KINDS = {str: "a text", bytes: "bytes", float: "a number with decimals", bool: "true or false", type(None): "nothing"}
SHAPE = (3, 32, 32)  # C, H, W: the order of the files
PIXELS = 3 * 32 * 32


@dataclasses.dataclass(frozen=True)
class Format:
    """The files of one data set.

    Attributes:
        classes: K, the number of classes.
        train: glob pattern of the binary training files.
        test: name of the binary test file.
        train_files: how many of them there are.
        label_bytes: bytes before every image; the last of them is the class.
        names: name of the file with the names of the classes, one a line.
        python_train: glob pattern of the training files for Python.
        python_test: name of the test file for Python.
        python_labels: key of the classes in the files for Python.
        python_names: file and key of the names of the classes in the version for Python.
    """

    classes: int
    train: str
    train_files: int
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
        train_files=5,
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
        train_files=1,
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


class Published(NamedTuple):
    """The content of published files.

    Attributes:
        train: training images uint8 `[N, H, W, C]` and classes int32 `[N]`.
        test: the same of the test.
        class_names: K names.
        notes: lines about what may surprise.
    """

    train: _Part
    test: _Part
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read_folder(task: str, folder: pathlib.Path) -> Published:
    """Reads the published files of a folder, their names in any case.

    Args:
        task: a key of `FORMATS`.
        folder: of the files.

    Raises:
        InputError: a file is missing, has a wrong size, or a class that does not exist.
    """
    form = FORMATS[task]
    binary, python = (form.train, form.test, _read_binary), (form.python_train, form.python_test, _read_python)
    for pattern, test, read in (binary, python):
        paths, tests = _files(folder, pattern), _files(folder, test)
        if not paths:
            continue
        if not tests:
            raise InputError(f"{folder}: {paths[0].name} is there but not {test}, the test images of {task}")
        parts = [read(path, form) for path in paths]
        train = (np.concatenate([images for images, _ in parts]), np.concatenate([labels for _, labels in parts]))
        names, notes = _names(folder, form)
        if len(paths) < form.train_files:
            notes += (f"training files that are there: {len(paths)} of {form.train_files}",)
        if read is _read_binary and _files(folder, form.python_train):
            notes += ("the binary version is read; the version for Python, which lies there as well, is not",)
        return Published(train, read(tests[0], form), names, notes)
    raise InputError(
        f"{folder}: no files of {task}; expected {form.train} and {form.test} (binary version), "
        f"or {form.python_train} and {form.python_test} (version for Python){_hint(folder, form)}"
    )


def _hint(folder: pathlib.Path, form: Format) -> str:
    """Where files that are missing may be."""
    below, files = entries(folder, collections.Counter())
    for path in below:
        if _files(path, form.train) or _files(path, form.python_train):
            return f"; there are some in {in_one_line(str(path))}: give that folder"
    for path in files:
        if is_packed(path.name):
            return f"; {in_one_line(path.name)} is packed: unpack it"
    tests = [*_files(folder, form.test), *_files(folder, form.python_test)]
    if tests:
        return f"; {tests[0].name} is there, but no training file"
    return "; pictures lie there: is --task=images meant?" if holds_pictures(folder) else ""


def _files(folder: pathlib.Path, pattern: str) -> list[pathlib.Path]:
    """The files of a folder whose names match a pattern of lower case, in any case, by name.

    Names that end in `.pkl` or `.pickle` are looked at where no other fits.
    """
    paths = entries(folder, collections.Counter())[1]
    fitting = [path for path in paths if fnmatch.fnmatchcase(path.name.lower(), pattern)]
    pickles = [path for path in paths if path.suffix.lower() in _PICKLES]
    return fitting or [path for path in pickles if fnmatch.fnmatchcase(path.stem.lower(), pattern)]


def _read_binary(path: pathlib.Path, form: Format) -> _Part:
    record = _record(form)
    content = np.fromfile(path, np.uint8)
    if not len(content) or len(content) % record:
        fits = [name for name, other in FORMATS.items() if len(content) and not len(content) % _record(other)]
        raise InputError(
            f"{path}: {len(content):,} bytes; a binary file has {record:,} for each image: "
            f"{form.label_bytes} of the class and {PIXELS:,} of pixels{f'; is it of {fits[0]}?' if fits else ''}"
        )
    records = content.reshape(-1, record)  # [N, label bytes + pixels]
    labels = records[:, form.label_bytes - 1]  # [N]
    pixels = records[:, form.label_bytes :]  # [N, C * H * W]
    return _in_order(path, pixels, count=len(records)), _checked(path, labels, form)


def _record(form: Format) -> int:
    """Bytes of an image in a binary file."""
    return form.label_bytes + PIXELS


def _checked(path: pathlib.Path, labels: np.ndarray, form: Format) -> np.ndarray:
    """Classes as int32 `[N]`. Raises InputError: one does not exist."""
    wrong = np.flatnonzero((labels < 0) | (labels >= form.classes))
    if len(wrong):
        raise InputError(f"{path}: image {wrong[0]} has class {labels[wrong[0]]}; classes are 0 to {form.classes - 1}")
    return labels.astype(np.int32)


def _names(folder: pathlib.Path, form: Format) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the classes, where the folder holds as many; else their numbers. And notes."""
    numbers = tuple(map(str, range(form.classes)))
    file, key = form.python_names
    texts, pickles = _files(folder, form.names), _files(folder, file)
    if texts:
        path = texts[0]
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: not UTF-8 (byte {error.start + 1}); save it as UTF-8") from error
        names = [line.strip() for line in text.splitlines() if line.strip()]
        names = names if len(names) == form.classes else text.split()
    elif pickles:
        path = pickles[0]
        listed = read_pickle(path).get(key)
        if not isinstance(listed, list) or not all(isinstance(name, bytes | str) for name in listed):
            listed = []
        names = [text_of(name) for name in listed[: form.classes + 1]]
    else:
        return numbers, ()
    if len(set(names)) == form.classes == len(names):
        return tuple(names), ()
    return numbers, (f"{path.name} does not have a name for each of {form.classes} classes; they are called by number",)


# ---- the version for Python


def _read_python(path: pathlib.Path, form: Format) -> _Part:
    content = read_pickle(path)
    for key in ("data", form.python_labels):
        if key not in content:
            raise InputError(
                f"{path}: no {key!r} among its keys {_listed(content)}; a file of this "
                f"data set for Python has the pixels under 'data' and the classes under {form.python_labels!r}"
            )
    labels = _integers(path, form.python_labels, content[form.python_labels])
    if labels.ndim not in (1, 2) or max(labels.shape) != labels.size or not labels.size:
        raise InputError(
            f"{path}: {form.python_labels!r} has the shape {list(labels.shape)}; one number an image is needed"
        )
    labels = labels.reshape(-1)  # [N]
    pixels = content["data"]
    if isinstance(pixels, bytes | bytearray | str):  # without a shape
        try:
            pixels = np.frombuffer(pixels.encode("latin-1") if isinstance(pixels, str) else pixels, np.uint8)
        except UnicodeEncodeError as error:
            raise InputError(f"{path}: a text under 'data'; pixels are needed") from error
        pixels = pixels.reshape(-1, PIXELS) if len(pixels) % PIXELS == 0 else pixels
    else:
        pixels = _integers(path, "data", pixels)
        wrong = pixels.max(initial=0) if pixels.max(initial=0) > 255 else pixels.min(initial=0)
        if wrong:
            raise InputError(f"{path}: {wrong} among the pixels under 'data'; they are from 0 to 255")
    return _in_order(path, pixels.astype(np.uint8, copy=False), count=len(labels)), _checked(path, labels, form)


def _listed(names) -> str:
    """The first of some keys, in one line."""
    shown = [in_one_line(name[:_LONGEST_KEY]) for name in names]
    return ", ".join(shown[:_NAMED]) + (", …" if len(shown) > _NAMED else "") or "(none)"


def _integers(path: pathlib.Path, key: str, value: Any) -> np.ndarray:
    """An array of integers, of an array or of lists."""
    if isinstance(value, list):
        for kind in {type(one) for one in _leaves(value)} - {
            int,
            np.ndarray,
        }:  # before NumPy makes room for the longest text
            raise InputError(f"{path}: {_KINDS.get(kind, kind.__name__)} among the lists under {key!r}; {_NEEDED}")
    try:
        found = np.asarray(value)
    except ValueError as error:  # lists of several lengths
        raise InputError(f"{path}: the lists under {key!r} have several lengths") from error
    if found.dtype == object and isinstance(value, list):
        raise InputError(f"{path}: a number of more than 64 bits under {key!r}; {_NEEDED} that fit")
    if found.size and found.dtype.kind not in "iu":
        what = _KINDS.get(type(value), type(value).__name__) if found.dtype.kind in "SUO" else str(found.dtype)
        raise InputError(f"{path}: {what} under {key!r}; {_NEEDED}")
    return found


def _leaves(value):
    for one in value:
        if isinstance(one, list):
            yield from _leaves(one)
        else:
            yield one


def _in_order(path: pathlib.Path, pixels: np.ndarray, *, count: int) -> np.ndarray:
    """Pixels of `count` images as `[N, H, W, C]`, whatever order their shape tells."""
    channels, height, width = SHAPE
    if pixels.shape == (count, PIXELS):
        pixels = pixels.reshape(-1, *SHAPE).transpose(0, 2, 3, 1)
    elif pixels.shape == (count, *SHAPE):
        pixels = pixels.transpose(0, 2, 3, 1)
    elif pixels.shape == (height, width, channels, count):  # MATLAB's
        pixels = pixels.transpose(3, 0, 1, 2)
    elif pixels.shape != (count, height, width, channels):
        raise InputError(
            f"{path}: pixels of shape {list(pixels.shape)} for {count:,} classes; {[count, PIXELS]}, {[count, *SHAPE]} "
            f"or {[count, height, width, channels]} are read"
        )
    return np.ascontiguousarray(pixels)
