"""A folder of pictures by class: what in it is used, what is litter, and what is left out and told.

`class/**/picture`, or the same within a folder for each part of the data, `train/class/**/picture`. Names of parts are
read in any case and the usual spellings, suffixes in any case, and folders within a class belong to that class.

Letters: N images, S their height and width.
"""

import collections
import dataclasses
import os
import pathlib
import unicodedata
import warnings
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from nao_tf.data import names as naming
from nao_tf.data.folders import Walk, entries
from nao_tf.data.names import PARTS, in_one_line
from nao_tf.data.picture import FORMATS, SUFFIXES, read_picture
from nao_tf.data.pixels import Pixels, kept
from nao_tf.errors import InputError

WHOLE = "all"  # the key of pictures that are in no part
FEWEST_CLASSES = 2
NO_SUFFIX = "no suffix"
_OUTSIDE = "pictures outside of the classes"
_TEXTS = frozenset({".txt", ".text", ".tokens"})  # suffixes
_NAMED = 5  # classes, kinds or sizes that a line names


@dataclasses.dataclass(frozen=True)
class ImageFolder:
    """The entries of a folder of classes.

    Attributes:
        path: of the folder.
        parts: part (`train`, `valid`, `test`), or `WHOLE` where there are none -> class -> its pictures, by name. All
            classes of a part have a key, also those without pictures.
        folders: part -> its folder.
        left_out: what else there is -> how many: suffixes of files, and what else is no picture of a class. What
            systems leave behind does not count.
        notes: lines about what may surprise.
    """

    path: pathlib.Path
    parts: Mapping[str, Mapping[str, Sequence[pathlib.Path]]]
    folders: Mapping[str, pathlib.Path]
    left_out: Mapping[str, int]
    notes: Sequence[str]


@dataclasses.dataclass(frozen=True)
class Pictures:
    """N pictures of one size.

    Attributes:
        images: uint8 `[N, S, S, 3]`; in a file where there are many.
        labels: the numbers of their classes, int32 `[N]`.
        sizes: width and height of the files -> how many have them.
        oddities: what of pictures is not read, or changed -> of how many.
    """

    images: Pixels
    labels: np.ndarray
    sizes: collections.Counter[tuple[int, int]]
    oddities: collections.Counter[str]


class _Walk:
    """The pictures below a folder, at any depth, and what else lies there."""

    def __init__(self, folder: pathlib.Path):
        walk = Walk(folder)
        self.pictures = [path for path in walk.files if _is_picture(path)]
        self.deeper = sum(path.parent != folder for path in self.pictures)  # those not in the folder itself
        self.others = walk.others + collections.Counter(_kind(path) for path in walk.files if not _is_picture(path))


def find_pictures(folder: pathlib.Path) -> ImageFolder:
    """Sorts every entry of a folder of classes, or of parts of such. No picture is opened.

    Raises:
        InputError: a folder cannot be read; there are no classes; a folder could be a part or a class; two could be one
            part or one class; a name is no text.
    """
    left_out: collections.Counter[str] = collections.Counter()
    notes: list[str] = []
    folders, files = entries(folder, left_out)
    _count_outside(files, left_out)
    walks = {path.name: _Walk(path) for path in folders}
    named = naming.parts_of(walks)
    empty = [name for name in named if not walks[name].pictures]
    named = {name: part for name, part in named.items() if name not in empty}
    if not named:
        parts, where = {WHOLE: _classes(folder, folders, notes=notes, left_out=left_out, walks=walks)}, {WHOLE: folder}
    else:
        where = _part_folders(folder, named, walks=walks, left_out=left_out)
        spelled = [f"{in_one_line(path.name)} as {part}" for part, path in where.items() if path.name != part]
        if spelled:
            notes.append(f"read as parts: {', '.join(spelled)}")
        if empty:
            notes.append(f"folders of parts without a picture, as if they were not there: {listed(empty)}")
        parts = {}
        for part, path in where.items():
            inner, files = entries(path, left_out)
            _count_outside(files, left_out)
            parts[part] = _classes(path, inner, notes=notes, left_out=left_out)
    return ImageFolder(folder, parts, where, dict(sorted(left_out.items())), tuple(notes))


def read_part(folder: ImageFolder, part: str, *, names: Sequence[str], size: int) -> Pictures:
    """Reads the pictures of a part and brings them to `size` x `size` pixels, by the mean of the area of each pixel.

    Args:
        folder: as found.
        part: of it, or `WHOLE`.
        names: of the known classes; a picture's label is its class's number there.
        size: S.

    Raises:
        InputError: a class that is not in `names`; see `read_picture`.
    """
    unknown = unknown_classes(folder, part, names=names)
    if unknown:
        raise InputError(
            f"{_told(folder.folders[part] / unknown[0])}: a class without training images; classes are {listed(names)}"
        )
    numbers = {composed(name): number for number, name in enumerate(names)}
    found = [(numbers[composed(name)], path) for name, paths in folder.parts[part].items() for path in paths]
    found.sort(key=lambda row: row[0])  # by class, then as they were
    sizes: collections.Counter[tuple[int, int]] = collections.Counter()
    oddities: collections.Counter[str] = collections.Counter()

    def decoded():
        for _, path in found:
            image = read_picture(path, oddities=oddities)
            sizes[image.shape[1], image.shape[0]] += 1
            yield (image if image.shape[:2] == (size, size) else _resized(image, size))[np.newaxis]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of odd but readable files
        images = kept(decoded(), len(found), picture=(size, size, 3))
    labels = np.array([number for number, _ in found], np.int32)
    return Pictures(images, labels, sizes, oddities)


def pictures_of(path: pathlib.Path) -> tuple[list[pathlib.Path], Mapping[str, int]]:
    """A picture, or all pictures below a folder by name, and what else lies there: suffixes of files -> how many.

    A single file is taken for a picture whatever its name; nothing is opened.

    Raises:
        InputError: there is nothing of that name, no picture below the folder, or a folder that cannot be read.
    """
    if path.is_file():
        return [path], {}
    if not path.is_dir():
        reason = "no file" if path.exists() else "no such file or folder"
        raise InputError(f"{_told(path)}: {reason}; give a picture, or a folder of pictures")
    walk = _Walk(path)
    if not walk.pictures:
        holds = f" but {left_out_text(walk.others)}" if walk.others else ""
        raise InputError(f"{_told(path)}: no pictures{holds}; give a picture, or a folder of pictures")
    return walk.pictures, dict(sorted(walk.others.items()))


def unknown_classes(folder: ImageFolder, part: str, *, names: Iterable[str]) -> list[str]:
    """The classes of a part that have pictures and are not among the names; accents may be written in two ways."""
    known = {composed(name) for name in names}
    return sorted(name for name, paths in folder.parts[part].items() if paths and composed(name) not in known)


def note_of_oddities(oddities: Mapping[str, int]) -> list[str]:
    """A line about what of pictures is not read or changed, or none; see `Pictures`."""
    told = ", ".join(f"{count:,} {what}" for what, count in sorted(oddities.items()))
    return [f"pictures that are read in part: {told}"] if told else []


def note_of_sizes(sizes: Mapping[tuple[int, int], int], size: int) -> list[str]:
    """What bringing pictures to one size does to them.

    Args:
        sizes: width and height -> how many pictures have them.
        size: S.

    Returns:
        A line, or none where all have that size.
    """
    others = sorted(
        ((count, shape) for shape, count in sizes.items() if shape != (size, size)), key=lambda row: (-row[0], row[1])
    )
    if not others:
        return []
    told = ", ".join(f"{width} x {height} ({count:,})" for count, (width, height) in others[:_NAMED])
    more = f", … ({len(others):,} sizes)" if len(others) > _NAMED else ""
    oblong = {shape: count for count, shape in others if shape[0] != shape[1]}
    lost = ""
    if oblong:
        loses = "is not square and loses its" if sum(oblong.values()) == 1 else "are not square and lose their"
        longest = max(max(shape) / min(shape) for shape in oblong)
        lost = f"; {sum(oblong.values()):,} {loses} proportions, which are up to {longest:.2f} : 1"
    return [f"brought to {size} x {size} pixels, width x height: {told}{more}{lost}"]


def _resized(image, size):
    import tensorflow as tf

    return tf.cast(tf.round(tf.image.resize(image, [size, size], "area")), tf.uint8).numpy()


# ---- entries


def _is_picture(path):
    return path.suffix.lower() in SUFFIXES


def _kind(path):
    """What a file that is no picture is counted as."""
    return in_one_line(path.suffix.lower()) or NO_SUFFIX


def _count_outside(files, left_out):
    left_out.update(_OUTSIDE if _is_picture(path) else _kind(path) for path in files)


def _told(path):
    return in_one_line(str(path))


# ---- parts and classes


def _part_folders(folder, named, *, walks, left_out):
    """Part -> its folder. What lies beside parts is left out, if there is no doubt that they are parts."""
    where: dict[str, pathlib.Path] = {}
    for name, part in named.items():
        if part in where:
            both = " and ".join(in_one_line(each) for each in sorted([where[part].name, name]))
            raise InputError(f"{_told(folder)}: {both} could both be the part {part!r}; leave one")
        where[part] = folder / name
    where = {part: where[part] for part in PARTS if part in where}
    flat = [name for name in named if not walks[name].deeper]
    others = [name for name, walk in walks.items() if name not in named and walk.pictures]
    if others and (flat or "train" not in where or len(where) == 1):
        name = flat[0] if flat else next(iter(named))
        raise InputError(
            f"{_told(folder)}: {in_one_line(name)} is the name of a part of the data and lies beside "
            f"{listed(others)}; rename it if it is a class, else move what is beside it away"
        )
    for name, walk in walks.items():
        if name not in named:
            left_out.update(walk.others)
            if walk.pictures:
                left_out[f"pictures in {in_one_line(name)}/, which is no part"] += len(walk.pictures)
    for path in where.values():
        if not walks[path.name].deeper:
            raise InputError(
                f"{_told(path)}: {len(walks[path.name].pictures):,} pictures but no folders of classes; give a folder "
                f"for each class, or move {in_one_line(path.name)} away if its classes are not known"
            )
    return where


def _classes(folder, folders, *, notes, left_out, walks=None):
    """Class -> its pictures."""
    classes: dict[str, Sequence[pathlib.Path]] = {}
    spelled: dict[str, str] = {}
    deeper = []
    for path in folders:
        _check_name(path)
        key = composed(path.name)
        if key in spelled:
            raise InputError(f"{_told(folder)}: two folders are called {key}, in two spellings of Unicode; leave one")
        spelled[key] = path.name
        walk = walks[path.name] if walks else _Walk(path)
        classes[path.name] = walk.pictures
        left_out.update(walk.others)
        if walk.deeper:
            deeper.append(path.name)
    if deeper:
        notes.append(f"{_told(folder)}: folders within {listed(deeper)} count as the class that they are in")
    notes += _notes_of_names(folder, classes)
    return classes


def _notes_of_names(folder, classes):
    """What speaks against the names of classes: that they look alike, or that their folders hold the same ones."""
    notes = []
    looks: dict[str, str] = {}
    for name in classes:
        # format characters have no width; a case or a blank is easily overlooked
        look = "".join(character for character in composed(name) if unicodedata.category(character) != "Cf")
        other = looks.setdefault(look.strip().casefold(), name)
        if other != name:
            notes.append(f"{_told(folder)}: two classes look alike, {ascii(other)} and {ascii(name)}")
    within = {name: {path.relative_to(folder).parts[1:-1][:1] for path in paths} for name, paths in classes.items()}
    inner = {name: {parts[0] if parts else None for parts in found} for name, found in within.items() if found}
    if len(inner) > 1 and None not in (first := next(iter(inner.values()))) and len(first) > 1:
        if all(found == first for found in inner.values()):
            notes.append(
                f"{_told(folder)}: every class has the folders {listed(sorted(first))}; if those are the classes, and "
                f"{listed(sorted(inner))} parts of the data, call the parts {', '.join(PARTS)}"
            )
    return notes


def composed(name: str) -> str:
    """A name in the one spelling of accents that macOS and others share."""
    return unicodedata.normalize("NFC", name)


def _check_name(path):
    name = path.name
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"{_told(path)}: the name of the class, {os.fsencode(name)!r}, is not UTF-8; rename the folder"
        ) from error
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise InputError(f"{_told(path)}: a control character in the name of a class; rename the folder")


def check_classes(folder: ImageFolder) -> None:
    """Raises InputError if there are too few classes to tell apart: what is there, and where classes may be."""
    part = WHOLE if WHOLE in folder.parts else "train"
    if part not in folder.parts:
        given = ", ".join(in_one_line(path.name) for path in folder.folders.values())
        raise InputError(f"{_told(folder.path)}: a folder {given} but none of the name train; give the training images")
    classes, path = folder.parts[part], folder.folders[part]
    if len(classes) >= FEWEST_CLASSES:
        return
    present = f"only one class ({in_one_line(next(iter(classes)))})" if classes else "no folders of classes"
    if not classes and folder.left_out:
        present += f" but {left_out_text(folder.left_out).replace(_OUTSIDE, 'pictures')}"
    below = _deeper_classes(path)
    text = "; is --task=text meant?" if not classes and _TEXTS & folder.left_out.keys() else ""
    remedy = f"; are those of {_told(below)} meant? Then give that folder" if below else ""
    raise InputError(
        f"{_told(path)}: {present}; give a folder of images for each of at least {FEWEST_CLASSES} classes{remedy}{text}"
    )


def _deeper_classes(folder):
    """The first folder below, in which several lie, where folders hold nothing but one folder; else None."""
    for _ in range(_NAMED):
        folders, files = entries(folder, collections.Counter())
        if len(folders) >= FEWEST_CLASSES:
            return folder
        if len(folders) != 1 or any(map(_is_picture, files)):
            return None
        folder = folders[0]
    return None


def check_count(folder: pathlib.Path, pictures: Sequence[pathlib.Path], *, fewest: int) -> None:
    """Raises InputError if a class has fewer than `fewest` pictures; `folder` is the class's."""
    if len(pictures) >= fewest:
        return
    present = "no images" if not pictures else f"only {len(pictures)} image(s)"
    holds = remedy = ""
    if not pictures and folder.is_dir():
        others, remedy = _Walk(folder).others, "; move it away if it is no class"
        holds = f" (it holds {left_out_text(others)})" if others else ""
    raise InputError(
        f"{_told(folder)}: {present}{holds}; a class needs at least {fewest} files that end in "
        f"{', '.join(suffixes[0] for suffixes in [*FORMATS.values()][:_NAMED])}, …{remedy}"
    )


def left_out_text(left_out: Mapping[str, int]) -> str:
    """Kinds and their numbers, the most frequent first: `12 .txt, 1 no suffix`."""
    rows = sorted(left_out.items(), key=lambda row: (-row[1], row[0]))
    more = f", … ({len(rows):,} kinds)" if len(rows) > _NAMED else ""
    return ", ".join(f"{count:,} {kind}" for kind, count in rows[:_NAMED]) + more


def listed(names: Iterable[str]) -> str:
    """The first of some names for a message, and how many there are if there are more."""
    names = [in_one_line(name) for name in names]
    return ", ".join(names[:_NAMED]) + (f", … ({len(names):,})" if len(names) > _NAMED else "")
