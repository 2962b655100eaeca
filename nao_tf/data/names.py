"""What the name of a file or folder tells: the part of a data set that it holds, or that a system left it there."""

import pathlib
import re
from collections.abc import Iterable, Mapping

PARTS = ("train", "valid", "test")
SPELLINGS: Mapping[str, str] = {  # of parts, without case
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("valid", "val", "validation", "validate", "vld", "dev", "development"), "valid"),
    **dict.fromkeys(("test", "testing", "tst", "eval", "evaluation", "holdout"), "test"),
}
# What file managers, archivers, network drives and Python leave; without case. Hidden names need no entry.
_LITTER = frozenset(
    {
        *(
            "thumbs.db",
            "thumbs.db:encryptable",
            "ehthumbs.db",
            "ehthumbs_vista.db",
            "desktop.ini",
            "$recycle.bin",
            "recycler",
        ),  # Windows
        *("system volume information", "found.000"),
        *("__macosx", "icon\r", "network trash folder", "temporary items"),  # macOS
        *("@eadir", "@__thumb", "@recycle", "@tmp", "#recycle", "#snapshot", "@recently-snapshot"),  # network drives
        *("lost+found", "__pycache__"),
    }
)
_PACKED = frozenset({".gz", ".tgz", ".zip", ".bz2", ".xz", ".zst", ".7z", ".rar", ".tar"})
_FILLERS = frozenset(  # words beside that of a part: test_set, Training Images
    {"set", "split", "data", "dataset", "folder", "files", "samples"}
    | {"image", "images", "img", "imgs", "photo", "photos", "picture", "pictures", "pics"}
)
_STREAM = re.compile(r"[:\uf03a]zone\.identifier$", re.IGNORECASE)  # of a download, as Windows hands it on
_YEAR = re.compile(r"(?:19|20)\d\d")  # train2017


def is_packed(name: str) -> bool:
    """Whether a file is an archive, or compressed, by its name."""
    return pathlib.PurePath(name.casefold()).suffix in _PACKED


def is_litter(name: str) -> bool:
    """Whether a file or folder is hidden, or of those that systems leave wherever they go."""
    return name.startswith((".", "~$")) or name.casefold() in _LITTER or bool(_STREAM.search(name))


def in_one_line(name: str) -> str:
    """A name for a message: characters that would break the line, or are no text, are written as escapes."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in name)


def part_of(name: str) -> str | None:
    """The part that a folder holds by its name (`Training`, `val`, `01_test_set`, `train2017`); None: it tells none."""
    words = [word for word in _words(name) if word not in _FILLERS and not word.isdecimal()]
    return SPELLINGS.get(words[0]) if len(words) == 1 else None


def parts_of(names: Iterable[str]) -> dict[str, str]:
    """The folders that hold parts by their names: name -> part.

    Where no folder is named as a part, two or more that differ in the word of the part alone are: `seg_train` and
    `seg_test`, `train2` and `test2`.
    """
    names = list(names)
    found = {name: part for name in names if (part := part_of(name)) is not None}
    if found:
        return found
    groups: dict[tuple[str, ...], dict[str, str]] = {}
    for name in names:
        words = [part for word in _words(name) for part in re.findall(r"\d+|\D+", word)]
        named = [number for number, word in enumerate(words) if word in SPELLINGS]
        if len(named) == 1:
            rest = (*words[: named[0]], "", *words[named[0] + 1 :])
            groups.setdefault(rest, {})[name] = SPELLINGS[words[named[0]]]
    complete = [group for group in groups.values() if "train" in group.values() and len(set(group.values())) > 1]
    return complete[0] if len(complete) == 1 else {}


def _words(name: str) -> list[str]:
    """The words of a name, without case and years; `trainset` is `train` and `set`."""
    words = []
    for word in re.split(r"[\W_]+", _YEAR.sub(" ", name.casefold())):
        stem = word.removesuffix("set")
        words += [stem, "set"] if stem != word and stem in SPELLINGS else [word]
    return [word for word in words if word]
