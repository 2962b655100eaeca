"""What tests of several packages need: a table of all cells with invented figures, and the real one where it is."""

import math
import os
import pathlib
import shutil
import tempfile

import pytest

from nao_tf.architecture import NasBench201Space

REAL_TABLE = pathlib.Path(__file__).resolve().parents[2] / "shared" / "data" / "nasbench201" / "cifar10.csv"
LONGEST = (  # half a minute and more each
    "test_search_program.py",
    "test_image_program.py",
    "test_language.py",
    "test_conformance.py",
    "test_image_trainings.py",
    "test_own_evaluator_strategy_task.py",
    "test_train_program.py",
    "test_fit.py",
    "test_table_search.py",
    "test_strategies.py",
    "test_epochs.py",
    "test_recurrent_cell.py",
    "test_export_language.py",
    "test_other_loaders.py",
    "test_executor_contract.py",
    "test_decision_tables.py",
    "test_search_quality.py",
    "test_language_quality.py",
)
WORTH = (0.0, 3.0, 4.0, 7.0, 1.5)  # invented, of each operation


# A process a core runs the tests, and threads of several that wait for each other in turn take the time of all.
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")


def pytest_configure(config):
    """One thread a process; and one cache of compiled programs for all of them, since many compile the same ones."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        for name in ONE_THREAD:
            os.environ.setdefault(name, "1")
        config.compiled_programs = tempfile.mkdtemp(prefix="nao_tf-compiled-")
        os.environ["TF_XLA_FLAGS"] = f"--tf_xla_persistent_cache_directory={config.compiled_programs}"


def pytest_collection_modifyitems(items):
    """The files that take longest first, so that no process of several works alone at the end."""
    longest = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: longest.get(item.path.name, len(LONGEST)))  # the rest stays as it is


def pytest_unconfigure(config):
    """Removes the cache."""
    if hasattr(config, "compiled_programs"):
        shutil.rmtree(config.compiled_programs, ignore_errors=True)


@pytest.fixture(scope="session")
def invented_score():
    """A smooth invented accuracy in percent, of a cell's integers; the best cell has convolutions 3x3 everywhere."""
    return _invented_score


def _invented_score(values):
    return 40 + sum(WORTH[value] * weight for value, weight in zip(values, (1.3, 0.7, 1.1, 0.9, 1.2, 1.0), strict=True))


@pytest.fixture(scope="session")
def invented_table(tmp_path_factory):
    """A CSV file of all cells. Its test figure is the score and a little that depends on the cell."""
    path = tmp_path_factory.mktemp("table") / "invented.csv"
    lines = ["arch,params_M,seen,told"]
    space = NasBench201Space()
    for number, values in enumerate(space.strings()):
        score = _invented_score(values)
        lines.append(f"{space.text(values)},{0.1 * sum(values):.1f},{score:.4f},{score + math.sin(number):.4f}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="session")
def real_table():
    """The table of NAS-Bench-201 on CIFAR-10, which the repository may not hold."""
    if not REAL_TABLE.exists():
        pytest.skip(f"{REAL_TABLE} is not there")
    return REAL_TABLE
