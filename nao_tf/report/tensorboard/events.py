"""Files of events, as TensorBoard reads them: those that grow, and those that are written whole.

TensorBoard reads the files of a folder, which it calls a run, in the order of their names, each once.
"""

from __future__ import annotations

import itertools
import os
import pathlib
import socket
import time
from collections.abc import Iterable

import tensorflow as tf
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_FLOAT
from tensorboard.plugins.image.metadata import create_summary_metadata as of_images
from tensorboard.plugins.scalar.metadata import create_summary_metadata as of_scalars
from tensorboard.plugins.text.metadata import create_summary_metadata as of_texts
from tensorboard.util.tensor_util import make_tensor_proto

FILES = "events.out.tfevents.*"
VERSION = "brain.Event:2"  # the first event of a file says so

_SCALARS = of_scalars(display_name="", description="")
_numbers = itertools.count()


def scalar(tag: str, value: float) -> Summary.Value:
    """A number.

    Args:
        tag: its name; what stands before a slash is the name of a group.
        value: of it.
    """
    tensor = TensorProto(dtype=DT_FLOAT, tensor_shape=TensorShapeProto(), float_val=[value])
    return _value(tag, tensor, _SCALARS)


def text(tag: str, markdown: str) -> Summary.Value:
    """A text in Markdown."""
    return _value(tag, make_tensor_proto([markdown.encode()]), of_texts(display_name="", description=""))


def image(tag: str, png: bytes, *, size: tuple[int, int], description: str) -> Summary.Value:
    """A picture.

    Args:
        tag: its name.
        png: a PNG file.
        size: width and height in pixels.
        description: in Markdown.
    """
    tensor = make_tensor_proto([*(str(length).encode() for length in size), png])
    return _value(tag, tensor, of_images(display_name="", description=description))


def _value(tag: str, tensor, metadata: SummaryMetadata) -> Summary.Value:
    return Summary.Value(tag=tag, tensor=tensor, metadata=metadata)


class GrowingRun:
    """A run that gets events as they happen; all are in its file at once.

    Of a run that another process has begun, events from the step of the first one on are replaced: a run that was
    killed repeats some.

    Args:
        directory: of the run.
    """

    def __init__(self, directory: pathlib.Path):
        self._begun = False
        directory.mkdir(parents=True, exist_ok=True)
        name = f"{FILES[:-1]}{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_numbers)}"
        self._file = tf.io.TFRecordWriter(str(directory / name))
        self._file.write(_first().SerializeToString())

    def add(self, step: int, values: Iterable[Summary.Value]) -> None:
        """Writes values at a step; of a run, steps never decrease."""
        if not self._begun:  # a second file of a run that says so replaces what the first has from this step on
            start = SessionLog(status=SessionLog.START)
            self._file.write(Event(wall_time=time.time(), step=step, session_log=start).SerializeToString())
            self._begun = True
        self._file.write(_event(step, values).SerializeToString())
        self._file.flush()

    def close(self) -> None:
        """The file is closed."""
        self._file.close()


def write_run(directory: pathlib.Path, events: Iterable[tuple[int, Iterable[Summary.Value]]]) -> None:
    """Writes a run whole, in place of what it was; no file stays open.

    The file has a new name each time, so that a TensorBoard that has read the old one reads it too.

    Args:
        directory: of the run.
        events: steps, ascending, and their values.
    """
    directory.mkdir(parents=True, exist_ok=True)
    earlier = sorted(directory.glob(FILES))
    number = 1 + (int(earlier[-1].name.removeprefix(FILES[:-1])) if earlier else 0)
    part = directory / "part"  # a kill leaves this, which TensorBoard does not read and the next writing replaces
    with tf.io.TFRecordWriter(str(part)) as file:
        file.write(_first().SerializeToString())
        for step, values in events:
            file.write(_event(step, values).SerializeToString())
    part.replace(directory / f"{FILES[:-1]}{number:010d}")
    for path in earlier:
        path.unlink(missing_ok=True)


def _first() -> Event:
    return Event(wall_time=time.time(), file_version=VERSION)


def _event(step: int, values: Iterable[Summary.Value]) -> Event:
    return Event(wall_time=time.time(), step=step, summary=Summary(value=values))
