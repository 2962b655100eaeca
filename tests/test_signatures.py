"""The form of what is public: annotated, and with names for all but the first two arguments."""

import ast
import pathlib

import pytest

PACKAGE = pathlib.Path(__file__).resolve().parents[1] / "nao_tf"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "dataset_builder" not in path.name)
# Keras, TensorFlow and Python call these with arguments of their own form.
DICTATED = {"call", "build", "get_config", "from_config", "compute_output_shape", "get_initial_state"}
POSITIONAL = 2  # arguments, besides self or cls
# Three that belong together and are never confused: what a strategy is asked, and what a controller learns.
THREE = {"Strategy.ask", "Controller.fit"}


def public_functions(path):
    """Public functions and methods of a module: names of what holds them, and the node."""

    def walk(body, owner):
        for node in body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield from walk(node.body, [*owner, node])
            elif isinstance(node, ast.FunctionDef) and (not node.name.startswith("_") or node.name == "__init__"):
                yield owner, node

    yield from walk(ast.parse(path.read_text()).body, [])


def arguments_of(owner, node):
    positional = [*node.args.posonlyargs, *node.args.args]
    decorators = {getattr(decorator, "id", getattr(decorator, "attr", "")) for decorator in node.decorator_list}
    if owner and "staticmethod" not in decorators:
        positional = positional[1:]
    return positional


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_public_functions_are_annotated(path):
    for owner, node in public_functions(path):
        if node.name in DICTATED:
            continue
        name = ".".join([*(each.name for each in owner), node.name])
        for argument in [*arguments_of(owner, node), *node.args.kwonlyargs]:
            assert argument.annotation is not None, f"{path.name}:{node.lineno} {name}({argument.arg})"
        assert node.returns is not None or node.name == "__init__", f"{path.name}:{node.lineno} {name} -> ?"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arguments_from_the_third_on_have_names(path):
    for owner, node in public_functions(path):
        if node.name in DICTATED:
            continue
        name = ".".join([*(each.name for each in owner), node.name])
        if name in THREE or node.name in ("ask", "climb", "fresh"):
            continue
        given = [argument.arg for argument in arguments_of(owner, node)]
        assert len(given) <= POSITIONAL, f"{path.name}:{node.lineno} {name}({', '.join(given)})"
