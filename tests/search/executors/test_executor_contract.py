"""The executors keep the contract, and clusters say what they cannot do."""

import importlib.util
import os
import subprocess
import sys

import pytest

from nao_tf.errors import InputError
from nao_tf.search.executors import Inline, Processes, Slurm
from nao_tf.search.executors.ray import Ray, _room
from nao_tf.testing import ExecutorContract

HAS_RAY = importlib.util.find_spec("ray") is not None


class TestInline(ExecutorContract):
    dies = False

    def make_executor(self, directory):
        return Inline()


class TestProcesses(ExecutorContract):
    def make_executor(self, directory):
        return Processes(2)


class TestSlurm(ExecutorContract):
    """With submitit's jobs on this machine. Dead ones take many seconds to be found: tests/faults/test_lost_jobs.py."""

    test_a_lost_item_is_tried_again = test_an_item_that_is_always_lost_is_given_up = None

    def make_executor(self, directory):
        return Slurm(2, folder=directory, parameters={"cluster": "local"})


@pytest.mark.skipif(not HAS_RAY, reason="Ray is not installed")
class TestRay(ExecutorContract):
    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def ended_cluster(cls):
        before = os.environ.get("RAY_AUTH_MODE")
        os.environ["RAY_AUTH_MODE"] = "disabled"  # otherwise it writes a key into the user's home
        yield
        import ray

        ray.shutdown()
        os.environ.pop("RAY_AUTH_MODE")
        if before is not None:
            os.environ["RAY_AUTH_MODE"] = before

    def make_executor(self, directory):
        return Ray(2)

    def test_more_workers_than_the_cluster_has_room_for_are_refused(self, executor):
        with pytest.raises(InputError, match=r"1000 workers of CPU=1: the Ray cluster has room for \d+"):
            Ray(1000)
        with pytest.raises(InputError, match="1 workers of CPU=1, telescope=1: the Ray cluster has room for 0"):
            Ray(resources={"telescope": 1})

    def test_final_trainings_share_the_cluster(self, executor):
        one = executor.divided(1)
        assert (one.workers, one.minutes) == (1, None) and one.resources["CPU"] >= executor.resources["CPU"]
        assert executor.divided(2) is executor


@pytest.mark.skipif(not HAS_RAY, reason="Ray is not installed")
def test_a_program_of_anyones_may_use_ray_without_a_word_on_standard_error():
    code = "import math; from nao_tf.search.executors import Ray; print(list(Ray(1).map(math.sqrt, [4.0])))"
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[2.0]\n", "")


@pytest.mark.skipif(HAS_RAY, reason="Ray is installed")
def test_without_ray_one_is_told_what_to_install():
    with pytest.raises(InputError, match=r"pip install 'nao_tf\[ray\]'"):
        Ray(1)


def test_room_is_counted_machine_by_machine():
    nodes = [{"CPU": 3.0, "GPU": 1.0}, {"CPU": 2.0}]
    assert [_room(nodes, {"CPU": cpus}) for cpus in (1, 2, 3, 4)] == [5, 2, 1, 0]
    assert _room(nodes, {"CPU": 1, "GPU": 0.5}) == 2
    assert _room(nodes, {"CPU": 0}) == 5 and _room(nodes, {"CPU": 0, "GPU": 0.25}) == 4


def test_slurm_says_what_it_cannot_do(tmp_path):
    with pytest.raises(InputError, match="Slurm: Could not detect"):
        Slurm(folder=tmp_path)
    with pytest.raises(InputError, match="Slurm: .*no_such_parameter"):
        Slurm(folder=tmp_path, parameters={"cluster": "local", "no_such_parameter": 1})
    with pytest.raises(InputError, match="at least one"):
        Slurm(-1, folder=tmp_path, parameters={"cluster": "local"})


def test_slurm_sets_a_limit_of_time_and_final_trainings_have_none(tmp_path):
    limited = Slurm(3, folder=tmp_path, parameters={"cluster": "local"}, minutes=1.5)
    final = limited.divided(1)
    assert (limited.minutes, final.minutes, final.workers) == (1.5, None, 3) and final.divided(1) is final
