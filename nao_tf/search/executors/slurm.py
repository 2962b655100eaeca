"""Workers that are jobs of a Slurm cluster, one an item, through submitit."""

from __future__ import annotations

import importlib
import math
import os
import pathlib
import pickle
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nao_tf import files
from nao_tf.errors import InputError
from nao_tf.search.executors.workers import (
    Died,
    Finished,
    Message,
    SentFunction,
    Worker,
    Workers,
    thread_variables,
    variables_set,
)
from nao_tf.search.executors.working import finished, learnt

AT_ONCE = 256  # jobs, where nothing is said
POLL_SECONDS = 0.2


class Slurm(Workers):
    """Jobs of a cluster: each item is one, which loads everything anew, so items should take minutes or more.

    A job that fails, is preempted or lost costs its item only, which is submitted again, `ATTEMPTS` times in all, or
    more where others die as well. Progress is told by finished items; jobs send no events.

    Args:
        workers: jobs at a time, waiting ones too; None: 256.
        folder: that all machines of the cluster see, for functions, results and logs of jobs.
        parameters: of submitit, such as `slurm_partition`, `timeout_min`, `mem_gb`, `cpus_per_task`, `gpus_per_node`;
            `cluster="local"` runs the jobs as processes of this machine.
        minutes: an item that takes longer, once it runs, is given up at once; None: no limit.

    Raises:
        InputError: submitit is not installed, there is no Slurm here, or it refuses a parameter.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        folder: os.PathLike | str,
        parameters: Mapping[str, Any] | None = None,
        minutes: float | None = None,
    ):
        super().__init__(workers or AT_ONCE, minutes=minutes)
        self.folder, self.parameters = pathlib.Path(folder).absolute(), dict(parameters or {})
        self._submitit = _submitit()
        options = {"cpus_per_task": 1, **self.parameters}
        cluster = options.pop("cluster", "slurm")
        if minutes is not None:
            options.setdefault("timeout_min", math.ceil(minutes) + 1)
        try:
            self._executor = self._submitit.AutoExecutor(folder=self.folder / "jobs", cluster=cluster)
            self._executor.update_parameters(name="nao_tf", **options)
        except (RuntimeError, ValueError, NameError, TypeError, AssertionError) as error:
            raise InputError(f"Slurm: {' '.join(str(error).split())}") from error
        self._threads = int(options["cpus_per_task"])
        self._sees_gpus = any("gpu" in name or "gres" in str(value) for name, value in options.items())

    def divided(self, count: int) -> Slurm:
        """An executor for long items: the same without a limit of time."""
        if self.minutes is None:
            return self
        return Slurm(self.workers, folder=self.folder, parameters=self.parameters)

    def _new_worker(self) -> Worker:
        environment = thread_variables(self._threads)
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        if not self._sees_gpus:
            environment["CUDA_VISIBLE_DEVICES"] = "-1"
        return _Job(self._submitit, self._executor, self.folder, environment)

    def _wait(self, busy: Sequence[Any], seconds: float) -> Iterator[tuple[Worker, Message]]:
        deadline = time.monotonic() + seconds
        while True:
            ready = [worker for worker in busy if worker.job.done()]
            if ready or time.monotonic() > deadline:
                break
            time.sleep(POLL_SECONDS)
        for worker in ready:
            try:
                yield worker, worker.job.result()
            except (self._submitit.core.utils.UncompletedJobError, self._submitit.core.utils.FailedJobError) as error:
                yield worker, Died(f"job {worker.job.job_id} ended without a result ({_last_line(error)})")


class _Job(Worker):
    """A job, submitted when it is given its item.

    Args:
        submitit: the module.
        executor: of it.
        folder: for functions.
        environment: variables of the job.
    """

    lasts = False

    def __init__(self, submitit: Any, executor: Any, folder: pathlib.Path, environment: Mapping[str, str]):
        self._submitit, self._executor, self._folder, self._environment = submitit, executor, folder, environment
        self._began: float | None = None
        self.job: Any = None

    @property
    def seconds(self) -> float:
        """Since it runs; it may wait for its machine for hours."""
        if self._began is None and self.job.state in ("RUNNING", "COMPLETING"):
            self._began = time.monotonic()
        return 0.0 if self._began is None else time.monotonic() - self._began

    def work(self, function: SentFunction, item: Any) -> Died | None:
        """See `Worker`."""
        path = self._folder / f"function-{function.digest.hex()[:32]}.pickle"
        if not path.exists():  # once for all jobs; it may hold the data
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write_bytes(path, function.pickled)
        with variables_set(self._environment):
            try:
                self.job = self._executor.submit(perform, str(path), pickle.dumps(item))
            except self._submitit.core.utils.FailedJobError as error:
                return Died(f"the job was not accepted ({_last_line(error)})")
        return None

    def kill(self) -> None:
        """See `Worker`."""
        if self.job is not None and not self.job.done():
            self.job.cancel(check=False)


def perform(path: str, item: bytes) -> Finished:
    """What a job runs: the result of an item.

    Args:
        path: of the pickled function.
        item: pickled.
    """
    return finished(learnt(pathlib.Path(path).read_bytes(), _ignore), item)


def _ignore(event):
    """Jobs send no progress."""


def _submitit() -> Any:
    try:
        return importlib.import_module("submitit")
    except ImportError as error:
        raise InputError(f"submitit is not installed ({error}); pip install 'nao_tf[slurm]'") from error


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
