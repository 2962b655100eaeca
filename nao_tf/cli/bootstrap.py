"""Starts the programs in bin/: with what `make` set up, or with a line that says how to. Needs nothing installed."""

from __future__ import annotations

import importlib
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]  # of a checkout


def start(module: str) -> None:
    """Runs `run` of a module of `nao_tf.cli`."""
    try:
        run = importlib.import_module(f"nao_tf.cli.{module}").run
    except ModuleNotFoundError as error:
        python = ROOT / ".venv" / "bin" / "python"  # what `make` sets up
        if python.exists() and pathlib.Path(sys.prefix) != python.parent.parent:
            os.execv(python, [str(python), *sys.argv])
        sys.exit(
            f"error: {error.name} is not installed for {sys.executable}; `make search` sets everything up in .venv"
        )
    run()
