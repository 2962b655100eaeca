"""Starts the programs in bin/: with what `make` set up, or with a line that says how to. Needs nothing installed."""

from __future__ import annotations

import contextlib
import importlib
import os
import pathlib
import signal
import sys
import threading
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parents[2]  # of a checkout


@contextlib.contextmanager
def interrupted_while_loading(stream: int = 2) -> Iterator[None]:
    """A block that loads modules, in which an interrupt ends the process at once, with one line and status 130.

    Modules in the middle of being loaded turn the exception into others, or show it in tracebacks of many lines. There
    is nothing to be put in order then.

    Args:
        stream: descriptor of standard error.
    """

    def end(number, frame):
        os.write(stream, b"interrupted; the same command goes on where it stood\n")
        os._exit(130)

    if threading.current_thread() is not threading.main_thread():  # no other may set it, and none gets the signal
        yield
        return
    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def start(module: str) -> None:
    """Runs `run` of a module of `nao_tf.cli`."""
    try:
        with interrupted_while_loading():
            run = importlib.import_module(f"nao_tf.cli.{module}").run
    except ModuleNotFoundError as error:
        python = ROOT / ".venv" / "bin" / "python"  # what `make` sets up
        if python.exists() and pathlib.Path(sys.prefix) != python.parent.parent:
            os.execv(python, [str(python), *sys.argv])
        sys.exit(
            f"error: {error.name} is not installed for {sys.executable}; `make search` sets everything up in .venv"
        )
    try:
        run()
    except KeyboardInterrupt:  # before the program itself began, or after its end
        print("interrupted; the same command goes on where it stood", file=sys.stderr)
        sys.exit(130)
