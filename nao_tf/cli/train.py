"""bin/nao_train: trains one given architecture to the end, tests it, exports it."""

from __future__ import annotations

import dataclasses
import json
import pathlib

from nao_tf.architecture import Architecture, RecurrentSpace
from nao_tf.cli import flags, image_training, language_task, program
from nao_tf.cli.terminal import Terminal
from nao_tf.cli.work_directory import claim
from nao_tf.data.text import Corpus
from nao_tf.errors import InputError
from nao_tf.training.language_settings import LanguageTraining

BASELINES = ("lstm",)


def run() -> None:
    """The program."""
    flags.keep("nao_train")
    program.run(main)


def main() -> None:
    """Runs with the flags as they were parsed."""
    task, space, terminal = flags.TASK.value, RecurrentSpace(), Terminal()
    if task in flags.IMAGE_TASKS:
        image_training.main()
        return
    if task not in flags.LANGUAGE_TASKS:
        known = ", ".join(flags.LANGUAGE_TASKS + flags.IMAGE_TASKS)
        raise InputError(f"--task={task} cannot be trained; give one of {known}")
    given = language_task.given_architecture(space)
    if given is None:
        names = ", ".join(space.published)
        raise InputError(f"--architecture is missing; give integers, a readable form or one of {names}")
    settings, baselines = flags.final_training(), flags.baselines(BASELINES, [])
    corpus = language_task.corpus(terminal, [settings])
    if flags.DRY_RUN.value:
        program.load_tensorflow()
        print(json.dumps(dry_run(task, corpus, given, settings)))
        return
    work = pathlib.Path(flags.WORK_DIR.value or f"runs/train_{task}")
    lines = flags.meaning(flags.TRAINING_MEANING, baselines)
    claim(work, f"{lines}# corpus {corpus.name} {corpus.fingerprint()}\n")
    program.load_tensorflow()
    from nao_tf.cli import given_training
    from nao_tf.cli.final_language import FinalLanguageModels

    devices, weights = flags.strategy_of_devices(), flags.EXPORT_WEIGHTS.value
    models = FinalLanguageModels(settings, corpus, work, flags.SEED.value, terminal, devices, weights)
    origin = {"dataset": corpus.name, "source": corpus.source}
    given_training.train(task, "cell", language_task.data_line(corpus), origin, given, models, baselines)


def dry_run(task: str, corpus: Corpus, given: Architecture, settings: LanguageTraining) -> dict:
    """The resolved settings, corpus, architecture and trainable parameters."""
    return {
        "task": task,
        **language_task.described(corpus, settings),
        "architecture": list(given.values),
        "text": given.text,
        "settings": dataclasses.asdict(settings),
    }
