"""Reading a UTF-8 text file line by line, exactly as Python's text mode does, with errors that name the place."""

import io
import pathlib
from collections.abc import Iterator

from nao_tf.errors import InputError


def read_lines(path: pathlib.Path) -> list[str]:
    """The lines of a text file, without their line ends; empty lines are kept.

    Lines end at `\\n`, `\\r\\n` or `\\r` only. (`str.splitlines` would also split at characters that occur inside the
    tokens of WikiText.) A byte-order mark is not part of the text.

    Args:
        path: of the file.

    Raises:
        InputError: the file is missing, unreadable, empty or not UTF-8.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); give a readable text file") from error
    if not data:
        raise InputError(f"{path}: the file is empty; give a text in UTF-8")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}: not UTF-8 at byte {error.start} (line {line}, 0x{data[error.start]:02x});"
            " convert the file to UTF-8"
        ) from error
    return list(_lines(text.removeprefix("\ufeff")))


def _lines(text: str) -> Iterator[str]:
    for line in io.StringIO(text, newline=None):  # newline=None: universal newlines, as open() has them
        yield line.removesuffix("\n")
