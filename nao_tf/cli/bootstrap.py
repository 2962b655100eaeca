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


SAID = {  # the line of a program that a signal ends; its exit status is 128 and the signal's number
    signal.SIGINT: "interrupted; the same command goes on where it stood",
    signal.SIGTERM: "ended by SIGTERM; the same command goes on where it stood",
}


class TerminatedError(BaseException):
    """The process was asked to end, as schedulers of clusters do; not an `Exception`, as `KeyboardInterrupt`."""


def raise_when_terminated() -> None:
    """Lets SIGTERM raise `TerminatedError` where the program stands, as SIGINT raises `KeyboardInterrupt`.

    A signal that whoever started the program has it ignore (shells do so for jobs in the background) stays ignored.
    """

    def end(number, frame):
        raise TerminatedError

    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) != signal.SIG_IGN:
        signal.signal(signal.SIGTERM, end)


@contextlib.contextmanager
def interrupted_while_loading(stream: int = 2) -> Iterator[None]:
    """A block that loads modules, in which SIGINT and SIGTERM end the process at once, with one line and their status.

    Modules in the middle of being loaded turn the exception into others, or show it in tracebacks of many lines. There
    is nothing to be put in order then.

    Args:
        stream: descriptor of standard error.
    """

    def end(number, frame):
        os.write(stream, f"{SAID[number]}\n".encode())
        os._exit(128 + number)

    if threading.current_thread() is not threading.main_thread():  # no other may set it, and none gets the signal
        yield
        return
    heard = [number for number in SAID if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
    raise_when_terminated()
    try:
        run()
    except (KeyboardInterrupt, TerminatedError) as error:  # before the program itself began, or after its end
        number = signal.SIGTERM if isinstance(error, TerminatedError) else signal.SIGINT
        with contextlib.suppress(OSError):  # nobody reads it
            print(SAID[number], file=sys.stderr, flush=True)
        sys.exit(128 + number)
