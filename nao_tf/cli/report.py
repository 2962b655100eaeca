"""bin/nao_report: draws architectures, and writes the report of a run or of several."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping

from nao_tf import files
from nao_tf.architecture import (
    Architecture,
    ArchitectureError,
    CategoricalSpace,
    ConvolutionalSpace,
    NasBench201Space,
    RecurrentSpace,
    parse_cells,
)
from nao_tf.architecture.space import shown
from nao_tf.cli import flags
from nao_tf.cli.main import run as run_program
from nao_tf.errors import InputError
from nao_tf.report.drawing import drawing, png, svg_file
from nao_tf.tasks import TASKS
from nao_tf.tasks.images import ImageTask
from nao_tf.tasks.language import LanguageTask
from nao_tf.tasks.table import NAS_BENCH_201


def run() -> None:
    """The program."""
    flags.define("architecture", "The architecture to draw: integers, readable form, or a published name.")
    flags.define("task", "What --architecture is of, where that is not clear.", choices=TASKS)
    flags.define("draw", "File for the drawing of --architecture: .svg or .png.")
    flags.define("title", "Of the drawing; default: the published name, if it is one.")
    run_program(main)


def main() -> None:
    """Runs with the flags as they were parsed."""
    if flags.value("architecture") is None or flags.value("draw") is None:
        raise InputError("give --architecture=ARCHITECTURE and --draw=FILE.svg, or .png")
    draw(read(flags.value("architecture"), flags.value("task")))


def draw(architecture: Architecture) -> None:
    """Writes the drawing of an architecture to --draw. Raises InputError where its name is that of no picture."""
    path = pathlib.Path(flags.value("draw"))
    files.check_output(path, name="--draw")
    diagram = drawing(architecture, title_of(architecture))
    if path.suffix.lower() == ".png":
        files.write_output(path, png(diagram))
    elif path.suffix.lower() == ".svg" or not path.suffix:  # a pipe or device has no suffix
        files.write_output(path, svg_file(diagram))
    else:
        raise InputError(f"--draw={path}: drawings are .svg or .png; give a name that ends so")


def title_of(architecture: Architecture) -> str:
    """The title of a drawing: --title, or a name that was published."""
    given = flags.value("title")
    if given is not None:
        return given
    names = (name for name, values in architecture.space.published.items() if tuple(values) == architecture.values)
    return next(names, "")


def _decisions(text: str) -> Architecture:
    """An architecture "width=32, kernel=3x3", as the only one of its space. Raises ArchitectureError."""
    items = [item.strip().strip('"').partition("=") for item in text.split(",")]
    if not all(equals and name.strip() and word.strip() for name, equals, word in items):
        raise ArchitectureError(f"{shown(text)} is no list of decisions, such as width=32, kernel=3x3")
    words = {name.strip(): [word.strip()] for name, _, word in items}
    if len(words) < len(items):
        raise ArchitectureError(f"{shown(text)} has a decision twice")
    try:
        space = CategoricalSpace("decisions", words)
    except ValueError as error:
        raise ArchitectureError(str(error)) from error
    return space.architecture([0] * len(space.positions))


# What can be read without data, by the task whose flag decides between two readings; what it is, and what reads it.
READERS: Mapping[str, tuple[str, Callable[[str], Architecture]]] = {
    LanguageTask.names[0]: ("a recurrent cell", lambda text: RecurrentSpace().parse(text)),
    ImageTask.names[0]: ("a pair of convolutional cells", lambda text: parse_cells(text, ConvolutionalSpace())),
    NAS_BENCH_201: ("a cell of NAS-Bench-201", lambda text: NasBench201Space().parse(text)),
    "table": ("decisions", _decisions),
}


def read(text: str, task: str | None) -> Architecture:
    """Reads an architecture of any task.

    Args:
        text: as users write it.
        task: which task's; None: the only one that it can be read as.

    Raises:
        ArchitectureError: it is none of the task's.
        InputError: it is none at all, or could be of several.
    """
    if task is not None:
        return READERS[task if task in READERS else TASKS[task].names[0]][1](text)
    readings = {}
    for name, (kind, reader) in READERS.items():
        try:
            readings[name] = kind, reader(text)
        except ArchitectureError:
            continue
    if not readings:
        kinds = ", ".join(f"{kind} ({name})" for name, (kind, _) in READERS.items())
        raise InputError(f"--architecture={shown(text)} is none of {kinds}; give --task=TASK to learn why")
    if len(readings) > 1:
        kinds = " and ".join(kind for kind, _ in readings.values())
        choices = " or ".join(f"--task={name}" for name in readings)
        raise InputError(f"--architecture={text} is {kinds}; give {choices}")
    return next(iter(readings.values()))[1]
