"""The tasks of the package: their tables of flags and presets, and the contract that all tasks keep."""

import dataclasses
import subprocess
import sys

import pytest

from nao_tf.architecture import NasBench201Space
from nao_tf.data.table import read_table
from nao_tf.errors import InputError
from nao_tf.settings import values_of
from nao_tf.tasks import TASKS
from nao_tf.tasks.table import TableTask
from nao_tf.tasks.task import EXPORT_WEIGHTS
from nao_tf.testing import TaskContract

every_task = pytest.mark.parametrize("name", TASKS)


@every_task
@pytest.mark.parametrize("preset", ["cpu", "paper"])
def test_every_preset_is_there_and_every_value_described(name, preset):
    values = values_of(TASKS[name].presets(name, preset))
    assert not [path for path, value in values.items() if not value.description]
    with pytest.raises(InputError, match="--preset=fast: known are cpu, paper"):
        TASKS[name].presets(name, "fast")


@pytest.mark.parametrize("kind", dict.fromkeys(TASKS.values()), ids=lambda kind: kind.__name__)
def test_every_flag_names_a_value(kind):
    paths = {path for name in kind.names for path in values_of(kind.presets(name, "cpu"))}
    named = {path for short in kind.short.values() for path in (short.path, *short.also)}
    assert named <= paths and set(kind.axes) <= paths
    assert {flag for pair in kind.same for flag in pair} <= set(kind.short)
    assert {path.partition(".")[0] for path in paths} >= set(kind.trains)


@pytest.mark.parametrize("name", ["ptb", "cifar10"])
def test_axes_choose_among_presets(name):
    kind = TASKS[name]
    own, shared = kind.presets(name, "cpu"), kind.presets(name, "cpu", weight_sharing=True)
    assert not own.weight_sharing and shared.weight_sharing and own.score.steps < shared.score.steps


def test_formats_of_exports_are_those_that_are_written():
    from nao_tf.serving import stored_weights

    assert tuple(stored_weights.FORMATS) == EXPORT_WEIGHTS and stored_weights.DEFAULT == EXPORT_WEIGHTS[0]


def test_tasks_and_settings_load_no_tensorflow():
    script = """
import sys
from nao_tf.tasks import TASKS
for name, kind in TASKS.items():
    kind.presets(name, "cpu")
assert "tensorflow" not in sys.modules and "keras" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class TestTableTask(TaskContract):
    @pytest.fixture(autouse=True)
    def table(self, invented_table):
        self.table = read_table(invented_table, NasBench201Space(), score_column="seen", test_column="told")

    def make_task(self):
        return TableTask("nasbench201", TableTask.presets("nasbench201", "cpu"), table=self.table)


def test_a_table_has_one_figure_for_each_network():
    with pytest.raises(ValueError, match="final_seeds of 3; a table has one figure for each network"):
        dataclasses.replace(TableTask.presets("nasbench201", "cpu"), final_seeds=3)
