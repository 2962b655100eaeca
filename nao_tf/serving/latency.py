"""How long a request to an exported model takes on this machine: measured, not told by arithmetic.

The SavedModel is loaded into a session of TensorFlow's C++ runtime (`tensorflow::DirectSession`), which is what model
servers run: the signature's inputs are fed, its outputs are fetched, and nothing of Keras or of Python's functions is
left. What is measured is one request after the other, with everything that the export does of itself: the checks of its
inputs, and the conversion of weights that are stored in fewer bits. What a server adds (network, queues, batching) is
not in it.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

WARM_UP = 5  # requests that are not counted: the first ones plan the graph and ask for memory
LEAST = 20  # requests that are counted at least
MOST_SECONDS = 1.0  # of the requests that are counted, unless the least number takes longer
SIGNATURE = "serving_default"


@contextlib.contextmanager
def requests(
    directory: os.PathLike[str] | str,
    inputs: Mapping[str, np.ndarray],
    *,
    signature: str = SIGNATURE,
    threads: int | None = 1,
) -> Iterator[Callable[[], list[np.ndarray]]]:
    """Loads a SavedModel and gives a function that makes one request and returns the outputs.

    Args:
        directory: of the SavedModel, not of its versions.
        inputs: of the request, by the names of the signature.
        signature: that answers.
        threads: that compute; None: one a core. A session of a process that computed before may take that process's.
    """
    count = threads or 0
    options = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=count, inter_op_parallelism_threads=count)
    with tf.Graph().as_default(), tf.compat.v1.Session(config=options) as session:
        graph = tf.compat.v1.saved_model.load(session, [tf.saved_model.SERVING], os.fspath(directory))
        told = graph.signature_def[signature]
        request = session.make_callable(
            [told.outputs[name].name for name in sorted(told.outputs)],
            feed_list=[told.inputs[name].name for name in inputs],
        )
        yield lambda: request(*inputs.values())


def seconds_of(request: Callable[[], object], *, least: int = LEAST, most_seconds: float = MOST_SECONDS) -> list[float]:
    """Seconds of each of at least `least` requests, after `WARM_UP` that are not counted."""
    for _ in range(WARM_UP):
        request()
    seconds: list[float] = []
    while len(seconds) < least or sum(seconds) < most_seconds:
        start = time.perf_counter()
        request()
        seconds.append(time.perf_counter() - start)
    return seconds


def medians(
    served: Sequence[tuple[os.PathLike[str] | str, Mapping[str, np.ndarray]]],
    *,
    passes: int,
    most_seconds: float = MOST_SECONDS,
    threads: int | None = 1,
) -> list[float]:
    """The milliseconds of one request to each of some SavedModels: of the medians of several passes the least.

    All are loaded, and a pass asks one after the other, so that what else the machine does falls on all of them.

    Args:
        served: the folder of each SavedModel, and the inputs of the request to its default signature.
        passes: over all of them.
        most_seconds: of the counted requests to one of them in a pass, see `seconds_of`.
        threads: see `requests`.
    """
    with contextlib.ExitStack() as stack:
        asked = [stack.enter_context(requests(*one, threads=threads)) for one in served]
        times = [
            [statistics.median(seconds_of(request, most_seconds=most_seconds)) for request in asked]
            for _ in range(passes)
        ]
    return [1e3 * min(of_one) for of_one in zip(*times, strict=True)]
