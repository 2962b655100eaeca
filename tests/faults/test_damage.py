"""Files that are cut or changed, full disks, signals, and two runs at once, on whole programs."""

import ctypes
import os
import random
import resource
import shutil
import signal
import subprocess

import pytest
from programs import Forked, folder_of, run_forked
from test_kills import COMMON, PROGRAM, TASKS, outcome

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2  # of Linux

TEXT = [*(flag for flag in TASKS["text"] if "workers" not in flag), "--executor=inline", *COMMON]  # soonest


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return folder_of(tmp_path_factory.mktemp("text"), lines=(2000, 60, 60))


@pytest.fixture(scope="module")
def finished(text, tmp_path_factory):
    work = tmp_path_factory.mktemp("runs") / "whole"
    done = run_forked(*command(text, work))
    assert done.returncode == 0, done.stderr
    return work


def command(text, work, *more):
    return [*PROGRAM, *TEXT, f"--data_dir={text}", f"--work_dir={work}", *more]


def cut(content, draw):
    return content[: draw.randrange(len(content))]


def halved(content, draw):
    return content[: len(content) // 2]


def flipped(content, draw):
    changed = bytearray(content)
    changed[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    return bytes(changed)


@pytest.mark.parametrize("damage", [cut, halved, flipped])
def test_a_damaged_file_is_one_line_that_names_it_or_changes_nothing(damage, text, finished, tmp_path):
    expected, draw = outcome(finished), random.Random(damage.__name__)
    shutil.copytree(finished, tmp_path / "work")
    work = tmp_path / "work"
    own = [path for path in sorted(work.rglob("*")) if path.is_file() and path.stat().st_size]
    own = [path for path in own if not path.is_relative_to(work / "tensorboard")]  # only TensorBoard reads them
    assert {"pool.jsonl", "settings.json", "timings.jsonl", "result.json", "flags.txt"} <= {path.name for path in own}
    if damage is halved:
        own = [path for path in own if path.suffix == ".npz"]  # checkpoints; texts are cut anywhere
    assert own
    refused = 0
    for path in own:
        content = path.read_bytes()
        path.write_bytes(damage(content, draw))
        done = run_forked(*command(text, work))
        if done.returncode:
            refused += 1
            line = done.stderr.strip().splitlines()[-1]
            assert done.returncode == 1 and "Traceback" not in done.stderr, (path, done.stderr)
            assert path.name in line or path.parent.name in line, (path, line)
            path.write_bytes(content)
        else:
            assert outcome(work) == expected, path
    assert refused


@pytest.mark.parametrize("limit", [0, 300, 3_000, 30_000, 300_000])
def test_a_full_disk_is_one_line_and_the_run_goes_on_afterwards(limit, text, finished, tmp_path):
    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the error instead of the signal, as of a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    work = tmp_path / "work"
    done = subprocess.run(command(text, work), capture_output=True, text=True, preexec_fn=small_files, timeout=900)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("error: ") and str(work) in line, line
    assert run_forked(*command(text, work)).returncode == 0
    assert outcome(work) == outcome(finished)


def test_a_read_only_directory_is_one_line_before_the_work(text, tmp_path):
    def as_others():
        # root may write anywhere, as long as it has these two capabilities
        if os.geteuid() == 0:
            for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
                assert libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0

    libc = ctypes.CDLL(None)
    read_only = tmp_path / "read only"
    read_only.mkdir(mode=0o555)
    work = read_only / "work"
    done = subprocess.run(command(text, work), capture_output=True, text=True, preexec_fn=as_others, timeout=300)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert str(work) in done.stderr.strip().splitlines()[-1], done.stderr
    assert not any(read_only.iterdir())


@pytest.mark.parametrize(
    ("number", "status", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "ended")]
)
@pytest.mark.parametrize("seconds", [0.5, 4.0, 9.0])
def test_a_signal_ends_a_run_with_one_line_and_it_goes_on(number, status, word, seconds, text, finished, tmp_path):
    work, errors = tmp_path / "work", tmp_path / "errors.txt"
    process = Forked(command(text, work), errors=errors)
    assert process.wait(seconds) is None
    os.kill(process.pid, number)
    assert process.wait(60) == status
    last = errors.read_text().splitlines()[-1]
    assert last.startswith(word) and "the same command goes on" in last and "Traceback" not in errors.read_text()
    assert run_forked(*command(text, work)).returncode == 0
    assert outcome(work) == outcome(finished)


def test_two_runs_in_one_directory_are_one_run(text, finished, tmp_path):
    # two processes started from nothing: both of `forked` would follow each other
    work = tmp_path / "work"
    one, two = (subprocess.Popen(command(text, work), stderr=subprocess.PIPE, text=True) for _ in range(2))
    said = {process.communicate(timeout=900)[1].strip().splitlines()[-1]: process.returncode for process in (one, two)}
    assert sorted(said.values()) == [0, 1]
    (line,) = (line for line, status in said.items() if status)
    assert "in use by process" in line or "another process" in line, line
    assert outcome(work) == outcome(finished)


def test_a_moved_directory_goes_on(text, finished, tmp_path):
    process = Forked(command(text, tmp_path / "here"))
    while not (tmp_path / "here" / "pool.jsonl").exists() and process.wait(0.1) is None:
        pass
    process.kill()
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert run_forked(*command(text, tmp_path / "there")).returncode == 0
    assert outcome(tmp_path / "there") == outcome(finished)


def test_children_that_all_diverge_end_the_search_with_one_line(text, tmp_path):
    done = run_forked(*command(text, tmp_path / "work", "--set=score.learning_rate=1e30", "--set=score.clip_norm=1e30"))
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "evaluations all failed" in done.stderr.strip().splitlines()[-1]
