"""Reading a text file line by line, exactly as Python's text mode does, with errors that name the place."""

import io
import pathlib
import re
import sys
from collections.abc import Iterator

from nao_tf.data.formats import instead_of_text
from nao_tf.errors import InputError

# Byte-order marks and the encodings that they tell; the first that fits, so UTF-32 stands before UTF-16.
_MARKS = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
STANDARD_INPUT = "standard input"  # in errors and outputs
_SAMPLE = 1 << 12  # bytes that tell UTF-16 without a mark


def read_lines(path: pathlib.Path) -> list[str]:
    """The lines of a text file, without their line ends; empty lines are kept.

    Lines end at `\\n`, `\\r\\n` or `\\r` only. (`str.splitlines` would also split at characters that occur inside the
    tokens of WikiText.) A byte-order mark in front is not part of the text.

    Args:
        path: of the file.

    Raises:
        InputError: the file is missing, unreadable, empty or no text; see `decoded`.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({reason}); give a readable text file") from error
    if not data:
        raise InputError(f"{path}: the file is empty; give a text in UTF-8")
    return list(_lines(decoded(data, str(path))))


def read_standard_input() -> list[str]:
    """The lines that standard input holds until its end, as `read_lines` reads those of a file.

    Raises:
        InputError: it is empty, cannot be read, or is no text; see `decoded`.
    """
    try:
        data = sys.stdin.buffer.read()
    except (OSError, ValueError) as error:  # ValueError: it was closed
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{STANDARD_INPUT}: cannot be read ({reason}); give a text by a pipe or a file") from error
    if not data:
        raise InputError(f"{STANDARD_INPUT}: it is empty; give a text in UTF-8")
    return list(_lines(decoded(data, STANDARD_INPUT)))


def decoded(data: bytes, name: str) -> str:
    """The text of a file: in UTF-16 or UTF-32 where a byte-order mark says so, else in UTF-8; without the mark.

    Args:
        data: the bytes of the file.
        name: of the file, for errors.

    Raises:
        InputError: the bytes are no such text; the message says where, and what they look like.
    """
    other = instead_of_text(data)
    if other is not None:
        raise InputError(f"{name}: not text{other}")
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _marked(data, encoding, name)
    zero = data.find(0)
    if zero >= 0:
        wide = ", as in UTF-16 without a byte-order mark" if _is_wide(data) else ""
        raise InputError(
            f"{name}: not text: byte 0 at {zero:,} (line {_line_at(data, zero):,}){wide}; give a text in UTF-8"
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name}: not UTF-8 at byte {error.start} (line {_line_at(data, error.start)},"
            f" 0x{data[error.start]:02x}); convert the file to UTF-8, from Latin-1 for instance"
        ) from error
    return text.removeprefix("\ufeff")


def _marked(data, encoding, name):
    """The text of a file that begins with a byte-order mark. Raises InputError."""
    try:
        text = data.decode(encoding)  # which takes the mark away
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name}: not {encoding}, as its byte-order mark says, at byte {error.start}; save the file as UTF-8"
        ) from error
    if "\0" in text:
        line = len(re.findall("\r\n|\r|\n", text[: text.index("\0")])) + 1
        raise InputError(f"{name}: not text: a character 0 in line {line:,}; give a text")
    return text


def _is_wide(data):
    """Whether about every other byte, or more, is 0, as in characters of two or four bytes."""
    sample = data[:_SAMPLE]
    return 0.3 < sample.count(0) / len(sample) and b"\0" * 4 not in sample


def _line_at(data, position):
    """The line of a byte, from 1."""
    return len(re.findall(rb"\r\n|\r|\n", data[:position])) + 1


def _lines(text: str) -> Iterator[str]:
    for line in io.StringIO(text, newline=None):  # newline=None: universal newlines, as open() has them
        yield line.removesuffix("\n")
