"""bin/nao_search: search, retrain the best, test the winner, export it, report it."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib

from nao_tf.cli import flags, program
from nao_tf.cli.terminal import Terminal
from nao_tf.errors import InputError


def run() -> None:
    """The program."""
    program.run(main)


def main() -> None:
    """Runs with the flags as they were parsed."""
    unknown = [name for name in flags.BASELINE_LIST.value if name not in flags.BASELINES]
    if unknown:
        raise InputError(f"--baselines: {unknown[0]!r} is not one of {', '.join(flags.BASELINES)}")
    from nao_tf.architecture import RecurrentSpace
    from nao_tf.data.text import load_corpus

    preset, space = flags.preset(), RecurrentSpace()
    if preset.initial > preset.budget:
        raise InputError(f"--initial={preset.initial} is more than the budget of {preset.budget} evaluations")
    given = None
    if flags.ARCHITECTURE.value is not None:
        given = space.convert(RecurrentSpace(flags.ACTIVATION_NUMBERING.value).parse(flags.ARCHITECTURE.value))
    limits = {}
    if flags.TASK.value == "text":
        limits = {"vocabulary_size": flags.VOCABULARY_SIZE.value, "minimum_count": flags.MINIMUM_COUNT.value}
    corpus = load_corpus(flags.TASK.value, flags.DATA_DIR.value, flags.DOWNLOAD.value, **limits)
    terminal = Terminal()
    if corpus.name != flags.TASK.value:
        terminal.say(f"NOTICE: no {flags.TASK.value} data was given; running on the embedded sample {corpus.name}")
    if flags.DRY_RUN.value:
        program.load_tensorflow()
        print(json.dumps(dry_run(preset, corpus, given)))
        return
    work = pathlib.Path(flags.WORK_DIR.value or f"runs/{flags.TASK.value}")
    claim(work, flags.meaning() + f"# corpus {corpus.name} {corpus.fingerprint()}\n")
    program.load_tensorflow()
    from nao_tf.cli.language_search import LanguageSearch

    LanguageSearch(
        flags.TASK.value,
        preset,
        space,
        corpus,
        work,
        flags.STRATEGY.value,
        flags.SEED.value,
        terminal,
        strategy_of_devices(),
    ).run(flags.BASELINE_LIST.value)


def dry_run(preset, corpus, given) -> dict:
    """The resolved settings, corpus, architecture and trainable parameters of the final model."""
    from nao_tf.training.language import build_model

    words = len(corpus.vocabulary)
    return {
        "task": flags.TASK.value,
        "dataset": corpus.name,
        "source": corpus.source,
        "tokens": {"train": len(corpus.train), "valid": len(corpus.valid), "test": len(corpus.test)},
        "vocabulary": words,
        "strategy": flags.STRATEGY.value,
        "architecture": None if given is None else list(given.values),
        "parameters": build_model(preset.final, words, "stand_alone").count_params(),
        "settings": dataclasses.asdict(preset),
    }


def claim(work: pathlib.Path, meaning: str) -> None:
    """Makes a work directory this run's own, or finds that it is.

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
        temporary = work / "flags.writing"
        temporary.write_text(meaning)
        os.replace(temporary, file)
        return
    if before != meaning:
        changed = sorted(set(before.splitlines()) ^ set(meaning.splitlines()))
        raise InputError(
            f"{work} belongs to a run with other flags or data ({'; '.join(changed)}); give another --work_dir"
        )


def strategy_of_devices():
    """The `tf.distribute` strategy that --distribution asks for; None for one device."""
    import tensorflow as tf

    gpus = tf.config.list_logical_devices("GPU")
    wanted = flags.DISTRIBUTION.value
    if wanted == "mirrored" or (wanted == "auto" and len(gpus) > 1):
        return tf.distribute.MirroredStrategy()
    return None
