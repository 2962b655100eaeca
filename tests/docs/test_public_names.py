"""Every public name is documented: those of the face, their methods, attributes and arguments."""

import ast
import dataclasses
import inspect
import pathlib
import re

import pytest

import nao_tf

FACE = pathlib.Path(nao_tf.__file__)
NAMES = [name for name in nao_tf.__all__ if not name.startswith("_")]
PASSED_ON = {"args", "kwargs"}  # of errors, which take a message


def documented_variables(source):
    """Names of a module that a text follows, which is where documentation of variables stands."""
    body = ast.parse(source).body
    return {
        node.target.id
        for node, text in zip(body, body[1:], strict=False)
        if isinstance(node, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def missing(thing):
    """What of a class or function its documentation does not tell."""
    if not inspect.isclass(thing):
        return [] if inspect.getdoc(thing) else ["itself"]
    own = [kind for kind in thing.__mro__ if kind.__module__.startswith(("nao_tf", __name__))]
    text = "\n".join(vars(kind).get("__doc__") or "" for kind in own)
    described = set(re.findall(r"^ +(\w+(?:, \w+)*): \S", text, re.MULTILINE))
    described = {name for names in described for name in names.split(", ")}
    members = {name: getattr(thing, name) for kind in own for name in vars(kind) if not name.startswith("_")}
    lacking = [] if vars(thing).get("__doc__") else ["itself"]
    for name, member in members.items():
        is_text = isinstance(member, property) or inspect.isroutine(member) or hasattr(member, "func")
        if not (inspect.getdoc(member) if is_text else re.search(rf"\b{name}\b", text)):
            lacking.append(name)
    if dataclasses.is_dataclass(thing):
        lacking += [field.name for field in dataclasses.fields(thing) if field.name not in described]
    if thing.__init__ in [vars(kind).get("__init__") for kind in own]:
        arguments = list(inspect.signature(thing.__init__).parameters)[1:]
        lacking += [name for name in arguments if name not in described | PASSED_ON]
    return sorted(set(lacking))


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_documented(name):
    thing = getattr(nao_tf, name)
    if isinstance(thing, type(nao_tf)):
        assert thing.__doc__
    elif inspect.isclass(thing):
        assert missing(thing) == []
    else:
        assert name in documented_variables(FACE.read_text())


@pytest.mark.parametrize("name", nao_tf.testing.__all__)
def test_a_contract_is_documented(name):
    assert missing(getattr(nao_tf.testing, name)) == []


def test_what_is_missing_is_noticed():
    class Undocumented:
        def __init__(self, number):
            self.number = number

        def method(self): ...

    assert missing(Undocumented) == ["itself", "method", "number"]
    assert documented_variables('A: int\n"""Told."""\nB: int\nC: int = 1') == {"A"}
