"""The directory of a run: what it belongs to, where its files are, and the seconds of its stages.

A work directory belongs to what decides the computation: each pool of evaluated architectures to its task, data, space,
seed, strategy and their settings, each checkpoint of a final model to the settings of its training. Everything else may
change between two runs in it: the budget, the baselines, the number of finalists, the form of an export, the place of
the data.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import pathlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

from nao_tf import files
from nao_tf.errors import InputError
from nao_tf.settings import differences, digest

IDENTITY = "settings.json"


class WorkDirectory:
    """The files of a run.

    Args:
        path: of the directory; it is made when something is first written.

    Raises:
        InputError: the directory holds other things, or a file of it cannot be read.
    """

    def __init__(self, path: pathlib.Path | str):
        self.path = pathlib.Path(path)
        self._identities: dict[str, Any] = {}
        file = self.path / IDENTITY
        if file.exists():
            try:
                self._identities = json.loads(file.read_text())
                if not isinstance(self._identities, dict):
                    raise ValueError("not an object")
            except ValueError as error:
                raise InputError(f"{file} cannot be read ({error}); give another --work_dir") from error
        elif self.path.exists() and (not self.path.is_dir() or any(_of_others(self.path))):
            raise InputError(f"{self.path} is no work directory of this program; give an empty or a new one")

    def claim(self, identities: Mapping[str, Mapping[str, Any]]) -> None:
        """Makes files of the directory this run's own, or finds that they are.

        Args:
            identities: for each file or stage what decides its content, as JSON values.

        Raises:
            InputError: a file belongs to another computation; nothing is written.
        """
        for name, identity in identities.items():
            before = self._identities.get(name)
            changed = [] if before is None else differences(before, json.loads(json.dumps(identity)))
            if changed:
                raise InputError(
                    f"{self.path} belongs to a run with other flags or data ({name}: {'; '.join(changed)}); "
                    "give another --work_dir"
                )
        new = {name: identity for name, identity in identities.items() if name not in self._identities}
        if new:
            self._identities |= json.loads(json.dumps(new))
            self.path.mkdir(parents=True, exist_ok=True)
            files.write_text(self.path / IDENTITY, json.dumps(self._identities, indent=1) + "\n")

    def pool(self, strategy: str, *, main: bool) -> pathlib.Path:
        """The file of a strategy's evaluations."""
        return self.path / ("pool.jsonl" if main else f"pool_{strategy}.jsonl")

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
        self.path.mkdir(parents=True, exist_ok=True)
        row = {"stage": stage, "seconds": round(time.monotonic() - start, 1)}
        with open(self.path / "timings.jsonl", "a+b") as file:
            if file.tell() and not _ends_a_line(file):
                file.write(b"\n")  # after a line that a kill cut short
            file.write(json.dumps(row).encode() + b"\n")

    def seconds(self) -> dict[str, float]:
        """Seconds of each stage, over all processes that worked on it."""
        total: dict[str, float] = {}
        file = self.path / "timings.jsonl"
        for line in file.read_text().splitlines() if file.exists() else ():
            try:
                row = json.loads(line)
                total[row["stage"]] = round(total.get(row["stage"], 0) + row["seconds"], 1)
            except (ValueError, KeyError, TypeError):
                continue  # a line that a kill cut short
        return total


def _ends_a_line(file):
    file.seek(-1, 2)
    return file.read() == b"\n"


def _of_others(path):
    """What a directory holds, except what a kill during the first claim can leave."""
    return (entry for entry in path.iterdir() if not entry.name.endswith(".writing"))


def versions() -> dict[str, str]:
    """Releases that the figures of a run depend on."""
    return {name: importlib.metadata.version(name) for name in ("tensorflow", "keras", "numpy")}
