"""The flags of the programs, and how they become the settings of a task.

A flag is a short name of a value in a task's settings (`Task.short`); `--set path=value` reaches every value. Types and
descriptions come from the settings. Nothing is registered when this module is imported: a program calls `define`.
"""

from __future__ import annotations

import functools
import math
import os
import pathlib
import sys
from collections.abc import Callable, Iterable
from typing import Any

from absl import flags

from nao_tf import files
from nao_tf.architecture import Architecture
from nao_tf.data.names import in_one_line
from nao_tf.errors import InputError
from nao_tf.files import expanded
from nao_tf.search.executors import EXECUTORS, Executor, ExecutorRequest, workers_of_machine
from nao_tf.search.prior import Prior
from nao_tf.search.settings import StudySettings
from nao_tf.search.strategies import STRATEGIES
from nao_tf.settings import assign, parse, replaced, values_of
from nao_tf.study.known_run import STARTED_IN
from nao_tf.tasks import TASKS
from nao_tf.tasks.task import Task, without_ladder

ANY_NUMBER = 10**9  # stands for a budget where a time decides
PRESETS = ("cpu", "paper")
DISTRIBUTIONS = ("auto", "none", "mirrored")
OF_EXECUTORS = {  # flags about workers, and the executors that have a use for each
    "workers": ("processes", "ray", "slurm"),
    "child_minutes": ("processes", "ray", "slurm"),
    "ray_address": ("ray",),
    "child_resources": ("ray", "slurm"),
}
EXAMPLES = {True: "slurm_partition=gpu,mem_gb=8", False: "CPU=1,GPU=0.5"}  # of --child_resources: with words or none
LARGEST_SEED = 2**32 - 1  # of NumPy's generators
PATHS = (
    "work_dir",
    "data_dir",
    "table",
    "saved_model",
    "text",
    "images",
    "sentences",
    "draw",
    "output",
    "csv",
)  # in which ~ is the user's folder


RUN, DATA, SEARCH, SCORE, FINAL = "Run", "Data", "Search", "Training that scores", "Final models"
GENERATION, OUTPUT = "Generated words", "Output"
GROUPS = (RUN, DATA, SEARCH, SCORE, FINAL, GENERATION, OUTPUT)  # of flags, in --help
_OF_SETTINGS = {"data": DATA, "score": SCORE, "final": FINAL}  # by the first name of a path
_FINAL = ("finalists", "final_seeds", "epochs", "export_weights")  # that belong to the final models too
_PLACES: dict[str, tuple[str, frozenset[str]]] = {}  # group and tasks of each flag that is registered


def define(
    name: str,
    description: str,
    *,
    default: Any = None,
    choices: Iterable[str] = (),
    many: bool = False,
    group: str = RUN,
    tasks: Iterable[str] = TASKS,
) -> None:
    """Registers a flag of the running program.

    Args:
        name: of the flag.
        description: for --help.
        default: its value where it is not given; its type is the flag's, and None makes it a text.
        choices: the only values, if there are such.
        many: whether the flag may be given several times.
        group: of `GROUPS`, for --help.
        tasks: that have a use for it, for --help.
    """
    _PLACES[name] = group, frozenset(tasks)
    if choices:
        flag: flags.Flag = flags.EnumFlag(name, default, description, list(choices))
    elif many:
        flag = flags.MultiFlag(flags.ArgumentParser(), flags.ArgumentSerializer(), name, default, description)
    elif isinstance(default, bool):
        flag = _boolean(name, default, description)
    elif isinstance(default, float):
        flag = flags.Flag(_Parser(flags.FloatParser()), flags.ArgumentSerializer(), name, default, description)
    elif isinstance(default, int):
        flag = flags.Flag(_Parser(flags.IntegerParser()), flags.ArgumentSerializer(), name, default, description)
    else:
        flag = flags.Flag(flags.ArgumentParser(), flags.ArgumentSerializer(), name, default, description)
    flags.DEFINE_flag(flag, module_name=sys.argv[0])  # --help lists a program's own flags


class _Parser(flags.ArgumentParser):
    """One of absl's, whose errors are in plain words.

    Args:
        parser: of absl.
    """

    def __init__(self, parser: flags.ArgumentParser):
        self._parser, self.syntactic_help = parser, parser.syntactic_help

    def parse(self, argument: Any) -> Any:
        """The value of what was given. Raises ValueError."""
        try:
            return self._parser.parse(argument)
        except (TypeError, ValueError):
            needed = {"int": "a whole number", "float": "a number", "bool": "true or false"}[self._parser.flag_type()]
            raise ValueError(f"{argument!r} is not {needed}") from None

    def flag_type(self) -> str:
        """The type's name, for --help."""
        return self._parser.flag_type()


def _boolean(name, default, description):
    flag = flags.BooleanFlag(name, default, description)
    flag.parser = _Parser(flag.parser)
    return flag


def define_task(*, shorts: bool = True, training: bool = False) -> None:
    """Registers --task and, with `shorts`, --preset, the short names of all tasks' settings and --set.

    Args:
        shorts: whether the program has settings.
        training: whether only those are meant that training one given architecture uses.
    """
    if not shorts:
        define("task", "Whose data a model is measured on; default: that of its run.", choices=TASKS, group=DATA)
        return
    define("task", "What is learned, or the table that is searched.", choices=TASKS, default="ptb")
    define("preset", "Tuned for minutes on two cores, or the published values.", choices=PRESETS, default="cpu")
    for name, (kinds, description, boolean) in sorted(_shorts(training=training).items()):
        text = description[:1].upper() + description[1:]
        if len(kinds) < len(TASKS):
            text += f" [{', '.join(kinds)}]"
        path = TASKS[kinds[0]].short[name].path
        group = FINAL if path in _FINAL else _OF_SETTINGS.get(path.partition(".")[0], SEARCH)
        if boolean:
            _PLACES[name] = group, frozenset(kinds)
            flags.DEFINE_flag(_boolean(name, None, text), module_name=sys.argv[0])
        else:
            define(name, text, group=group, tasks=kinds)
    define("set", "path=value: any value of the settings, such as final.momentum=0.8; --dry_run lists them.",
           many=True)  # fmt: skip


def define_output() -> None:
    """Registers the flags of what a run tells."""
    define("report", "Write report.html when all is done.", default=True, group=OUTPUT)
    define("quiet", "Tell notices and errors only; run.log has everything.", default=False, group=OUTPUT)
    define("verbose", "A lasting line for every step of progress.", default=False, group=OUTPUT)
    define(
        "dry_run",
        "Tell what would be trained: a table, and data, sizes and settings as one JSON line. Nothing is trained.",
        default=False,
        group=OUTPUT,
    )

    define(
        "estimate",
        "With --dry_run: train a few steps first, which takes a minute or two, to tell how long the run will take.",
        default=False,
        group=OUTPUT,
    )


def check_output() -> None:
    """Raises InputError where the output is to be less and more at once, or there is none."""
    if value("estimate") and not value("dry_run"):
        raise InputError("--estimate is of use with --dry_run alone; give both, or leave it out")
    if value("quiet") and value("verbose"):
        raise InputError("--quiet and --verbose are opposites; give one of them")


def own_flags() -> list[flags.Flag]:
    """The flags that the running program registered, in that order."""
    own = {flag.name: flag for flag in flags.FLAGS.flags_by_module_dict().get(sys.argv[0], [])}
    return [own[name] for name in _PLACES if name in own]


def group_of(name: str) -> str:
    """The group of a flag in --help."""
    return _PLACES[name][0]


def serves(name: str, task: str) -> bool:
    """Whether a task has a use for a flag; all flags where there is no such task."""
    return task not in TASKS or task in _PLACES[name][1]


def _shorts(*, training: bool = False) -> dict[str, tuple[list[str], str, bool]]:
    """The short flags of all tasks: the tasks that have each, its description, and whether it is true or false."""
    shorts: dict[str, tuple[list[str], str, bool]] = {}
    for name, kind in TASKS.items():
        values = values_of(kind.presets(name, "cpu"))
        for flag, short in kind.short.items():
            if short.path in values and (not training or short.path.partition(".")[0] in kind.trains):
                value = values[short.path]
                description = short.description or value.description
                shorts.setdefault(flag, ([], description, value.type is bool))[0].append(name)
    return shorts


def value(name: str) -> Any:
    """The value of a flag, None where the program has no such flag; ~ in paths is the user's folder.

    Raises:
        InputError: a path that is empty, or in the folder of a user that there is not.
    """
    if name not in flags.FLAGS:
        return None
    given = flags.FLAGS[name].value
    if name not in PATHS or given is None:
        return given
    return [expanded(path, f"--{name}") for path in given] if isinstance(given, list) else expanded(given, f"--{name}")


def task_class() -> type[Task]:
    """The class of --task."""
    return TASKS[value("task")]


def refuse(names: Iterable[str], *, because: str) -> None:
    """Raises InputError where one of the flags was given."""
    for name in names:
        if is_given(name):
            raise InputError(f"--{name} is of no use with {because}; leave it out")


def settings(*, training: bool = False) -> StudySettings:
    """The settings of --task and --preset, with every value that was given by a flag.

    Args:
        training: for training one given architecture instead of a search.

    Raises:
        InputError: a flag that the task has no use for, or a value that is refused.
    """
    name, kind = value("task"), task_class()
    assignments = _assignments(kind, name, training=training)
    axes = {path: text for _, path, text, _ in assignments if path in kind.axes}
    base = kind.presets(name, value("preset"), training=training, architecture=value("architecture"))
    types = values_of(base)
    chosen = {}
    for flag, path, text, _ in assignments:
        if path in axes:
            try:
                chosen[path] = parse(text, types[path].type)
            except ValueError as error:
                raise InputError(f"{flag}={text}: {error}") from error
    result = kind.presets(name, value("preset"), training=training, architecture=value("architecture"), **chosen)
    if not _may_climb({path: text for _, path, text, _ in assignments}):
        result = without_ladder(result)
    for flag, path, text, factor in assignments:
        if training and path.partition(".")[0] not in kind.trains:
            raise InputError(f"{flag} is of no use when one given architecture is trained; leave it out")
        if path not in axes:
            result = assign(result, path, text=text, name=flag)
            if factor != 1:
                result = _multiplied(result, path, factor, flag)
    given = {path: flag for flag, path, _, _ in assignments}
    climbs = getattr(result, "rungs", ()) or getattr(getattr(result, "data", None), "rungs", ())  # the budget is a cost
    if "initial" in given and result.initial is not None and result.initial > result.budget and not climbs:
        raise InputError(f"{given['initial']}={result.initial} is more than the budget of {result.budget} evaluations")
    return result


def _may_climb(given) -> bool:
    """Whether children may climb the preset's ladder: none where their length, or a time as a budget, is given."""
    if "rungs" in given:
        return bool(given["rungs"])
    return "score.steps" not in given and value("minutes") is None and value("fidelity") is None


def _multiplied(settings, path, factor, flag):
    number = settings
    for name in path.split("."):
        number = getattr(number, name)
    try:
        return replaced(settings, path, value=number * factor)
    except ValueError as error:
        raise InputError(f"{flag}: {error}") from error


def _assignments(kind, task, *, training) -> list[tuple[str, str, str, int]]:
    """What the flags set: each flag as the user knows it, a path, a text, and a factor. Raises InputError."""
    assignments: list[tuple[str, str, str, int]] = []
    known = values_of(kind.presets(task, value("preset")))
    used = [path for path in known if not training or path.partition(".")[0] in kind.trains]
    given_by: dict[str, str] = {}
    for name in _shorts():
        text = _text(name)
        if text is None:
            continue
        short = kind.short.get(name)
        if short is None or short.path not in known:
            raise InputError(f"--{name} is of no use with --task={task}; leave it out")
        for path in (short.path, *(path for path in short.also if path in used)):
            if path == short.path and path in given_by:
                raise InputError(f"{given_by[path]} and --{name} say the same thing; give one of them")
            given_by[path] = f"--{name}"
            assignments.append((f"--{name}", path, text, short.factor))
    own = {path: flag for path, flag in given_by.items() if kind.short[flag.removeprefix("--")].path == path}
    for text in value("set") or ():
        path, separator, written = (part.strip() for part in text.partition("="))
        if not separator:
            raise InputError(f"--set {text}: no '='; write --set path=value, for example --set {next(iter(known))}=…")
        if path in (short.path for flag, short in kind.short.items() if flag in PATHS):
            written = expanded(written, f"--set {path}")
        if path in own:
            raise InputError(f"{own[path]} and --set {path} say the same thing; give one of them")
        own[path] = f"--set {path}"
        assignments.append((f"--set {path}", path, written, 1))
    for pair in kind.same:
        given = list(dict.fromkeys(own[path] for path in (kind.short[name].path for name in pair) if path in own))
        given += [f"--{name}" for name in pair if _text(name) is not None and f"--{name}" not in given]
        if len(given) > 1:
            raise InputError(f"{given[0]} and {given[1]} say the same thing; give one of them")
    return assignments


def _text(name):
    """What was given for a short flag; a value of its type as a text."""
    given = value(name)
    return None if given is None else str(given)


def is_given(name: str) -> bool:
    """Whether a flag was given, or its value by --set."""
    by_path = any(text.partition("=")[0].strip() == name for text in value("set") or ())
    return by_path or (name in flags.FLAGS and flags.FLAGS[name].present > 0)


def minutes() -> float | None:
    """The value of --minutes. Raises InputError where it is none."""
    text = value("minutes")
    return None if text is None else _number("minutes", text, float)


def seed() -> int:
    """The value of --seed. Raises InputError where it is none."""
    given = value("seed")
    if not 0 <= given <= LARGEST_SEED:
        raise InputError(f"--seed={given}: at least 0 and at most {LARGEST_SEED}")
    return given


def baselines(default: Iterable[str]) -> list[str]:
    """The names in --baselines, each once; `default` where it is not given."""
    given = value("baselines")
    if given is None:
        return list(default)
    return list(dict.fromkeys(name.strip() for name in given.split(",") if name.strip()))


def architectures(task: Task) -> list[Architecture]:
    """The architectures of --architecture, with ";" between them. Raises ArchitectureError."""
    given = value("architecture")
    return [] if given is None else [task.parse(text) for text in given.split(";") if text.strip()]


def prior(task: Task, strategies: Iterable[str]) -> Prior | None:
    """What --prior tells. Raises InputError where it is no pool of the task's space, or no strategy would listen."""
    given = value("prior")
    if given is None:
        return None
    if not any("prior" in STRATEGIES[name].settings for name in strategies if name in STRATEGIES):
        listen = ", ".join(name for name, entry in STRATEGIES.items() if "prior" in entry.settings)
        raise InputError(f"--prior is of use with --strategy={listen} alone; leave it out")
    paths = [expanded(path.strip(), "--prior") for path in given.split(",")]
    return Prior.read(paths, task.space)


def executor(task: Task, *, folder: pathlib.Path) -> Callable[[], Executor | None]:
    """Where a task's children are trained, from --executor, --workers and so on, to be called before they are.

    It gives None where they are trained in this process.

    Args:
        task: whose children.
        folder: of the run, in which an executor may write.

    Raises:
        InputError: a value that is none, or flags that a task or executor has no use for.
    """
    name = value("executor")
    if not task.independent_scores:
        because = "shared weights" if task.uses_tensorflow else f"--task={task.name}, which trains nothing"
        refuse(("executor", *OF_EXECUTORS), because=because)
        return lambda: None
    name = name or "processes"
    refuse((flag for flag, names in OF_EXECUTORS.items() if name not in names), because=f"--executor={name}")
    workers, minutes = value("workers"), value("child_minutes")
    request = ExecutorRequest(
        workers=None if workers == "auto" else _number("workers", workers, int),
        minutes=None if minutes is None else _number("child_minutes", minutes, float),
        folder=folder / "jobs",
        address=value("ray_address"),
        resources=_resources(value("child_resources"), words=name == "slurm"),
    )
    return functools.partial(EXECUTORS[name], request)


def workers() -> int:
    """How many children are trained at a time, as --executor and --workers say; auto is as on this machine."""
    text = value("workers")
    if value("executor") == "inline":
        return 1
    return workers_of_machine() if text in (None, "auto") else _number("workers", text, int)


def _resources(text, *, words):
    """The names and values of --child_resources. Raises InputError.

    Args:
        text: that was given; None: nothing.
        words: whether a value may be a word.
    """
    resources: dict[str, float | str] = {}
    for part in () if text is None else text.split(","):
        name, _, written = (side.strip() for side in part.partition("="))
        try:
            number: float | str = float(written)
        except ValueError:
            number = written if words else -1.0
        if not name or number == "" or (isinstance(number, float) and not 0 <= number < math.inf):
            kind = "name=value" if words else "name=number"
            raise InputError(f"--child_resources={text}: {part!r} is not {kind}, as in {EXAMPLES[words]}")
        if name in resources:
            raise InputError(f"--child_resources={text}: {name} is there twice")
        whole = isinstance(number, float) and number.is_integer()
        resources[name] = int(number) if whole else number
    return resources


def _number(name, text, kind):
    """A positive number of a flag. Raises InputError."""
    try:
        number = kind(text)
    except ValueError:
        number = 0
    if not 0 < number < math.inf:
        raise InputError(f"--{name}={text}: a number above 0{', or auto' if kind is int else ''}")
    return number


def devices() -> Any:
    """The `tf.distribute` strategy that --distribution asks for; None for one device. Loads TensorFlow."""
    import tensorflow as tf

    gpus, asked = tf.config.list_logical_devices("GPU"), value("distribution")
    if asked == "mirrored" or (asked == "auto" and len(gpus) > 1):
        return tf.distribute.MirroredStrategy()
    return None


def flagfile() -> str:
    """The flags that were given, as the content of a flagfile."""
    own = flags.FLAGS.flags_by_module_dict().get(sys.argv[0], [])
    lines = (flag.serialize() for flag in own if flag.present)
    return "".join(f"{line}\n" for line in lines if line)


def write_flagfile(path: pathlib.Path) -> None:
    """Writes the flags that were given, and the folder that paths among them are relative to, as a comment."""
    here = os.getcwd()
    started = f"{STARTED_IN}{here}\n" if in_one_line(here) == here else ""  # a comment has one line
    files.write_text(path, flagfile() + started)
