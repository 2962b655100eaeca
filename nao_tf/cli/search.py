"""bin/nao_search: search, retrain the best, test the winner, export it, report it."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Callable, Mapping

from nao_tf.architecture import ConvolutionalSpace, RecurrentSpace
from nao_tf.cli import flags, image_task, language_task, program, table_search
from nao_tf.cli.terminal import Terminal
from nao_tf.cli.work_directory import claim
from nao_tf.errors import InputError


def run() -> None:
    """The program."""
    flags.keep("nao_search")
    program.run(main)


def main() -> None:
    """Runs with the flags as they were parsed."""
    if flags.TASK.value not in flags.IMAGE_TASKS:
        flags.refuse(flags.MAX_PARAMETERS, flags.MAX_FLOPS)
    TASKS[flags.TASK.value]()


def language() -> None:
    """A search for a language model."""
    preset, space, baselines = flags.preset(), RecurrentSpace(), flags.baselines()
    if preset.initial > preset.budget:
        raise InputError(f"--initial={preset.initial} is more than the budget of {preset.budget} evaluations")
    given, terminal = language_task.given_architecture(space), Terminal()
    corpus = language_task.corpus(terminal, preset.trainings)
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
        flags.strategy_of_devices(),
        flags.EXPORT_WEIGHTS.value,
    ).run(baselines)


def images() -> None:
    """A search for an image classifier."""
    baselines, terminal = flags.baselines(), Terminal()

    def settings_for(count):
        preset = flags.image_preset(count)
        if preset.initial > preset.budget:
            raise InputError(f"--initial={preset.initial} is more than the budget of {preset.budget} evaluations")
        given = image_task.given_architecture(ConvolutionalSpace(preset.space))
        return (preset, given), preset.trainings

    data, (preset, given) = image_task.images(settings_for)
    space = image_task.bounded(ConvolutionalSpace(preset.space), data, preset)
    image_task.tell_sample(terminal, data)
    if flags.DRY_RUN.value:
        program.load_tensorflow()
        from nao_tf.cli import image_search

        print(json.dumps(image_search.dry_run(flags.TASK.value, flags.STRATEGY.value, preset, data, given)))
        return
    work = pathlib.Path(flags.WORK_DIR.value or f"runs/{flags.TASK.value}")
    claim(work, flags.meaning() + f"# images {data.name} {data.fingerprint()}\n")
    program.load_tensorflow()
    from nao_tf.cli.image_search import ImageSearch

    ImageSearch(
        flags.TASK.value,
        preset,
        space,
        data,
        work,
        flags.STRATEGY.value,
        flags.SEED.value,
        terminal,
        flags.strategy_of_devices(),
    ).run(baselines)


def dry_run(preset, corpus, given) -> dict:
    """The resolved settings, corpus, architecture and trainable parameters of the final model."""
    return {
        "task": flags.TASK.value,
        **language_task.described(corpus, preset.final),
        "strategy": flags.STRATEGY.value,
        "architecture": None if given is None else list(given.values),
        "settings": dataclasses.asdict(preset),
    }


TASKS: Mapping[str, Callable[[], None]] = {
    **dict.fromkeys(flags.LANGUAGE_TASKS, language),
    **dict.fromkeys(flags.IMAGE_TASKS, images),
    **dict.fromkeys(flags.TABLE_TASKS, table_search.main),
}
