"""bin/nao_eval: the perplexity of an exported language model on a text, or text that it generates.

Of an exported image classifier the accuracy on test images, see `evaluate_images`.
"""

from __future__ import annotations

import json
import pathlib
import sys

from nao_tf.cli import evaluate_images, flags, program
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
    if flags.TASK.value in flags.IMAGE_TASKS:
        evaluate_images.main(directory)
        return
    lines, source = (None, None) if flags.GENERATE.value is not None else given_text()
    program.load_tensorflow()
    from nao_tf.serving.exported_language import ExportedLanguageModel, evaluate_text

    model = ExportedLanguageModel(directory)
    if lines is None:
        print(json.dumps(generate(model)))
        return
    report, sentences = evaluate_text(model, lines)
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
        raise InputError(f"{work}: no exported model; a run writes export/child when its training is done")
    return directory


def given_text() -> tuple[list[str], str]:
    """The lines to evaluate on, and where they came from. Raises InputError."""
    if flags.TEXT.value is not None:
        return read_lines(pathlib.Path(flags.TEXT.value)), flags.TEXT.value
    if flags.TASK.value not in flags.LANGUAGE_TASKS:
        raise InputError(f"--task={flags.TASK.value} has no text; give one of {', '.join(flags.LANGUAGE_TASKS)}")
    task = flags.TASK.value
    lines, source = load_lines(task, PART, data_dir=flags.DATA_DIR.value, download=flags.DOWNLOAD.value)
    if source.startswith(python_docs.NAME):
        print(f"NOTICE: no {task} data was given; evaluating on the embedded sample {source}", file=sys.stderr)
    return lines, source


def generate(model) -> dict:
    """The words of --generate and what the model adds."""
    from nao_tf.serving.exported_language import generate_text

    prompt = flags.GENERATE.value
    result = generate_text(
        model, prompt, words=flags.WORDS.value, temperature=flags.TEMPERATURE.value, seed=flags.SEED.value
    )
    if result.unknown:
        print(
            f"NOTICE: {result.unknown} word(s) of the prompt are not in the vocabulary and are read as <unk>",
            file=sys.stderr,
        )
    return {"model": str(model.directory), "prompt": prompt, "generated": result.text}
