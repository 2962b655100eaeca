"""The wheel: built from the checkout, unpacked elsewhere, and run from there."""

import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
OF_A_CHECKOUT = ("setup.py", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with what the wheel holds; nothing of the checkout is near it."""
    if importlib.util.find_spec("setuptools") is None or importlib.util.find_spec("pip") is None:
        pytest.skip("a wheel is built with pip and setuptools, which are not installed")
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("nao_tf", "bin"):
        shutil.copytree(ROOT / name, folder / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in OF_A_CHECKOUT:
        shutil.copy(ROOT / name, folder / "source")
    build = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    done = subprocess.run(
        [*build, "--disable-pip-version-check", "--wheel-dir", folder],
        cwd=folder / "source",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    shutil.rmtree(folder / "source")
    (wheel,) = folder.glob("nao_tf-*-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def test_every_file_of_the_package_is_inside_and_nothing_else(installed):
    tracked = {path for path in (ROOT / "nao_tf").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path.relative_to(installed) for path in (installed / "nao_tf").rglob("*") if path.is_file()} == {
        path.relative_to(ROOT) for path in tracked
    }
    assert {path.name.partition("-")[0] for path in installed.iterdir()} == {"nao_tf"}


def test_the_programs_run_elsewhere(installed, tmp_path):
    (scripts,) = installed.glob("nao_tf-*.data/scripts")
    assert {path.name for path in scripts.iterdir()} == {path.name for path in (ROOT / "bin").iterdir()}
    program = shutil.copy(scripts / "nao_search", tmp_path / "nao_search")  # as pip copies it to a folder of PATH
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    options = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True}
    done = subprocess.run([sys.executable, program, "--task=cifar10", "--dry_run"], **options)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout)["dataset"] == "digits" and "embedded sample digits" in done.stderr
    where = subprocess.run([sys.executable, "-c", "import nao_tf; print(nao_tf.__file__)"], **options)
    assert where.stdout.strip() == str(installed / "nao_tf" / "__init__.py")  # what ran was the wheel's
    assert [path.name for path in tmp_path.iterdir()] == ["nao_search"]
