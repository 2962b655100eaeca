"""The direction of imports: cli, study, tasks, search and serving and training, controller and child and data."""

import ast
import pathlib
import shutil
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path(__file__).resolve().parents[1] / "nao_tf"
FLOORS = {"errors", "files", "observer", "settings"}  # modules of the ground floor, which every package may import
MAY_IMPORT = {
    "errors": set(),
    "files": {"errors"},
    "observer": set(),
    "settings": {"errors"},
    "architecture": FLOORS,
    "data": {"architecture", *FLOORS},
    "controller": {"architecture", *FLOORS},
    "child": {"architecture", *FLOORS},
    "training": {"architecture", "child", "data", *FLOORS},
    "search": {"architecture", "controller", *FLOORS},
    "serving": {"architecture", "child", "data", "controller", "training", *FLOORS},
    "tasks": {"architecture", "child", "data", "controller", "training", "search", "serving", *FLOORS},
    "study": {"architecture", "controller", "training", "search", "serving", "tasks", *FLOORS},
    "report": {"architecture", "controller", "search", "serving", "tasks", "study", *FLOORS},
    "testing": {"architecture", "search", "tasks", "study", *FLOORS},
    "cli": {"architecture", "data", "search", "serving", "tasks", "study", "report", *FLOORS},
}
ONLY_TO_NAME_TYPES = {("observer", "search")}  # under TYPE_CHECKING
MODULES = sorted(PACKAGE.rglob("*.py"))


def imports(path):
    """Names of imported modules, and whether the import serves type checkers alone."""
    tree = ast.parse(path.read_text())
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((name.name, node in for_types) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module, node in for_types
            if node.module == "nao_tf":
                yield from ((f"nao_tf.{name.name}", node in for_types) for name in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if part == "__init__":
        return  # the public face: it imports when a name is used
    for name, for_types in imports(path):
        if part == "architecture":
            assert name.split(".")[0] not in ("tensorflow", "keras")
        if name.startswith("nao_tf."):
            other = name.split(".")[1]
            if for_types and (part, other) in ONLY_TO_NAME_TYPES:
                continue
            assert other in MAY_IMPORT[part] | {part}, f"{part} imports {name}"


def test_no_circle():
    """Modules, not only packages: what is imported when a module is, leads back to no module."""
    graph = {}
    for path in MODULES:
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        top_level = {
            node.module
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("nao_tf.")
        }
        graph[name] = top_level
    done, under_way = set(), []

    def visit(module):
        assert module not in under_way, f"circle: {' -> '.join(under_way[under_way.index(module) :])} -> {module}"
        if module in done or module not in graph:
            return
        under_way.append(module)
        for other in graph[module]:
            visit(other)
        done.add(under_way.pop())

    for module in graph:
        visit(module)


def test_importing_the_package_is_quick_and_registers_no_flag():
    script = """
import sys
from absl import flags
before = set(flags.FLAGS)
import nao_tf, pkgutil, importlib
assert "tensorflow" not in sys.modules and "numpy" not in sys.modules
names = [m.name for m in pkgutil.walk_packages(nao_tf.__path__, "nao_tf.") if not m.name.startswith("nao_tf.cli")]
names = [name for name in names if "dataset_builder" not in name]  # TFDS's own modules, made for its tools
for name in names:
    importlib.import_module(name)
def own():
    return [name for name in flags.FLAGS if "nao_tf" in (flags.FLAGS.find_module_defining_flag(name) or "")]

assert not own(), own()
import nao_tf.cli.flags, nao_tf.cli.search, nao_tf.cli.train, nao_tf.cli.evaluate, nao_tf.cli.report
assert not own() and "strategy" not in flags.FLAGS
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def test_the_public_face_holds_what_it_says():
    script = """
import sys, time
start = time.perf_counter()
import nao_tf
assert time.perf_counter() - start < 0.2
assert nao_tf.search is sys.modules["nao_tf.search"] and callable(nao_tf.search)
for name in nao_tf.__all__:
    if name not in ("Controller",):
        assert getattr(nao_tf, name) is not None, name
assert "tensorflow" not in sys.modules
nao_tf.Controller
assert "tensorflow" in sys.modules
try:
    nao_tf.Serach
except AttributeError as error:
    assert "Study" in str(error)
else:
    raise AssertionError
import nao_tf.search.loop  # a module of the package: the name still can be called
assert callable(nao_tf.search)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


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
