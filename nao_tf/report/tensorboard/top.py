"""The best of a search, for TensorBoard: as a table and as drawings."""

from __future__ import annotations

import functools
import html
from collections.abc import Sequence

from tensorboard.compat.proto.summary_pb2 import Summary

from nao_tf.architecture import Architecture
from nao_tf.report.drawing import drawing, png
from nao_tf.report.tensorboard.events import image, text
from nao_tf.search.pool import Evaluation, Pool

ROWS = 10  # of the table
DRAWN = 5  # of the best
DRAWINGS = 20  # that are kept, since most are among the best again and again


def top(pool: Pool, *, words: Sequence[str] = ()) -> list[Summary.Value]:
    """A table of the best and their drawings; nothing where no evaluation has succeeded.

    Args:
        pool: of the search.
        words: sentences about the whole run, once it has ended.
    """
    best = pool.ranked[:ROWS]
    values = [text("top", table(pool, best))] if best else []
    if words:
        values.append(text("verdict", "\n".join(f"* {sentence}" for sentence in words)))
    for place, evaluation in enumerate(best[:DRAWN], start=1):
        content, size = _drawn(evaluation.candidate.architecture)
        description = f"Architecture {evaluation.id}, {pool.metric} {evaluation.score:.6g}: {_text(evaluation)}"
        values.append(image(f"top/{place}", content, size=size, description=description))
    return values


def table(pool: Pool, best: Sequence[Evaluation]) -> str:
    """Evaluations in Markdown: a table of their figures, then the architectures, which would leave no room in it.

    Args:
        pool: that they belong to.
        best: of it, the best first; all have scores.
    """
    names = ["place", "id", pool.metric.replace("_", " "), "parameters", "origin", "round"]
    if pool.rungs:
        names.insert(3, "rung")
    lines = [names, ["---"] * len(names)]
    for place, evaluation in enumerate(best, start=1):
        candidate, parameters = evaluation.candidate, evaluation.parameters
        cells = [str(place), str(evaluation.id), f"{evaluation.score:.6g}"]
        cells += [pool.rungs[candidate.rung].name] if pool.rungs else []
        cells += ["" if parameters is None else f"{parameters:,}", candidate.origin]
        lines.append([*cells, str(pool.first_round(evaluation.id))])
    rows = [f"| {' | '.join(cells)} |" for cells in lines]
    return "\n".join([*rows, "", *(f"{place}. {_text(evaluation)}" for place, evaluation in enumerate(best, start=1))])


def _text(evaluation: Evaluation) -> str:
    """The readable form as code in Markdown, to which bars and others mean nothing."""
    text = html.escape(evaluation.candidate.architecture.text)
    for mark in "|_*~`[]":
        text = text.replace(mark, f"&#{ord(mark)};")
    return f"<code>{text}</code>"


@functools.lru_cache(maxsize=DRAWINGS)
def _drawn(architecture: Architecture) -> tuple[bytes, tuple[int, int]]:
    """The drawing of an architecture as PNG, and its width and height."""
    diagram = drawing(architecture)
    return png(diagram, scale=1.0), (max(1, round(diagram.width)), max(1, round(diagram.height)))
