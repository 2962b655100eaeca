"""Pictures of any number and size, which stay in their files until a step needs them: ImageNet, or a folder of classes.

Nothing is decoded here, and no TensorFlow is imported but where TFDS data are read; `image_streams.py` makes batches.

Letters: N pictures, S height and width that they are brought to, K classes.
"""

import dataclasses
import hashlib
import pathlib
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from nao_tf.data import image_folder
from nao_tf.data.image_folder import WHOLE, ImageFolder
from nao_tf.data.images import WORDS, ImageData, checked, existing_folder, split_classes
from nao_tf.data.names import PARTS, in_one_line
from nao_tf.errors import InputError

NAME = "imagenet"
BUILDER = "imagenet2012"  # of TFDS
# Mean and standard deviation of ImageNet's colours, on the scale 0 to 1, which all its networks are trained with.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CENTRE = 0.875  # height and width of what is measured / the shorter side of the picture: 224 of 256
FORM = ((224, 224, 3), 1000)  # shape of an image, classes
MOST_FOR_VALIDATION = 10_000  # pictures that are split off; a tenth where that is less
_REMEDY = (
    "give a folder of classes, or of folders train and val of such, with --data_dir, or prepare imagenet2012 with TFDS"
)


@dataclasses.dataclass(frozen=True, eq=False)
class PictureFiles:
    """Pictures in files; a slice or an index array gives a part of them.

    Attributes:
        paths: of the files, `[N]` strings.
        labels: int32 `[N]`.
        bytes: sizes of the files, int64 `[N]`.
        names: of the files within the data set, `[N]` strings.
    """

    paths: np.ndarray
    labels: np.ndarray
    bytes: np.ndarray
    names: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, which: slice | np.ndarray) -> Self:
        return type(self)(*(getattr(self, field.name)[which] for field in dataclasses.fields(self)))

    def identity(self) -> str:
        """What names its content: names, sizes and classes of the files."""
        rows = zip(self.names.tolist(), self.bytes.tolist(), self.labels.tolist(), strict=True)
        return "\n".join(f"{label} {size} {name!r}" for name, size, label in rows)


@dataclasses.dataclass(frozen=True)
class PreparedPictures:
    """Pictures of a split that TFDS has prepared.

    Attributes:
        directory: of the data set.
        split: of it, as TFDS writes it: "train[:-10000]".
        count: N.
    """

    directory: str
    split: str
    count: int

    def __len__(self) -> int:
        return self.count

    def identity(self) -> str:
        """What names its content."""
        return f"{pathlib.Path(self.directory).name} {self.split} {self.count}"


Streamed = PictureFiles | PreparedPictures


@dataclasses.dataclass(frozen=True, eq=False)
class StreamedImages(ImageData):
    """A data set whose pictures are read when they are needed.

    Attributes:
        image_size: S.
        train, valid, test: as those of `ImageData`, but of `Streamed`.
    """

    train: Any
    valid: Any
    test: Any
    image_size: int = FORM[0][0]
    centre: float | None = CENTRE

    @property
    def shape(self) -> tuple[int, int, int]:
        """S, S and 3."""
        return self.image_size, self.image_size, 3

    def statistics(self) -> tuple[list[float], list[float]]:
        """Mean and standard deviation of ImageNet's colours, on the scale 0 to 1."""
        return list(MEAN), list(DEVIATION)

    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) over class names, S, and names, sizes and classes of all files; not over their pixels.

        Equal files have an equal fingerprint in whatever folder they lie.
        """
        digest = hashlib.sha256("\n".join([*self.class_names, str(self.image_size)]).encode("utf-8"))
        for part in (self.train, self.valid, self.test):
            digest.update(f"\0{part.identity()}".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def load_imagenet(
    data_dir: str | pathlib.Path | None = None,
    *,
    image_size: int,
    download: bool = False,
    tfds_dir: str | pathlib.Path | None = None,
) -> StreamedImages:
    """Finds the pictures of a folder of classes, or those of `imagenet2012` that TFDS has prepared.

    Where a folder has training pictures and others, `val` as ImageNet has them or `test`, the others are the test, as
    in all published figures, and a tenth of the training pictures, at most 10,000, is kept for validation.

    Without `data_dir` and prepared data there are no pictures: sizes of networks can be told, nothing can be trained.

    Args:
        data_dir: a folder of classes, or of folders of parts of such.
        image_size: S.
        download: refused: ImageNet is given to whoever registers, not to programs.
        tfds_dir: the folder of prepared TFDS data.

    Raises:
        InputError: no such folder, too few classes or pictures, other TFDS data of that name.
    """
    if data_dir is not None:
        return from_folder(image_folder.find_pictures(existing_folder(NAME, data_dir)), image_size)
    if download:
        raise InputError(f"--download: ImageNet is given to people who register, not to programs; {_REMEDY}")
    from nao_tf.data import prepared

    directory = prepared.find(BUILDER, tfds_dir)
    return _without_pictures(image_size) if directory is None else _from_tfds(directory, image_size)


def require_pictures(data: ImageData) -> None:
    """Raises InputError where there is nothing to train with."""
    if not len(data.train):
        raise InputError(f"no {NAME} pictures: {_REMEDY}")


def _without_pictures(image_size):
    nothing = PreparedPictures("", "", 0)
    return StreamedImages(
        name=NAME,
        source="no pictures",
        class_names=tuple(map(str, range(FORM[1]))),
        train=nothing,
        valid=nothing,
        test=nothing,
        notes=(f"no pictures were given; sizes are those for ImageNet's {FORM[1]:,} classes",),
        image_size=image_size,
    )


# ---- folders


def from_folder(found: ImageFolder, image_size: int) -> StreamedImages:
    """The data set of a folder of classes.

    Raises:
        InputError: fewer than two classes; a class without training pictures, or with too few to split; a class that
            only other parts have.
    """
    image_folder.check_classes(found)
    given = WHOLE if WHOLE in found.parts else "train"
    names = tuple(sorted(found.parts[given]))
    others = [part for part in ("valid", "test") if part in found.parts]
    missing = [part for part in ("valid", "test") if part not in others] if others != ["valid"] else ["valid"]
    for name in names:
        image_folder.check_count(found.folders[given] / name, found.parts[given][name], fewest=1 + len(missing))
    parts = {part: _files(found, part, names) for part in found.parts}
    notes = list(found.notes)
    if others == ["valid"]:
        parts["test"] = parts.pop("valid")
        notes.append(f"{in_one_line(found.folders['valid'].name)} is the test, as in published figures")
    if missing:
        whole = parts.pop(given)
        into = [part for part in PARTS if part == "train" or part in missing]
        most = max(1, MOST_FOR_VALIDATION // len(names))
        for part, which in split_classes(whole.labels, into, most={"valid": most}).items():
            parts[part] = whole[which]
        if given != WHOLE:
            listed = " and ".join(WORDS[part] for part in missing)
            notes.append(f"a share of every class is split off the training pictures for {listed}")
    return checked(
        StreamedImages(
            name=NAME,
            source=in_one_line(str(found.path)),
            class_names=names,
            train=parts["train"],
            valid=parts["valid"],
            test=parts["test"],
            notes=tuple(notes),
            left_out=found.left_out,
            image_size=image_size,
        )
    )


def test_of_folder(found: ImageFolder, image_size: int, *, names: tuple[str, ...]) -> StreamedImages:
    """What a model of known classes is measured on: the test of a folder as `from_folder` has it, or all of its
    pictures where it has no training pictures.

    Raises:
        InputError: a class that the model does not know; no pictures.
    """
    part = next((part for part in ("test", "valid", WHOLE) if part in found.parts), "train")
    pictures = _files(found, part, names)
    if not len(pictures):
        raise InputError(f"{in_one_line(str(found.path))}: no pictures in folders of classes")
    return StreamedImages(
        name=NAME,
        source=in_one_line(str(found.path)),
        class_names=names,
        train=pictures[:0],
        valid=pictures[:0],
        test=pictures,
        notes=tuple(found.notes),
        left_out=found.left_out,
        image_size=image_size,
    )


def _files(found, part, names):
    """The files of a part, by class, then by name. Raises InputError: a class that is not in `names`."""
    unknown = image_folder.unknown_classes(found, part, names=names)
    if unknown:
        path = in_one_line(str(found.folders[part] / unknown[0]))
        raise InputError(f"{path}: a class without training images; classes are {image_folder.listed(names)}")
    rows = []
    for label, name in enumerate(names):
        for spelling, paths in found.parts[part].items():
            if image_folder.composed(spelling) == image_folder.composed(name):
                rows += [(label, path) for path in paths]
    within = found.folders[part]
    return PictureFiles(
        paths=np.array([str(path) for _, path in rows], object),
        labels=np.array([label for label, _ in rows], np.int32),
        bytes=np.array([_size(path) for _, path in rows], np.int64),
        names=np.array([str(path.relative_to(within)) for _, path in rows], object),
    )


def _size(path):
    try:
        return path.stat().st_size
    except OSError as error:
        raise InputError(f"{in_one_line(str(path))}: cannot be read ({error.strerror or error})") from error


# ---- TFDS


def _from_tfds(directory, image_size):
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(directory)
    features, splits = builder.info.features, builder.info.splits
    if not {"image", "label"} <= set(features) or not {"train", "validation"} <= set(splits):
        raise InputError(
            f"{directory}: not prepared by TFDS (needs features 'image' and 'label' and the splits train, validation);"
            " give a folder with --data_dir"
        )
    count = splits["train"].num_examples
    kept = max(1, min(MOST_FOR_VALIDATION, count // 10))
    splits_of: Mapping[str, tuple[str, int]] = {
        "train": (f"train[:{count - kept}]", count - kept),
        "valid": (f"train[{count - kept}:]", kept),
        "test": ("validation", splits["validation"].num_examples),
    }
    parts = {part: PreparedPictures(str(directory), split, of) for part, (split, of) in splits_of.items()}
    return StreamedImages(
        name=NAME,
        source=f"TFDS {BUILDER}/{directory.name} at {directory}",
        class_names=tuple(features["label"].names),
        **parts,
        image_size=image_size,
    )
