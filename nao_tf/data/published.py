"""The files of a corpus in a user's folder: which one is which part, and what is left out.

The published corpora have names of their own, wherever a user unpacked them; a user's own text has the names that
people give to parts.
"""

import dataclasses
import os
import pathlib
import re
from collections.abc import Mapping, Sequence

from nao_tf.data.folders import Walk
from nao_tf.data.names import PARTS, SPELLINGS, in_one_line, is_litter, is_packed
from nao_tf.data.picture import holds_pictures
from nao_tf.errors import InputError

SPLITS: Mapping[str, str] = dict(zip(PARTS, ("train", "validation", "test"), strict=True))  # TFDS's usual names

# Task -> the names of its files, the original publication's first.
FILE_NAMES: Mapping[str, tuple[str, ...]] = {
    "ptb": ("ptb.{part}.txt", "{part}.txt"),  # Mikolov's archive; the usual language-model examples
    "wikitext2": ("wiki.{part}.tokens", "{part}.txt"),  # Merity's archive; the usual language-model examples
}

SUFFIXES = (".txt", ".text", ".tokens")  # of texts, in any case
_LISTED = ", ".join(SUFFIXES[:-1]) + f" or {SUFFIXES[-1]}"
_ABOUT = frozenset({"readme", "license", "licence", "citation", "changelog"})  # names of what is no part of a text
_NAMED = 4  # files that a note names


@dataclasses.dataclass(frozen=True)
class TextFiles:
    """The files of a corpus.

    Attributes:
        paths: part -> its files, in order; parts without a file are missing.
        folders: part -> the folder that its files were found in; only for parts that are folders.
        left_out: what else lies in the folder, without what systems leave there; folders end in "/".
    """

    paths: Mapping[str, Sequence[pathlib.Path]]
    folders: Mapping[str, pathlib.Path]
    left_out: Sequence[str]

    @property
    def note(self) -> str | None:
        """One line about what is left out; None if nothing is."""
        if not self.left_out:
            return None
        more = f", … ({len(self.left_out):,} in all)" if len(self.left_out) > _NAMED else ""
        names = ", ".join(repr(name)[1:-1] for name in self.left_out[:_NAMED])  # in one line, whatever the name
        return f"left out, as no part of the text: {names}{more}"


def published_files(task: str, folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """The files of a published corpus in `folder`: part -> path.

    Raises:
        InputError: the files of some part are missing, or several could be one part.
    """
    files = find_published(task, folder)
    for part in PARTS:
        if part not in files.paths:
            names = " or ".join(name.format(part=part) for name in FILE_NAMES[task])
            hint = hint_of(folder)
            raise InputError(
                f"{folder}: no file for the part {part!r} of {task}; expected {names}; parts are {', '.join(PARTS)}"
                f"{f'; {hint}' if hint else ''}"
            )
    return {part: files.paths[part][0] for part in PARTS}


def has_published_files(task: str, folder: pathlib.Path) -> bool:
    """Whether `folder` holds at least one file of the published corpus."""
    return folder.is_dir() and bool(find_published(task, folder).paths)


def find_published(task: str, folder: pathlib.Path) -> TextFiles:
    """The files of a published corpus in `folder`, in any case; the original names are preferred.

    Raises:
        InputError: several files could be one part, or the folder cannot be read.
    """
    original = FILE_NAMES[task][0]
    named: dict[str, list[str]] = {part: [] for part in PARTS}
    plain: dict[str, list[str]] = {part: [] for part in PARTS}
    entries = _entries(folder)
    for name in entries:
        stem = _split(name)[0]
        for part in PARTS:
            if name.casefold() == original.format(part=part):
                named[part].append(name)
        if _is_text(name) and stem in SPELLINGS:
            plain[SPELLINGS[stem]].append(name)
    paths = {
        part: [folder / _only(folder, part, named[part] or plain[part])] for part in PARTS if named[part] or plain[part]
    }
    used = {path.name for files in paths.values() for path in files}
    return TextFiles(paths, {}, [_told(folder, name) for name in entries if name not in used])


def find_own(folder: pathlib.Path) -> TextFiles:
    """The files of a user's own text: `train.txt`, or all texts below `train`, by name; so for every part.

    Names are read in any case, with the usual spellings of the parts. `corpus.train.txt` is read where there is no
    `train.txt`.

    Raises:
        InputError: several files or folders could be one part, or a folder cannot be read.
    """
    plain: dict[str, list[str]] = {part: [] for part in PARTS}
    longer: dict[str, list[str]] = {part: [] for part in PARTS}
    below: dict[str, tuple[list[pathlib.Path], list[str]]] = {}
    entries = _entries(folder)
    for name in entries:
        if (folder / name).is_dir():
            part = SPELLINGS.get(name.casefold())
            if part is not None:
                below[name] = _texts_below(folder / name)
                if below[name][0]:
                    plain[part].append(name)
            continue
        stem = _split(name)[0]
        last = re.split(r"[._\- ]", stem)[-1]
        if _is_text(name) and last in SPELLINGS:
            (plain if stem == last else longer)[SPELLINGS[last]].append(name)
    paths: dict[str, Sequence[pathlib.Path]] = {}
    folders: dict[str, pathlib.Path] = {}
    left_out: list[str] = []
    for part in PARTS:
        if not (plain[part] or longer[part]):
            continue
        name = _only(folder, part, plain[part] or longer[part])
        if name in below:
            paths[part], others = below[name]
            folders[part] = folder / name
            left_out += [f"{name}/{other}" for other in others]
        else:
            paths[part] = [folder / name]
    used = {path.relative_to(folder).parts[0] for files in paths.values() for path in files}
    return TextFiles(paths, folders, [_told(folder, name) for name in entries if name not in used] + left_out)


def _entries(folder):
    """The names in a folder, sorted, without litter. Raises InputError."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror or error}); give a readable folder") from error
    return [name for name in names if not _is_litter(name)]


def _is_litter(name):
    return is_litter(name) or _split(name)[0] in _ABOUT


def _split(name):
    """Stem and suffix, without case."""
    path = pathlib.PurePath(name.casefold())
    return path.stem, path.suffix


def _texts_below(folder):
    """The texts below a folder, at any depth, by name; and the names of what else lies there. Litter is neither."""
    walk = Walk(folder)
    texts = [path for path in walk.files if _is_text(path.name)]
    others = [path for path in walk.files if not _is_text(path.name) and not _is_litter(path.name)]
    kinds = [f"{count:,} {kind}" for kind, count in sorted(walk.others.items())]
    return texts, [str(path.relative_to(folder)) for path in others] + kinds


def hint_of(folder: pathlib.Path) -> str | None:
    """Where the texts may be that a folder lacks, and what to do; None where nothing tells."""
    names = _entries(folder)
    folders = [name for name in names if (folder / name).is_dir()]
    files = [name for name in names if name not in folders]
    for name in folders:
        within = [name, *(f"{name}/{each}" for each in _entries(folder / name) if (folder / name / each).is_dir())]
        for each in within:
            if any(_is_text(file) and _names_part(file) for file in _entries(folder / each)):
                return f"there are some in {in_one_line(str(folder / each))}: give that folder"
    for name in sorted(files, key=lambda name: not _names_part(name)):
        if is_packed(name):
            return f"{in_one_line(name)} is packed: unpack it"
        if _names_part(name) and not _is_text(name):
            return f"{in_one_line(name)} is not read, texts end in {_LISTED}: rename it if it is one"
    for name in folders:
        if name.casefold() in SPELLINGS and not _texts_below(folder / name)[0]:
            return f"no file in {in_one_line(name)}/ ends in {_LISTED}"
    texts = [name for name in files if _is_text(name)]
    if len(texts) == 1:
        return f"cut {in_one_line(texts[0])} into train.txt, most of it, valid.txt and test.txt"
    return "pictures lie there: is --task=images meant?" if holds_pictures(folder) else None


def _is_text(name):
    return _split(name)[1] in SUFFIXES


def _names_part(name):
    """Whether a word of a name is that of a part."""
    return any(word in SPELLINGS for word in re.split(r"[._\- ]", name.casefold()))


def _only(folder, part, names):
    """The only one of the names that could be a part. Raises InputError."""
    if len(names) > 1:
        raise InputError(f"{folder}: {' and '.join(names)} could all be the part {part!r}; leave one")
    return names[0]


def _told(folder, name):
    return f"{name}/" if (folder / name).is_dir() else name
