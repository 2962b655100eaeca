"""bin/nao_eval on images: the accuracy of an exported image classifier on the test images of a task."""

from __future__ import annotations

import json
import pathlib
import sys

import numpy as np

from nao_tf.cli import flags, program
from nao_tf.data import digits
from nao_tf.data.images import ImageData, load_images
from nao_tf.errors import InputError

SHOWN = 5  # names of classes in a line


def main(directory: pathlib.Path) -> None:
    """Evaluates the model in a folder, or the newest of its versions, with the flags as they were parsed."""
    flags.refuse(flags.TEXT, flags.GENERATE, flags.SENTENCES)
    program.load_tensorflow()
    from nao_tf.serving.exported_classifier import ExportedClassifier

    model, task = ExportedClassifier(directory), flags.TASK.value
    data = load_images(task, flags.DATA_DIR.value, flags.DOWNLOAD.value, image_size=model.image_shape[0])
    if data.name == digits.NAME:
        print(f"NOTICE: no {task} data was given; evaluating on the embedded sample {digits.NAME}", file=sys.stderr)
    print(json.dumps({"model": str(model.directory), "dataset": data.name, **evaluate(model, data)}))


def evaluate(model, data: ImageData) -> dict:
    """Accuracy and loss on the test images, every image once.

    Args:
        model: `serving.exported_classifier.ExportedClassifier`.
        data: of the same classes.

    Raises:
        InputError: the model takes other images, or tells other classes.
    """
    if model.image_shape != data.shape:
        taken, given = (" x ".join(map(str, shape)) for shape in (model.image_shape, data.shape))
        raise InputError(f"{model.directory}: takes images of {taken}; those of {data.source} are {given}")
    if model.class_names != data.class_names:
        raise InputError(
            f"{model.directory}: knows the classes {shown(model.class_names)}; {data.source} has "
            f"{shown(data.class_names)}; give images of the classes that it was trained on"
        )
    found, labels = model.classify(data.test.images), data.test.labels
    chosen = found.probabilities[np.arange(len(labels)), labels].astype(np.float64)  # [N]
    return {
        "source": data.source,
        "images": len(labels),
        "accuracy": float(np.mean(found.classes == labels)),
        # a probability that float32 rounds to 0 counts as the least that it can tell
        "loss": float(-np.log(np.maximum(chosen, np.finfo(np.float32).tiny)).mean()),
    }


def shown(names: tuple[str, ...]) -> str:
    """Names of classes for people: how many, and the first ones."""
    return f"{', '.join(names[:SHOWN])}{', …' if len(names) > SHOWN else ''} ({len(names)})"
