"""Data sets of images: from the user's files, from prepared TFDS data, or the embedded sample.

TensorFlow is imported only when TFDS data or image files are read.

Letters: N images, H height, W width, C channels, K classes.
"""

import dataclasses
import hashlib
import pathlib
import typing

import numpy as np

from nao_tf.data import cifar, digits
from nao_tf.errors import InputError

TASKS = (*cifar.FORMATS, "images")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
VALIDATION_SHARE = 0.1  # of the training images where no validation images are given; the authors' 5,000 of 50,000
TEST_SHARE = 0.2  # of all images where a folder has no test images; CIFAR's 10,000 of 60,000 are about as many
_FEWEST_CLASSES = 2
_FEWEST_IMAGES = 3  # of a class: one each for training, validation and test
_SPLIT_SEED = 0  # the split is part of the data set, not of a run


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """Images and their classes; a slice or an index array gives a part of them, `+` joins two.

    Attributes:
        images: uint8 `[N, H, W, C]`, 0 to 255.
        labels: int32 `[N]`.
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, which: slice | np.ndarray) -> typing.Self:
        return type(self)(self.images[which], self.labels[which])

    def __add__(self, other: typing.Self) -> typing.Self:
        return type(self)(np.concatenate([self.images, other.images]), np.concatenate([self.labels, other.labels]))


@dataclasses.dataclass(frozen=True, eq=False)
class ImageData:
    """A data set in three parts.

    Attributes:
        name: in every output: `cifar10`, `cifar100`, `images` or `digits`.
        source: one line about its origin.
        class_names: K names.
        train: the training images.
        valid: the images that architectures are compared on.
        test: the images of the final test.
        mirrored: whether an image mirrored left to right is still one of its class.
    """

    name: str
    source: str
    class_names: tuple[str, ...]
    train: Part
    valid: Part
    test: Part
    mirrored: bool = True

    @property
    def shape(self) -> tuple[int, int, int]:
        """H, W and C of every image."""
        height, width, channels = self.train.images.shape[1:]
        return height, width, channels

    def statistics(self) -> tuple[list[float], list[float]]:
        """Mean and standard deviation of each channel of the training images, on the scale 0 to 1."""
        counts = [
            np.bincount(self.train.images[..., channel].ravel(), minlength=256) for channel in range(self.shape[-1])
        ]
        levels = np.arange(256) / 255
        mean = [float(count @ levels / count.sum()) for count in counts]
        square = [float(count @ levels**2 / count.sum()) for count in counts]
        return mean, [max(1e-3, (s - m * m) ** 0.5) for m, s in zip(mean, square, strict=True)]

    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) over class names, images and labels of all parts.

        Equal content has an equal fingerprint, whatever folder or format it is read from: name and source do not count.
        """
        digest = hashlib.sha256("\n".join(self.class_names).encode("utf-8"))
        for part in (self.train, self.valid, self.test):
            digest.update(repr(part.images.shape).encode())
            digest.update(np.ascontiguousarray(part.images).data)
            digest.update(np.ascontiguousarray(part.labels, dtype="<i4").data)
        return digest.hexdigest()


def load_images(
    task: str,
    data_dir: str | pathlib.Path | None = None,
    *,
    download: bool = False,
    tfds_dir: str | pathlib.Path | None = None,
    image_size: int = 32,
) -> ImageData:
    """Loads the images of a task.

    With `data_dir`, that folder is used and nothing else. Without it: prepared TFDS data if there are any; else, with
    `download`, the network; else the embedded sample, scikit-learn's digits. `ImageData.name` and `source` say which.

    `cifar10` and `cifar100` keep the last tenth of the training images for validation (authors' code: 5,000 of 50,000).

    Args:
        task: `cifar10`, `cifar100` or `images`.
        data_dir: the folder of the published files (`cifar` module), or for `images` of folders of classes,
            `class/file.png`, or of folders `train`, `test` and optionally `valid` of such.
        download: whether the network may be used.
        tfds_dir: the folder of prepared TFDS data; `$TFDS_DATA_DIR` or `~/tensorflow_datasets` when not given.
        image_size: H and W that image files are resized to.

    Raises:
        InputError: no such task, folder or file; a file that is not an image or has a wrong size; fewer than two
            classes; a class without enough images; a failed download.
    """
    if task not in TASKS:
        raise InputError(f"task is {task!r}; a data set of images is one of {', '.join(TASKS)}")
    if data_dir is not None:
        folder = pathlib.Path(data_dir).expanduser()
        if not folder.is_dir():
            reason = "not a folder" if folder.exists() else "no such folder"
            raise InputError(f"{folder}: {reason}; give the folder that holds the images of {task} with --data_dir")
        data = _from_classes(folder, image_size) if task == "images" else _from_published(task, folder)
    elif task == "images":
        raise InputError("task images needs --data_dir, a folder with a folder of images for each class")
    else:
        data = _from_tfds(task, download=download, tfds_dir=tfds_dir) or _from_digits()
    return _checked(data)


def _checked(data: ImageData) -> ImageData:
    """The data, if there are images for training, validation and test, of at least two classes."""
    for name, part in (("training", data.train), ("validation", data.valid), ("test", data.test)):
        if not len(part):
            raise InputError(f"{data.source}: no {name} images; a data set this small cannot be searched")
    present = np.unique(data.train.labels)
    if len(present) < _FEWEST_CLASSES:
        raise InputError(
            f"{data.source}: only one class ({data.class_names[present[0]]}); a classifier needs at least "
            f"{_FEWEST_CLASSES}"
        )
    return data


def _last_tenth(train: Part) -> tuple[Part, Part]:
    """Training and validation images: the last tenth, at least one, is kept for validation."""
    kept = max(1, round(VALIDATION_SHARE * len(train)))
    return train[:-kept], train[-kept:]


def _from_published(task: str, folder: pathlib.Path) -> ImageData:
    return _with_last_tenth(task, str(folder), cifar.read_folder(task, folder))


def _with_last_tenth(name: str, source: str, published: tuple) -> ImageData:
    """A data set of published training and test images, arrays each, and names of classes."""
    (train_images, train_labels), (test_images, test_labels), class_names = published
    train, valid = _last_tenth(Part(train_images, train_labels))
    test = Part(test_images, test_labels)
    return ImageData(name=name, source=source, class_names=class_names, train=train, valid=valid, test=test)


def _from_tfds(task: str, *, download: bool, tfds_dir: str | pathlib.Path | None) -> ImageData | None:
    from nao_tf.data import prepared

    directory = prepared.find(task, tfds_dir)
    if directory is None and download:
        directory = prepared.download(task, tfds_dir)
    if directory is None:
        return None
    return _with_last_tenth(task, f"TFDS {task}/{directory.name} at {directory}", prepared.read_images(directory))


def _from_digits() -> ImageData:
    images, labels = digits.read()
    parts = _split(Part(images, labels), ("train", "valid", "test"))
    names = tuple(map(str, range(10)))
    return ImageData(
        name=digits.NAME,
        source=digits.ORIGIN,
        class_names=names,
        train=parts["train"],
        valid=parts["valid"],
        test=parts["test"],
        mirrored=False,
    )


def _split(part: Part, into: tuple[str, ...]) -> dict[str, Part]:
    """Splits images into `train`, `valid` and optionally `test`, with equal shares of every class, in random order."""
    generator = np.random.default_rng(_SPLIT_SEED)
    indices: dict[str, list[np.ndarray]] = {name: [] for name in into}
    for label in np.unique(part.labels):
        members = generator.permutation(np.flatnonzero(part.labels == label))
        if "test" in into:
            test = max(1, round(TEST_SHARE * len(members)))
            indices["test"].append(members[:test])
            members = members[test:]
        valid = max(1, round(VALIDATION_SHARE * len(members)))
        indices["valid"].append(members[:valid])
        indices["train"].append(members[valid:])
    return {name: part[generator.permutation(np.concatenate(members))] for name, members in indices.items()}


# ---- folders of classes


def _from_classes(folder: pathlib.Path, image_size: int) -> ImageData:
    if (folder / "train").is_dir():
        if not (folder / "test").is_dir():
            raise InputError(f"{folder}: a folder train but none of the name test; give both, or classes alone")
        names = _class_names(folder / "train")
        parts = {
            name: _read_classes(folder / name, names, image_size=image_size)
            for name in ("train", "valid", "test")
            if (folder / name).is_dir()
        }
        if "valid" not in parts:
            parts |= _split(parts["train"], ("train", "valid"))
    else:
        names = _class_names(folder)
        parts = _split(_read_classes(folder, names, image_size=image_size), ("train", "valid", "test"))
    train, valid, test = (parts[name] for name in ("train", "valid", "test"))
    return ImageData(name="images", source=str(folder), class_names=names, train=train, valid=valid, test=test)


def _class_names(folder: pathlib.Path) -> tuple[str, ...]:
    names = tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")))
    if len(names) < _FEWEST_CLASSES:
        present = f"only one class ({names[0]})" if names else "no folders of classes"
        raise InputError(f"{folder}: {present}; give a folder of images for each of at least {_FEWEST_CLASSES} classes")
    return names


def _read_classes(folder: pathlib.Path, names: tuple[str, ...], *, image_size: int) -> Part:
    unknown = sorted({path.name for path in folder.iterdir() if path.is_dir()} - set(names))
    unknown = [name for name in unknown if not name.startswith(".")]
    if unknown:
        raise InputError(f"{folder / unknown[0]}: a class without training images; classes are {', '.join(names)}")
    images: list[np.ndarray] = []
    labels: list[int] = []
    for label, name in enumerate(names):
        paths = _files(folder / name)
        fewest = _FEWEST_IMAGES if folder.name not in ("valid", "test") else 1
        if len(paths) < fewest:
            present = "no images" if not paths else f"only {len(paths)} image(s)"
            raise InputError(
                f"{folder / name}: {present}; a class needs at least {fewest} files that end in {', '.join(SUFFIXES)}"
            )
        images += [_read_file(path, image_size) for path in paths]
        labels += [label] * len(paths)
    return Part(np.stack(images), np.asarray(labels, np.int32))


def _files(folder: pathlib.Path) -> list[pathlib.Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def _read_file(path: pathlib.Path, size: int) -> np.ndarray:
    """An image as uint8 `[size, size, 3]`."""
    import tensorflow as tf

    content = path.read_bytes()
    try:
        image = tf.io.decode_image(content, channels=3, expand_animations=False)
    except tf.errors.InvalidArgumentError as error:
        raise InputError(f"{path}: not an image; give files of PNG, JPEG, BMP or GIF") from error
    if image.shape[:2] != (size, size):
        image = tf.image.resize(image, [size, size], "area")
    return tf.cast(tf.round(image), tf.uint8).numpy() if image.dtype != tf.uint8 else image.numpy()
