"""An exported image classifier as its users see it: a signature of a SavedModel, and nothing of how it was made.

Letters: N images, H height, W width, C channels, K classes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from nao_tf.serving.exported import load

SIGNATURE = "classify"
IMAGES = 500  # that are classified at once


class Classified(NamedTuple):
    """What a model says of images.

    Attributes:
        probabilities: of every class, `[N, K]` float32.
        classes: the number of the most probable, `[N]` int32.
        labels: its name, N of them.
    """

    probabilities: np.ndarray
    classes: np.ndarray
    labels: tuple[str, ...]


class ExportedClassifier:
    """What `export_classifier` wrote.

    Args:
        directory: of the SavedModel, or of its versions: folders whose names are numbers, of which the highest is read.

    Attributes:
        directory: of the SavedModel that was read.
        image_shape: H, W and C.
        classes: K.

    Raises:
        InputError: there is no SavedModel, it cannot be read, or it is no image classifier of this package.
    """

    def __init__(self, directory: os.PathLike):
        self.directory, self._model = load(directory, [SIGNATURE], "image classifier")
        self._run = self._model.signatures[SIGNATURE]
        self.image_shape = tuple(self._run.structured_input_signature[1]["images"].shape[1:])
        self.classes = self._run.structured_outputs["probabilities"].shape[-1]

    def classify(self, images: np.ndarray) -> Classified:
        """What the model says of images, uint8 `[N, H, W, C]`."""
        parts = list(self._parts(images))
        return Classified(
            np.concatenate([part["probabilities"].numpy() for part in parts]),
            np.concatenate([part["classes"].numpy() for part in parts]),
            tuple(label.decode("utf-8") for part in parts for label in part["labels"].numpy()),
        )

    def _parts(self, images) -> Iterator[dict]:
        for start in range(0, len(images), IMAGES):
            yield self._run(images=tf.constant(images[start : start + IMAGES]))
