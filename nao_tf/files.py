"""Files and folders that are written whole or not at all, whenever the process or the machine stops, and read strictly.

Everything is written under a temporary name in the same folder, forced to the disk and then renamed. What a stop cannot
leave is damage of another kind, and is never read as if it were right.
"""

import contextlib
import contextvars
import io
import json
import math
import os
import pathlib
import shutil
import struct
import sys
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from nao_tf.errors import InputError

# The temporary name keeps the whole name, so that those of `a.json` and `a.npz` are two.
WRITING = ".writing"
_REPLACED = ".replaced"
LONGEST_WHOLE_NUMBER = 18  # digits; no count of ours has more, and Python refuses to read those of thousands
# What reading arrays raises when bytes of the file were changed: each library in between has its own.
_DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    tokenize.TokenError,
    EOFError,
    KeyError,
    MemoryError,  # a size that was changed
    NotImplementedError,  # a way of compressing that does not exist
    RecursionError,
    RuntimeError,  # "encrypted"
    SyntaxError,
    TypeError,
    ValueError,
)

_BY_REFERENCE = contextvars.ContextVar("by_reference", default=False)


@contextlib.contextmanager
def sent_by_reference() -> Iterator[None]:
    """What is pickled in this block is for processes on this machine, as long as this one runs.

    An object with a large open file may send its place then, `/proc/…/fd/…`, where the system has that.
    """
    token = _BY_REFERENCE.set(os.path.isdir("/proc/self/fd"))
    try:
        yield
    finally:
        _BY_REFERENCE.reset(token)


def by_reference() -> bool:
    """Whether what is pickled now is sent by reference, see `sent_by_reference`."""
    return _BY_REFERENCE.get()


def write_text(path: os.PathLike[str] | str, text: str) -> None:
    """Writes a text file in UTF-8, line ends as they are; its folder is made where it is missing.

    A stop at any instant leaves the file that was there before, or the new one. Names of files that are not UTF-8 are
    written as the bytes that they are.
    """
    write_bytes(path, text.encode("utf-8", "surrogateescape"))


def write_bytes(path: os.PathLike[str] | str, content: bytes) -> None:
    """Writes a file of any content. See `write_text`."""
    with _replacing_file(pathlib.Path(path)) as file:
        file.write(content)


def write_json(path: os.PathLike[str] | str, content: Any) -> None:
    """Writes JSON values, without the NaN and Infinity that are none: ValueError for them. See `write_text`."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def write_arrays(path: os.PathLike[str] | str, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes arrays under their names, in NumPy's format `npz` whatever the suffix. See `write_text`."""
    with _replacing_file(pathlib.Path(path)) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub takes the names for other parameters


def append_line(path: os.PathLike[str] | str, line: bytes) -> None:
    """Adds a line to a file, forced to the disk; the file and its folder are made where they are missing.

    Args:
        path: of the file. After a last line that a kill cut short, the new one begins a line of its own.
        line: without its end.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming(path), open(path, "a+b") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read() != b"\n":
                file.write(b"\n")
        file.write(line + b"\n")
        file.flush()
        os.fsync(file.fileno())


# ---- reading


def json_values(data: bytes) -> Any:
    """The value of a JSON text in UTF-8, read as strictly as it is written.

    Raises:
        ValueError: no JSON, or one that programs read in different ways: NaN and Infinity, numbers beyond a float or of
            thousands of digits, a name twice in an object.
    """
    try:
        return json.loads(
            data.decode("utf-8"),
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_whole,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8") from error
    except RecursionError as error:
        raise ValueError("brackets within brackets without end") from error


def read_json(path: os.PathLike[str] | str, *, remedy: str) -> Any:
    """The value that `write_json` wrote.

    Args:
        path: of the file.
        remedy: what to do where it is damaged, for the error.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it is no file, or its content was changed.
    """
    try:
        return json_values(pathlib.Path(path).read_bytes())
    except ValueError as error:
        raise damaged(path, error, remedy=remedy) from error
    except IsADirectoryError as error:
        raise damaged(path, "it is a folder", remedy=remedy) from error


def read_arrays(path: os.PathLike[str] | str, *, remedy: str) -> dict[str, np.ndarray]:
    """The arrays that `write_arrays` wrote, every byte of them checked.

    Args:
        path: of the file.
        remedy: what to do where it is damaged, for the error.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it is no file of arrays, a part of one, or one of which a byte was changed.
    """
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                content = io.BytesIO(archive.read(name))  # whole, so that its checksum is compared
                arrays[name.removesuffix(".npy")] = np.lib.format.read_array(content, allow_pickle=False)
                if content.read(1):
                    raise ValueError(f"{name} has bytes after its end")
    except _DAMAGES as error:
        raise damaged(path, error, remedy=remedy) from error
    except IsADirectoryError as error:
        raise damaged(path, "it is a folder", remedy=remedy) from error
    return arrays


def damaged(path: os.PathLike[str] | str, reason: object, *, remedy: str) -> InputError:
    """The error that tells of a file that cannot be used.

    Args:
        path: of the file.
        reason: what is wrong, or the error that says so.
        remedy: what to do.
    """
    said = " ".join(str(reason).split())[:200] or type(reason).__name__
    return InputError(f"{os.fspath(path)} is damaged ({said}); {remedy}")


def _no_constant(name):
    raise ValueError(f"{name} is no number of JSON")


def _finite(text):
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is beyond the largest number")
    return number


def _whole(text):
    if len(text.lstrip("-")) > LONGEST_WHOLE_NUMBER:
        raise ValueError(f"a whole number of {len(text.lstrip('-'))} digits")
    return int(text)


def _object(pairs):
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a name stands twice in an object")
    return content


# ---- files that a user names


def check_output(path: os.PathLike[str] | str, *, name: str) -> None:
    """Makes sure that a file can be written, before the work whose outcome it is to hold. Leaves nothing behind.

    Args:
        path: of the file; its folder is made where it is missing.
        name: of the flag that gave it, for errors.

    Raises:
        InputError: it is a folder, or nothing can be written there.
    """
    path = pathlib.Path(path)
    try:
        if path.is_dir():
            raise InputError(f"{name}={path}: it is a folder; give a file in it")
        path.parent.mkdir(parents=True, exist_ok=True)
        if _is_written_through(path):
            with open(path, "ab"):
                return
        with naming(path):
            temporary = path.with_name(path.name + WRITING)
            temporary.touch()
            temporary.unlink()
    except OSError as error:
        raise InputError(
            f"{name}={path}: nothing can be written there ({error.strerror}); give another file"
        ) from error


def write_output(path: os.PathLike[str] | str, content: str | bytes) -> None:
    """Writes to a file that a user names: as `write_text`, but through links, and into devices and pipes."""
    path, data = pathlib.Path(path), content if isinstance(content, bytes) else content.encode("utf-8")
    if not _is_written_through(path):
        write_bytes(path, data)
        return
    with naming(path):
        if sys.stdout is not None and _is_open_as(path, sys.stdout):
            sys.stdout.flush()
            sys.stdout.buffer.write(data)  # opened once more it would be written over
            return
        with open(path, "wb") as file:
            file.write(data)


def _is_written_through(path):
    """Whether a path names something that must stay what it is: a link, a device, a pipe."""
    return path.is_symlink() or (path.exists() and not path.is_file())


def _is_open_as(path, stream):
    try:
        return os.path.samestat(os.stat(path), os.fstat(stream.fileno()))
    except (OSError, ValueError):  # a link that leads nowhere yet, a stream without a file
        return False


@contextlib.contextmanager
def naming(path: os.PathLike[str] | str) -> Iterator[None]:
    """Gives errors of the operating system within the block the name of the file, which those of writing lack."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = os.fspath(path)
        raise


# ---- writing whole or not at all


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
    temporary = directory.with_name(directory.name + WRITING)
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
    temporary = path.with_name(path.name + WRITING)
    try:
        with naming(path), open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        if not temporary.is_dir():  # a folder of that name is nobody's leftover, and the error has told of it
            temporary.unlink(missing_ok=True)
    _to_disk(path.parent)


def _to_disk(path: pathlib.Path) -> None:
    """Forces a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def expanded(path: str, name: str) -> str:
    """A path with the user's folder for ~.

    Args:
        path: as it was given.
        name: of what has it, for errors: a flag or a file.

    Raises:
        InputError: it is empty, or in the folder of a user that there is not.
    """
    if not path:
        raise InputError(f"{name} is empty; give a path, or leave it out")
    try:
        return str(pathlib.Path(path).expanduser())
    except RuntimeError as error:
        raise InputError(
            f"{name}={path}: there is no user {path.partition('/')[0][1:]}, whose folder ~ means"
        ) from error
