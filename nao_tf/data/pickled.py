"""Pickled dictionaries of numbers, texts, lists and NumPy arrays, of any protocol, read without running anything.

A pickle may name any function of any module and have it called. Here names are looked up in one short table of
functions of this file, which read an array's shape, order and type of numbers as data; every other name is refused.
"""

import io
import math
import pathlib
import pickle
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from nao_tf.data.names import in_one_line
from nao_tf.errors import InputError

_NUMBERS = re.compile(r"[biuf]\d{1,2}")  # types of numbers, as NumPy writes them: u1
_DEEPEST = 3  # lists in lists; a list may hold itself


def read_pickle(path: pathlib.Path) -> dict[str, Any]:
    """The content of a pickled dictionary: key -> numbers, texts, bytes, lists of them, and arrays.

    Texts of Python 2 are bytes; keys are decoded.

    Raises:
        InputError: the file is no pickle, is cut off, holds no dictionary, or needs more than numbers, texts, lists and
            arrays.
    """
    remedy = "give the published files"
    try:
        content = _Reader(io.BytesIO(path.read_bytes()), encoding="bytes").load()
    except InputError as error:
        raise InputError(f"{path}: {error}; {remedy}") from error
    except Exception as error:  # pickle does not document which kinds it raises for damaged files
        reason = in_one_line(" ".join(str(error).split()))[:200] or type(error).__name__
        raise InputError(f"{path}: not a file of the version for Python ({reason}); {remedy}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: a pickled {type(content).__name__}; a file for Python holds a dictionary; {remedy}")
    return {text_of(key): _plain(value) for key, value in content.items()}


def text_of(value: Any) -> str:
    """A text, also of Python 2: UTF-8, else Latin-1."""
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


class _Reader(pickle.Unpickler):
    def find_class(self, module, name):
        try:
            return _KNOWN[module, name]
        except KeyError:
            raise InputError(
                f"holds an object of {in_one_line(f'{module}.{name}')}; only numbers, texts, lists and NumPy arrays "
                "are read, and nothing is run"
            ) from None

    def persistent_load(self, pid):
        raise InputError("refers to an object outside of the file")


class _Type:
    """A type of numbers: NumPy's `dtype` as a pickle makes it."""

    def __init__(self, name, *_):
        self.name = text_of(name)
        self.order = "|"

    def __setstate__(self, state):
        self.order = text_of(state[1])

    @property
    def is_object(self):
        return self.name.startswith("O")

    def numpy(self):
        if not _NUMBERS.fullmatch(self.name) or self.order not in "<>|=":
            raise InputError(f"holds an array of type {in_one_line(self.name)}; only arrays of numbers are read")
        return np.dtype(self.name).newbyteorder(self.order)


class _Array:
    """An array as a pickle makes it: `value` is NumPy's."""

    value: Any = None

    def __setstate__(self, state):
        shape, kind, fortran, content = state[-4:]  # before them a version, in all but the oldest
        self.value = _array(content, kind, shape, "F" if fortran else "C")


class _ArrayType:
    """Stands for `numpy.ndarray`, of which nothing is made."""


def _from_buffer(content, kind, shape, order, axes=None):
    """An array of protocol 5; order K: the shape is that of the bytes, and `axes` what becomes of its axes."""
    if text_of(order) != "K":
        return _array(content, kind, shape, order)
    found = _array(content, kind, shape, "C")
    if axes is not None and (not isinstance(axes, tuple) or sorted(axes) != list(range(len(shape)))):
        raise InputError("holds an array whose axes cannot be read")
    return found.transpose(axes) if axes is not None else found


def _array(content, kind, shape, order):
    if not isinstance(kind, _Type) or not isinstance(shape, tuple) or text_of(order) not in ("C", "F"):
        raise InputError("holds an array whose type, shape or order cannot be read")
    if kind.is_object and isinstance(content, list):
        return content
    content, kind = _as_bytes(content), kind.numpy()
    if any(not isinstance(size, int) or size < 0 for size in shape):
        raise InputError(f"holds an array of shape {shape}")
    if len(content) != math.prod(shape) * kind.itemsize:
        raise InputError(f"holds an array of shape {list(shape)} and {kind} with {len(content):,} bytes")
    return np.frombuffer(content, kind).reshape(shape, order=text_of(order))


def _as_bytes(content):
    """Bytes; Python 3 writes them for Python 2 as a text of the same numbers."""
    if isinstance(content, str):
        try:
            return content.encode("latin-1")
        except UnicodeEncodeError as error:
            raise InputError("holds a text where the bytes of an array should be") from error
    if not isinstance(content, bytes | bytearray):
        raise InputError(f"holds a {type(content).__name__} where the bytes of an array should be")
    return bytes(content)


def _encode(text, codec="latin1"):
    if text_of(codec) not in ("latin1", "latin-1"):
        raise InputError(f"holds bytes in the encoding {in_one_line(text_of(codec))}")
    return _as_bytes(text)


def _bytes(content=b"", *_):
    return _as_bytes(content)


def _scalar(kind, content):
    return _array(content, kind, (), "C").item()


_KNOWN: Mapping[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _ArrayType,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): dict,
    **{(module, name): _bytes for module in ("builtins", "__builtin__") for name in ("bytes", "bytearray")},
    # NumPy 2 renamed its inner package
    **{(f"numpy.{core}.multiarray", "_reconstruct"): lambda *_: _Array() for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _from_buffer for core in ("core", "_core")},
}


def _plain(value, depth=0):
    """The value with NumPy's arrays for those of a pickle."""
    if isinstance(value, _Array):
        value = value.value
    if isinstance(value, list | tuple) and depth < _DEEPEST:
        return [_plain(one, depth + 1) if isinstance(one, _Array | list | tuple) else one for one in value]
    return value
