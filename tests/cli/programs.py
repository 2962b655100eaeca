"""Running the programs as a user does, in processes of their own, and killing them on the way."""

import atexit
import functools
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTS = ("train.txt", "valid.txt", "test.txt")


def program(name):
    return [sys.executable, str(ROOT / "bin" / name)]


def run(*arguments, timeout=1800, **options):
    """Starts a program from nothing, as a shell does."""
    command = [str(argument) for argument in arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)


class Forked:
    """A program in a process that is forked off one that has loaded TensorFlow, see `forked`.

    Args:
        command: a Python program and its arguments.
        output, errors: files for its standard streams.
        cwd, env: as for `subprocess.run`.
    """

    def __init__(self, command, *, output=os.devnull, errors=os.devnull, cwd=None, env=None):
        command = [str(argument) for argument in command]
        assert command[0] == sys.executable
        request = {
            "command": command[1:],
            "folder": str(cwd or os.getcwd()),
            "environment": dict(os.environ if env is None else env),
            "output": str(output),
            "errors": str(errors),
        }
        self._server, self._status = server(), None
        print(json.dumps(request), file=self._server.stdin, flush=True)
        self.pid = int(self._server.stdout.readline())

    def wait(self, seconds):
        """The exit status, negative for a signal; None if the program still runs after so many seconds."""
        if self._status is None and select.select([self._server.stdout], [], [], seconds)[0]:
            self._status = os.waitstatus_to_exitcode(int(self._server.stdout.readline()))
        return self._status

    def kill(self):
        """Kills the program, as with SIGKILL from outside."""
        if self.wait(0) is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait(None)


@functools.cache
def server():
    """The process that forks; it ends with the tests, as its standard input does."""
    command = [sys.executable, str(ROOT / "tests" / "cli" / "forked.py")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    atexit.register(process.communicate)
    return process


def run_forked(*arguments, timeout=1800, **options):
    """As `run`, without the seconds in which TensorFlow is loaded. All such programs share Python's seed of hashes."""
    with tempfile.TemporaryDirectory() as folder:
        output, errors = (pathlib.Path(folder) / name for name in ("output", "errors"))
        process = Forked(arguments, output=output, errors=errors, **options)
        status = process.wait(timeout)
        if status is None:
            process.kill()
            raise subprocess.TimeoutExpired(arguments, timeout)
        return subprocess.CompletedProcess(arguments, status, output.read_text(), errors.read_text())


def kill_when(command, reached, log, seconds):
    """Starts a program and kills it as soon as `reached()`; fails if it ends before, or takes longer."""
    process = Forked(command, errors=log)
    deadline = time.monotonic() + seconds
    while not reached() and process.wait(0.01) is None and time.monotonic() < deadline:
        pass
    running, there = process.wait(0) is None, reached()
    process.kill()
    assert running and there, log.read_text()


def folder_of(folder, lines, names=PARTS, words=30):
    """Writes a text of three parts, `lines` long, of eight random words a line."""
    generator = np.random.default_rng(0)
    for name, count in zip(names, lines, strict=True):
        rows = (" ".join(f"w{word}" for word in generator.integers(0, words, 8)) for _ in range(count))
        (folder / name).write_text("\n".join(rows) + "\n")
    return folder
