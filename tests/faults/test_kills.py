"""kill -9 of runs and of their workers at random instants, over all phases: they end as undisturbed ones.

Part of `make test-faults`, which takes long; `make test` has a dozen kills at chosen instants (`tests/cli`).
"""

import json
import os
import pathlib
import random
import signal
import time

import pytest
from programs import Forked, folder_of, program, run_forked

KILLS = {"text": 40, "pictures": 20, "table": 40}  # pictures take longest
PROGRAM = program("nao_search")
COMMON = (
    "--budget=8 --initial=4 --proposals=2 --finalists=2 --set=controller.members=2 --set=controller.steps=40 "
    "--noreport".split()
)
TASKS = {
    "text": "--task=text --search_steps=8 --search_units=8 --steps=10 --units=8 --baselines=random --workers=2".split(),
    "pictures": (
        "--task=cifar10 --search_steps=4 --search_filters=4 --search_layers=1 --steps=6 --filters=4 --layers=1 "
        "--batch_size=32 --baselines=random --workers=2"
    ).split(),
    "table": "--task=table --decisions=a,b,c,d --score_column=score --baselines=random,evolution".split(),
}
TIMED = ("seconds",)  # differ between two equal runs


def data_of(task, folder):
    """The flags that name the data of a task."""
    if task == "text":
        return [f"--data_dir={folder_of(folder, lines=(2000, 60, 60))}"]
    if task == "pictures":
        return []  # the embedded sample
    rows = [
        f"{a},{b},{c},{d},{10 * a - b * c + d / 7}"
        for a in range(4)
        for b in range(4)
        for c in range(4)
        for d in range(4)
    ]
    (folder / "table.csv").write_text("a,b,c,d,score\n" + "\n".join(rows) + "\n")
    return [f"--table={folder / 'table.csv'}"]


def workers_of(pid):
    """The processes that work for another one."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            status, command = (folder / "stat").read_text(), (folder / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended meanwhile
        if int(status.rpartition(")")[2].split()[1]) == pid and b"spawn_main" in command:
            found.append(int(folder.name))
    return found


def outcome(work):
    """What must be equal: the pools, byte for byte, and the result but for its times."""
    result = json.loads((work / "result.json").read_text())
    return {name: value for name, value in result.items() if name not in TIMED}, {
        path.name: path.read_bytes() for path in sorted(work.glob("pool*.jsonl"))
    }


@pytest.mark.parametrize("task", sorted(TASKS))  # the longest first
def test_a_run_that_is_killed_all_along_ends_as_an_undisturbed_one(task, tmp_path):
    draw = random.Random(task)
    flags = [*TASKS[task], *COMMON, *data_of(task, tmp_path)]
    environment = {**os.environ, "TFDS_DATA_DIR": "/nowhere"}
    start = time.monotonic()
    done = run_forked(*PROGRAM, *flags, f"--work_dir={tmp_path / 'whole'}", env=environment)
    assert done.returncode == 0, done.stderr
    expected, seconds = outcome(tmp_path / "whole"), time.monotonic() - start

    kills, number, evaluations, errors = 0, 0, 0, tmp_path / "errors.txt"
    while kills < KILLS[task]:
        work = tmp_path / f"killed {number}"
        process = Forked([*PROGRAM, *flags, f"--work_dir={work}"], errors=errors, env=environment)
        while process.wait(draw.uniform(0, seconds / 2)) is None:
            workers = workers_of(process.pid)
            kills += 1
            if workers and draw.random() < 0.5:
                try:
                    os.kill(draw.choice(workers), signal.SIGKILL)
                except ProcessLookupError:
                    kills -= 1  # it ended by itself
            else:
                process.kill()
        content = (work / "pool.jsonl").read_bytes() if (work / "pool.jsonl").exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        assert expected[1]["pool.jsonl"].startswith(whole) and whole.count(b"\n") >= evaluations, "evaluations are lost"
        evaluations = whole.count(b"\n")
        status = process.wait(0)
        assert status in (0, -signal.SIGKILL), errors.read_text()
        if status == 0:
            assert outcome(work) == expected
            number, evaluations = number + 1, 0
    last = tmp_path / f"killed {number}"
    assert run_forked(*PROGRAM, *flags, f"--work_dir={last}", env=environment).returncode == 0
    assert outcome(last) == expected
