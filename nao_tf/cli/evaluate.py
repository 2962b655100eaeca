"""bin/nao_eval: measures an exported model, says what is on pictures, or generates text."""

from __future__ import annotations

import collections
import json
import pathlib
import sys
from collections.abc import Mapping

from nao_tf import files
from nao_tf.cli import flags
from nao_tf.cli.help import Usage
from nao_tf.cli.main import load_tensorflow
from nao_tf.cli.main import run as run_program
from nao_tf.data import digits, python_docs
from nao_tf.data.evaluation_images import ALL, load_evaluation_images
from nao_tf.data.image_folder import left_out_text, pictures_of
from nao_tf.data.lines import STANDARD_INPUT, read_lines, read_standard_input
from nao_tf.data.text import load_corpus, load_lines
from nao_tf.errors import InputError
from nao_tf.study.known_run import MODEL, KnownRun, known_run, run_of
from nao_tf.tasks import TASKS
from nao_tf.tasks.images.task import ImageTask
from nao_tf.tasks.language.settings import OwnText
from nao_tf.tasks.language.task import LanguageTask

PART = "test"  # of the corpus of a task
STANDARD = "-"  # stands for standard input
OF_DATA = ("task", "data_dir", "download")  # flags
OF_GENERATION = ("words", "temperature", "top_k", "seed")
OF_TEXTS = ("text", "generate", "sentences", *OF_GENERATION)
IN_MEMORY = ImageTask.names  # tasks that measure all pictures of a folder only where a model was not trained on it
SHOWN = 6  # digits of a probability after the point


USAGE = Usage(
    "measures an exported model on its test data, says what is on pictures, or generates text.",
    {
        "--work_dir=runs/pets --images=FOLDER": "a label and its probability for each picture",
        '--work_dir=runs/ptb --generate="some words" --top_k=40': "text that goes on from yours",
    },
    ("work_dir", "images", "text", "generate"),
)


def run() -> None:
    """The program."""
    flags.define("work_dir", "The work directory of a run: its model, task and data.")
    flags.define("saved_model", "Folder of an exported model, or of its versions, instead of --work_dir.")
    flags.define("images", "A picture or a folder of pictures: the label of each, and its probability.")
    flags.define("text", "File to evaluate on, or - for standard input; default: the test text of the task.")
    flags.define("generate", "Words to go on from; nothing is evaluated.")
    words = flags.GENERATION
    flags.define("words", "How many --generate adds.", default=30, group=words)
    flags.define("temperature", "0 takes the likeliest word; above 1 draws odder ones.", default=1.0, group=words)
    flags.define("top_k", "How many of the likeliest words are drawn from; 0: all.", default=0, group=words)
    flags.define("seed", "The same seed draws the same words.", default=1, group=words)
    flags.define_task(shorts=False)
    flags.define("data_dir", "Folder of the data; default: that of the run.", group=flags.DATA)
    flags.define("download", "Fetch the data where it is neither given nor prepared.", default=False, group=flags.DATA)
    flags.define("sentences", "File for the scores of every line of a text, as JSON lines.", group=flags.OUTPUT)
    run_program(main, USAGE)


def main() -> None:
    """Runs with the flags as they were parsed."""
    directory, work = model_and_run()
    if flags.value("images") is not None:
        flags.refuse((*OF_TEXTS, *OF_DATA[1:]), because="--images")
        _refuse_kind(LanguageTask, "images")
        label_images(directory)
        return
    if flags.value("generate") is not None:
        flags.refuse(("text", "sentences", *OF_DATA[1:]), because="--generate")
        _refuse_kind(ImageTask, "generate")
        generate(directory)
        return
    if flags.value("text") is not None:
        flags.refuse((*OF_GENERATION, *OF_DATA[1:]), because="--text")
        _refuse_kind(ImageTask, "text")
        evaluate_text(directory, None)
        return
    known = _known(work)
    task = flags.value("task")
    if task is None and known is not None:
        task = known.task
    if task is None:
        _require_folder(directory)
        raise InputError(
            "nothing tells what the model is to be measured on: give --work_dir=DIR of its run, --text=FILE, "
            "--images=FILE, or --task=TASK and --data_dir=FOLDER"
        )
    if known is not None and known.task != task:
        known = None  # its data are those of another task
    because = f"--task={task}" if known is None else f"the model of a run of {task}"
    flags.refuse(OF_GENERATION, because=f"{because} and without --generate")
    if issubclass(TASKS[task], ImageTask):
        flags.refuse(OF_TEXTS, because=because)
        evaluate_images(directory, task, known=known)
    elif issubclass(TASKS[task], LanguageTask):
        evaluate_text(directory, task, known=known)
    else:
        raise InputError(f"{because} is a table and leaves no model to evaluate")


def model_and_run() -> tuple[pathlib.Path, pathlib.Path | None]:
    """The folder of the model of --saved_model or --work_dir, and the work directory that it lies in, if it does.

    Raises:
        InputError: none or both of the flags were given, or the run has left no model yet.
    """
    saved_model, work = flags.value("saved_model"), flags.value("work_dir")
    if (saved_model is None) == (work is None):
        raise InputError("give either --saved_model=DIR or --work_dir=DIR, the work directory of a run that exported")
    if saved_model is not None:
        directory = pathlib.Path(saved_model)
        return directory, run_of(directory)
    directory = pathlib.Path(work) / MODEL
    if not directory.is_dir():
        raise InputError(f"{work}: no exported model; a run writes export/child when its training is done")
    return directory, pathlib.Path(work)


def _known(work) -> KnownRun | None:
    """What the run of the model tells, unless the flags tell everything."""
    if work is None or (flags.is_given("task") and flags.is_given("data_dir")):
        return None
    return known_run(work)


def _refuse_kind(kind, name) -> None:
    """Raises InputError where --task was given and is of a kind that has no use for a flag."""
    task = flags.value("task")
    if task is not None and issubclass(TASKS[task], kind):
        flags.refuse((name,), because=f"--task={task}")


def _require_folder(directory) -> None:
    if not directory.is_dir():
        raise InputError(f"{directory}: no such folder; give the folder of an exported model")


def _place(known) -> tuple[str | None, bool]:
    """The folder of the data and whether they may be fetched: as given, else as the run had them.

    Raises:
        InputError: the folder of the run is not there any more.
    """
    directory, download = flags.value("data_dir"), flags.value("download")
    if directory is not None or known is None:
        return directory, download
    if known.data.directory is not None and not pathlib.Path(known.data.directory).is_dir():
        raise InputError(
            f"{known.path}: its data were in {known.data.directory}, which is not there; give their folder with "
            "--data_dir"
        )
    return known.data.directory, download if flags.is_given("download") else known.data.download


# ---- texts


def evaluate_text(directory: pathlib.Path, task: str | None, *, known: KnownRun | None = None) -> None:
    """Prints the figures of a text, and writes those of its lines to --sentences.

    Args:
        directory: of the model.
        task: whose test text is measured; None: the text of --text.
        known: the run of the model, if that is known and of this task.
    """
    sentences = flags.value("sentences")
    if sentences is not None:
        files.check_output(sentences, name="--sentences")
    lines, source = _given_text() if task is None else _test_text(task, known)
    load_tensorflow()
    from nao_tf.serving.exported_language import ExportedLanguageModel
    from nao_tf.serving.exported_language import evaluate_text as evaluate

    model = ExportedLanguageModel(directory)
    report, rows = evaluate(model, lines)
    if sentences is not None:
        files.write_output(sentences, "".join(json.dumps(row) + "\n" for row in rows))
    print(json.dumps({"model": str(model.directory), "source": source, **report}))


def _given_text() -> tuple[list[str], str]:
    """The lines of --text, and where they are from."""
    path = flags.value("text")
    return (read_standard_input(), STANDARD_INPUT) if path == STANDARD else (read_lines(pathlib.Path(path)), path)


def _test_text(task, known) -> tuple[list[str], str]:
    """The test text of a task, and where it is from; what may surprise is told."""
    data_dir, download = _place(known)
    lines, source = load_lines(task, PART, data_dir=data_dir, download=download)
    if source.startswith(python_docs.NAME):
        notice(f"no {task} data was given; evaluating on the embedded sample {source}")
    if known is not None and known.fingerprint is not None and not flags.is_given("data_dir"):
        words = known.data if isinstance(known.data, OwnText) else OwnText()
        corpus = load_corpus(
            task,
            data_dir,
            download=download,
            vocabulary_size=words.vocabulary_size,
            minimum_count=words.minimum_count,
        )
        if corpus.fingerprint() != known.fingerprint:
            notice(f"the data are no longer those that {known.path} was trained on: figures differ from its result")
    return lines, source


def generate(directory: pathlib.Path) -> None:
    """Prints the words of --generate and the text that the model adds."""
    words, temperature, top_k = (flags.value(name) for name in ("words", "temperature", "top_k"))
    seed = flags.seed()
    if words < 1 or not 0 <= temperature < float("inf"):
        raise InputError(f"--words={words} --temperature={temperature}: at least one word, and a temperature from 0 on")
    if top_k < 0:
        raise InputError(f"--top_k={top_k}: at least 1 word to draw from, or 0 for all")
    load_tensorflow()
    from nao_tf.serving.exported_language import ExportedLanguageModel, generate_text

    model, prompt = ExportedLanguageModel(directory), flags.value("generate")
    result = generate_text(model, prompt, words=words, temperature=temperature, seed=seed, top_k=top_k or None)
    if result.unknown:
        notice(f"{result.unknown} word(s) of the prompt are not in the vocabulary and are read as <unk>")
    print(json.dumps({"model": str(model.directory), "prompt": prompt, "generated": result.text}))


# ---- pictures


def label_images(directory: pathlib.Path) -> None:
    """Prints the most probable class of each picture of --images and its probability, a JSON line each."""
    paths, others = pictures_of(pathlib.Path(flags.value("images")))
    _require_folder(directory)
    load_tensorflow()
    from nao_tf.serving.exported_classifier import ExportedClassifier, label_pictures

    model = ExportedClassifier(directory)
    height, width = model.image_shape[:2]
    sizes: collections.Counter[tuple[int, int]] = collections.Counter()
    for found in label_pictures(model, paths):
        sizes[found.size] += 1
        row = {"image": str(found.path), "label": found.label, "probability": round(found.probability, SHOWN)}
        print(json.dumps(row), flush=True)
    _tell_what_is_left(others)
    brought = sum(count for size, count in sizes.items() if size != (width, height))
    if brought:
        of = "the picture was" if len(paths) == 1 else f"{brought:,} of {len(paths):,} pictures were"
        notice(f"{of} brought to the model's {width} x {height} pixels, as its training pictures were")


def evaluate_images(directory: pathlib.Path, task: str, *, known: KnownRun | None = None) -> None:
    """Prints the accuracy of a classifier on the test images of a task.

    Args:
        directory: of the model.
        task: whose images are measured.
        known: the run of the model, if that is known and of this task.
    """
    data_dir, download = _place(known)
    load_tensorflow()
    from nao_tf.serving import training_data
    from nao_tf.serving.exported_classifier import ExportedClassifier
    from nao_tf.serving.exported_classifier import evaluate_images as evaluate

    model = ExportedClassifier(directory)
    images = load_evaluation_images(
        task,
        data_dir,
        class_names=model.class_names,
        image_size=model.image_shape[0],
        trained_on=training_data.read(model.directory),
        download=download,
    )
    data = images.data
    if data.name == digits.NAME:
        notice(f"no {task} data was given; evaluating on the embedded sample {digits.NAME}")
    report = {"model": str(model.directory), "dataset": data.name, "part": images.part, **evaluate(model, data)}
    for note in data.notes:
        notice(note)
    if known is not None and images.part == ALL and task in IN_MEMORY and not flags.is_given("data_dir"):
        notice(f"the pictures are no longer those that {known.path} was trained on, so all of them are measured")
    _tell_what_is_left(data.left_out)
    print(json.dumps({**report, "left_out": dict(data.left_out), "notes": list(data.notes)}))


def _tell_what_is_left(left_out: Mapping[str, int]) -> None:
    if left_out:
        notice(f"left out: {left_out_text(left_out)}")


def notice(text: str) -> None:
    """A line for people."""
    print(f"NOTICE: {text}", file=sys.stderr)
