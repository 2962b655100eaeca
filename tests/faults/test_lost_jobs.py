"""Jobs of Slurm that die cost their items only. Part of `make test-faults`, since dead jobs are found late."""

from nao_tf.search.executors import Slurm
from nao_tf.testing import ExecutorContract


class TestLostJobs(ExecutorContract):
    def make_executor(self, directory):
        return Slurm(2, folder=directory, parameters={"cluster": "local"})
