"""What all programs share: one clear line for wrong input, exit status, and TensorFlow without its start-up lines."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable

from absl import app, flags, logging

from nao_tf.architecture import ArchitectureError
from nao_tf.errors import InputError, RunError


def run(program: Callable[[], None]) -> None:
    """Parses the flags and runs a program.

    Exit status 0: done. 1: wrong usage or input, or a run that cannot go on; one line on standard error. 130:
    interrupted.
    """

    def parse(arguments):
        try:
            return flags.FLAGS(arguments)
        except flags.Error as error:
            print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
            sys.exit(1)

    def guarded(arguments):
        logging.set_verbosity(logging.ERROR)  # below it, TensorFlow tells of every export
        if len(arguments) > 1:
            print(f"error: unexpected argument {arguments[1]!r}; all options are flags, see --help", file=sys.stderr)
            sys.exit(1)
        try:
            program()
        except (InputError, ArchitectureError, RunError) as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)
        except KeyboardInterrupt:
            print("interrupted; the same command goes on where it stood", file=sys.stderr)
            sys.exit(130)

    app.run(guarded, flags_parser=parse)


def load_tensorflow(*, threads: int | None = None) -> None:
    """Loads TensorFlow without the lines that it writes at every start; they are shown if it cannot be loaded.

    Args:
        threads: that it computes with; None: one a core. With a fixed number, what is computed here does not depend on
            the machine's cores. Without effect once it is loaded.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if threads is not None:
        os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = str(threads)
    sys.stderr.flush()
    descriptor = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)  # the lines come from C++ and know no Python stream
        try:
            import tensorflow as tf

            tf.config.list_logical_devices()
        except BaseException:
            captured.seek(0)
            os.write(descriptor, captured.read())
            raise
        finally:
            os.dup2(descriptor, 2)
            os.close(descriptor)
