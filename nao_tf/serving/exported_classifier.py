"""An exported image classifier as its users see it: the signatures of a SavedModel.

Letters: N images, H height, W width, C channels, K classes.
"""

import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from nao_tf.data.image_streams import evaluation_stream, without_filling
from nao_tf.data.imagenet import StreamedImages
from nao_tf.data.images import ImageData
from nao_tf.data.picture import read_picture
from nao_tf.errors import InputError
from nao_tf.serving import saved_model

SIGNATURES = ("classify", "names")
BATCH = 500  # images that are classified at once
BATCH_OF_FILES = 32  # pictures of any size that are in memory at once
BATCH_OF_STREAM = 100  # large pictures that are read at once
TOP = 5  # classes of ImageNet's second figure
_NAMED = 5  # classes that a message names


class Classification(NamedTuple):
    """The answers of a model to N images.

    Attributes:
        probabilities: of every class, `[N, K]` float32.
        classes: the number of the most probable class, `[N]` int32.
    """

    probabilities: np.ndarray
    classes: np.ndarray


class LabelledPicture(NamedTuple):
    """What a model says of a file.

    Attributes:
        path: of the file.
        label: name of the most probable class.
        probability: of that class, 0 to 1.
        size: width and height of the picture, in pixels.
    """

    path: pathlib.Path
    label: str
    probability: float
    size: tuple[int, int]


class ExportedClassifier:
    """A SavedModel that `export_classifier` wrote.

    Args:
        directory: of the SavedModel, or of its versions: folders whose names are numbers, of which the highest is read.

    Attributes:
        directory: of the SavedModel that was read.
        image_shape: H, W and C.
        class_names: K names.

    Raises:
        InputError: there is no SavedModel, it cannot be read, or it is no image classifier of this package.
    """

    def __init__(self, directory: os.PathLike[str] | str):
        self.directory, self._model = saved_model.load(directory, SIGNATURES, kind=saved_model.IMAGE_CLASSIFIER)
        self._run = self._model.signatures["classify"]
        self.image_shape = tuple(self._run.structured_input_signature[1]["images"].shape[1:])
        classes = self._run.structured_outputs["probabilities"].shape[-1]
        names = self._model.signatures["names"](classes=tf.range(classes))["labels"].numpy()
        self.class_names = tuple(name.decode("utf-8") for name in names)

    def classify(self, images: np.ndarray) -> Classification:
        """Classes and their probabilities of images, uint8 `[N, H, W, C]`, N at least 1."""
        parts = list(self._parts(images))
        return Classification(
            probabilities=np.concatenate([part["probabilities"].numpy() for part in parts]),  # [N, K]
            classes=np.concatenate([part["classes"].numpy() for part in parts]),  # [N]
        )

    def classify_pictures(self, pictures: Sequence[np.ndarray]) -> Classification:
        """Classes and their probabilities of pictures of any sizes, brought to the model's as those of its training.

        Args:
            pictures: uint8 `[h, w, 3]` each, at least one; see `nao_tf.data.picture.read_picture`.

        Raises:
            InputError: the model takes images of other channels than pictures have.
        """
        if "classify_bytes" not in self._model.signatures:
            shape = " x ".join(map(str, self.image_shape))
            raise InputError(f"{self.directory}: takes images of {shape}, which no file of a picture holds")
        # without loss and hardly compressed: the model's own graph decides what of a picture it looks at
        files = [tf.io.encode_png(picture, compression=1) for picture in pictures]
        answers = self._model.signatures["classify_bytes"](image_bytes=tf.stack(files))
        return Classification(answers["probabilities"].numpy(), answers["classes"].numpy())

    def _parts(self, images: np.ndarray) -> Iterator[dict]:
        for start in range(0, len(images), BATCH):
            yield self._run(images=tf.constant(images[start : start + BATCH]))


def evaluate_images(model: ExportedClassifier, data: ImageData) -> dict[str, str | int | float]:
    """Accuracy and loss on the test images of a data set, every image once.

    Args:
        model: the classifier.
        data: of the same classes.

    Returns:
        `source` of the data, the number of `images`, `accuracy` from 0 to 1, `loss`, the mean negative log probability
        of the right class in nats, and of ImageNet's pictures `top_5_accuracy`.

    Raises:
        InputError: the model takes other images, or knows other classes.
    """
    if model.image_shape != data.shape:
        expected, given = (" x ".join(map(str, shape)) for shape in (model.image_shape, data.shape))
        raise InputError(f"{model.directory}: takes images of {expected}; those of {data.source} are {given}")
    if model.class_names != data.class_names:
        raise InputError(
            f"{model.directory}: knows the classes {_listed(model.class_names)}; {data.source} has "
            f"{_listed(data.class_names)}; give images of the classes that it was trained on"
        )
    likelihoods, hits, among = [], [], []
    for images, labels in _parts_of(data):
        answers = model.classify(images)
        likelihoods.append(answers.probabilities[np.arange(len(labels)), labels].astype(np.float64))  # [N]
        hits.append(answers.classes == labels)
        among.append(np.argsort(-answers.probabilities, 1)[:, :TOP] == labels[:, None])
    of_labels = np.concatenate(likelihoods)
    figures: dict[str, str | int | float] = {
        "source": data.source,
        "images": len(of_labels),
        "accuracy": float(np.mean(np.concatenate(hits))),
        # a probability that float32 rounds to 0 counts as the smallest normal number
        "loss": float(-np.log(np.maximum(of_labels, np.finfo(np.float32).tiny)).mean()),
    }
    if isinstance(data, StreamedImages):
        figures["top_5_accuracy"] = float(np.mean(np.concatenate(among).any(1)))
    return figures


def label_pictures(model: ExportedClassifier, paths: Sequence[pathlib.Path]) -> Iterator[LabelledPicture]:
    """The most probable class of each of some files, in their order.

    Raises:
        InputError: a file is no picture, see `nao_tf.data.picture.read_picture`; or the model takes no pictures.
    """
    for start in range(0, len(paths), BATCH_OF_FILES):
        part = paths[start : start + BATCH_OF_FILES]
        pictures = [read_picture(path) for path in part]
        answers = model.classify_pictures(pictures)
        for path, picture, number, row in zip(part, pictures, answers.classes, answers.probabilities, strict=True):
            height, width = picture.shape[:2]
            yield LabelledPicture(path, model.class_names[number], float(row[number]), (width, height))


def _parts_of(data: ImageData) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The test images and their labels, in parts."""
    if isinstance(data, StreamedImages):
        yield from without_filling(evaluation_stream(data.test, BATCH_OF_STREAM, size=data.image_size))
    else:
        for begin in range(0, len(data.test), BATCH):
            part = data.test[begin : begin + BATCH]
            yield part.images[:], part.labels


def _listed(names: Sequence[str]) -> str:
    """The first names of classes and the number of all."""
    return f"{', '.join(names[:_NAMED])}{', …' if len(names) > _NAMED else ''} ({len(names)})"
