"""bin/nao_train on images: trains one given pair of cells to the end, tests it, exports it."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import time

from nao_tf.architecture import Architecture, ConvolutionalSpace
from nao_tf.cli import flags, image_task, language_task, program
from nao_tf.cli.rivals import measured
from nao_tf.cli.terminal import Terminal
from nao_tf.cli.work_directory import claim, seconds, spent, versions, write
from nao_tf.data.images import ImageData
from nao_tf.errors import InputError
from nao_tf.training.image_settings import ImageTraining

BASELINES = ("resnet",)
LABEL = "final"  # of the model's checkpoint and of its run of TensorBoard


def main() -> None:
    """Runs with the flags as they were parsed."""
    task, terminal, space = flags.TASK.value, Terminal(), ConvolutionalSpace(flags.SPACE.value or "nao")
    given = image_task.given_architecture(space)
    if given is None:
        raise InputError("--architecture is missing; give integers, a readable form or a name such as NAONet")
    baselines = flags.baselines(BASELINES, [])

    def settings_for(count):
        settings = flags.image_training(count, given.space.name)
        return settings, (settings,)

    data, settings = image_task.images(settings_for)
    image_task.tell_sample(terminal, data)
    if flags.DRY_RUN.value:
        program.load_tensorflow()
        print(json.dumps(dry_run(task, data, given, settings)))
        return
    work = pathlib.Path(flags.WORK_DIR.value or f"runs/train_{task}")
    lines = flags.meaning(flags.IMAGE_TRAINING_MEANING, baselines)
    claim(work, f"{lines}# images {data.name} {data.fingerprint()}\n")
    program.load_tensorflow()
    train(task, data, given, settings, baselines, work, flags.SEED.value, terminal)


def dry_run(task: str, data: ImageData, given: Architecture, settings: ImageTraining) -> dict:
    """The resolved settings, the data, the architecture and the size of its model."""
    return {
        "task": task,
        **image_task.described(data),
        **image_task.described_model(data, settings, given),
        "settings": dataclasses.asdict(settings),
    }


def train(
    task: str,
    data: ImageData,
    given: Architecture,
    settings: ImageTraining,
    baselines: list[str],
    work: pathlib.Path,
    seed: int,
    terminal: Terminal,
) -> dict:
    """Trains, exports, tests and compares; returns what result.json holds."""
    import keras
    import tensorflow as tf

    from nao_tf.cli.final_images import FinalImageModels

    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)
    terminal.say(image_task.data_line(data))
    start = time.monotonic()
    models = FinalImageModels(settings, data, work, seed, terminal, language_task.strategy_of_devices())
    trainer = models.trainer(given)
    terminal.say(f"cells {given.text}: {trainer.parameters:,} parameters, {settings.steps:,} steps")
    models.train(trainer, LABEL)
    models.export(trainer)  # before the comparisons, which take as long again and may fail
    spent(work, "train", start)
    start = time.monotonic()
    test = models.measure(trainer)
    spent(work, "test", start)
    rivals = measured(baselines, lambda name: models.resnet(trainer, LABEL))
    result = {
        "task": task,
        "dataset": data.name,
        "source": data.source,
        "seed": seed,
        "architecture": list(given.values),
        "space": given.space.name,
        "text": given.text,
        "test": test,
        "baselines": rivals,
        "settings": dataclasses.asdict(settings),
        "seconds": seconds(work),
        "versions": versions(),
    }
    write(work / "result.json", json.dumps(result, indent=1) + "\n")
    models.tell({"cells": test, **rivals})
    terminal.say(f"{work}: result.json, export/child/1, tensorboard")
    return result
