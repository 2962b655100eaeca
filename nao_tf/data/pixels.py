"""The pixels of many pictures: few are held in memory; those of many are kept in a file, and read when they are needed.

Letters: N pictures, H height, W width, C channels.
"""

from __future__ import annotations

import itertools
import math
import os
import tempfile
import typing
from collections.abc import Iterator, Sequence

import numpy as np

from nao_tf import files
from nao_tf.errors import RunError

HELD = 64 * 2**20  # bytes of the pictures of a part that are held in memory
CHUNK = 4096  # pictures that are read at once where all of them are looked at


class StoredPixels:
    """Pictures in a temporary file that no folder lists: the system removes it with the last process that has it open.

    It is indexed like an array `[N, H, W, C]`, which gives an array of the pictures asked for. It is pickled with its
    content, and lies in a file of the other process's own there; but see `files.sent_by_reference`.

    Args:
        file: with the pictures one after another.
        rows: the places of these pictures in it, int64 `[N]`.
        picture: H, W and C.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, file: typing.BinaryIO, rows: np.ndarray, *, picture: tuple[int, ...]):
        self._file, self._rows, self._picture = file, rows, picture

    @classmethod
    def of(cls, batches: Iterator[np.ndarray] | Sequence[np.ndarray], picture: Sequence[int]) -> StoredPixels:
        """Writes pictures into a new file, in the folder of temporary files, which $TMPDIR names.

        Args:
            batches: uint8 `[any number, H, W, C]` each.
            picture: H, W and C.

        Raises:
            RunError: there is no room for them.
        """
        # closed with the last that holds it
        file: typing.BinaryIO = tempfile.TemporaryFile(prefix="nao_tf-")  # type: ignore[assignment]  # noqa: SIM115
        count = 0
        try:
            for batch in batches:
                file.write(np.ascontiguousarray(batch).data)
                count += len(batch)
            file.flush()
        except OSError as error:
            file.close()
            raise RunError(
                f"{tempfile.gettempdir()}: {error.strerror} while the pixels of pictures are written there; make room, "
                "or name a folder with TMPDIR"
            ) from error
        return cls(file, np.arange(count), picture=tuple(picture))

    @property
    def shape(self) -> tuple[int, ...]:
        """N, H, W and C."""
        return (len(self._rows), *self._picture)

    def __len__(self) -> int:
        return len(self._rows)

    def part(self, which: slice | np.ndarray) -> StoredPixels:
        """Some of the pictures, in the same file."""
        return StoredPixels(self._file, self._rows[which], picture=self._picture)

    def __getitem__(self, which: int | slice | np.ndarray) -> np.ndarray:
        """Reads a picture, or several."""
        rows = np.asarray(self._rows[which])
        pictures = np.empty([rows.size, *self._picture], np.uint8)
        size, flat = math.prod(self._picture), rows.ravel()
        # pictures that lie side by side are read together
        ends = [0, *(np.flatnonzero(np.diff(flat) != 1) + 1).tolist(), len(flat)] if len(flat) else [0]
        for begin, end in itertools.pairwise(ends):
            self._read(pictures[begin:end].data.cast("B"), int(flat[begin]) * size)
        return pictures.reshape([*rows.shape, *self._picture])

    def __array__(self, dtype: np.typing.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)

    def __iter__(self) -> Iterator[np.ndarray]:
        for chunk in chunks(self):
            yield from chunk

    def _read(self, buffer: memoryview, offset: int) -> None:
        while buffer:
            count = os.preadv(self._file.fileno(), [buffer], offset)
            if not count:
                raise RunError("the temporary file of the pixels is shorter than it was")
            buffer, offset = buffer[count:], offset + count

    def __reduce__(self):
        if files.by_reference():
            return _opened, (f"/proc/{os.getpid()}/fd/{self._file.fileno()}", self._rows, self._picture)
        content = [chunk.tobytes() for chunk in chunks(self)]
        return _stored, (content, self._picture)


Pixels = np.ndarray | StoredPixels


def kept(batches: Iterator[np.ndarray], count: int, *, picture: Sequence[int]) -> Pixels:
    """The pictures of batches, in memory or in a file, as many as there are decides.

    Args:
        batches: uint8 `[any number, H, W, C]` each, in all `[N, H, W, C]`.
        count: N.
        picture: H, W and C.

    Raises:
        RunError: there is no room for the file.
    """
    if count * math.prod(picture) > HELD:
        return StoredPixels.of(batches, picture)
    images = np.empty([count, *picture], np.uint8)
    begin = 0
    for batch in batches:
        images[begin : begin + len(batch)] = batch
        begin += len(batch)
    return images


def chunks(pixels: Pixels) -> Iterator[np.ndarray]:
    """All pictures, some at a time."""
    for begin in range(0, len(pixels), CHUNK):
        yield pixels[begin : begin + CHUNK]


def joined(one: Pixels, other: Pixels) -> Pixels:
    """The pictures of both, one after the other."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.concatenate([one, other])
    return StoredPixels.of(itertools.chain(chunks(one), chunks(other)), one.shape[1:])


def _opened(path, rows, picture) -> StoredPixels:
    return StoredPixels(open(path, "rb"), rows, picture=picture)  # noqa: SIM115, it is closed with the last that holds it


def _stored(content, picture) -> StoredPixels:
    return StoredPixels.of((np.frombuffer(part, np.uint8).reshape(-1, *picture) for part in content), picture)
