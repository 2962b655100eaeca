"""Trees of settings: paths, descriptions, texts that become values."""

import dataclasses
from typing import Literal

import pytest

from nao_tf.errors import InputError
from nao_tf.settings import assign, differences, digest, parse, plain, values_of


@dataclasses.dataclass(frozen=True)
class Rates:
    """Rates.

    Attributes:
        inner: the inner one.
    """

    inner: float = 0.5

    def __post_init__(self):
        if not 0 <= self.inner < 1:
            raise ValueError(f"rate {self.inner}; at least 0 and below 1")


@dataclasses.dataclass(frozen=True)
class Base:
    """A base.

    Attributes:
        steps: training steps,
            one batch each.
        limit: a limit; none: no limit.
    """

    steps: int = 3
    limit: int | None = 7


@dataclasses.dataclass(frozen=True)
class Tree(Base):
    """A tree.

    Attributes:
        rates: of all kinds.
        mode: how.
        sizes: many.
        fast: whether.
    """

    rates: Rates = Rates()
    mode: Literal["up", "down"] = "up"
    sizes: tuple[float, ...] = (1.0,)
    fast: bool = False


def test_every_value_has_a_path_and_the_description_of_its_field():
    values = values_of(Tree())
    assert list(values) == ["steps", "limit", "rates.inner", "mode", "sizes", "fast"]
    assert values["steps"].description == "training steps, one batch each."
    assert values["rates.inner"].description == "the inner one." and values["rates.inner"].type is float


@pytest.mark.parametrize(
    "path, text, value",
    [
        ("steps", "12", 12),
        ("steps", " -3 ", -3),
        ("limit", "none", None),
        ("limit", "9", 9),
        ("rates.inner", "1e-3", 1e-3),
        ("mode", "down", "down"),
        ("sizes", "1, 2.5,4", (1.0, 2.5, 4.0)),
        ("sizes", "", ()),
        ("fast", "True", True),
        ("fast", "no", False),
    ],
)
def test_a_text_becomes_a_value(path, text, value):
    tree = assign(Tree(), path, text=text, name=f"--set {path}")
    for name in path.split("."):
        tree = getattr(tree, name)
    assert tree == value and type(tree) is type(value)


@pytest.mark.parametrize(
    "path, text, said",
    [
        ("steps", "twelve", "--set steps=twelve: 'twelve' is not a whole number"),
        ("steps", "none", "not a whole number"),
        ("steps", "9" * 5000, "not a whole number"),
        ("limit", "x", "not a whole number or none"),
        ("rates.inner", "1.5", "--set rates.inner=1.5: rate 1.5; at least 0 and below 1"),
        ("rates.inner", "half", "not a number"),
        ("mode", "left", "'left' is not one of up, down"),
        ("fast", "maybe", "not true or false"),
        ("sizes", "1,x", "'x' is not a number"),
        ("rate.inner", "1", "no value rate.inner; near it are rates.inner"),
        ("zzz", "1", r"there are fast, limit, mode, rates\.\*, sizes, steps"),
        ("rates", "1", "no value rates; near it are rates.inner"),
    ],
)
def test_a_text_that_names_no_value_is_one_clear_error(path, text, said):
    with pytest.raises(InputError, match=said):
        assign(Tree(), path, text=text, name=f"--set {path}")


def test_values_that_are_not_finite_are_refused():
    for text in ("nan", "inf", "-inf"):
        with pytest.raises(ValueError, match="not a number"):
            parse(text, float)


def test_differences_name_the_paths():
    changed = dataclasses.replace(Tree(), steps=4, rates=Rates(0.25))
    assert differences(plain(Tree()), plain(changed)) == ["steps: 3, now 4", "rates.inner: 0.5, now 0.25"]
    assert differences({"a": 1}, {"a": 1, "b": 2}) == ["b: null, now 2"] and not differences({"a": [1]}, {"a": [1]})
    assert digest(plain(Tree())) == digest(plain(Tree())) != digest(plain(changed)) and len(digest({})) == 8
