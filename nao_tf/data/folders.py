"""Walking a user's folder: its folders and files by name, links followed once, and what is neither."""

import collections
import os
import pathlib

from nao_tf.data.names import in_one_line, is_litter
from nao_tf.errors import InputError

BROKEN = "links to nothing"
AGAIN = "links to folders that are read elsewhere"
SPECIAL = "no files"  # pipes, sockets, devices


class Walk:
    """The files below a folder, at any depth. Links to folders are followed, none of them twice or in a circle.

    Args:
        folder: to walk.

    Attributes:
        files: by path, without what systems leave behind.
        others: what is neither a file nor a folder -> how many: `BROKEN`, `AGAIN`, `SPECIAL`.

    Raises:
        InputError: a folder cannot be read.
    """

    def __init__(self, folder: pathlib.Path):
        self.files: list[pathlib.Path] = []
        self.others: collections.Counter[str] = collections.Counter()
        seen = {_identity(each) for each in (folder, *folder.resolve().parents)}
        waiting = [folder]
        while waiting:
            directory = waiting.pop()
            folders, files = entries(directory, self.others)
            self.files += files
            for below in folders:
                identity = _identity(below)
                if identity in seen:  # a link to itself would be read for ever
                    self.others[AGAIN] += 1
                else:
                    seen.add(identity)
                    waiting.append(below)
        self.files.sort()


def entries(folder: pathlib.Path, others: collections.Counter[str]) -> tuple[list[pathlib.Path], list[pathlib.Path]]:
    """The folders and the files in a folder, by name, without litter; what is neither is counted in `others`.

    Raises:
        InputError: the folder cannot be read.
    """
    folders, files = [], []
    try:
        with os.scandir(folder) as found:
            for entry in sorted(found, key=lambda entry: entry.name):
                if is_litter(entry.name):
                    continue
                path = folder / entry.name
                if path.is_dir():  # unlike the entry's, this is False for a link in a circle
                    folders.append(path)
                elif path.is_file():
                    files.append(path)
                else:
                    others[BROKEN if entry.is_symlink() else SPECIAL] += 1
    except OSError as error:
        raise InputError(
            f"{in_one_line(str(folder))}: cannot be read ({error.strerror or error}); give a readable folder"
        ) from error
    return folders, files


def _identity(folder):
    try:
        found = folder.stat()
    except OSError as error:
        raise InputError(f"{in_one_line(str(folder))}: cannot be read ({error.strerror or error})") from error
    return found.st_dev, found.st_ino
