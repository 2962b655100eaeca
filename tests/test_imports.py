"""The direction of imports: cli → search, serving, report → training, controller, child, data → architecture."""

import ast
import pathlib
import shutil
import subprocess
import sys

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
            assert other in MAY_IMPORT[part] | {part, "errors", "files", "observer"}, f"{part} imports {name}"


def test_no_file_is_a_drawer_for_anything():
    assert not [path for path in MODULES if path.stem in ("utils", "helpers", "misc", "common")]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("__init__.py")), ids=lambda path: path.parent.name)
def test_every_package_says_what_it_is(path):
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", sorted((PACKAGE.parent / "bin").iterdir()), ids=lambda path: path.name)
def test_programs_are_a_few_lines_around_the_package(path):
    assert path.read_text().count("\n") <= 20
    assert path.stat().st_mode & 0o111


@pytest.mark.parametrize("path", sorted((PACKAGE.parent / "bin").iterdir()), ids=lambda path: path.name)
def test_a_python_without_the_dependencies_gets_one_line(path, tmp_path):
    copy = tmp_path / "bin" / path.name  # a checkout that was never set up
    copy.parent.mkdir()
    shutil.copy(path, copy)
    shutil.copytree(PACKAGE, tmp_path / "nao_tf", ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run([sys.executable, "-S", copy], capture_output=True, text=True)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "make search" in done.stderr
