"""The best so far against evaluations, seconds and training steps; and where the time went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nao_tf.report import charts
from nao_tf.report.run import Run, Search
from nao_tf.report.sections.pictures import svg
from nao_tf.report.sections.words import tip

STAGES = {
    "search": "search by {}",
    "retrain": "final trainings for {}",
    "controller": "the predictor of the whole pool",
    "train": "training",
    "test": "test",
}


def progress(runs: Sequence[Run], prefix: str) -> list[dict[str, Any]]:
    """Charts of the best so far: against evaluations, seconds, and training steps, where these are known."""
    searches = [
        (search.strategy if len(runs) == 1 else f"{number}: {search.strategy}", search, run)
        for number, run in enumerate(runs, start=1)
        for search in (run.searches.values() if len(runs) == 1 else [run.main])
        if search is not None and search.ranked
    ]
    if not searches:
        return []
    first = searches[0][1]
    shown = []
    for axis, label, note in (
        ("evaluations", "evaluations" if not first.rungs else "cost, in evaluations on the last rung", ""),
        ("seconds", "seconds of the search", "The seconds of a search are spread evenly over its evaluations."),
        ("steps", "training steps of children", ""),
    ):
        lines = []
        for name, search, run in searches:
            each = _each(search, axis)
            if each is None:
                continue
            top = search.rungs[-1] if search.rungs else None
            lines.append(
                charts.Line(
                    name=name,
                    x=charts.cumulated(each),
                    scores=[row.score if row.rung == top else None for row in search.rows],
                    tips=[tip(run, row, short=axis != "evaluations") for row in search.rows],
                    proposed=[row.origin not in ("random", "given") for row in search.rows],
                )
            )
        if not lines or not any(score is not None for line in lines for score in line.scores):
            continue
        text, outside = charts.progress(
            f"{prefix}progress-{axis}",
            lines,
            x=label,
            metric=runs[0].metric.words,
            higher_is_better=first.higher_is_better,
        )
        notes = [note] if note else []
        if outside:
            lie = "score of {} lies" if outside == 1 else "scores of {} lie"
            notes.append(f"{outside} {lie.format(lines[0].name)} outside the picture.")
        shown.append({"chart": svg(text), "title": f"Against {label}", "notes": notes})
    return shown


def _each(search: Search, axis: str) -> list[float] | None:
    """What every evaluation of a search takes; None where that is not known."""
    if axis == "evaluations":
        return [1.0 if row.cost is None else row.cost for row in search.rows]
    if axis == "seconds":
        costs = _each(search, "evaluations")
        if not search.seconds or costs is None:
            return None
        return [search.seconds * cost / sum(costs) for cost in costs]
    return None if search.steps is None else [float(search.steps)] * len(search.rows)


def time(run: Run, prefix: str) -> dict[str, Any] | None:
    """The seconds of every stage; None where they are not known."""
    if not run.seconds:
        return None
    values = {_stage(stage): seconds for stage, seconds in run.seconds.items() if seconds > 0}
    if not values:
        return None
    total = sum(values.values())
    texts = [f"{seconds:,.0f} s, {seconds / total:.0%}" for seconds in values.values()]
    description = "; ".join(f"{name}: {text}" for name, text in zip(values, texts, strict=True))
    return {
        "chart": svg(charts.bars(f"{prefix}time", description, x="seconds", values=values, texts=texts)),
        "total": total,
    }


def _stage(stage: str) -> str:
    kind, _, name = stage.partition("_")
    return STAGES.get(kind, stage.replace("_", " ")).format(name) if kind in STAGES else f"training of {stage}"
