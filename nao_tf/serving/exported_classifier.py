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

SIGNATURES = ("classify", "names")
IMAGES = 500  # that are classified at once


class Classified(NamedTuple):
    """What a model says of images.

    Attributes:
        probabilities: of every class, `[N, K]` float32.
        classes: the number of the most probable, `[N]` int32.
    """

    probabilities: np.ndarray
    classes: np.ndarray


class ExportedClassifier:
    """What `export_classifier` wrote.

    Args:
        directory: of the SavedModel, or of its versions: folders whose names are numbers, of which the highest is read.

    Attributes:
        directory: of the SavedModel that was read.
        image_shape: H, W and C.
        class_names: K names.

    Raises:
        InputError: there is no SavedModel, it cannot be read, or it is no image classifier of this package.
    """

    def __init__(self, directory: os.PathLike):
        self.directory, self._model = load(directory, SIGNATURES, "image classifier")
        self._run = self._model.signatures["classify"]
        self.image_shape = tuple(self._run.structured_input_signature[1]["images"].shape[1:])
        classes = self._run.structured_outputs["probabilities"].shape[-1]
        names = self._model.signatures["names"](classes=tf.range(classes))["labels"].numpy()
        self.class_names = tuple(name.decode("utf-8") for name in names)

    def classify(self, images: np.ndarray) -> Classified:
        """What the model says of images, uint8 `[N, H, W, C]`."""
        parts = list(self._parts(images))
        return Classified(
            np.concatenate([part["probabilities"].numpy() for part in parts]),
            np.concatenate([part["classes"].numpy() for part in parts]),
        )

    def _parts(self, images) -> Iterator[dict]:
        for start in range(0, len(images), IMAGES):
            yield self._run(images=tf.constant(images[start : start + IMAGES]))
