"""bin/nao_report: draws architectures, and writes the report of a run or of several, or its evaluations as a table."""

from __future__ import annotations

import importlib.util
import pathlib
from collections.abc import Callable, Mapping, Sequence

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
from nao_tf.cli.bootstrap import ROOT
from nao_tf.cli.help import Usage
from nao_tf.cli.main import load_tensorflow
from nao_tf.cli.main import run as run_program
from nao_tf.errors import InputError
from nao_tf.report import optuna_study
from nao_tf.report.drawing import drawing, png, svg_file
from nao_tf.report.run import Run, read_run
from nao_tf.report.tables import csv_of
from nao_tf.tasks import TASKS
from nao_tf.tasks.images.task import ImageTask
from nao_tf.tasks.language.task import LanguageTask
from nao_tf.tasks.table import NAS_BENCH_201

REPORT = "report.html"


def how_to_get(extra: str, *packages: str) -> str:
    """The command that installs what an extra brings.

    Args:
        extra: its name.
        packages: of the extra, where they are not called as it is.
    """
    if (ROOT / "setup.py").exists():
        return f"pip install -c constraints.txt -e '.[{extra}]'"
    return f"pip install {' '.join(packages or (extra,))}"


HOW_TO_GET_THEM = how_to_get("report", "jinja2", "matplotlib")


USAGE = Usage(
    "writes the report of a run or of several, or draws an architecture.",
    {
        "--work_dir=runs/a runs/b --output=both.html": "two runs side by side",
        "--task=ptb --architecture=NAO-WS --draw=cell.svg": "a picture of a published cell",
    },
    ("work_dir", "output", "draw"),
)


def run() -> None:
    """The program."""
    flags.define(
        "work_dir", "Work directory of a run; further ones, to be shown side by side, as arguments.", many=True
    )
    flags.define("output", "File of the report; default: report.html in the work directory, or here for several runs.")
    flags.define("csv", "File for a table of all evaluations of a run instead of a report.")
    flags.define("optuna", "Storage for the searches as studies of Optuna, such as sqlite:///study.db.")
    flags.define("draw", "File for a drawing instead of a report: .svg or .png.")
    flags.define("architecture", "What is drawn: integers, readable form, or a published name; default: the winner.")
    flags.define("task", "What --architecture is of, where that is not clear.", choices=TASKS)
    flags.define("title", "Of the drawing; default: the published name, if it is one.")
    run_program(main, USAGE, takes_arguments=True)


def main(arguments: Sequence[str]) -> None:
    """Runs with the flags as they were parsed.

    Args:
        arguments: further work directories.
    """
    paths = [pathlib.Path(path) for path in [*(flags.value("work_dir") or []), *arguments]]
    architecture = flags.value("architecture")
    if flags.value("draw") is not None:
        flags.refuse(("output", "csv", "optuna"), because="--draw")
        draw(_drawn(paths, architecture))
        return
    flags.refuse(("architecture", "task", "title"), because="a report; give --draw=FILE for a drawing")
    if flags.value("csv") is not None:
        flags.refuse(("output", "optuna"), because="--csv")
        if len(paths) != 1:
            raise InputError("--csv is a table of one run; give one --work_dir")
        files.check_output(flags.value("csv"), name="--csv")
        write_table(paths[0])
        return
    if not paths:
        raise InputError("give --work_dir=DIR, the work directory of a run, or --architecture and --draw=FILE.svg")
    if flags.value("optuna") is not None:
        flags.refuse(("output",), because="--optuna")
        write_optuna(paths, flags.value("optuna"))
        return
    missing = missing_libraries()
    if missing:
        raise InputError(f"reports take {missing}: {HOW_TO_GET_THEM}")
    runs = [read_run(path) for path in paths]
    default = paths[0] / REPORT if len(paths) == 1 else pathlib.Path(REPORT)
    output = pathlib.Path(flags.value("output") or default)
    files.check_output(output, name="--output")
    _load_for(runs)
    from nao_tf.report.html import write_report

    write_report(runs, output)
    print(output)


def _drawn(paths: Sequence[pathlib.Path], text: str | None) -> Architecture:
    """The architecture that is asked for: that of the text, in the space of a run where one is given, or its winner."""
    if len(paths) > 1:
        raise InputError("--draw shows one architecture; give one --work_dir")
    if not paths:
        if text is None:
            raise InputError("give --architecture=ARCHITECTURE, or the --work_dir of a run, whose winner is drawn")
        return read(text, flags.value("task"))
    flags.refuse(("task",), because="--work_dir")
    run = read_run(paths[0])
    winner = run.winner if text is None else run.space.parse(text)
    if winner is None:
        raise InputError(f"{paths[0]}: no evaluation has succeeded yet, so there is nothing to draw")
    return winner


def missing_libraries() -> str:
    """What reports need and is not installed, for people; empty where all is there."""
    return " and ".join(name for name in ("jinja2", "matplotlib") if importlib.util.find_spec(name) is None)


def _load_for(runs: Sequence[Run]) -> None:
    """Loads TensorFlow quietly where the ascent of a run is to be shown."""
    if any((run.path / "export" / "controller").is_dir() for run in runs):
        load_tensorflow()


def write_table(work: pathlib.Path) -> None:
    """Writes the evaluations of a run to --csv."""
    files.write_output(flags.value("csv"), csv_of(read_run(work)))


def write_optuna(paths: Sequence[pathlib.Path], url: str) -> None:
    """Writes the searches of runs as studies of Optuna, and prints their names."""
    if not optuna_study.is_installed():
        raise InputError(f"--optuna takes optuna: {how_to_get('optuna')}")
    for name in optuna_study.write_studies([read_run(path) for path in paths], url):
        print(name)


def write_after(work: pathlib.Path, notice: Callable[[str], None]) -> None:
    """Writes the report of a run that has ended, or says how to get it.

    Args:
        work: the work directory.
        notice: receives a line for people.
    """
    missing = missing_libraries()
    if missing:
        notice(f"no {REPORT}, which takes {missing}: {HOW_TO_GET_THEM}, then bin/nao_report --work_dir={work}")
        return
    run = read_run(work)
    _load_for([run])
    from nao_tf.report.html import write_report

    write_report([run], work / REPORT)
    notice(f"report: {work / REPORT}")


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
