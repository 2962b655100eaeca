"""The winner, what it comes from, and the best of the search."""

from __future__ import annotations

from typing import Any

from nao_tf.report.run import Row, Run
from nao_tf.report.sections.pictures import drawings
from nao_tf.report.sections.words import ORIGINS


def winner(run: Run) -> dict[str, Any] | None:
    """The architecture that won, or leads; None where nothing succeeded."""
    architecture, row = run.winner, run.winner_row
    if architecture is None:
        return None
    how = "given by the user"
    if row is not None:
        how = ORIGINS.get(row.origin, row.origin)
        if row.parent is not None:
            how += f" from architecture {row.parent}"
        if row.step_size is not None:
            how += f" with step size {row.step_size:g}"
        how += f", in round {row.round}"
    published = next(
        (name for name, values in run.space.published.items() if tuple(values) == architecture.values), None
    )
    test = (run.result or {}).get("test", {})
    parameters = test.get("parameters") or (None if row is None else row.parameters)
    return {
        "drawings": drawings(architecture, "The winner"),
        "text": architecture.text,
        "integers": str(architecture),
        "id": None if row is None else row.id,
        "score": None if row is None else run.score_text(row.score),
        "metric": run.metric.words,
        "how": how,
        "published": published,
        "parameters": parameters,
        "seconds": sum(run.seconds.values()),
        "rank": _rank(run, row),
        "of": 0 if run.main is None else len(run.main.members),
    }


def _rank(run: Run, row: Row | None) -> int | None:
    """The place of the winner by the score of the search; final trainings may have chosen another than the first."""
    if run.main is None or row is None or row not in run.main.ranked:
        return None
    return run.main.ranked.index(row) + 1


def lineage(run: Run) -> list[dict[str, Any]]:
    """The winner and what it comes from, the oldest first."""
    row = run.winner_row
    if row is None or run.main is None:
        return []
    by_id: dict[int, Row] = {}
    for one in run.main.rows:
        by_id.setdefault(one.id, one)  # as it came into the pool
    line: list[Row] = []
    while row is not None and len(line) < 50 and row not in line:
        line.append(row)
        row = None if row.parent is None else by_id.get(row.parent)
    if len(line) < 2:
        return []
    return [
        {
            "id": one.id,
            "round": one.round,
            "how": ORIGINS.get(one.origin, one.origin),
            "step_size": one.step_size,
            "predicted": one.predicted,
            "score": run.score_text(one.score),
            "text": one.text,
        }
        for one in reversed(line)
    ]


def best(run: Run, *, drawn: int) -> list[dict[str, Any]]:
    """The ten best of the search, the first few with drawings."""
    if run.main is None:
        return []
    on_front = {row.get("id") for row in (run.result or {}).get("front", ())}
    return [
        {
            "place": place,
            "id": row.id,
            "score": run.score_text(row.score),
            "how": ORIGINS.get(row.origin, row.origin),
            "parameters": row.parameters,
            "rung": row.rung,
            "on_front": row.id in on_front,
            "text": row.text,
            "integers": " ".join(map(str, row.values)),
            "drawings": drawings(run.architecture(row.values), f"Place {place}") if place <= drawn else [],
        }
        for place, row in enumerate(run.main.ranked[:10], start=1)
    ]


def failures(run: Run) -> list[tuple[str, int]]:
    """Why evaluations failed, and how often."""
    counts: dict[str, int] = {}
    for row in run.main.members if run.main is not None else ():
        if row.score is None:
            counts[row.reason or "unknown"] = counts.get(row.reason or "unknown", 0) + 1
    return sorted(counts.items(), key=lambda item: -item[1])
