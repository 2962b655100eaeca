"""bin/nao_train: trains one given architecture to the end, tests it, exports it."""

from __future__ import annotations

import json
import pathlib
import sys
from typing import Any

from nao_tf.architecture import Architecture
from nao_tf.cli import flags
from nao_tf.cli.help import Usage
from nao_tf.cli.main import load_tensorflow, tell_end_to
from nao_tf.cli.main import run as run_program
from nao_tf.cli.report import write_after
from nao_tf.errors import InputError
from nao_tf.report.dry_run import dry_run_table, row_of_size, rows_of_cost, rows_of_data, rows_of_training
from nao_tf.report.shown import observer_of
from nao_tf.settings import plain
from nao_tf.study.study import Study
from nao_tf.tasks.task import Task

USAGE = Usage(
    "trains one given architecture to the end, tests it and exports it.",
    {
        "--task=ptb --data_dir=FOLDER --architecture=NAO-WS --baselines=lstm": "a published cell, and an LSTM like it",
        "--task=images --data_dir=FOLDER --architecture=NAONet --work_dir=runs/pets": "a classifier of your pictures",
    },
    ("task", "data_dir", "architecture", "work_dir", "steps", "baselines", "final_seeds", "dry_run"),
)


def run() -> None:
    """The program."""
    flags.define_task(training=True)
    flags.define("work_dir", "Everything a run writes; default runs/train_<task>. The same command goes on.")
    flags.define("architecture", "The architecture: integers, readable form, or a published name.")
    flags.define("baselines", "The hand-made network to compare with: lstm for text, resnet for images.")
    flags.define("seed", "Same seed, same device, same versions: same weights.", default=1)
    flags.define("distribution", "Training on several GPUs.", choices=flags.DISTRIBUTIONS, default="auto")
    flags.define_output()
    run_program(main, USAGE)


def main() -> None:
    """Runs with the flags as they were parsed."""
    kind, name = flags.task_class(), flags.value("task")
    settings, seed, baselines = flags.settings(training=True), flags.seed(), flags.baselines(())
    flags.check_output()
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
    work = flags.value("work_dir") or f"runs/train_{name}"
    if flags.value("dry_run"):
        load_tensorflow()
        told = dry_run(task, architecture)
        rows = [
            *rows_of_data(task, told),
            *rows_of_training(task, architecture, baselines=baselines, work=work),
            row_of_size(told),
            *_cost(task, architecture, baselines=baselines, work=pathlib.Path(work)),
        ]
        lines = (*task.data_lines()[:-1], task.length_line(training=True), dry_run_table(rows))
        print(*filter(None, lines), sep="\n", file=sys.stderr)
        print(json.dumps(told))
        return
    task.require_data()
    study = Study(task, pathlib.Path(work), seed=seed)
    study.claim_training(architecture, baselines)
    flags.write_flagfile(study.work.path / "flags.txt")
    load_tensorflow()
    study.devices = flags.devices()
    study.observer = observer_of(
        study,
        with_tensorboard=True,
        quiet=flags.value("quiet"),
        verbose=flags.value("verbose"),
        tell_end_to=tell_end_to,
    )
    study.train(architecture, baselines)
    if flags.value("report"):
        write_after(study.work.path, study.observer.notice)


def _cost(task, architecture, *, baselines, work):
    """Rows about the minutes and the bytes of a training."""
    from nao_tf.study import estimate  # loads what trains

    plan = estimate.Plan(evaluations=0, searches=0, finalists=1, hand_made=task.rival in baselines, workers=1)
    time = estimate.duration(task, plan, work=work, seed=flags.seed(), timed=flags.value("estimate"))
    return rows_of_cost(time, estimate.disk(task, plan, parameters=task.sizes_of(architecture).get("parameters")))


def dry_run(task: Task, architecture: Architecture) -> dict[str, Any]:
    """The data, the size of the architecture's final model, and the resolved settings."""
    return {
        "task": task.name,
        **task.description(architecture),
        "architecture": list(architecture.values),
        "text": architecture.text,
        "settings": plain(task.final_settings()),
    }
