"""What a work directory tells of the run that left it: its task and where its data are, for what goes on from there."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

from nao_tf import files
from nao_tf.errors import InputError
from nao_tf.settings import assign, values_of
from nao_tf.study.work_directory import IDENTITY, read_identities
from nao_tf.tasks import TASKS

FLAGS = "flags.txt"
STARTED_IN = "# started in "  # begins a line of it, which flagfiles may have as a comment
MODEL = pathlib.Path("export") / "child"  # in a work directory


@dataclasses.dataclass(frozen=True)
class KnownRun:
    """A run, as far as its model can be measured with it.

    Attributes:
        path: of the work directory.
        task: its name, one of `TASKS`.
        data: where the data are: the settings `data` of the task, with a directory as it is found from here.
        fingerprint: of the data that the run was trained on; None: it is not told.
    """

    path: pathlib.Path
    task: str
    data: Any
    fingerprint: str | None


def run_of(saved_model: pathlib.Path) -> pathlib.Path | None:
    """The work directory that an exported model lies in, if it lies in one."""
    resolved = saved_model.resolve()
    for folder in (resolved, *resolved.parents):
        if resolved.is_relative_to(folder / MODEL) and (folder / IDENTITY).is_file():
            return folder
    return None


def known_run(work: pathlib.Path) -> KnownRun | None:
    """What the files of a work directory tell; None where they are not there, or where the task is a user's own.

    Raises:
        InputError: a file of it is damaged.
    """
    remedy = "put it back as it was, or give --task and --data_dir"
    try:
        identities = read_identities(work, remedy=remedy)
    except FileNotFoundError:
        return None
    identity = next((one for one in identities.values() if one.get("task") in TASKS), None)
    if identity is None:
        return None
    task, fingerprint = identity["task"], identity.get("data")
    return KnownRun(work, task, _data(work, task), fingerprint if isinstance(fingerprint, str) else None)


def _data(work, task):
    """The settings of the data, from the flags of the run; the preset's where it had none."""
    kind, path = TASKS[task], work / FLAGS
    settings = kind.presets(task, "cpu")
    lines = path.read_bytes().decode("utf-8", "surrogateescape").splitlines() if path.is_file() else []
    known = values_of(settings)
    for setting, text in _given(lines, kind):
        if setting.startswith("data.") and setting in known:
            try:
                settings = assign(settings, setting, text=text, name=setting)
            except InputError as error:
                raise files.damaged(path, error, remedy="give --task and --data_dir") from error
    data = settings.data  # type: ignore[attr-defined]
    directory = getattr(data, "directory", None)
    return data if directory is None else dataclasses.replace(data, directory=str(_found(directory, lines)))


def _given(lines: Iterable[str], kind: Any) -> Iterator[tuple[str, str]]:
    """The paths of settings and their values as texts, in the lines of a flagfile."""
    for line in lines:
        name, equals, text = line.strip().lstrip("-").partition("=")
        if name == "set":
            setting, _, text = text.partition("=")
            yield setting.strip(), text.strip()
        elif name in kind.short:
            yield kind.short[name].path, text if equals else "true"
        elif name.removeprefix("no") in kind.short and not equals:
            yield kind.short[name.removeprefix("no")].path, "false"


def _found(directory, lines):
    """A folder that the run was given, which may be relative to where it was started."""
    folder = pathlib.Path(files.expanded(directory, FLAGS))
    started = next((line.removeprefix(STARTED_IN) for line in lines if line.startswith(STARTED_IN)), None)
    there = folder if started is None else pathlib.Path(started) / folder
    return there if there.exists() or not folder.exists() else folder
