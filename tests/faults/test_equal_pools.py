"""The pool is the same, byte for byte, for any executor and number of workers, and with workers that are killed.

Part of `make test-faults`, which takes long.
"""

import importlib.util
import os
import random
import signal
import threading

import pytest
from programs import program, run
from test_kills import COMMON, TASKS, data_of, workers_of

EXECUTORS = {
    "one worker": ["--workers=1"],
    "three workers": ["--workers=3"],
    "this process": ["--executor=inline"],
    "slurm": ["--executor=slurm", "--workers=2", "--child_resources=cluster=local"],
    "ray": ["--executor=ray", "--workers=2"],
}
ENVIRONMENT = {**os.environ, "TFDS_DATA_DIR": "/nowhere", "RAY_AUTH_MODE": "disabled"}  # no key in the user's home
SECONDS = 10.0  # between two kills
COMMANDS = 5  # at most, until one comes to its end


def pools(work):
    return {path.name: path.read_bytes() for path in sorted(work.glob("pool*.jsonl"))}


@pytest.fixture(scope="module", params=["text", "pictures"])
def undisturbed(request, tmp_path_factory):
    """The flags of a small run but for its workers, and the pools that two workers lead to."""
    task, folder = request.param, tmp_path_factory.mktemp(request.param)
    kept = (flag for flag in (*TASKS[task], *COMMON) if not flag.startswith(("--workers", "--baselines")))
    flags = [*kept, "--baselines=", *(["--space=enas"] if task == "pictures" else []), *data_of(task, folder)]
    done = run(*program("nao_search"), *flags, "--workers=2", f"--work_dir={folder / 'work'}", env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    return flags, pools(folder / "work")


@pytest.mark.parametrize("executor", EXECUTORS)
def test_every_executor_leads_to_the_same_pool(executor, undisturbed, tmp_path):
    if executor == "ray" and importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed")
    flags, expected = undisturbed
    work = tmp_path / "work"
    done = run(*program("nao_search"), *flags, *EXECUTORS[executor], f"--work_dir={work}", env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    assert pools(work) == expected


def test_workers_that_are_killed_all_along_change_nothing(undisturbed, tmp_path):
    flags, expected = undisturbed
    ended, killed, draw, work = threading.Event(), [], random.Random(1), tmp_path / "work"

    def kill_workers():
        while not ended.wait(SECONDS):
            programs = [pid for pid in children_of(os.getpid()) if workers_of(pid)]
            workers = [worker for pid in programs for worker in workers_of(pid)]
            if workers:
                worker = draw.choice(workers)
                try:
                    os.kill(worker, signal.SIGKILL)
                except ProcessLookupError:
                    continue  # it ended by itself
                killed.append(worker)

    thread = threading.Thread(target=kill_workers)
    thread.start()
    try:
        for _ in range(COMMANDS):
            done = run(*program("nao_search"), *flags, "--workers=2", f"--work_dir={work}", env=ENVIRONMENT)
            if "ended by SIGKILL" not in done.stderr.splitlines()[-1]:
                break  # else a final training was killed three times, and the same command goes on with it
    finally:
        ended.set()
        thread.join()
    assert done.returncode == 0, done.stderr
    assert pools(work) == expected
    assert killed


def children_of(pid):
    """The processes that a process has started."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        direct = [int(number) for number in file.read().split()]
    others = []
    for name in os.listdir(f"/proc/{pid}/task"):
        if name != str(pid):
            try:
                with open(f"/proc/{pid}/task/{name}/children") as file:
                    others += [int(number) for number in file.read().split()]
            except FileNotFoundError:
                continue  # a thread that has ended
    return direct + others
