"""Failures of the machine are one line that names the file and what to do; mistakes of ours keep their traceback."""

import errno
import json
import os
import signal
import subprocess
import sys
import zipfile

import pytest
from programs import ROOT

from nao_tf.cli.failures import REMEDIES, line_for

PROGRAM = """
import sys
from nao_tf.cli import main
def program():
    {body}
main.run(program)
"""


def run(body, **options):
    """Runs a program whose body is one statement."""
    command = [sys.executable, "-c", PROGRAM.format(body=body)]
    options = {"capture_output": True, **options}
    return subprocess.run(command, text=True, timeout=60, cwd=ROOT, **options)


@pytest.mark.parametrize("number", REMEDIES)
def test_every_error_of_the_system_names_the_file_and_a_remedy(number):
    line = line_for(OSError(number, os.strerror(number), "runs/a/pool.jsonl"))
    assert line.startswith(f"runs/a/pool.jsonl: {os.strerror(number)}; ") and "\n" not in line
    assert line_for(OSError(number, os.strerror(number))).startswith(os.strerror(number))


def test_both_names_of_a_renaming_are_told():
    line = line_for(OSError(errno.EXDEV, "Invalid cross-device link", "a", None, "b"))
    assert line.startswith("a: b: Invalid cross-device link; ")


@pytest.mark.parametrize(
    "error, said",
    [
        (MemoryError(), "memory is used up"),
        (MemoryError("Unable to allocate 9 TiB"), "Unable to allocate 9 TiB"),
        (UnicodeEncodeError("utf-8", "caf\udce9", 3, 4, "surrogates not allowed"), "not UTF-8"),
        (UnicodeDecodeError("utf-8", b"\xe9", 0, 1, "invalid start byte"), "not UTF-8"),
    ],
)
def test_memory_and_names(error, said):
    assert said in line_for(error)


@pytest.mark.parametrize("error", [json.JSONDecodeError("x", "y", 0), zipfile.BadZipFile("no zip"), EOFError("end")])
def test_damage_is_told_where_the_file_is_known(error):
    assert line_for(error) is None
    error.filename = "runs/a/lstm.json"
    assert line_for(error).startswith("runs/a/lstm.json is damaged (")


@pytest.mark.parametrize("error", [ValueError("a"), KeyError("a"), RuntimeError("a"), TypeError("a"), OSError("odd")])
def test_mistakes_of_ours_have_no_line(error):
    assert line_for(error) is None


def test_errors_of_tensorflow_name_the_file_within_their_message():
    import tensorflow as tf

    full = tf.errors.ResourceExhaustedError(None, None, "runs/a/export/1/variables; No space left on device")
    assert line_for(full).startswith("runs/a/export/1/variables: No space left on device; make room")
    large = tf.errors.OutOfRangeError(None, None, "runs/a/tensorboard/events; File too large")
    assert line_for(large).startswith("runs/a/tensorboard/events: File too large; make room")
    memory = tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[9]\nmore")
    assert line_for(memory).startswith("memory is used up (OOM when") and "\n" not in line_for(memory)
    assert line_for(tf.errors.InvalidArgumentError(None, None, "shapes differ")) is None


def test_the_guard_ends_with_one_line_and_status_one():
    done = run("open('/nowhere/a', 'w')")
    assert done.returncode == 1 and done.stderr.startswith("error: /nowhere/a: No such file")
    assert len(done.stderr.splitlines()) == 1
    done = run("raise ValueError('ours')")
    assert done.returncode == 1 and "Traceback" in done.stderr
    with open("/dev/full", "w") as full:
        done = run("print('result')", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "No space left" in done.stderr


def test_an_output_that_nobody_reads_ends_quietly():
    reading, writing = os.pipe()
    os.close(reading)
    done = run("print('result')", capture_output=False, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert done.returncode == 1 and done.stderr == ""


@pytest.mark.parametrize("closed", [1, 2])
def test_a_closed_stream_takes_no_file(closed, tmp_path):
    body = f"file = open({str(tmp_path / 'a')!r}, 'w'); file.write(str(file.fileno() > 2)); file.close(); print('x')"
    done = run(body, preexec_fn=lambda: os.close(closed))
    assert done.returncode == 0 and (tmp_path / "a").read_text() == "True"


def hear_signals():
    """Run in a child: what a background job started by a shell ignores, and its children with it, is heard again."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


SIGNALS = [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "ended by SIGTERM")]


@pytest.mark.parametrize(("number", "status", "line"), SIGNALS)
def test_a_signal_ends_a_running_program_with_one_line(number, status, line, tmp_path):
    program = f"""
import sys, time, types
sys.path.insert(0, {str(ROOT)!r})
from nao_tf.cli import bootstrap, main

def program():
    open({str(tmp_path / "running")!r}, "w").close()
    for _ in range(600):
        time.sleep(0.1)  # Python runs the handler of a signal that comes before a sleep after it

sleeping = types.ModuleType("nao_tf.cli.sleeping")
sleeping.run = lambda: main.run(program)
sys.modules["nao_tf.cli.sleeping"] = sleeping
bootstrap.start("sleeping")
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, preexec_fn=hear_signals
    )
    while not (tmp_path / "running").exists() and process.poll() is None:
        pass
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (status, f"{line}; the same command goes on where it stood\n")


@pytest.mark.parametrize(("number", "status", "line"), SIGNALS)
def test_a_signal_while_modules_load_is_one_line(number, status, line, tmp_path):
    # a module that takes its time, in the place of one that the program loads, and hides the exception as some do
    (tmp_path / "absl").mkdir()
    (tmp_path / "absl" / "__init__.py").write_text(
        "import os, time\n"
        "try:\n"
        f"    open({str(tmp_path / 'loading')!r}, 'w').close()\n"
        "    for _ in range(600): time.sleep(0.1)\n"
        "except BaseException as error:\n"
        "    raise ImportError('initialization failed') from error\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "bin" / "nao_search")],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=hear_signals,
    )
    while not (tmp_path / "loading").exists() and process.poll() is None:
        pass
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == status and len(said.splitlines()) == 1 and said.startswith(line)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_the_shell_has_ignored_stays_ignored(number):
    program = f"""
import signal, sys
sys.path.insert(0, {str(ROOT)!r})
from nao_tf.cli import bootstrap
with bootstrap.interrupted_while_loading():
    signal.raise_signal({int(number)})
bootstrap.raise_when_terminated()
signal.raise_signal({int(number)})
print("goes on")
"""
    ignoring = dict(preexec_fn=lambda: signal.signal(number, signal.SIG_IGN))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, **ignoring)
    assert (done.returncode, done.stdout, done.stderr) == (0, "goes on\n", "")
