"""The directory of a run: what it belongs to, where its files are, and the seconds of its stages.

A work directory belongs to what decides the computation: each pool of evaluated architectures to its task, data, space,
seed, strategy and their settings, each checkpoint of a final model to the settings of its training. Everything else may
change between two runs in it: the budget, the baselines, the number of finalists, the form of an export, the place of
the data.

What a kill can leave there is repaired: a line that was cut short, a file under its temporary name, a directory that
was claimed by a run that computed nothing. What it cannot leave was done by hand or by a disk, and ends the run in one
line that names the file.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import pathlib
import time
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from nao_tf import files
from nao_tf.errors import InputError
from nao_tf.settings import differences, digest
from nao_tf.study import lock

IDENTITY = "settings.json"
MAIN_POOL = "pool.jsonl"  # of the strategy whose best is the winner
TIMINGS = "timings.jsonl"
LATENCIES = "latency.json"
FINAL = "final"  # the identity of final models
FILES = (
    *(IDENTITY, TIMINGS, "flags.txt", "run.log", "minutes.json", LATENCIES, "result.json", "report.html"),
    *(lock.LOCK, lock.OWNER),
)
FOLDERS = ("checkpoints", "export", "jobs", "tensorboard")
MOST_SECONDS = 1e12


class WorkDirectory:
    """The files of a run.

    Args:
        path: of the directory; it is made when something is first written.

    Raises:
        InputError: the directory holds other things, or a file of it is damaged.
    """

    def __init__(self, path: pathlib.Path | str):
        self.path = pathlib.Path(path)
        if "\0" in str(path) or not os.fsencode(self.path).decode("utf-8", "replace") == str(self.path):
            raise InputError(f"work directory {str(path)!r}: its name is not UTF-8; give another --work_dir")
        if any(unicodedata.category(character) == "Cc" for character in str(path)):
            raise InputError(f"work directory {str(path)!r}: a control character in its name; give another --work_dir")
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"{self.path} is no work directory of this program but a file; give another --work_dir")
        if self.path.is_symlink() and not self.path.exists():
            raise InputError(f"{self.path} is a link to nothing; make what it leads to, or give another --work_dir")
        if not (self.path / IDENTITY).exists() and self.path.exists() and any(_of_others(self.path)):
            raise InputError(f"{self.path} is no work directory of this program; give an empty or a new one")
        self._check_kinds()
        self._identities = self._read()

    def _read(self) -> dict[str, Any]:
        """The identities that the directory was claimed with."""
        file, remedy = self.path / IDENTITY, "put it back as it was, or give another --work_dir"
        try:
            identities = read_identities(self.path, remedy=remedy)
        except FileNotFoundError:
            return {}
        except NotADirectoryError as error:
            raise InputError(f"{self.path} would lie in a file; give another --work_dir") from error
        if FINAL in identities and "settings" not in identities[FINAL]:
            raise files.damaged(file, f"{FINAL!r} has no settings", remedy=remedy)
        return identities

    def claim(self, identities: Mapping[str, Mapping[str, Any]]) -> None:
        """Makes files of the directory this run's own, or finds that they are; no other process may work in it then.

        A claim binds from the first evaluation or checkpoint on: a run that ended before, because its flags were wrong
        or it was killed, leaves nothing that keeps a corrected one from the directory.

        Args:
            identities: for each file or stage what decides its content, as JSON values.

        Raises:
            InputError: a file belongs to another computation, which leaves everything as it is; another process works
                in the directory; or a file of it is damaged.
        """
        identities = json.loads(json.dumps(identities))
        self._compare(identities)  # before anything is made
        self.path.mkdir(parents=True, exist_ok=True)
        self._check_kinds()
        lock.hold(self.path)
        self._identities = self._read()  # another run may have claimed it meanwhile
        self._compare(identities)
        self.seconds()  # a damaged file is told now, not after the hours that it is to be added to
        for left in self.path.rglob(f"*{files.WRITING}"):
            if left.is_file() and not left.is_relative_to(self.path / "export"):
                left.unlink()
        if any(self._identities.get(name) != identity for name, identity in identities.items()):
            self._identities |= identities
            files.write_json(self.path / IDENTITY, self._identities)

    def _compare(self, identities):
        """Raises InputError where the directory belongs to another computation."""
        for name, identity in identities.items():
            before = self._identities.get(name)
            changed = [] if before is None else differences(before, identity)
            if changed and self._is_begun(name, before):
                raise InputError(
                    f"{self.path} belongs to a run with other flags or data ({name}: {'; '.join(changed)}); "
                    "give another --work_dir"
                )

    def _is_begun(self, name, identity) -> bool:
        """Whether anything was computed under an identity."""
        if name != FINAL:
            return _holds(self.path / name) or _holds(self.shared_child(str(identity.get("strategy"))))
        parts = ("checkpoints", "export", "result.json")
        return any(_holds(path) for path in (*self.path.glob("pool*.jsonl"), *(self.path / part for part in parts)))

    def _check_kinds(self):
        """Raises InputError where a folder or a pipe stands in the place of a file, or a file in that of a folder."""
        for path in (*(self.path / name for name in FILES), *self.path.glob("pool*.jsonl")):
            if path.is_dir():
                raise InputError(f"{path} is a folder, where a run keeps a file; move it away")
            if path.exists() and not path.is_file():  # a pipe would be waited for
                raise InputError(f"{path} is a pipe or a device, where a run keeps a file; move it away")
        for name in FOLDERS:
            if (self.path / name).exists() and not (self.path / name).is_dir():
                raise InputError(f"{self.path / name} is a file, where a run keeps a folder; move it away")

    def pool(self, strategy: str, *, main: bool) -> pathlib.Path:
        """The file of a strategy's evaluations."""
        return self.path / (MAIN_POOL if main else f"pool_{strategy}.jsonl")

    def checkpoint(self, label: str, *, settings: Any) -> pathlib.Path:
        """The file of a training's state.

        Args:
            label: of the network in training.
            settings: of its training, as JSON values. Those that the directory was first claimed with, as "final",
                give the plain name; any others a name of their own, so that no training goes on from another's weights.
        """
        plain = settings == self._identities.get("final", {}).get("settings", settings)
        return self.path / "checkpoints" / (f"{label}.npz" if plain else f"{label}-{digest(settings)}.npz")

    def shared_child(self, strategy: str) -> pathlib.Path:
        """The directory of the weights of a search's shared child."""
        return self.path / "checkpoints" / f"shared_{strategy}"

    def export(self, name: str) -> pathlib.Path:
        """The directory of an exported model: "child", "controller" or "improve"."""
        return self.path / "export" / name / "1"

    def first_final_settings(self, settings: Any) -> dict[str, Any]:
        """The identity "final": the settings of the final training that the directory was first used with."""
        return self._identities.get("final", {"settings": settings})

    # ---- the seconds of stages

    @contextlib.contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Adds the seconds of a block of code to timings.jsonl, when it comes to its end."""
        start = time.monotonic()
        yield
        row = {"stage": stage, "seconds": round(time.monotonic() - start, 3)}
        files.append_line(self.path / TIMINGS, json.dumps(row).encode())

    def seconds(self) -> dict[str, float]:
        """Seconds of each stage, over all processes that worked on it. Raises InputError where the file is damaged."""
        total: dict[str, float] = {}
        for of, seconds in self._timings():
            if isinstance(of, str):
                total[of] = round(total.get(of, 0) + seconds, 3)
        return total

    def add_evaluation_seconds(self, pool: pathlib.Path, id: int, *, rung: int, seconds: float) -> None:
        """Adds the seconds of an evaluation to timings.jsonl.

        Args:
            pool: the file of the pool that has it.
            id: of the member.
            rung: its number.
            seconds: that it took.
        """
        row = {"pool": pool.name, "id": id, "rung": rung, "seconds": seconds}
        files.append_line(self.path / TIMINGS, json.dumps(row).encode())

    def evaluation_seconds(self, pool: pathlib.Path) -> dict[tuple[int, int], float]:
        """Seconds of the evaluations of a pool, by id and number of the rung. Raises InputError as `seconds` does."""
        return {of[1:]: seconds for of, seconds in self._timings() if isinstance(of, tuple) and of[0] == pool.name}

    def _timings(self) -> Iterator[tuple[Any, float]]:
        """What timings.jsonl tells: stages or evaluations, each as `_timing` has it, and seconds."""
        path = self.path / TIMINGS
        for number, line in enumerate(path.read_bytes().split(b"\n") if path.exists() else (), start=1):
            if not line or (line.startswith(b"{") and not line.endswith(b"}")):
                continue  # a line that a kill cut short
            try:
                yield _timing(files.json_values(line))
            except ValueError as error:
                raise InputError(
                    f"line {number} of {path} is damaged ({error}); delete that line: only its seconds are lost"
                ) from error


def read_identities(work: pathlib.Path, *, remedy: str) -> dict[str, dict[str, Any]]:
    """What a work directory was claimed with: for each file or stage what decides its content.

    Args:
        work: the directory.
        remedy: what to do where the file is damaged, for people.

    Raises:
        FileNotFoundError: the directory was not claimed.
        InputError: the file is damaged.
    """
    identities = files.read_json(work / IDENTITY, remedy=remedy)
    if not isinstance(identities, dict) or not all(isinstance(one, dict) for one in identities.values()):
        raise files.damaged(work / IDENTITY, "it is not an object of objects", remedy=remedy)
    return identities


def _timing(row) -> tuple[str | tuple[str, int, int], float]:
    """What a line of the timings tells: a stage, or the pool, id and rung of an evaluation; and seconds.

    Raises:
        ValueError: it is no such line.
    """
    if not isinstance(row, dict):
        raise ValueError("no stage")
    seconds = row.get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= MOST_SECONDS:
        raise ValueError("no seconds")
    if isinstance(row.get("stage"), str):
        return row["stage"], seconds
    pool, id, rung = (row.get(name) for name in ("pool", "id", "rung"))
    if not isinstance(pool, str) or type(id) is not int or type(rung) is not int:
        raise ValueError("no stage")
    return (pool, id, rung), seconds


def _holds(path) -> bool:
    """Whether a file has content, or a folder files that were written to their end."""
    if not path.is_dir():
        return path.exists() and path.stat().st_size > 0
    return any(file.is_file() and not file.name.endswith(files.WRITING) for file in path.rglob("*"))


def _of_others(path):
    """What a directory holds, except what a run that was killed or failed before its first claim can leave."""
    own = (lock.LOCK, lock.OWNER, LATENCIES)  # measurements may be brought from another run
    return (entry for entry in path.iterdir() if entry.name not in own and not entry.name.endswith(files.WRITING))


def versions() -> dict[str, str]:
    """Releases that the figures of a run depend on."""
    return {name: importlib.metadata.version(name) for name in ("tensorflow", "keras", "numpy")}
