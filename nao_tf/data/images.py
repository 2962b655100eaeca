"""Data sets of images: from the user's files, from prepared TFDS data, or the embedded sample.

TensorFlow is imported only when TFDS data are read, or image files that have to be resized.

Letters: N images, H height, W width, C channels, K classes.
"""

import collections
import dataclasses
import hashlib
import pathlib
import typing
from collections.abc import Mapping, Sequence

import numpy as np

from nao_tf.data import cifar, digits, image_folder
from nao_tf.data.image_folder import FEWEST_CLASSES, WHOLE, ImageFolder, Pictures
from nao_tf.data.names import PARTS, in_one_line
from nao_tf.data.pixels import Pixels, StoredPixels, chunks, joined
from nao_tf.errors import InputError

TASKS = (*cifar.FORMATS, "images")
VALIDATION_SHARE = 0.1  # of the training images where no validation images are given; the authors' 5,000 of 50,000
TEST_SHARE = 0.2  # of all images where a folder has no test images; CIFAR's 10,000 of 60,000 are about as many
WORDS: Mapping[str, str] = dict(zip(PARTS, ("training", "validation", "test"), strict=True))
_NAMED = 5  # classes that a line names
_SPLIT_SEED = 0  # the split is part of the data set, not of a run


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """Images and their classes; a slice or an index array gives a part of them, `+` joins two.

    Attributes:
        images: uint8 `[N, H, W, C]`, 0 to 255; in a file where there are many.
        labels: int32 `[N]`.
    """

    images: Pixels
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, which: slice | np.ndarray) -> typing.Self:
        images = self.images.part(which) if isinstance(self.images, StoredPixels) else self.images[which]
        return type(self)(images, self.labels[which])

    def __add__(self, other: typing.Self) -> typing.Self:
        return type(self)(joined(self.images, other.images), np.concatenate([self.labels, other.labels]))


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
        notes: lines about what may surprise.
        left_out: what else lies in a folder of classes -> how many, see `ImageFolder`.
        centre: share of a picture's shorter side that is looked at, in its middle; None for the whole picture.
    """

    name: str
    source: str
    class_names: tuple[str, ...]
    train: Part
    valid: Part
    test: Part
    mirrored: bool = True
    notes: tuple[str, ...] = ()
    left_out: Mapping[str, int] = dataclasses.field(default_factory=dict)
    centre: float | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """H, W and C of every image."""
        height, width, channels = self.train.images.shape[1:]
        return height, width, channels

    def statistics(self) -> tuple[list[float], list[float]]:
        """Mean and standard deviation of each channel of the training images, on the scale 0 to 1."""
        counts = np.zeros([self.shape[-1], 256], np.int64)
        for images in chunks(self.train.images):
            for channel, count in enumerate(counts):
                count += np.bincount(images[..., channel].ravel(), minlength=256)
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
            for images in chunks(part.images):
                digest.update(np.ascontiguousarray(images).data)
            digest.update(np.ascontiguousarray(part.labels, dtype="<i4").data)
        return digest.hexdigest()


Checked = typing.TypeVar("Checked", bound=ImageData)


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

    `cifar10` and `cifar100` keep the last tenth of the training images for validation (authors' code: 5,000 of 50,000),
    or a tenth of every class where the last tenth lacks classes, as it does of files in order of class.

    Of `images`, parts that the folder does not have are split off the training images, a share of every class.

    Args:
        task: `cifar10`, `cifar100` or `images`.
        data_dir: the folder of the published files (`cifar` module), or for `images` of folders of classes,
            `class/file.png`, or of folders `train`, `valid` and `test` of such (`image_folder` module).
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
        folder = existing_folder(task, data_dir)
        if task == "images":
            return from_classes(image_folder.find_pictures(folder), image_size)
        data = _from_published(task, folder)
    elif task == "images":
        raise InputError("task images needs --data_dir, a folder with a folder of images for each class")
    else:
        data = _from_tfds(task, download=download, tfds_dir=tfds_dir) or _from_digits()
    return checked(data)


def existing_folder(task: str, data_dir: str | pathlib.Path) -> pathlib.Path:
    """The folder of a task's data. Raises InputError: there is none."""
    folder = pathlib.Path(data_dir).expanduser()
    if not folder.is_dir():
        reason = "not a folder" if folder.exists() else "no such folder"
        what = "a folder of pictures for each class" if task not in cifar.FORMATS else f"the files of {task}"
        raise InputError(f"{folder}: {reason}; give the folder that holds {what} with --data_dir")
    return folder


def checked(data: Checked) -> Checked:
    """The data, with notes, if there are images of two classes and for every purpose.

    Raises:
        InputError: a part is empty, or all training images are of one class.
    """
    for name in PARTS:
        if not len(getattr(data, name)):
            raise InputError(f"{data.source}: no {WORDS[name]} images; a data set this small cannot be searched")
    present = np.unique(data.train.labels)
    if len(present) < FEWEST_CLASSES:
        raise InputError(
            f"{data.source}: only one class ({data.class_names[present[0]]}); a classifier needs at least "
            f"{FEWEST_CLASSES}"
        )
    copies = _notes_of_copies(data) if isinstance(data.train, Part) else []  # others are not decoded for it
    return dataclasses.replace(data, notes=(*data.notes, *_notes_of_classes(data), *copies))


def _notes_of_classes(data: ImageData) -> list[str]:
    """Which classes a part has no images of, though others have."""
    labels = {name: set(np.unique(getattr(data, name).labels).tolist()) for name in PARTS}
    notes = []
    for name in PARTS:
        missing = sorted(set(range(len(data.class_names))) - labels[name])
        if len(labels[name]) == 1:
            notes.append(f"all {WORDS[name]} images are of one class, {data.class_names[labels[name].pop()]}")
        elif missing:
            listed = ", ".join(data.class_names[label] for label in missing[:_NAMED])
            more = f", … ({len(missing):,} of {len(data.class_names):,} classes)" if len(missing) > _NAMED else ""
            notes.append(f"no {WORDS[name]} images of {listed}{more}")
    return notes


def _notes_of_copies(data: ImageData) -> list[str]:
    """Which images are in several parts, or in several classes, pixel by pixel."""
    parts = {name: getattr(data, name) for name in PARTS}
    digests = {name: _digests(part.images) for name, part in parts.items()}
    notes = []
    for name, others in (("train", ("valid", "test")), ("valid", ("test",))):
        again = {other: int(np.isin(digests[other], digests[name]).sum()) for other in others}
        if any(again.values()):
            told = " and ".join(f"{count:,} of {len(parts[other]):,} {WORDS[other]}" for other, count in again.items())
            notes.append(f"the same images are among the {WORDS[name]} images: {told} images")
    whole = np.concatenate([digests[name] for name in PARTS])
    labels = np.concatenate([parts[name].labels for name in PARTS])
    _, first, image = np.unique(whole, return_index=True, return_inverse=True)
    differs = labels != labels[first][image]  # from the label of the first of its copies
    if np.any(differs):
        several = np.unique(image[differs])
        one = several[np.argmin(first[several])]  # the first that there is
        named = " and ".join(data.class_names[label] for label in np.unique(labels[image == one])[:2])
        notes.append(f"the same image is in several classes, {len(several):,} times: in {named} for one")
    return notes


def _digests(images: Pixels) -> np.ndarray:
    """A number for each image that only equal ones share, uint64 `[N]`; by chance two of a million do in one of 1e7."""
    numbers = (
        int.from_bytes(hashlib.blake2b(image.data, digest_size=8).digest(), "little")
        for chunk in chunks(images)
        for image in chunk
    )
    return np.fromiter(numbers, np.uint64, len(images))


def _split_training(train: Part) -> tuple[Part, Part, list[str]]:
    """Training and validation images: the last tenth, at least one, is kept for validation.

    Where that lacks classes that as many images could have, or leaves none of a class to train with, a tenth of every
    class is, and a note says so.
    """
    kept = max(1, round(VALIDATION_SHARE * len(train)))
    present, counts = np.unique(train.labels, return_counts=True)
    classes, last = len(present), len(np.unique(train.labels[-kept:]))
    lost = np.setdiff1d(present[counts > 1], train.labels[:-kept])
    if (last == min(kept, classes) and not len(lost)) or classes < FEWEST_CLASSES:
        return train[:-kept], train[-kept:], []
    parts = {name: train[which] for name, which in split_classes(train.labels, ("train", "valid")).items()}
    note = (
        f"the last {kept:,} of {len(train):,} training images have {last} of {classes} classes; validation has a "
        f"tenth of every class instead, {len(parts['valid']):,} images"
    )
    return parts["train"], parts["valid"], [note]


def _from_published(task: str, folder: pathlib.Path) -> ImageData:
    return _published(task, in_one_line(str(folder)), cifar.read_folder(task, folder))


def _published(name: str, source: str, published: cifar.Published) -> ImageData:
    train, valid, notes = _split_training(Part(*published.train))
    return ImageData(
        name=name,
        source=source,
        class_names=published.class_names,
        train=train,
        valid=valid,
        test=Part(*published.test),
        notes=(*published.notes, *notes),
    )


def _from_tfds(task: str, *, download: bool, tfds_dir: str | pathlib.Path | None) -> ImageData | None:
    from nao_tf.data import prepared

    directory = prepared.find(task, tfds_dir)
    if directory is None and download:
        directory = prepared.download(task, tfds_dir)
    if directory is None:
        return None
    published = cifar.Published(*prepared.read_images(directory))
    return _published(task, f"TFDS {task}/{directory.name} at {directory}", published)


def _from_digits() -> ImageData:
    images, labels = digits.read()
    whole, split = Part(images, labels), split_classes(labels, PARTS)
    return ImageData(
        name=digits.NAME,
        source=digits.ORIGIN,
        class_names=tuple(map(str, range(10))),
        train=whole[split["train"]],
        valid=whole[split["valid"]],
        test=whole[split["test"]],
        mirrored=False,
    )


def split_classes(
    labels: np.ndarray, into: Sequence[str], *, most: Mapping[str, int] | None = None
) -> dict[str, np.ndarray]:
    """Splits images into `train` and one or both of `valid` and `test`, in random order.

    Every class is in every part by its share, at least once, as far as it has images; the first is for training.

    Args:
        labels: `[N]`.
        into: names of the parts.
        most: part -> images of a class that it has at most.

    Returns:
        Part -> the numbers of its images.
    """
    generator = np.random.default_rng(_SPLIT_SEED)
    indices: dict[str, list[np.ndarray]] = {name: [] for name in into}
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        for name, share in (("test", TEST_SHARE), ("valid", VALIDATION_SHARE)):
            if name in into:
                count = min(max(1, round(share * len(members))), len(members) - 1, (most or {}).get(name, len(members)))
                indices[name].append(members[:count])
                members = members[count:]
        indices["train"].append(members)
    return {name: generator.permutation(np.concatenate(members)) for name, members in indices.items()}


# ---- folders of classes


def from_classes(found: ImageFolder, image_size: int) -> ImageData:
    """The data set of a folder of classes; parts that it does not have are split off the training images.

    Raises:
        InputError: fewer than two classes; a class without training images, or with too few to split; a file that is
            not an image.
    """
    image_folder.check_classes(found)
    given = WHOLE if WHOLE in found.parts else "train"
    names = tuple(sorted(found.parts[given]))
    fewest = 1 + len(_missing_parts(found))
    for name in names:
        image_folder.check_count(found.folders[given] / name, found.parts[given][name], fewest=fewest)
    return data_of_classes(found, read_classes(found, names, image_size=image_size), names=names, image_size=image_size)


def read_classes(found: ImageFolder, names: Sequence[str], *, image_size: int) -> dict[str, Pictures]:
    """All pictures of a folder of classes, by part. Raises InputError, see `image_folder.read_part`."""
    return {part: image_folder.read_part(found, part, names=names, size=image_size) for part in found.parts}


def data_of_classes(
    found: ImageFolder, pictures: Mapping[str, Pictures], *, names: Sequence[str], image_size: int
) -> ImageData:
    """The data set of pictures that are read; parts that the folder does not have are split off.

    Args:
        found: the folder.
        pictures: its pictures by part, labelled by `names`.
        names: of the classes.
        image_size: H and W.
    """
    given, missing = WHOLE if WHOLE in pictures else "train", _missing_parts(found)
    parts = {part: Part(of.images, of.labels) for part, of in pictures.items()}
    notes = list(found.notes)
    if missing:
        whole = parts.pop(given)
        into = [part for part in PARTS if part == "train" or part in missing]
        for name, which in split_classes(whole.labels, into).items():
            parts[name] = whole[which]
        if given != WHOLE:
            listed = " and ".join(WORDS[part] for part in missing)
            notes.append(f"no pictures for {listed}: a share of every class is split off the training pictures")
    sizes = sum((of.sizes for of in pictures.values()), collections.Counter())
    notes += image_folder.note_of_sizes(sizes, image_size)
    notes += image_folder.note_of_oddities(sum((of.oddities for of in pictures.values()), collections.Counter()))
    return checked(
        ImageData(
            name="images",
            source=in_one_line(str(found.path)),
            class_names=tuple(names),
            train=parts["train"],
            valid=parts["valid"],
            test=parts["test"],
            notes=tuple(notes),
            left_out=found.left_out,
        )
    )


def _missing_parts(found: ImageFolder) -> list[str]:
    """Parts that have to be split off the training images."""
    return [part for part in PARTS[1:] if part not in found.parts]
