"""What `--help` and `--version` print: the flags in groups, those that most people need first, with examples."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import pathlib
import platform
import re
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from absl import flags as absl_flags

import nao_tf
from nao_tf.cli import flags

WIDTH, COLUMN = 80, 26  # of the whole and of the names of flags, in characters
MOST_USED = "Most used"
WORDS = {  # for the values of flags; of all others the last word of the flag
    "images": "FILE|FOLDER",
    "saved_model": "DIR",
    "generate": "WORDS",
    **dict.fromkeys(("table", "text", "sentences", "draw", "output"), "FILE"),
}
LIBRARIES = {"TensorFlow": "tensorflow", "Keras": "keras", "NumPy": "numpy"}
ASK_FOR_HELP = ("--help", "-help", "-h", "--helpshort", "-helpshort")
ASK_FOR_VERSION = ("--version", "-version")


@dataclasses.dataclass(frozen=True)
class Usage:
    """What `--help` tells of a program besides its flags.

    Attributes:
        purpose: of the program, in a sentence.
        examples: command lines, and what each does.
        most_used: names of the flags that are listed first.
    """

    purpose: str
    examples: Mapping[str, str]
    most_used: Sequence[str]


def answer(arguments: Sequence[str], usage: Usage) -> str | None:
    """What a command line that asks for help or for the version gets; None: it asks for neither.

    Args:
        arguments: of the program, its name first.
        usage: of the program.
    """
    given = list(arguments[1:])
    if "--" in given:
        given = given[: given.index("--")]
    if any(argument in ASK_FOR_VERSION for argument in given):
        return version()
    if any(argument in ASK_FOR_HELP for argument in given):
        return help_text(usage, given)
    return None


def version() -> str:
    """The release of the package, and those of what computes."""
    others = (f"{name} {_release(package)}" for name, package in LIBRARIES.items())
    return f"nao_tf {nao_tf.__version__} ({', '.join(others)}, Python {platform.python_version()})"


def _release(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def help_text(usage: Usage, arguments: Iterable[str] = ()) -> str:
    """The flags of the running program in groups.

    Args:
        usage: of the program.
        arguments: of the command line; with --task=TASK among them, flags of other tasks are left out.
    """
    name = pathlib.Path(sys.argv[0]).name
    task = next((text.partition("=")[2] for text in arguments if text.lstrip("-").startswith("task=")), None)
    shown = [flag for flag in flags.own_flags() if task is None or flags.serves(flag.name, task)]
    groups: dict[str, list[absl_flags.Flag]] = {MOST_USED: []}
    for group in flags.GROUPS:
        groups[group] = [flag for flag in shown if flags.group_of(flag.name) == group]
    of_one = task is not None
    by_name = {flag.name: flag for flag in shown}
    groups[MOST_USED] = [by_name[flag] for flag in usage.most_used if flag in by_name]
    parts = [_wrapped(f"{name}: {usage.purpose}"), "Examples:"]
    for command, does in usage.examples.items():
        parts[-1] += f"\n  # {does}\n  bin/{name} {command}"
    for group, members in groups.items():
        rows = [_row(flag, of_one) for flag in members if group == MOST_USED or flag.name not in usage.most_used]
        if rows:
            parts.append("\n".join([f"{group}:", *rows]))
    if task is None and "set" in by_name:
        parts.append(_wrapped("In brackets: the tasks that have a flag. --task=TASK --help shows those of one task."))
    parts.append(_wrapped("--flagfile=FILE reads flags from a file, one a line."))
    return "\n\n".join(parts)


def _row(flag, of_one_task):
    """A flag and what it does."""
    word = WORDS.get(flag.name, flag.name.rpartition("_")[2].upper())
    name = f"--[no]{flag.name}" if flag.boolean else f"--{flag.name}={word}"
    text = flag.help.partition(";\n")[0]  # absl tells behind it that a flag may be repeated
    if of_one_task:
        text = re.sub(r" \[[^\]]*\]$", "", text)
    if isinstance(flag, absl_flags.EnumFlag):
        text = f"{text.partition('>: ')[2]} One of {', '.join(flag.parser.enum_values)}."  # absl has them in front
    if flag.default not in (None, False, "", []):
        text += f" Default: {'yes' if flag.default is True else flag.default}."
    lines = textwrap.wrap(text, WIDTH - COLUMN, break_long_words=False, break_on_hyphens=False)
    first = f"  {name:{COLUMN - 2}s}"
    rows = [first] if len(name) > COLUMN - 3 or not lines else [first + lines.pop(0)]
    return "\n".join([*rows, *(" " * COLUMN + line for line in lines)])


def _wrapped(text):
    return "\n".join(textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False))
