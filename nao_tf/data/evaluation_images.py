"""The images that an exported classifier is measured on: those it has not been trained on.

Letters: N images, H height, W width, K classes.
"""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from nao_tf.data import image_folder, imagenet
from nao_tf.data.image_folder import WHOLE, ImageFolder, Pictures
from nao_tf.data.images import ImageData, Part, data_of_classes, existing_folder, from_classes, load_images
from nao_tf.data.names import in_one_line
from nao_tf.errors import InputError

ALL, TEST = "all", "test"  # which images of a data set are measured
_UNKNOWN_TRAINING = "the model does not say what it was trained on; only the test images that a training keeps count"
_FEWEST_TO_SPLIT = 3  # images of a class in a folder that a model may have been trained on


@dataclasses.dataclass(frozen=True)
class EvaluationImages:
    """Images with labels in the order of a model's classes.

    Attributes:
        data: its `test` images are those to measure.
        part: of the data set they are: `ALL` of them or `TEST`.
    """

    data: ImageData
    part: str


def load_evaluation_images(
    task: str,
    data_dir: str | pathlib.Path | None = None,
    *,
    class_names: Sequence[str],
    image_size: int,
    trained_on: str | None = None,
    download: bool = False,
) -> EvaluationImages:
    """Loads what a model is measured on.

    Of a folder of classes without parts: all images; but those of its test, as the training split it off, where it is
    the folder that the model was trained on, or nothing tells that it is not. Of all other data: the test images.

    Args:
        task: `cifar10`, `cifar100`, `images` or `imagenet`.
        data_dir: see `load_images`.
        class_names: of the model, K; the images may be of some of them.
        image_size: H and W of the model's images.
        trained_on: fingerprint of the data that the model was trained on, if it is known.
        download: see `load_images`.

    Raises:
        InputError: see `load_images`; a class that the model does not know.
    """
    if task == imagenet.NAME:
        return _of_imagenet(data_dir, class_names, image_size=image_size, trained_on=trained_on, download=download)
    if task != "images" or data_dir is None:
        data = load_images(task, data_dir, download=download, image_size=image_size)
        return EvaluationImages(_labelled_as(data, class_names), TEST)
    found = image_folder.find_pictures(existing_folder(task, data_dir))
    if TEST in found.parts:
        return EvaluationImages(
            _data(found, _read(found, TEST, class_names, image_size), class_names, image_size), TEST
        )
    if WHOLE not in found.parts:
        return EvaluationImages(_labelled_as(from_classes(found, image_size), class_names), TEST)
    pictures = _read(found, WHOLE, class_names, image_size)
    data = _data(found, pictures, class_names, image_size)
    counts = np.bincount(pictures.labels, minlength=len(class_names))
    if set(found.parts[WHOLE]) == set(class_names) and counts.min() >= _FEWEST_TO_SPLIT:
        split = data_of_classes(found, {WHOLE: pictures}, names=class_names, image_size=image_size)
        if trained_on is None:
            return EvaluationImages(dataclasses.replace(split, notes=(*split.notes, _UNKNOWN_TRAINING)), TEST)
        if split.fingerprint() == trained_on:
            return EvaluationImages(split, TEST)
    return EvaluationImages(data, ALL)


def _of_imagenet(data_dir, class_names, *, image_size, trained_on, download) -> EvaluationImages:
    """See `load_evaluation_images`; no picture is read yet."""
    if data_dir is None:
        data: ImageData = imagenet.load_imagenet(image_size=image_size, download=download)
        imagenet.require_pictures(data)
        return EvaluationImages(data, TEST)
    found, names = image_folder.find_pictures(existing_folder(imagenet.NAME, data_dir)), tuple(class_names)
    data = imagenet.test_of_folder(found, image_size, names=names)
    if WHOLE not in found.parts:
        return EvaluationImages(data, TEST if {"valid", "test"} & set(found.parts) else ALL)
    counts = np.bincount(data.test.labels, minlength=len(names))
    if set(found.parts[WHOLE]) == set(names) and counts.min() >= _FEWEST_TO_SPLIT:
        split = imagenet.from_folder(found, image_size)
        if trained_on is None:
            return EvaluationImages(dataclasses.replace(split, notes=(*split.notes, _UNKNOWN_TRAINING)), TEST)
        if split.fingerprint() == trained_on:
            return EvaluationImages(split, TEST)
    return EvaluationImages(data, ALL)


def _read(found: ImageFolder, part: str, class_names: Sequence[str], size: int) -> Pictures:
    """The pictures of a part, labelled by the names. Raises InputError: an unknown class, or no picture."""
    unknown = image_folder.unknown_classes(found, part, names=class_names)
    if unknown:
        raise InputError(
            f"{in_one_line(str(found.path))}: pictures of {image_folder.listed(unknown)}; the model knows the classes "
            f"{image_folder.listed(class_names)}; move what it does not know away"
        )
    if not any(found.parts[part].values()):
        raise InputError(
            f"{in_one_line(str(found.path))}: no pictures in folders of classes; give a folder for each class, of "
            f"{image_folder.listed(class_names)}"
        )
    return image_folder.read_part(found, part, names=class_names, size=size)


def _data(found: ImageFolder, pictures: Pictures, class_names: Sequence[str], size: int) -> ImageData:
    """A data set that has test images alone."""
    test = Part(pictures.images, pictures.labels)
    counts = np.bincount(pictures.labels, minlength=len(class_names))
    missing = [name for name, count in zip(class_names, counts, strict=True) if not count]
    notes = [*found.notes, *image_folder.note_of_sizes(pictures.sizes, size)]
    notes += image_folder.note_of_oddities(pictures.oddities)
    if missing:
        notes.append(f"no pictures of {image_folder.listed(missing)}, which the model knows")
    return ImageData(
        name="images",
        source=in_one_line(str(found.path)),
        class_names=tuple(class_names),
        train=test[:0],
        valid=test[:0],
        test=test,
        notes=tuple(notes),
        left_out=found.left_out,
    )


def _labelled_as(data: ImageData, class_names: Sequence[str]) -> ImageData:
    """The data with the test labels of the model's classes, if these are the same or have numbers for names."""
    names = tuple(class_names)
    if data.class_names == names or len(data.class_names) != len(names):
        return data
    numbers = tuple(map(str, range(len(names))))
    if numbers in (data.class_names, names):
        note = "the names of the classes are not known on both sides; they are compared by number"
        return dataclasses.replace(data, class_names=names, notes=(*data.notes, note))
    if set(data.class_names) != set(names):
        return data  # refused where it is measured
    order = np.array([names.index(name) for name in data.class_names], np.int32)  # [K]
    return dataclasses.replace(data, class_names=names, test=Part(data.test.images, order[data.test.labels]))
