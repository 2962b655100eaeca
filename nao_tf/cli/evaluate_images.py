"""bin/nao_eval on images: the accuracy of an exported image classifier on the test images of a task."""

from __future__ import annotations

import json
import pathlib
import sys

from nao_tf.cli import flags, program
from nao_tf.data import digits
from nao_tf.data.images import load_images


def main(directory: pathlib.Path) -> None:
    """Evaluates the model in a folder, or the newest of its versions, with the flags as they were parsed."""
    flags.refuse(flags.TEXT, flags.GENERATE, flags.SENTENCES)
    program.load_tensorflow()
    from nao_tf.serving.exported_classifier import ExportedClassifier, evaluate_images

    model, task = ExportedClassifier(directory), flags.TASK.value
    data = load_images(task, flags.DATA_DIR.value, download=flags.DOWNLOAD.value, image_size=model.image_shape[0])
    if data.name == digits.NAME:
        print(f"NOTICE: no {task} data was given; evaluating on the embedded sample {digits.NAME}", file=sys.stderr)
    print(json.dumps({"model": str(model.directory), "dataset": data.name, **evaluate_images(model, data)}))
