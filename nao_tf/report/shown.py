"""How a program shows a study while it runs: on the terminal, in run.log, in TensorBoard."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import shlex
import sys
from collections.abc import Callable

import nao_tf
from nao_tf.observer import Observer
from nao_tf.report import observers
from nao_tf.report.run_log import NAME, RunLog
from nao_tf.report.terminal import Terminal
from nao_tf.study.study import Study


def observer_of(
    study: Study,
    *,
    with_tensorboard: bool,
    quiet: bool,
    verbose: bool,
    live: bool = True,
    tell_end_to: Callable[[Callable[[str], object]], None],
) -> Observer:
    """What shows a study of a program, and keeps its lines in run.log; a display on a terminal.

    Args:
        study: whose work directory is claimed.
        with_tensorboard: see `observers`.
        quiet: whether only notices and errors are shown.
        verbose: whether progress has lasting lines.
        live: whether there may be a display; otherwise lines.
        tell_end_to: is told who wants to know the line with which the program ends.
    """
    log = RunLog(study.work.path / NAME)
    if live and not quiet and not verbose and has_display():
        from nao_tf.report.live import LiveTerminal

        terminal: Terminal = LiveTerminal(run_log=log)
        tell_end_to(lambda line: terminal.close())
    else:
        terminal = Terminal(run_log=log, quiet=quiet, verbose=verbose)
    command = shlex.join([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]])
    failed = log.write(f"nao_tf {nao_tf.__version__}: {command}")
    if failed is not None:
        terminal.log(f"NOTICE: {failed}")
    tell_end_to(log.write)
    return observers(study, with_tensorboard=with_tensorboard, terminal=terminal)


def has_display() -> bool:
    """Whether standard error is a terminal that can draw over what it shows, and rich is installed."""
    able = sys.stderr.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown")
    return able and importlib.util.find_spec("rich") is not None
