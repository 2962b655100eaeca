"""What all programs share: one clear line for wrong input, exit status, and TensorFlow without its start-up lines."""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable
from typing import NoReturn

from absl import app, flags, logging

from nao_tf.architecture import ArchitectureError
from nao_tf.cli.bootstrap import SAID, TerminatedError, interrupted_while_loading
from nao_tf.cli.failures import line_for
from nao_tf.cli.flags import OUTPUT, define
from nao_tf.cli.help import Usage, answer
from nao_tf.errors import InputError, RunError

_LISTENERS: list[Callable[[str], object]] = []  # of the running program, see `tell_end_to`


def run(program: Callable[..., None], usage: Usage | None = None, *, takes_arguments: bool = False) -> None:
    """Parses the flags and runs a program, or answers --help and --version.

    Args:
        program: is called; with `takes_arguments`, with the list of arguments that are no flags.
        usage: for --help; None: that of absl.
        takes_arguments: whether such arguments are welcome.

    Exit status 0: done. 1: wrong usage or input, or a run that cannot go on; one line on standard error. 130 and 143,
    see `bootstrap.start`: interrupted, and ended by SIGTERM.
    """

    def parse(arguments):
        said = None if usage is None else answer(arguments, usage)
        if said is not None:
            _answer(said)
        try:
            return flags.FLAGS(arguments)
        except flags.CantOpenFlagFileError as error:
            _end(
                re.sub(
                    r"^ERROR:: Unable to open flagfile: (\[Errno \d+\] )?(.*): (.*)$", r"--flagfile=\3: \2", str(error)
                )
            )
        except (UnicodeError, OSError) as error:
            _end(f"a --flagfile cannot be read ({error}); give a text in UTF-8 with a flag on each line")
        except flags.Error as error:
            _end(str(error))

    def guarded(arguments):
        logging.set_verbosity(logging.ERROR)  # below it, TensorFlow tells of every export
        if len(arguments) > 1 and not takes_arguments:
            _end(f"unexpected argument {arguments[1]!r}; all options are flags, see --help")
        _LISTENERS.clear()
        try:
            program(*([arguments[1:]] if takes_arguments else []))
            sys.stdout.flush()  # here, where its failure can be told
        except (InputError, ArchitectureError, RunError) as error:
            _end(str(error))
        except (KeyboardInterrupt, TerminatedError) as error:
            _tell_listeners(SAID[signal.SIGTERM if isinstance(error, TerminatedError) else signal.SIGINT])
            raise
        except BrokenPipeError:  # whoever read the output has enough: quietly, as other programs
            _silence()
            sys.exit(1)
        except Exception as error:
            line = line_for(error)
            if line is None:
                _tell_listeners(f"a mistake of the program: {type(error).__name__}: {error}")
                raise
            _end(line)

    if usage is not None:
        define("version", "Print the version and end.", default=False, group=OUTPUT)
    _open_standard_streams()
    app.run(guarded, flags_parser=parse)


def _answer(text) -> NoReturn:
    """Ends the program with what it was asked for."""
    try:
        print(text, flush=True)
    except BrokenPipeError:  # whoever reads it has enough
        _silence()
        sys.exit(1)
    except OSError as error:
        _end(str(line_for(error)))
    sys.exit(0)


def tell_end_to(listener: Callable[[str], object]) -> None:
    """Lets somebody know the line with which the running program ends, if it does not come to its own end.

    Args:
        listener: is called with the line; it raises nothing.
    """
    _LISTENERS.append(listener)


def _tell_listeners(line):
    for listener in _LISTENERS:
        listener(line)


def _end(message) -> NoReturn:
    """Ends the program with an error of one line."""
    line = f"error: {' '.join(message.split())}"
    _tell_listeners(line)
    _say(line)
    try:
        sys.stdout.flush()
    except OSError:  # what cannot be written would be tried again, and told, when Python ends
        _silence()
    sys.exit(1)


def _say(line):
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:  # nobody reads it
        _silence()


def _silence():
    """Sends what is still to be written to nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _open_standard_streams():
    """Opens those that the program was started without: files would get their numbers, and be written into."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r+"))  # noqa: SIM115, for the life of the process


def load_tensorflow(*, threads: int | None = None) -> None:
    """Loads TensorFlow without the lines that it writes at every start; they are shown if it cannot be loaded.

    Args:
        threads: that it computes with; None: one a core. With a fixed number, what is computed here does not depend on
            the machine's cores. Without effect once it is loaded.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault(
        "TF_FORCE_GPU_ALLOW_GROWTH", "true"
    )  # the workers of a search share the GPUs with this process
    if threads is not None:
        os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = str(threads)
    sys.stderr.flush()
    descriptor = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)  # the lines come from C++ and know no Python stream
        try:
            with interrupted_while_loading(descriptor):
                import tensorflow as tf

                tf.config.list_logical_devices()
        except BaseException:
            captured.seek(0)
            os.write(descriptor, captured.read())
            raise
        finally:
            os.dup2(descriptor, 2)
            os.close(descriptor)
