"""bin/nao_train: trains one given architecture to the end, tests it, exports it."""

from __future__ import annotations

import json
import pathlib
import sys
from typing import Any

from nao_tf import files
from nao_tf.architecture import Architecture
from nao_tf.cli import flags
from nao_tf.cli.main import load_tensorflow
from nao_tf.cli.main import run as run_program
from nao_tf.cli.report import write_after
from nao_tf.errors import InputError
from nao_tf.report import observers
from nao_tf.settings import plain
from nao_tf.study.study import Study
from nao_tf.tasks.task import Task


def run() -> None:
    """The program."""
    flags.define_task(training=True)
    flags.define("work_dir", "Everything a run writes; default runs/train_<task>. The same command goes on.")
    flags.define("architecture", "The architecture: integers, readable form, or a published name.")
    flags.define("baselines", "The hand-made network to compare with: lstm for text, resnet for images.")
    flags.define("seed", "Same seed, same device, same versions: same weights.", default=1)
    flags.define("distribution", "Training on several GPUs.", choices=flags.DISTRIBUTIONS, default="auto")
    flags.define("report", "Write report.html when all is done.", default=True)
    flags.define("dry_run", "Print data, sizes and settings as one JSON line and train nothing.", default=False)
    run_program(main)


def main() -> None:
    """Runs with the flags as they were parsed."""
    kind, name = flags.task_class(), flags.value("task")
    settings, seed, baselines = flags.settings(training=True), flags.seed(), flags.baselines(())
    Study.rivals_of_training(kind, baselines)  # refused before data are read
    if flags.value("architecture") is None:
        raise InputError("--architecture is missing; give integers, a readable form or a published name")
    if name in kind.reads_with_tensorflow:
        load_tensorflow()
    task = kind.load(name, settings, training=True)
    given = flags.architectures(task)
    if len(given) != 1:
        raise InputError("--architecture: one architecture is trained; give one, without ';'")
    architecture = given[0]
    if flags.value("dry_run"):
        print(*filter(None, (*task.data_lines(), task.length_line(training=True))), sep="\n", file=sys.stderr)
        load_tensorflow()
        print(json.dumps(dry_run(task, architecture)))
        return
    task.require_data()
    study = Study(task, pathlib.Path(flags.value("work_dir") or f"runs/train_{name}"), seed=seed)
    study.claim_training(architecture, baselines)
    files.write_text(study.work.path / "flags.txt", flags.flagfile())
    load_tensorflow()
    study.devices = flags.devices()
    study.observer = observers(study, with_tensorboard=True)
    study.train(architecture, baselines)
    if flags.value("report"):
        write_after(study.work.path, study.observer.notice)


def dry_run(task: Task, architecture: Architecture) -> dict[str, Any]:
    """The data, the size of the architecture's final model, and the resolved settings."""
    return {
        "task": task.name,
        **task.description(architecture),
        "architecture": list(architecture.values),
        "text": architecture.text,
        "settings": plain(task.final_settings()),
    }
