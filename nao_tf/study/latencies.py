"""How long requests to the networks of a study take: measured on exports, predicted where that would take too long.

A search judges thousands of architectures, and an export takes seconds, so a few random architectures are exported and
measured before the search, and a linear model of what the task says that a latency grows with, with coefficients from 0
on, predicts the others (as the latency tables of hardware-aware searches do, such as ProxylessNAS, appendix B). The
measurements are kept in the work directory: from then on nothing that a search proposes depends on a clock. Whoever is
to be trained to the end is exported and measured itself.
"""

from __future__ import annotations

import functools
import json
import math
import os
import pathlib
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nao_tf import files
from nao_tf.architecture import Architecture, SearchSpace
from nao_tf.study.work_directory import LATENCIES
from nao_tf.tasks.task import Latency, Task

SAMPLE = 8  # random architectures that the model learns
PASSES = 5  # of which the least median counts: other programs of the machine only ever add time
SECONDS = 0.2  # of the requests of a pass
REMEDY = "delete it, and the latencies are measured again"


class Latencies(Latency):
    """The latencies of a study's networks.

    Args:
        task: exports its networks.
        space: of all its architectures, before anything is limited.
        directory: the work directory.

    Attributes:
        measured: milliseconds by the integers of the architectures, the sample first.

    Raises:
        InputError: the file of the measurements is damaged.
    """

    def __init__(self, task: Task, space: SearchSpace, *, directory: pathlib.Path):
        self._task, self._file = task, directory / LATENCIES
        self.measured: dict[tuple[int, ...], float] = {}
        self._sample: list[Architecture] = []
        draw = np.random.default_rng(SAMPLE)  # whatever the seed of the study, so that its measurements serve others
        while len(self._sample) < SAMPLE:
            architecture = space.sample(draw).canonical
            if architecture not in self._sample or space.size <= 2 * SAMPLE:
                self._sample.append(architecture)
        final = {"settings": task.final_identity(), "weights": getattr(task.settings, "export_weights", None)}
        self._about = json.loads(json.dumps({"final": final, "sizes": task.sizes_of(self._sample[0])}))
        self._read()

    def _read(self):
        try:
            content = files.read_json(self._file, remedy=REMEDY)
        except FileNotFoundError:
            return
        rows = content.get("measured") if isinstance(content, dict) else None
        if not isinstance(rows, list) or not all(map(_is_row, rows)):
            raise files.damaged(self._file, "it takes measured, architectures with milliseconds", remedy=REMEDY)
        if content.get("about") == self._about:  # not of final models of another size
            self.measured = {tuple(row["architecture"]): row["milliseconds"] for row in rows}

    @functools.cached_property
    def _coefficients(self) -> tuple[np.ndarray, np.ndarray]:
        """Those of the model, the constant first, and by what the features are divided."""
        features = np.array([self._task.latency_features(one) for one in self._sample], float)  # [SAMPLE, features]
        scales = np.maximum(features.max(0), 1.0)
        return _fit(features / scales, np.array(self._measured(self._sample))), scales

    def learn(self) -> str:
        """Measures the sample, if that was not done before.

        Returns:
            What was measured, and how well the model tells it, for people.
        """
        _, scales = self._coefficients
        features = np.array([self._task.latency_features(one) for one in self._sample], float) / scales
        times = np.array(self._measured(self._sample))
        misses = []
        for left_out in range(SAMPLE):
            others = np.arange(SAMPLE) != left_out
            told = _told(_fit(features[others], times[others]), features[left_out])
            misses.append(abs(told / times[left_out] - 1))
        return (
            f"latency: {SAMPLE} random networks, exported and measured, take {times.min():.3g} to {times.max():.3g} ms "
            "a request on one thread; others are predicted from them (median error "
            f"{statistics.median(misses):.0%}, each told by the others)"
        )

    def predict(self, architecture: Architecture) -> float:
        """Milliseconds of one request, as the model tells them: also of what was measured."""
        coefficients, scales = self._coefficients
        return _told(coefficients, np.array(self._task.latency_features(architecture)) / scales)

    def measure(self, architecture: Architecture) -> float:
        """Milliseconds of one request to the export of an architecture's final model; measured once, then kept."""
        return self._measured([architecture])[0]

    def _measured(self, architectures: Sequence[Architecture]) -> list[float]:
        """The milliseconds of several networks; those that are missing are measured together.

        What is measured after the sample is measured beside the first network of the sample, and divided by how much
        slower that one is now than it was then: a machine that is busier now makes nobody too slow.
        """
        keys = [architecture.canonical.values for architecture in architectures]
        missing = {key: one for key, one in zip(keys, architectures, strict=True) if key not in self.measured}
        if missing:
            from nao_tf.serving.latency import medians

            with tempfile.TemporaryDirectory() as folder:
                first = self._sample[0]
                known = self.measured.get(first.canonical.values)
                served = [] if known is None else [self._reference]
                for number, architecture in enumerate(missing.values()):
                    directory = pathlib.Path(folder) / str(number)
                    served.append((directory, self._task.serve_untrained(architecture.canonical, directory)))
                times = medians(served, passes=PASSES, most_seconds=SECONDS)
            if known is not None:
                pace, *times = times
                times = [time * known / pace for time in times]
            self.measured |= {key: float(f"{time:.4g}") for key, time in zip(missing, times, strict=True)}
            self._save()
        return [self.measured[key] for key in keys]

    @functools.cached_property
    def _reference(self) -> tuple[pathlib.Path, Mapping[str, Any]]:
        """The export of the first network of the sample, and the inputs of a request."""
        self._folder = tempfile.TemporaryDirectory()  # as long as this object
        directory = pathlib.Path(self._folder.name) / "1"
        return directory, self._task.serve_untrained(self._sample[0], directory)

    def _save(self):
        rows = [{"architecture": list(key), "milliseconds": value} for key, value in self.measured.items()]
        what = "median of one request to the SavedModel, batch 1, one thread, a session of TensorFlow's C++ runtime"
        files.write_json(self._file, {"what": what, "cores": os.cpu_count(), "about": self._about, "measured": rows})

    def __getstate__(self) -> Mapping[str, Any]:
        raise TypeError("latencies are measured by one process")  # no worker proposes anything


def _fit(features: np.ndarray, times: np.ndarray) -> np.ndarray:
    """The coefficients from 0 on, constant first, that tell times with the least squared relative errors."""
    from scipy.optimize import nnls

    columns = np.column_stack([np.ones(len(times)), features])
    return nnls(columns / times[:, None], np.ones(len(times)))[0]


def _told(coefficients: np.ndarray, features: np.ndarray) -> float:
    return float(f"{coefficients[0] + features @ coefficients[1:]:.6g}")  # digits that no machine's sums differ in


def _is_row(row: Any) -> bool:
    """Whether a value is a measurement."""
    if not isinstance(row, dict):
        return False
    values, milliseconds = row.get("architecture"), row.get("milliseconds")
    whole = isinstance(values, list) and all(type(value) is int for value in values)
    return whole and isinstance(milliseconds, int | float) and 0 < milliseconds < math.inf
