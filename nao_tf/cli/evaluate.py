"""bin/nao_eval: measures an exported model on a text or on images, or generates text with it."""

from __future__ import annotations

import json
import pathlib
import sys

from nao_tf import files
from nao_tf.cli import flags
from nao_tf.cli.main import load_tensorflow
from nao_tf.cli.main import run as run_program
from nao_tf.data import digits, python_docs
from nao_tf.data.evaluation_images import load_evaluation_images
from nao_tf.data.image_folder import left_out_text
from nao_tf.data.lines import read_lines
from nao_tf.data.text import load_lines
from nao_tf.errors import InputError
from nao_tf.tasks.images import ImageTask
from nao_tf.tasks.language import LanguageTask

PART = "test"  # of the corpus of --task
OF_TEXTS = ("text", "generate", "sentences", "words", "temperature")  # flags


def run() -> None:
    """The program."""
    flags.define_task(shorts=False)
    flags.define("saved_model", "Folder of an exported model, or of its versions.")
    flags.define("work_dir", "The work directory of a run, instead of --saved_model.")
    flags.define("data_dir", "Folder of the published files; given, it is used strictly.")
    flags.define("download", "Fetch the data where it is neither given nor prepared.", default=False)
    flags.define("text", "File to evaluate on; default: the test text of --task.")
    flags.define("sentences", "File for the scores of every line, as JSON lines.")
    flags.define("generate", "Words to go on from; nothing is evaluated.")
    flags.define("words", "How many words --generate adds.", default=30)
    flags.define("temperature", "0 takes the likeliest word (--generate).", default=1.0)
    flags.define("seed", "Of the words that --generate draws.", default=1)
    run_program(main)


def main() -> None:
    """Runs with the flags as they were parsed."""
    directory, kind = model_directory(), flags.task_class()
    if issubclass(kind, ImageTask):
        flags.refuse(OF_TEXTS, because=f"--task={flags.value('task')}")
        evaluate_images(directory)
    elif kind is not LanguageTask:
        raise InputError(f"--task={flags.value('task')} is a table and leaves no model to evaluate")
    elif flags.value("generate") is not None:
        generate(directory)
    else:
        evaluate_text(directory)


def model_directory() -> pathlib.Path:
    """The folder of --saved_model, or of the model that a run left in --work_dir. Raises InputError."""
    saved_model, work = flags.value("saved_model"), flags.value("work_dir")
    if (saved_model is None) == (work is None):
        raise InputError("give either --saved_model=DIR or --work_dir=DIR, the work directory of a run that exported")
    if saved_model is not None:
        return pathlib.Path(saved_model)
    directory = pathlib.Path(work) / "export" / "child"
    if not directory.is_dir():
        raise InputError(f"{work}: no exported model; a run writes export/child when its training is done")
    return directory


def evaluate_text(directory: pathlib.Path) -> None:
    """Prints the figures of a text, and writes those of its lines to --sentences."""
    task, path, sentences = flags.value("task"), flags.value("text"), flags.value("sentences")
    if sentences is not None:
        files.check_output(sentences, name="--sentences")
    if path is not None:
        lines, source = read_lines(pathlib.Path(path)), path
    else:
        lines, source = load_lines(task, PART, data_dir=flags.value("data_dir"), download=flags.value("download"))
        if source.startswith(python_docs.NAME):
            notice(f"no {task} data was given; evaluating on the embedded sample {source}")
    load_tensorflow()
    from nao_tf.serving.exported_language import ExportedLanguageModel
    from nao_tf.serving.exported_language import evaluate_text as evaluate

    model = ExportedLanguageModel(directory)
    report, rows = evaluate(model, lines)
    if sentences is not None:
        files.write_output(sentences, "".join(json.dumps(row) + "\n" for row in rows))
    print(json.dumps({"model": str(model.directory), "source": source, **report}))


def generate(directory: pathlib.Path) -> None:
    """Prints the words of --generate and the text that the model adds."""
    words, temperature, seed = flags.value("words"), flags.value("temperature"), flags.seed()
    if words < 1 or temperature < 0:
        raise InputError(f"--words={words} --temperature={temperature}: at least one word, and a temperature from 0 on")
    load_tensorflow()
    from nao_tf.serving.exported_language import ExportedLanguageModel, generate_text

    model, prompt = ExportedLanguageModel(directory), flags.value("generate")
    result = generate_text(model, prompt, words=words, temperature=temperature, seed=seed)
    if result.unknown:
        notice(f"{result.unknown} word(s) of the prompt are not in the vocabulary and are read as <unk>")
    print(json.dumps({"model": str(model.directory), "prompt": prompt, "generated": result.text}))


def evaluate_images(directory: pathlib.Path) -> None:
    """Prints the accuracy of a classifier on the images of --data_dir or the test images of --task."""
    load_tensorflow()
    from nao_tf.serving import training_data
    from nao_tf.serving.exported_classifier import ExportedClassifier
    from nao_tf.serving.exported_classifier import evaluate_images as evaluate

    task, model = flags.value("task"), ExportedClassifier(directory)
    images = load_evaluation_images(
        task,
        flags.value("data_dir"),
        class_names=model.class_names,
        image_size=model.image_shape[0],
        trained_on=training_data.read(model.directory),
        download=flags.value("download"),
    )
    data = images.data
    if data.name == digits.NAME:
        notice(f"no {task} data was given; evaluating on the embedded sample {digits.NAME}")
    report = {"model": str(model.directory), "dataset": data.name, "part": images.part, **evaluate(model, data)}
    for note in data.notes:
        notice(note)
    if data.left_out:
        notice(f"left out: {left_out_text(data.left_out)}")
    print(json.dumps({**report, "left_out": dict(data.left_out), "notes": list(data.notes)}))


def notice(text: str) -> None:
    """A line for people."""
    print(f"NOTICE: {text}", file=sys.stderr)
