"""Running the programs as a user does, in processes of their own, and killing them on the way."""

import pathlib
import signal
import subprocess
import sys
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTS = ("train.txt", "valid.txt", "test.txt")


def program(name):
    return [sys.executable, str(ROOT / "bin" / name)]


def run(*arguments, timeout=300):
    return subprocess.run([str(argument) for argument in arguments], capture_output=True, text=True, timeout=timeout)


def kill_when(command, reached, log, seconds):
    """Starts a program and kills it as soon as `reached()`; fails if it ends before, or takes longer."""
    with open(log, "w") as file:
        process = subprocess.Popen(command, stderr=file)
        deadline = time.monotonic() + seconds
        while not reached() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        running, there = process.poll() is None, reached()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert running and there, log.read_text()


def folder_of(folder, lines, names=PARTS, words=30):
    """Writes a text of three parts, `lines` long, of eight random words a line."""
    generator = np.random.default_rng(0)
    for name, count in zip(names, lines, strict=True):
        rows = (" ".join(f"w{word}" for word in generator.integers(0, words, 8)) for _ in range(count))
        (folder / name).write_text("\n".join(rows) + "\n")
    return folder
