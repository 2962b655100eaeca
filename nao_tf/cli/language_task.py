"""What a program for language models is given by its flags: the corpus, the architecture, the devices."""

from __future__ import annotations

from collections.abc import Iterable

from nao_tf.architecture import Architecture, RecurrentSpace
from nao_tf.cli import flags
from nao_tf.cli.terminal import Terminal
from nao_tf.data.streams import streams, window_count
from nao_tf.data.text import Corpus, load_corpus
from nao_tf.training.language_settings import LanguageTraining


def given_architecture(space: RecurrentSpace) -> Architecture | None:
    """The architecture of --architecture; None without one. Raises ArchitectureError."""
    if flags.ARCHITECTURE.value is None:
        return None
    return space.convert(RecurrentSpace(flags.ACTIVATION_NUMBERING.value).parse(flags.ARCHITECTURE.value))


def corpus(terminal: Terminal, trainings: Iterable[LanguageTraining] = ()) -> Corpus:
    """The corpus of --task, long enough for `trainings`; people are told when it is the embedded sample.

    Raises:
        InputError: there is no such corpus, or it is too short.
    """
    task, limits = flags.TASK.value, {}
    if task == "text":
        limits = {"vocabulary_size": flags.VOCABULARY_SIZE.value, "minimum_count": flags.MINIMUM_COUNT.value}
    found = load_corpus(task, flags.DATA_DIR.value, download=flags.DOWNLOAD.value, **limits)
    for training in trainings:
        window_count(streams(found.train, training.batch_size), training.window)
    if found.name != task:
        terminal.say(f"NOTICE: no {task} data was given; running on the embedded sample {found.name}")
    return found


def data_line(corpus: Corpus) -> str:
    """The corpus, for people."""
    return f"corpus {corpus.name} ({corpus.source}): {len(corpus.vocabulary):,} words"


def described(corpus: Corpus, training: LanguageTraining) -> dict:
    """What --dry_run tells of a corpus, and the trainable parameters of a model that `training` trains on it."""
    from nao_tf.training.language import build_model

    words = len(corpus.vocabulary)
    return {
        "dataset": corpus.name,
        "source": corpus.source,
        "tokens": {"train": len(corpus.train), "valid": len(corpus.valid), "test": len(corpus.test)},
        "vocabulary": words,
        "parameters": build_model(training, words, "stand_alone").count_params(),
    }
