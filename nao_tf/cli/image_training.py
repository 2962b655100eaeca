"""bin/nao_train on images: trains one given pair of cells to the end, tests it, exports it."""

from __future__ import annotations

import dataclasses
import json
import pathlib

from nao_tf.architecture import Architecture, ConvolutionalSpace
from nao_tf.cli import flags, image_task, program
from nao_tf.cli.terminal import Terminal
from nao_tf.cli.work_directory import claim
from nao_tf.data.images import ImageData
from nao_tf.errors import InputError
from nao_tf.training.image_settings import ImageTraining

BASELINES = ("resnet",)


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
    from nao_tf.cli import given_training
    from nao_tf.cli.final_images import FinalImageModels

    devices = flags.strategy_of_devices()
    models = FinalImageModels(settings, data, work, flags.SEED.value, terminal, devices)
    origin = {"dataset": data.name, "source": data.source, "space": given.space.name}
    given_training.train(task, "cells", image_task.data_line(data), origin, given, models, baselines)


def dry_run(task: str, data: ImageData, given: Architecture, settings: ImageTraining) -> dict:
    """The resolved settings, the data, the architecture and the size of its model."""
    return {
        "task": task,
        **image_task.described(data),
        **image_task.described_model(data, settings, given),
        "settings": dataclasses.asdict(settings),
    }
