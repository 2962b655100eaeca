"""Can the scores be trusted? Predictions against measurements, and what a rung tells of the next."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np

from nao_tf.controller.quality import kendall_tau
from nao_tf.report import charts
from nao_tf.report.run import Run
from nao_tf.report.sections.pictures import svg
from nao_tf.report.sections.words import number_text, tip


def predictor(run: Run, prefix: str) -> dict[str, Any] | None:
    """Predicted against measured scores, and the quality of the predictor; None where nothing was predicted."""
    quality = (run.result or {}).get("predictor")
    search = run.main
    rows = [
        row
        for row in (search.rows if search is not None else ())
        if row.predicted is not None
        and row.score is not None
        and (not search or not search.rungs or row.rung == search.rungs[-1])
    ]
    if search is None or (quality is None and len(rows) < 3):
        return None
    chart, tau, within = None, None, None
    if len(rows) >= 3:
        predicted = [float(row.predicted or 0.0) for row in rows]
        scores = [float(row.score or 0.0) for row in rows]
        goodness = [search.goodness(row) for row in rows]
        tau = kendall_tau(goodness, predicted)
        rounds = [
            [at for at, row in enumerate(rows) if row.round == number] for number in sorted({row.round for row in rows})
        ]
        taus = [
            kendall_tau([goodness[at] for at in part], [predicted[at] for at in part])
            for part in rounds
            if len(part) > 1
        ]
        known = [value for value in taus if value is not None]
        within = statistics.fmean(known) if known else None
        last = max(row.round for row in rows) or 1
        low, high = charts.extent(np.array(scores), search.higher_is_better)
        chart = svg(
            charts.scatter(
                f"{prefix}predicted",
                f"predicted against measured scores of {len(rows)} architectures; Kendall's tau {number_text(tau)}",
                x=("predicted, before it was evaluated (higher is better)", predicted),
                y=(run.metric.words, scores),
                shares=[row.round / (last + 1e-9) for row in rows],
                tips=[tip(run, row) for row in rows],
                limits=(low, high),
            )
        )
    return {"quality": quality, "chart": chart, "tau": tau, "within": within, "count": len(rows)}


def ladder(run: Run) -> list[dict[str, Any]]:
    """For every rung of a ladder how many came to it, and how it ranked those that came to the next."""
    search = run.main
    if search is None or not search.rungs:
        return []
    scores: dict[str, dict[int, float]] = {rung: {} for rung in search.rungs}
    cost = dict.fromkeys(search.rungs, 0.0)
    count = dict.fromkeys(search.rungs, 0)
    for row in search.rows:
        if row.rung is not None:
            count[row.rung] += 1
            cost[row.rung] += row.cost or 0.0
            if row.score is not None:
                scores[row.rung][row.id] = search.goodness(row)
    steps = []
    for index, rung in enumerate(search.rungs):
        following = search.rungs[index + 1] if index + 1 < len(search.rungs) else None
        both = [] if following is None else sorted(scores[rung].keys() & scores[following].keys())
        tau = None
        if following is not None and len(both) > 1:
            tau = kendall_tau([scores[following][id] for id in both], [scores[rung][id] for id in both])
        steps.append({"name": rung, "count": count[rung], "cost": cost[rung], "next": following, "both": len(both),
                      "tau": tau})  # fmt: skip
    return steps
