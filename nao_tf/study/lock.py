"""A lock on a directory: one process at a time writes to it.

The operating system drops the lock when the process ends, however it ends, so a kill leaves no directory locked; the
files of the lock mean nothing by themselves.
"""

from __future__ import annotations

import os
import pathlib
import socket
import time
from typing import Any

from nao_tf import files
from nao_tf.errors import InputError

LOCK, OWNER = ".lock", ".lock_owner"
# Locks that this process has, with the file that each is on: it may lock a directory again, as often as it likes.
_HELD: dict[str, tuple[Any, os.stat_result]] = {}


def hold(directory: pathlib.Path) -> None:
    """Locks a directory for the life of this process; a directory that it holds already it keeps.

    Args:
        directory: to lock; it is there.

    Raises:
        InputError: another process has it.
    """
    import filelock

    path = directory / LOCK
    name = str(path.resolve())
    if name in _HELD:
        lock, file = _HELD[name]
        if path.exists() and os.path.samestat(file, path.stat()):
            return
        del _HELD[name]  # the directory was deleted, and this is a new one
        lock.release(force=True)
    lock = filelock.FileLock(path, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise InputError(
            f"{directory} is in use by {_owner(directory)}; wait until that ends, or give another --work_dir"
        ) from error
    _HELD[name] = lock, path.stat()
    owner = {"process": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
    files.write_json(directory / OWNER, owner)


def _owner(directory) -> str:
    """Who holds a directory, as far as it is told."""
    try:
        owner = files.read_json(directory / OWNER, remedy="")
        words = f"process {owner['process']} (since {owner['since']})"
        return words if owner["host"] == socket.gethostname() else f"{words} on {owner['host']}"
    except (OSError, InputError, KeyError, TypeError):  # it is about to be written, or was changed by hand
        return "another process"
