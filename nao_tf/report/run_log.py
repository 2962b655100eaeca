"""run.log in a work directory: what the terminal was told, as plain lines with the date and the time."""

from __future__ import annotations

import os
import pathlib
import time
from typing import BinaryIO

NAME = "run.log"


class RunLog:
    """A file that lines are added to; a run that goes on adds to what is there.

    What was there is not read, so damage in it ends no run: after a last line that is not whole, or any other content,
    the next one begins a line of its own. Where nothing can be written, the run goes on without the file.

    Args:
        path: of the file; its folder is there.
    """

    def __init__(self, path: pathlib.Path):
        self.path = path
        self._file: BinaryIO | None = None
        self._given_up = False

    def write(self, text: str) -> str | None:
        """Adds a line.

        Args:
            text: of the line; line breaks in it become spaces.

        Returns:
            Why the file is given up, for people; None: the line is written, or that was told before.
        """
        if self._given_up:
            return None
        try:
            if self._file is None:
                self._file = _opened(self.path)
            line = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {' '.join(text.splitlines())}\n"
            self._file.write(line.encode("utf-8", "backslashreplace"))
        except OSError as error:
            self._given_up = True
            return f"{self.path} cannot be written ({error.strerror or error}); the run goes on without it"
        return None


def _opened(path):
    """The file, without a buffer, at the beginning of a line."""
    file = open(path, "a+b", buffering=0)  # noqa: SIM115, for as long as the run lasts
    if file.tell():
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")
    return file
