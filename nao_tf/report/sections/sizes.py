"""Sizes against scores, and the front."""

from __future__ import annotations

from typing import Any

import numpy as np

from nao_tf.report import charts
from nao_tf.report.run import Run
from nao_tf.report.sections.pictures import svg
from nao_tf.report.sections.words import figure_text, tip
from nao_tf.search.settings import SCORE, SIZES
from nao_tf.tasks.sizes import size_text


def sizes(run: Run, prefix: str) -> dict[str, Any] | None:
    """Scores against parameters and multiply-adds, with the front of what nothing surpasses."""
    search = run.main
    if search is None:
        return None
    found: list[dict[str, Any]] = []
    equal: int | None = None
    for attribute, name in (("parameters", "parameters"), ("multiply_adds", "multiply-adds")):
        rows = [row for row in search.ranked if getattr(row, attribute) is not None
                and (not search.rungs or row.rung == search.rungs[-1])]  # fmt: skip
        sizes = [float(getattr(row, attribute)) for row in rows]
        if len(set(sizes)) < 2:
            if attribute == "parameters" and len(rows) > 1:
                equal = int(sizes[0])
            continue
        goodness = [search.goodness(row) for row in rows]
        on_front = charts.front(sizes, goodness)
        scores = [float(row.score or 0.0) for row in rows]
        places = charts.ranks(goodness)
        text = charts.scatter(
            f"{prefix}size-{attribute}",
            f"{run.metric.words} against {name}; the front has {len(on_front)} architectures",
            x=(f"{name} of the child", sizes),
            y=(run.metric.words, scores),
            shares=places,
            tips=[f"{tip(run, row)}\n{getattr(row, attribute):,} {name}" for row in rows],
            line=[(sizes[at], scores[at]) for at in on_front],
            limits=charts.extent(np.array(scores), search.higher_is_better),
            logarithmic=max(sizes) > 8 * min(sizes),
        )
        front = [
            {"id": rows[at].id, "size": f"{int(sizes[at]):,}", "score": run.score_text(rows[at].score)}
            for at in on_front
        ]
        found.append({"chart": svg(text), "name": name, "front": front})
    return {"charts": found, "equal": equal} if found or equal is not None else None


def front(run: Run) -> dict[str, Any] | None:
    """What no other surpasses in score and sizes of the final model, where the run had such objectives."""
    result = run.result or {}
    rows = result.get("front")
    if not rows:
        return None
    sizes = [name for name in result["objectives"] if name != SCORE]
    known = {"id", "architecture", "text", "score", "metric", "origin", "rung", *SIZES}
    figures = list(dict.fromkeys(name for row in rows for name in row if name not in known))
    return {
        "objectives": [name.replace("_", " ") for name in result["objectives"]],
        "names": [run.metric.words, *(name.replace("_", " ") for name in (*sizes, *figures))],
        "rows": [
            {
                "id": row["id"],
                "text": row["text"],
                "cells": [
                    run.score_text(row["score"]),
                    *(size_text(name, row[name]) for name in sizes),
                    *(figure_text(name, row[name]) if name in row else "not trained" for name in figures),
                ],
            }
            for row in rows
        ],
    }
