"""A place where the commands of the pages can be given: the programs, and data for every name in them."""

import csv
import itertools
import os
import pathlib
import re
import subprocess
import sys

import numpy as np

from nao_tf.architecture import NasBench201Space
from tests.data.image_files import classes
from tests.docs.page_commands import ROOT

WORDS = ["some", "words", *(f"word{number}" for number in range(60))]
SECONDS = 900
SMALL = {  # after a search as it is printed, to take a minute instead of an hour
    "images": "--budget=3 --initial=3 --search_steps=20 --search_filters=4 --search_layers=1 --steps=60 --filters=4 "
    "--layers=1 --batch_size=32 --finalists=1 --baselines= --noreport",
    "ptb": "--budget=4 --initial=3 --proposals=1 --search_steps=20 --units=16 --steps=40 --batch_size=4 --finalists=1 "
    "--baselines=random --noreport",
}


def texts(folder: pathlib.Path) -> None:
    """Texts of three parts."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    for part, lines in {"train": 2000, "valid": 400, "test": 400}.items():
        rows = (" ".join(generator.choice(WORDS, 10)) for _ in range(lines))
        (folder / f"{part}.txt").write_text("\n".join(rows) + "\n")


def cifar(folder: pathlib.Path, labels: int, names: dict[str, int]) -> None:
    """Published binary files, `labels` bytes before the pixels of each image."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    for name, count in names.items():
        rows = generator.integers(0, 256, [count, labels + 3072]).astype(np.uint8)
        rows[:, :labels] = np.arange(count)[:, None] % (10 if labels == 1 else 20)
        rows[:, labels - 1] = np.arange(count) % (10 if labels == 1 else 100)
        (folder / name).write_bytes(rows.tobytes())


def tables(folder: pathlib.Path) -> None:
    """Tables with invented figures: of all cells of NAS-Bench-201, of layers, of decisions."""
    space, names = NasBench201Space(), ("c10_val_12ep", "c10_val_200ep", "c10_test_200ep")
    with open(folder / "cells.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["arch", "params_M", *names])
        for number, values in enumerate(space.strings()):
            score = 40 + sum((0.0, 3.0, 4.0, 7.0, 1.5)[value] for value in values)
            writer.writerow([space.text(values), 1, *(round(score + np.sin(number * n), 3) for n in (3, 2, 1))])
    layers = [f"layer{number}" for number in range(1, 9)]
    (folder / "nasbench_macro").mkdir()
    with open(folder / "nasbench_macro" / "cifar10.csv", "w", newline="") as file:
        rows = [[*values, sum(values), 2 * sum(values)] for values in itertools.product(range(2), repeat=8)]
        csv.writer(file).writerows([[*layers, "acc_run1", "acc_mean"], *rows])
    with open(folder / "nets.csv", "w", newline="") as file:
        rows = [(depth, width, depth * width % 7 / 10) for depth in (2, 4, 8) for width in (16, 32, 64)]
        csv.writer(file).writerows([("depth", "width", "accuracy"), *rows])


def make(folder: pathlib.Path) -> pathlib.Path:
    """The place, without runs."""
    for name in ("bin", "benchmarks"):
        (folder / name).symlink_to(ROOT / name)
    texts(folder / "texts")
    classes(folder / "pictures", ("beach", "forest"), 200, size=32)
    (folder / "new.jpg").write_bytes((folder / "pictures" / "beach" / "0.png").read_bytes())  # told by its content
    cifar(folder / "cifar10", 1, {**{f"data_batch_{number}.bin": 200 for number in range(1, 6)}, "test_batch.bin": 200})
    cifar(folder / "cifar100", 2, {"train.bin": 1000, "test.bin": 200})
    tables(folder)
    return folder


def filled(command: str) -> str:
    """A command with the names of what is there for the words in capitals."""
    task = re.search(r"--task=(\w+)", command)
    task = task[1] if task else "images"
    folder = {"ptb": "texts", "text": "texts", "cifar10": "cifar10", "cifar100": "cifar100"}.get(task, "pictures")
    table = "nets.csv" if task == "table" else "cells.csv"
    command = re.sub(r"--table=FILE\S*", f"--table={table}", command)
    return command.replace("FOLDER", folder).replace("FILE", "texts/test.txt")


def given(command: str, place: pathlib.Path, *, path: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
    """What a shell says to a command that is given in the place.

    Args:
        command: with its words filled.
        place: the folder.
        path: folders with programs, before those that are installed.
    """
    installed = pathlib.Path(sys.executable).parent
    environment = {**os.environ, "TFDS_DATA_DIR": str(place / "none"), "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment["PATH"] = os.pathsep.join([*path, str(installed), environment["PATH"]])
    shell = ["bash", "-o", "pipefail", "-c", command]
    return subprocess.run(shell, cwd=place, env=environment, capture_output=True, text=True, timeout=SECONDS)
