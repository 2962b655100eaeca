"""Pickled dictionaries of numbers, texts, lists and NumPy arrays, of any protocol, read without running anything.

A pickle may name any function of any module and have it called. Here names are looked up in one short table of
functions of this file, which read an array's shape, order and type of numbers as data; every other name is refused.

A pickle of a few bytes may also ask for any amount of memory or time: by a length, by coming back to a large thing
again and again, by things within things whose number doubles. Nothing here needs more than the file has bytes, a few
times over. That takes Python's own reader in Python: the faster one in C makes room for whatever a file asks for.
"""

import functools
import io
import math
import pathlib
import pickle
import re
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from nao_tf.data.formats import instead_of_pickle
from nao_tf.data.names import in_one_line
from nao_tf.errors import InputError

_NUMBERS = re.compile(r"[biuf]\d{1,2}")  # types of numbers, as NumPy writes them: u1
_LONGEST_TYPE = 16  # characters of such a type
_MOST_AXES, _LONGEST_AXIS = 32, 2**40
_DEEPEST = 3  # lists in lists
_REASONS: Mapping[type[Exception], str] = {  # of errors whose messages tell nobody anything
    EOFError: "it is cut off",
    KeyError: "it is no pickle",
    IndexError: "it is damaged",
}
_MOST_COPIES = 4  # bytes made of those of the file; protocol 2 has those of an array as a text, and makes bytes of it


def read_pickle(path: pathlib.Path) -> dict[str, Any]:
    """The content of a pickled dictionary: key -> numbers, texts, bytes, lists of them, and arrays.

    Texts of Python 2 are bytes; keys are decoded.

    Raises:
        InputError: the file is no pickle, is cut off, holds no dictionary, or needs more than numbers, texts, lists and
            arrays, or more memory than a file of its size should.
    """
    remedy = "give the published files"
    data = path.read_bytes()
    other = instead_of_pickle(data)
    if other is not None:
        raise InputError(f"{path}: not a file of the version for Python{other}")
    reader = _Reader(data)
    try:
        content = reader.load()
        if isinstance(content, dict):
            return {text_of(key): reader.plain(value) for key, value in content.items()}
    except InputError as error:
        raise InputError(f"{path}: {error}; {remedy}") from error
    except Exception as error:  # pickle does not document which kinds it raises for damaged files
        reason = _REASONS.get(type(error)) or in_one_line(" ".join(str(error).split()))[:200] or type(error).__name__
        raise InputError(f"{path}: not a file of the version for Python ({reason}); {remedy}") from error
    kind = "array" if isinstance(content, _Array) else type(content).__name__
    raise InputError(f"{path}: a pickled {kind}; a file for Python holds a dictionary; {remedy}")


def text_of(value: bytes | str | int) -> str:
    """A text, also of Python 2: UTF-8, else Latin-1."""
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


class _Budget:
    """What may still be made of the bytes of a file.

    Args:
        left: bytes that may be copied, and items that may be listed.
    """

    def __init__(self, left: int):
        self._left = left

    def take(self, count: int) -> None:
        """Raises InputError where nothing of that size is left."""
        self._left -= count
        if self._left < 0:
            raise InputError("comes back to the same things so often that they need more memory than the file")


class _Reader(pickle._Unpickler):
    dispatch: ClassVar[dict[int, Callable[..., None]]] = dict(pickle._Unpickler.dispatch)

    def __init__(self, data: bytes):
        super().__init__(io.BytesIO(data), encoding="bytes")
        self._budget = _Budget(_MOST_COPIES * len(data))

    def find_class(self, module, name):
        """See `pickle.Unpickler`: the function of this file that stands for another."""
        try:
            make = _KNOWN[module, name]
        except KeyError:
            raise InputError(
                f"holds an object of {in_one_line(f'{module}.{name}')[:200]}; only numbers, texts, lists and NumPy "
                "arrays are read, and nothing is run"
            ) from None
        return functools.partial(make, self._budget)

    def persistent_load(self, pid):
        """See `pickle.Unpickler`."""
        raise InputError("refers to an object outside of the file")

    def plain(self, value: Any, depth: int = 0) -> Any:
        """The value with NumPy's arrays for those of a pickle. Raises InputError."""
        if isinstance(value, _Array):
            value = value.value
            if depth and isinstance(value, np.ndarray):  # a list may hold an array many times
                self._budget.take(value.nbytes)
        if not isinstance(value, list | tuple):
            return value
        if depth == _DEEPEST:  # a list may hold itself
            raise InputError(f"holds lists in lists, more than {_DEEPEST} deep")
        self._budget.take(len(value))
        return [self.plain(one, depth + 1) if isinstance(one, _Array | list | tuple) else one for one in value]

    # ---- opcodes that are read with more care, or not at all

    def _set_items(self):
        items = self.pop_mark()
        _fill(self.stack[-1], zip(items[::2], items[1::2], strict=True))

    def _set_item(self):
        value, key = self.stack.pop(), self.stack.pop()
        _fill(self.stack[-1], [(key, value)])

    def _make_dictionary(self):
        items = self.pop_mark()
        self.append(_fill({}, zip(items[::2], items[1::2], strict=True)))

    def _build(self):
        state = self.stack.pop()
        if not isinstance(self.stack[-1], _Array | _Type):  # any other would be changed, even functions of this file
            raise InputError("changes what is no array")
        self.stack[-1].__setstate__(state)

    def _make_bytearray(self):
        (length,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(length)))  # read first: no room is made for bytes that are not there

    def _refuse(self):
        raise InputError("holds sets or objects; only numbers, texts, lists and NumPy arrays are read")

    dispatch |= {
        pickle.SETITEMS[0]: _set_items,
        pickle.SETITEM[0]: _set_item,
        pickle.DICT[0]: _make_dictionary,
        pickle.BUILD[0]: _build,
        pickle.BYTEARRAY8[0]: _make_bytearray,
    }
    _REFUSED = (
        *(pickle.EMPTY_SET, pickle.ADDITEMS, pickle.FROZENSET, pickle.INST, pickle.OBJ, pickle.NEWOBJ),
        *(pickle.NEWOBJ_EX, pickle.EXT1, pickle.EXT2, pickle.EXT4),
    )
    dispatch |= dict.fromkeys([code[0] for code in _REFUSED], _refuse)


def _fill(dictionary: Any, items: Iterable[tuple[Any, Any]]) -> dict:
    """Adds items to a dictionary. Raises InputError for keys of other kinds: things in things take long to compare."""
    if not isinstance(dictionary, dict):
        raise InputError("sets items of what is no dictionary")
    for key, value in items:
        if not isinstance(key, bytes | str | int):
            raise InputError("holds a dictionary whose keys are no texts")
        dictionary[key] = value
    return dictionary


class _Type:
    """A type of numbers: NumPy's `dtype` as a pickle makes it."""

    def __init__(self, name):
        self.name, self.order = _short(name), "|"

    def __setstate__(self, state):
        self.order = _short(state[1])

    @property
    def is_object(self):
        return self.name.startswith("O")

    def numpy(self):
        if not _NUMBERS.fullmatch(self.name) or self.order not in "<>|=":
            raise InputError(f"holds an array of type {in_one_line(self.name)}; only arrays of numbers are read")
        return np.dtype(self.name).newbyteorder(self.order)


def _short(value):
    """A short text. Raises InputError."""
    if not isinstance(value, bytes | str) or len(value) > _LONGEST_TYPE:
        raise InputError("holds an array whose type or order cannot be read")
    return text_of(value)


class _Array:
    """An array as a pickle makes it: `value` is NumPy's."""

    value: Any = None

    def __init__(self, budget: _Budget):
        self._budget = budget

    def __setstate__(self, state):
        shape, kind, fortran, content = state[-4:]  # before them a version, in all but the oldest
        self.value = _array(self._budget, content, kind, shape, "F" if fortran else "C")


# ---- what stands for the names in a pickle: functions of the budget and of what the pickle gives them


def _array(budget, content, kind, shape, order):
    if not isinstance(kind, _Type) or not isinstance(shape, tuple) or order not in ("C", "F"):
        raise InputError("holds an array whose type, shape or order cannot be read")
    if kind.is_object and isinstance(content, list):
        return content
    kind = kind.numpy()
    content = _as_bytes(budget, content)
    if len(shape) > _MOST_AXES or not all(type(size) is int and 0 <= size < _LONGEST_AXIS for size in shape):
        raise InputError("holds an array whose shape cannot be read")
    if len(content) != math.prod(shape) * kind.itemsize:
        raise InputError(f"holds an array of shape {list(shape)} and {kind} with {len(content):,} bytes")
    return np.frombuffer(content, kind).reshape(shape, order=order)


def _from_buffer(budget, content, kind, shape, order, axes=None):
    """An array of protocol 5; order K: the shape is that of the bytes, and `axes` what becomes of its axes."""
    order = _short(order)
    if order != "K":
        return _array(budget, content, kind, shape, order)
    found = _array(budget, content, kind, shape, "C")
    if axes is not None and (not isinstance(axes, tuple) or sorted(axes) != list(range(len(shape)))):
        raise InputError("holds an array whose axes cannot be read")
    return found.transpose(axes) if axes is not None else found


def _as_bytes(budget, content):
    """Bytes; Python 3 writes them for Python 2 as a text of the same numbers."""
    if isinstance(content, bytes):
        return content
    if not isinstance(content, bytearray | str):
        raise InputError(f"holds a {type(content).__name__} where the bytes of an array should be")
    budget.take(len(content))
    try:
        return content.encode("latin-1") if isinstance(content, str) else bytes(content)
    except UnicodeEncodeError as error:
        raise InputError("holds a text where the bytes of an array should be") from error


def _encode(budget, text, codec="latin1"):
    codec = _short(codec)
    if codec not in ("latin1", "latin-1"):
        raise InputError(f"holds bytes in the encoding {in_one_line(codec)}")
    return _as_bytes(budget, text)


_KNOWN: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): lambda budget: None,  # named as the type of an array, never made
    ("numpy", "dtype"): lambda budget, name, *_: _Type(name),
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): lambda budget, pairs=(): _fill({}, pairs),
    **{
        (module, name): lambda budget, content=b"", *_: _as_bytes(budget, content)
        for module in ("builtins", "__builtin__")
        for name in ("bytes", "bytearray")
    },
    # NumPy 2 renamed its inner package
    **{(f"numpy.{core}.multiarray", "_reconstruct"): lambda budget, *_: _Array(budget) for core in ("core", "_core")},
    **{
        (f"numpy.{core}.multiarray", "scalar"): lambda budget, kind, content: _array(
            budget, content, kind, (), "C"
        ).item()
        for core in ("core", "_core")
    },
    **{(f"numpy.{core}.numeric", "_frombuffer"): _from_buffer for core in ("core", "_core")},
}
