"""Data sets of images: from the user's files, from prepared TFDS data, or the embedded sample.

TensorFlow is imported only when TFDS data or image files are read.

Letters: N images, H height, W width, C channels, K classes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nao_tf.data import cifar, digits
from nao_tf.errors import InputError

TASKS = (*cifar.FORMATS, "images")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
VALIDATION_SHARE = 0.1  # of the training images where no others are there; the authors' 5,000 of 50,000
TEST_SHARE = 0.2  # of all images where a folder has no test images; the 10,000 of CIFAR's 60,000 are as many
_FEWEST_CLASSES = 2
_FEWEST_IMAGES = 3  # of a class: one each to learn from, to compare on and to test with
_SPLIT_SEED = 0  # the split is part of the data set, not of a run


@dataclass(frozen=True, eq=False)
class Part:
    """Images and their classes.

    Attributes:
        images: uint8 `[N, H, W, C]`, 0 to 255.
        labels: int32 `[N]`.
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, which) -> Part:
        return Part(self.images[which], self.labels[which])

    def __add__(self, other: Part) -> Part:
        return Part(np.concatenate([self.images, other.images]), np.concatenate([self.labels, other.labels]))


@dataclass(frozen=True, eq=False)
class ImageData:
    """A data set in three parts.

    Attributes:
        name: what every output calls it: `cifar10`, `cifar100`, `images` or `digits`.
        source: one line that says where it came from.
        class_names: K names.
        train: what a network learns from.
        valid: what architectures are compared on.
        test: what the winner is reported on.
        mirrored: whether an image turned left to right is still one of its class.
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
        return tuple(self.train.images.shape[1:])

    def statistics(self) -> tuple[list[float], list[float]]:
        """Mean and standard deviation of each channel of the training images, on the scale 0 to 1."""
        counts = [np.bincount(self.train.images[..., at].ravel(), minlength=256) for at in range(self.shape[-1])]
        levels = np.arange(256) / 255
        mean = [float(count @ levels / count.sum()) for count in counts]
        square = [float(count @ levels**2 / count.sum()) for count in counts]
        return mean, [max(1e-3, (s - m * m) ** 0.5) for m, s in zip(mean, square, strict=True)]

    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) over classes and images; equal content has an equal fingerprint."""
        digest = hashlib.sha256("\n".join(self.class_names).encode("utf-8"))
        for part in (self.train, self.valid, self.test):
            digest.update(repr(part.images.shape).encode())
            digest.update(np.ascontiguousarray(part.images).data)
            digest.update(np.ascontiguousarray(part.labels, dtype="<i4").data)
        return digest.hexdigest()


def load_images(
    task: str,
    data_dir: str | Path | None = None,
    download: bool = False,
    tfds_dir: str | Path | None = None,
    image_size: int = 32,
) -> ImageData:
    """Loads the images of a task.

    With `data_dir`, that folder is used and nothing else. Without it: prepared TFDS data if there are any; else, with
    `download`, the network; else the embedded sample, scikit-learn's digits. `ImageData.name` and `source` say which.

    `cifar10` and `cifar100` keep the last tenth of the training images for validation (authors' code: 5,000 of 50,000).

    Args:
        task: `cifar10`, `cifar100` or `images`.
        data_dir: the published files (`cifar` module), or for `images` folders of classes, `class/file.png`, or
            folders `train`, `test` and, if wanted, `valid` of such.
        download: whether the network may be used.
        tfds_dir: where prepared TFDS data lie; `$TFDS_DATA_DIR` or `~/tensorflow_datasets` when not given.
        image_size: H and W that image files are brought to.

    Raises:
        InputError: no such task, folder or file; a file that is no image or has a wrong size; fewer than two classes;
            a class without enough images; a failed download.
    """
    if task not in TASKS:
        raise InputError(f"task is {task!r}; a data set of images is one of {', '.join(TASKS)}")
    if data_dir is not None:
        folder = Path(data_dir).expanduser()
        if not folder.is_dir():
            reason = "not a folder" if folder.exists() else "no such folder"
            raise InputError(f"{folder}: {reason}; give the folder that holds the images of {task} with --data_dir")
        data = _from_classes(folder, image_size) if task == "images" else _from_published(task, folder)
    elif task == "images":
        raise InputError("task images needs --data_dir, a folder with a folder of images for each class")
    else:
        data = _from_tfds(task, download, tfds_dir) or _from_digits()
    return _checked(data)


def _checked(data: ImageData) -> ImageData:
    """The data, if there is something to learn, to compare and to test."""
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


def _from_published(task, folder) -> ImageData:
    train, test, names = cifar.read_folder(task, folder)
    return ImageData(task, str(folder), names, *_last_tenth(Part(*train)), Part(*test))


def _from_tfds(task, download, tfds_dir) -> ImageData | None:
    from nao_tf.data import prepared

    directory = prepared.find(task, tfds_dir)
    if directory is None and download:
        directory = prepared.download(task, tfds_dir)
    if directory is None:
        return None
    train, test, names = prepared.read_images(directory)
    source = f"TFDS {task}/{directory.name} at {directory}"
    return ImageData(task, source, names, *_last_tenth(Part(*train)), Part(*test))


def _from_digits() -> ImageData:
    images, labels = digits.read()
    parts = _split(Part(images, labels), ("train", "valid", "test"))
    names = tuple(map(str, range(10)))
    return ImageData(digits.NAME, digits.ORIGIN, names, parts["train"], parts["valid"], parts["test"], mirrored=False)


def _split(part: Part, into: tuple[str, ...]) -> dict[str, Part]:
    """Cuts images into train and valid and, if asked for, test, the same share of every class, in random order."""
    generator, chosen = np.random.default_rng(_SPLIT_SEED), {name: [] for name in into}
    for label in np.unique(part.labels):
        members = generator.permutation(np.flatnonzero(part.labels == label))
        if "test" in into:
            test = max(1, round(TEST_SHARE * len(members)))
            chosen["test"].append(members[:test])
            members = members[test:]
        valid = max(1, round(VALIDATION_SHARE * len(members)))
        chosen["valid"].append(members[:valid])
        chosen["train"].append(members[valid:])
    return {name: part[generator.permutation(np.concatenate(members))] for name, members in chosen.items()}


# ---- folders of classes


def _from_classes(folder: Path, image_size: int) -> ImageData:
    if (folder / "train").is_dir():
        if not (folder / "test").is_dir():
            raise InputError(f"{folder}: a folder train but none of the name test; give both, or classes alone")
        names = _class_names(folder / "train")
        parts = {
            name: _read_classes(folder / name, names, image_size)
            for name in ("train", "valid", "test")
            if (folder / name).is_dir()
        }
        if "valid" not in parts:
            parts |= _split(parts["train"], ("train", "valid"))
    else:
        names = _class_names(folder)
        parts = _split(_read_classes(folder, names, image_size), ("train", "valid", "test"))
    return ImageData("images", str(folder), names, parts["train"], parts["valid"], parts["test"])


def _class_names(folder: Path) -> tuple[str, ...]:
    names = tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")))
    if len(names) < _FEWEST_CLASSES:
        found = f"only one class ({names[0]})" if names else "no folders of classes"
        raise InputError(f"{folder}: {found}; give a folder of images for each of at least {_FEWEST_CLASSES} classes")
    return names


def _read_classes(folder: Path, names, image_size) -> Part:
    unknown = sorted({path.name for path in folder.iterdir() if path.is_dir()} - set(names))
    unknown = [name for name in unknown if not name.startswith(".")]
    if unknown:
        raise InputError(f"{folder / unknown[0]}: a class without training images; classes are {', '.join(names)}")
    images, labels = [], []
    for label, name in enumerate(names):
        paths = _files(folder / name)
        fewest = _FEWEST_IMAGES if folder.name not in ("valid", "test") else 1
        if len(paths) < fewest:
            found = "no images" if not paths else f"only {len(paths)} image(s)"
            raise InputError(
                f"{folder / name}: {found}; a class needs at least {fewest} files that end in {', '.join(SUFFIXES)}"
            )
        images += [_read_file(path, image_size) for path in paths]
        labels += [label] * len(paths)
    return Part(np.stack(images), np.asarray(labels, np.int32))


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def _read_file(path: Path, size: int) -> np.ndarray:
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
