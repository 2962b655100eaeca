"""The folder of a run: whose it is, files written whole or not at all, and the seconds of its stages."""

from __future__ import annotations

import importlib.metadata
import json
import os
import pathlib
import time

from nao_tf.errors import InputError


def claim(work: pathlib.Path, meaning: str) -> None:
    """Makes a work directory this run's own, or finds that it is.

    Args:
        work: the folder.
        meaning: what must be the same for a run to go on in it.

    Raises:
        InputError: it belongs to a run with other flags or other data; nothing is written.
    """
    file = work / "flags.txt"
    try:
        before = file.read_text()
    except FileNotFoundError:
        if work.exists() and (not work.is_dir() or any(work.iterdir())):
            raise InputError(f"{work} is no work directory of this program; give an empty or a new one") from None
        work.mkdir(parents=True, exist_ok=True)
        write(file, meaning)
        return
    if before != meaning:
        changed = sorted(set(before.splitlines()) ^ set(meaning.splitlines()))
        raise InputError(
            f"{work} belongs to a run with other flags or data ({'; '.join(changed)}); give another --work_dir"
        )


def write(path: pathlib.Path, text: str) -> None:
    """Writes a file whole or not at all."""
    temporary = path.with_suffix(".writing")
    temporary.write_text(text)
    os.replace(temporary, path)


def spent(work: pathlib.Path, stage: str, start: float) -> None:
    """Writes the seconds of a stage, in this process since `time.monotonic()` was `start`, to timings.jsonl."""
    row = {"stage": stage, "seconds": round(time.monotonic() - start, 1)}
    with open(work / "timings.jsonl", "a") as file:
        file.write(json.dumps(row) + "\n")


def seconds(work: pathlib.Path) -> dict[str, float]:
    """Seconds of every stage, over all processes that worked on it."""
    total: dict[str, float] = {}
    for line in (work / "timings.jsonl").read_text().splitlines():
        row = json.loads(line)
        total[row["stage"]] = round(total.get(row["stage"], 0) + row["seconds"], 1)
    return total


def versions() -> dict[str, str]:
    """Releases that the figures of a run depend on."""
    return {name: importlib.metadata.version(name) for name in ("tensorflow", "keras", "numpy")}
