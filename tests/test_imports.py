"""The direction of imports: cli → search, serving, report → training, controller, child, data → architecture."""

import ast
import pathlib

import pytest

PACKAGE = pathlib.Path(__file__).resolve().parents[1] / "nao_tf"
MAY_IMPORT = {
    "architecture": set(),
    "data": {"architecture"},
    "controller": {"architecture"},
    "child": {"architecture"},
    "training": {"architecture", "child", "data", "controller"},
    "serving": {"architecture", "child", "data", "controller", "training"},
    "report": {"architecture", "child", "data", "controller", "training"},
    "search": {"architecture", "child", "data", "controller", "training"},
    "cli": {"architecture", "child", "data", "controller", "training", "serving", "report", "search"},
}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            if node.module == "nao_tf":
                yield from (f"nao_tf.{name.name}" for name in node.names)


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    part = path.relative_to(PACKAGE).parts[0]
    if part not in MAY_IMPORT:
        return  # nao_tf/__init__.py and errors.py, which import nothing of the project
    for name in imports(path):
        if part == "architecture":
            assert name.split(".")[0] not in ("tensorflow", "keras")
        if name.startswith("nao_tf."):
            other = name.split(".")[1]
            assert other in MAY_IMPORT[part] | {part, "errors"}, f"{part} imports {name}"


def test_no_file_is_a_drawer_for_anything():
    assert not [path for path in MODULES if path.stem in ("utils", "helpers", "misc", "common")]
