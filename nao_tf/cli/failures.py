"""Failures of the machine or of its set-up as one line: what failed, where, and what to do.

Wrong input has its own errors, which say so themselves. What is here can happen anywhere: a full disk, a folder
without permission, a name that is not UTF-8, memory that is used up. Anything else is a mistake of ours and keeps its
traceback.
"""

from __future__ import annotations

import errno
import json
import os
import re
import sys
import zipfile

GOES_ON = "then give the same command again, which goes on where it stood"
_NO_ROOM = f"make room, {GOES_ON}"
_NO_PERMISSION = "give another place, or the permission to use it"
_NOT_A_FOLDER = "a file stands where a folder should be: give another place"
REMEDIES = {
    errno.ENOSPC: _NO_ROOM,
    errno.EDQUOT: _NO_ROOM,
    errno.EFBIG: _NO_ROOM,
    errno.EACCES: _NO_PERMISSION,
    errno.EPERM: _NO_PERMISSION,
    errno.EROFS: _NO_PERMISSION,
    errno.ENOTDIR: _NOT_A_FOLDER,
    errno.EEXIST: _NOT_A_FOLDER,
    errno.EISDIR: "a folder stands where a file should be: give another place, or move it away",
    errno.ENOTEMPTY: "a folder with other files stands there: move it away",
    errno.ENOENT: "look for a mistake in its name, or make the folder",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.ELOOP: "the link leads to itself: give another place",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "raise the limit of open files of the machine",
    errno.ENOMEM: f"leave the program more memory, {GOES_ON}",
    errno.EIO: f"look after the disk, {GOES_ON}",
    errno.ESTALE: f"mount the file system again, {GOES_ON}",
}
_LARGEST_MESSAGE = 400  # characters


def line_for(error: BaseException) -> str | None:
    """The line that tells of a failure; None where the error is none of the machine or its set-up."""
    if isinstance(error, OSError) and error.errno is not None:
        remedy = REMEDIES.get(error.errno, "look after it, then give the same command again")
        return f"{_place(error)}{error.strerror or os.strerror(error.errno)}; {remedy}"
    if isinstance(error, UnicodeError):
        return f"a text or the name of a file is not UTF-8 ({_short(error)}); rename or convert it"
    if isinstance(error, MemoryError):
        return f"memory is used up{_reason(error)}; give a smaller batch size, network or data, or use a larger machine"
    if isinstance(error, json.JSONDecodeError | zipfile.BadZipFile | EOFError) and getattr(error, "filename", None):
        return f"{error.filename} is damaged ({_short(error)}); move it away, {GOES_ON}"  # type: ignore[union-attr]
    return _line_of_tensorflow(error)


def _line_of_tensorflow(error) -> str | None:
    """The line for an error of TensorFlow's that is none of its own making; it names files within its messages."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None or not isinstance(error, tensorflow.errors.OpError):
        return None
    message = str(error.message)
    for number, remedy in REMEDIES.items():
        found = re.search(rf"([^\s;:]*)[;:] ?{re.escape(os.strerror(number))}", message)
        if found:
            return f"{found[1] or 'a file'}: {os.strerror(number)}; {remedy}"
    if isinstance(error, tensorflow.errors.ResourceExhaustedError):
        return f"memory is used up ({_short(message)}); give a smaller batch size or network, or use a device with more"
    return None


def _place(error: OSError) -> str:
    """The files that an error of the operating system names."""
    names = [name for name in (error.filename, error.filename2) if name is not None]
    return "".join(f"{os.fsdecode(name) if not isinstance(name, int) else f'file {name}'}: " for name in names)


def _short(error: object) -> str:
    return " ".join(str(error).split())[:_LARGEST_MESSAGE]


def _reason(error: object) -> str:
    text = _short(error)
    return f" ({text})" if text else ""
