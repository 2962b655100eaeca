"""bin/nao_eval: the perplexity of an exported language model on a text, or text that it generates."""

from __future__ import annotations

import json
import math
import pathlib
import sys
from collections.abc import Iterator

import numpy as np

from nao_tf.cli import flags, program
from nao_tf.cli.work_directory import write
from nao_tf.data import python_docs
from nao_tf.data.lines import read_lines
from nao_tf.data.text import load_lines
from nao_tf.errors import InputError

PART = "test"  # of the corpus of --task


def run() -> None:
    """The program."""
    flags.keep("nao_eval")
    program.run(main)


def main() -> None:
    """Runs with the flags as they were parsed."""
    directory = model_directory()
    lines, source = (None, None) if flags.GENERATE.value is not None else given_text()
    program.load_tensorflow()
    from nao_tf.serving.exported import ExportedLanguageModel

    model = ExportedLanguageModel(directory)
    if lines is None:
        print(json.dumps(generate(model)))
        return
    report, sentences = evaluate(model, lines)
    if flags.SENTENCES.value is not None:
        path = pathlib.Path(flags.SENTENCES.value)
        write(path, "".join(json.dumps(row) + "\n" for row in sentences))
    print(json.dumps({"model": str(model.directory), "source": source, **report}))


def model_directory() -> pathlib.Path:
    """The folder of --saved_model, or of the model that a run left in --work_dir. Raises InputError."""
    saved_model, work = flags.SAVED_MODEL.value, flags.WORK_DIR.value
    if (saved_model is None) == (work is None):
        raise InputError("give either --saved_model=DIR or --work_dir=DIR, the work directory of a run that exported")
    if saved_model is not None:
        return pathlib.Path(saved_model)
    directory = pathlib.Path(work) / "export" / "child"
    if not directory.is_dir():
        raise InputError(f"{work}: no exported language model; a run writes export/child when its training is done")
    return directory


def given_text() -> tuple[list[str], str]:
    """The lines to evaluate on, and where they came from. Raises InputError."""
    if flags.TEXT.value is not None:
        return read_lines(pathlib.Path(flags.TEXT.value)), flags.TEXT.value
    if flags.TASK.value not in flags.LANGUAGE_TASKS:
        raise InputError(f"--task={flags.TASK.value} has no text; give one of {', '.join(flags.LANGUAGE_TASKS)}")
    task = flags.TASK.value
    lines, source = load_lines(task, PART, flags.DATA_DIR.value, flags.DOWNLOAD.value)
    if source.startswith(python_docs.NAME):
        print(f"NOTICE: no {task} data was given; evaluating on the embedded sample {source}", file=sys.stderr)
    return lines, source


def evaluate(model, lines: list[str]) -> tuple[dict, Iterator[dict]]:
    """Perplexity of a text, exact: one sequence, every token but the first once, the state carried over.

    Args:
        model: `serving.exported.ExportedLanguageModel`.
        lines: of the text, without their ends.

    Returns:
        The figures of the text, and those of every line. A line is scored within the text, so the sums of its tokens'
        log probabilities add up to the text's.
    """
    tokens = model.tokenize(lines)
    count = len(tokens.ids)
    if count < 2:
        raise InputError(f"a text of {count} token(s) has nothing to predict; give at least one word")
    found = model.log_probabilities(tokens.ids).astype(np.float64)  # [T - 1]
    words, unknown = count - len(lines), int(tokens.unknown.sum())
    report = {
        "lines": len(lines),
        "tokens": count,
        **scores(found),
        "out_of_vocabulary": unknown,
        "out_of_vocabulary_rate": unknown / words if words else 0.0,
    }
    starts = np.concatenate([[0], tokens.ends[:-1]])

    def sentences():
        for index, (start, end) in enumerate(zip(starts, tokens.ends, strict=True)):
            scored = found[max(0, start - 1) : end - 1]  # the token t is scored at t - 1
            outside = {"out_of_vocabulary": int(tokens.unknown[index])}
            yield {"line": index + 1, "tokens": len(scored), **scores(scored), **outside}

    return report, sentences()


def scores(log_probabilities: np.ndarray) -> dict:
    """Mean negative log likelihood (nats a token) and perplexity of tokens; None of none, or past all numbers."""
    if not len(log_probabilities):
        return {"negative_log_likelihood": None, "perplexity": None}
    mean = -float(log_probabilities.mean())
    return {"negative_log_likelihood": mean, "perplexity": math.exp(mean) if mean < 700 else None}  # JSON has no inf


def generate(model) -> dict:
    """The words of --generate and what the model adds."""
    prompt, generator = flags.GENERATE.value, np.random.default_rng(flags.SEED.value)
    unknown = int(model.tokenize([prompt]).unknown.sum())
    if unknown:
        print(
            f"NOTICE: {unknown} word(s) of the prompt are not in the vocabulary and are read as <unk>", file=sys.stderr
        )
    added = model.generate(prompt, flags.WORDS.value, flags.TEMPERATURE.value, generator)
    text = " ".join(added).replace(" <eos> ", "\n").replace("<eos>", "\n")
    return {"model": str(model.directory), "prompt": prompt, "generated": text}
