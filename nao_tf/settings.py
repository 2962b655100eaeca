"""Nested frozen dataclasses of settings as one tree of named values: what can be set, and how a text becomes a value.

A value has a path, the names of the fields that lead to it ("final.momentum"). Types come from the annotations of the
fields and their descriptions from the `Attributes:` section of the class, so settings are described in one place.
"""

import dataclasses
import difflib
import hashlib
import inspect
import json
import math
import re
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from nao_tf.errors import InputError

Settings = TypeVar("Settings")
TRUE, FALSE = ("true", "1", "yes"), ("false", "0", "no")


@dataclasses.dataclass(frozen=True)
class Value:
    """One value of a tree of settings.

    Attributes:
        path: names of the fields that lead to it, joined by dots.
        type: its annotation, resolved.
        description: of the field, from the docstring of its class.
    """

    path: str
    type: Any
    description: str


def values_of(settings: object) -> Mapping[str, Value]:
    """Every value of settings by its path; nested dataclasses are walked through, as they are in these settings."""
    kind = type(settings)
    hints, descriptions = typing.get_type_hints(kind), _descriptions(kind)
    values: dict[str, Value] = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        inner = getattr(settings, field.name)
        if dataclasses.is_dataclass(inner):
            for value in values_of(inner).values():
                path = f"{field.name}.{value.path}"
                values[path] = dataclasses.replace(value, path=path)
        else:
            values[field.name] = Value(field.name, hints[field.name], descriptions.get(field.name, ""))
    return values


def _descriptions(kind) -> dict[str, str]:
    """The descriptions of fields in the `Attributes:` sections of a class and of those it inherits from."""
    descriptions: dict[str, str] = {}
    for cls in reversed(kind.__mro__):
        section = re.search(r"^Attributes:\n((?:[ \t].*\n?|\n)+)", inspect.cleandoc(cls.__doc__ or ""), re.MULTILINE)
        if section:
            entries = re.findall(r"^    (\w+): (.+(?:\n {8,}.+)*)", section[1], re.MULTILINE)
            descriptions |= {name: " ".join(text.split()) for name, text in entries}
    return descriptions


def parse(text: str, annotation: Any) -> Any:
    """The value that a text names.

    Args:
        text: as a user writes it; "none" where None is allowed, and commas between the items of a tuple.
        annotation: of the value: int, float, bool, str, a tuple of one of them, a `Literal`, or one of these or None.

    Raises:
        ValueError: the text names no such value; the message says what would.
    """
    text, kind, optional = text.strip(), annotation, False
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        members = [member for member in typing.get_args(kind) if member is not type(None)]
        optional, kind = len(members) < len(typing.get_args(kind)), members[0]
    if optional and text.lower() == "none":
        return None
    if typing.get_origin(kind) is typing.Literal:
        return _literal(text, typing.get_args(kind))
    if typing.get_origin(kind) is tuple:
        item = typing.get_args(kind)[0]
        return tuple(parse(part, item) for part in text.split(",") if part.strip())
    try:
        return _PARSERS[kind](text)
    except ValueError:
        expected = {int: "a whole number", float: "a number", bool: "true or false"}[kind]
        raise ValueError(f"{text!r} is not {expected}{' or none' if optional else ''}") from None


def _literal(text, allowed):
    for value in allowed:
        if str(value) == text:
            return value
    raise ValueError(f"{text!r} is not one of {', '.join(map(str, allowed))}")


def _boolean(text):
    if text.lower() in TRUE + FALSE:
        return text.lower() in TRUE
    raise ValueError(text)


def _whole(text):
    if not re.fullmatch(r"[+-]?\d{1,18}", text):  # more digits are no setting, and slow to read
        raise ValueError(text)
    return int(text)


def _finite(text):
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


_PARSERS: Mapping[type, Any] = {int: _whole, float: _finite, bool: _boolean, str: str}


def replaced(settings: Settings, path: str, *, value: Any) -> Settings:
    """The settings with another value at a path. Raises ValueError where they refuse it."""
    name, _, rest = path.partition(".")
    inner = replaced(getattr(settings, name), rest, value=value) if rest else value
    return dataclasses.replace(settings, **{name: inner})  # type: ignore[type-var]


def assign(settings: Settings, path: str, *, text: str, name: str) -> Settings:
    """The settings with the value at a path set to what a text names.

    Args:
        settings: to change.
        path: of the value.
        text: see `parse`.
        name: what the user wrote, for errors: "--units" or "--set final.units".

    Raises:
        InputError: these settings have no such value, or it is refused.
    """
    known = values_of(settings)
    if path not in known:
        near = (
            difflib.get_close_matches(path, known, 3, 0.4) or [other for other in known if other.startswith(path)][:5]
        )
        hint = f"near it are {', '.join(near)}" if near else f"there are {', '.join(sorted(top_level(known)))}"
        raise InputError(f"{name}: these settings have no value {path}; {hint}")
    try:
        value = parse(text, known[path].type)
    except ValueError as error:
        raise InputError(f"{name}={text}: {error}") from error
    try:
        return replaced(settings, path, value=value)
    except ValueError as error:
        raise InputError(f"{name}={text}: {error}") from error


def top_level(paths: Mapping[str, Value]) -> set[str]:
    """The first names of paths: "final.*" for nested settings."""
    return {path.partition(".")[0] + (".*" if "." in path else "") for path in paths}


def plain(settings: object) -> Any:
    """Settings as JSON values: dictionaries and lists."""
    return json.loads(json.dumps(dataclasses.asdict(settings)))  # type: ignore[call-overload]


def flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    """A tree of JSON values as `{path: value}`."""
    if not isinstance(tree, Mapping):
        return {prefix: tree}
    branches = (flat(value, f"{prefix}.{name}" if prefix else name) for name, value in tree.items())
    return {path: value for branch in branches for path, value in branch.items()}


def differences(before: Any, after: Any) -> list[str]:
    """What differs between two trees of JSON values, one "path: old, now new" each."""
    old, new = flat(before), flat(after)
    paths = [path for path in {**old, **new} if old.get(path) != new.get(path)]
    return [f"{path}: {json.dumps(old.get(path))}, now {json.dumps(new.get(path))}" for path in paths]


def digest(tree: Any) -> str:
    """Eight hexadecimal digits that name a tree of JSON values."""
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:8]
