"""bin/nao_train: trains one given architecture to the end, tests it, exports it."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import time

from nao_tf.architecture import Architecture, RecurrentSpace
from nao_tf.cli import flags, image_training, language_task, program
from nao_tf.cli.rivals import measured
from nao_tf.cli.terminal import Terminal
from nao_tf.cli.work_directory import claim, seconds, spent, versions, write
from nao_tf.data.text import Corpus
from nao_tf.errors import InputError
from nao_tf.training.settings import LanguageTraining

BASELINES = ("lstm",)
LABEL = "final"  # of the model's checkpoint and of its run of TensorBoard


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
    train(task, corpus, given, settings, baselines, work, flags.SEED.value, terminal)


def dry_run(task: str, corpus: Corpus, given: Architecture, settings: LanguageTraining) -> dict:
    """The resolved settings, corpus, architecture and trainable parameters."""
    return {
        "task": task,
        **language_task.described(corpus, settings),
        "architecture": list(given.values),
        "text": given.text,
        "settings": dataclasses.asdict(settings),
    }


def train(
    task: str,
    corpus: Corpus,
    given: Architecture,
    settings: LanguageTraining,
    baselines: list[str],
    work: pathlib.Path,
    seed: int,
    terminal: Terminal,
) -> dict:
    """Trains, exports, tests and compares; returns what result.json holds."""
    import keras
    import tensorflow as tf

    from nao_tf.cli.final_language import FinalLanguageModels

    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)
    terminal.say(f"corpus {corpus.name} ({corpus.source}): {len(corpus.vocabulary):,} words")
    start = time.monotonic()
    devices = language_task.strategy_of_devices()
    models = FinalLanguageModels(settings, corpus, work, seed, terminal, devices, flags.EXPORT_WEIGHTS.value)
    trainer = models.trainer()
    terminal.say(f"cell {given.text}: {trainer.model.count_params():,} parameters, {settings.steps:,} steps")
    models.train(trainer, given.values, LABEL)
    models.export(trainer, given.values)  # before the comparisons, which take as long again and may fail
    spent(work, "train", start)
    start = time.monotonic()
    test = models.measure(trainer.model, given.values)
    spent(work, "test", start)
    rivals = measured(baselines, lambda name: models.lstm(trainer, given.values, LABEL))
    result = {
        "task": task,
        "dataset": corpus.name,
        "source": corpus.source,
        "seed": seed,
        "architecture": list(given.values),
        "text": given.text,
        "test": test,
        "baselines": rivals,
        "settings": dataclasses.asdict(settings),
        "seconds": seconds(work),
        "versions": versions(),
    }
    write(work / "result.json", json.dumps(result, indent=1) + "\n")
    models.tell({"cell": test, **rivals})
    terminal.say(f"{work}: result.json, export/child/1, tensorboard")
    return result
