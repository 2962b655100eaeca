"""Is it better? The figures of the winner and its rivals, and their final trainings."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from nao_tf.report import charts
from nao_tf.report.run import Run, Search
from nao_tf.report.sections.pictures import svg
from nao_tf.report.sections.words import figure_name, figure_text, value_text

HEADLINES = {"perplexity": False, "accuracy": True}  # test figures that runs are compared by; whether higher is better


def headline(result: Mapping[str, Any], search: Search | None) -> tuple[str, bool] | None:
    """The test figure that networks are compared by, and whether higher is better."""
    test = result.get("test", {})
    for name, higher in HEADLINES.items():
        if name in test:
            return name, higher
    numbers = [name for name, value in test.items() if isinstance(value, float | int)]
    return (numbers[0], search is None or search.higher_is_better) if numbers else None


def verdict(run: Run, prefix: str) -> dict[str, Any] | None:
    """The figures of the winner and its rivals, and what can be said of their difference."""
    result = run.result
    if result is None:
        return None
    told, rivals = result.get("verdict"), result.get("baselines", {})
    if isinstance(told, Mapping) and len(told.get("winner", {}).get("values", ())) < 2:
        told = None  # nothing was tested: the figures themselves are told
    rows = [("the winner" if run.main is not None else "the architecture", result.get("test", {})), *rivals.items()]
    names = [
        name for name, value in rows[0][1].items() if isinstance(value, float | int) and not isinstance(value, bool)
    ]
    table = [
        {
            "name": name,
            "failed": figures.get("failed"),
            "values": [figure_text(key, figures.get(key)) for key in names],
        }
        for name, figures in rows
    ]
    compared = headline(result, run.main)
    words: list[str] = []
    samples: list[tuple[str, list[float], str]] = []
    x = ""
    if isinstance(told, Mapping):
        words = [str(sentence) for sentence in told.get("words", [])]
        x = f"{str(told.get('metric', '')).replace('_', ' ')}, each training a circle, mean and standard deviation"
        parts = {"the winner": told.get("winner", {}), **told.get("rivals", {})}
        samples = [(name, list(part.get("values", [])), str(part.get("words", name))) for name, part in parts.items()]
    elif compared is not None:
        nothing = result.get("test", {}).get("learnt_nothing")
        words = _words_of_figures(result, *compared) if nothing is None else [str(nothing)]
        x = figure_name(compared[0])
        for name, figures in rows:
            value = figures.get(compared[0])
            if value is not None and "failed" not in figures:
                samples.append((name, [float(value)], f"{name}: {figure_text(compared[0], value)}"))
    samples = [sample for sample in samples if sample[1]]
    chart = None
    if len(samples) > 1:
        description = "; ".join(f"{name}: {statistics.fmean(values):.5g}" for name, values, _ in samples)
        chart = svg(charts.figures(f"{prefix}figures", description, x=x, rows=samples))
    return {
        "words": words,
        "tested": isinstance(told, Mapping),
        "test": told.get("test") if isinstance(told, Mapping) else None,
        "names": [figure_name(name) for name in names],
        "rows": table,
        "chart": chart,
        "headline": None if compared is None else figure_name(compared[0]),
        "value": None if compared is None else figure_text(compared[0], result["test"][compared[0]]),
    }


def _words_of_figures(result: Mapping[str, Any], name: str, higher: bool) -> list[str]:
    """What one figure of each network says."""
    own = result["test"][name]
    said, failed = [], []
    for rival, figures in result.get("baselines", {}).items():
        other = figures.get(name)
        if "failed" in figures:
            failed.append(f"{rival} failed: {figures['failed']}.")
        elif other is not None and own is not None:
            how = "level with" if own == other else "better than" if (own > other) == higher else "worse than"
            said.append(f"{how} {rival} ({figure_text(name, other)})")
    if not said:
        return failed
    direction = "higher" if higher else "lower"
    compared = f"{', '.join(said[:-1])} and {said[-1]}" if len(said) > 1 else said[0]
    return [
        f"Its {figure_name(name)} ({direction} is better) is {figure_text(name, own)}: {compared}.",
        *failed,
    ]


def training(run: Run, prefix: str) -> dict[str, Any] | None:
    """Finalists, and validation figures by epoch where there are some."""
    result = run.result or {}
    rows = {"the winner": result.get("test", {}), **result.get("baselines", {})}
    lines: dict[str, list[float]] = {}
    name = ""
    for label, figures in rows.items():
        for key, values in figures.items():
            if key.endswith("_by_epoch") and isinstance(values, list) and len(values) > 1:
                lines[label], name = [float(value) for value in values if value is not None], key
    finalists = result.get("finalists") or []
    names = [key for key in (finalists[0] if finalists else {}) if key not in ("id", "text", "score")]
    if len(finalists) < 2 and not lines:
        return None
    chart = None
    if lines:
        words = name.removesuffix("_by_epoch").replace("_", " ")
        description = "; ".join(f"{label} ends at {values[-1]:.5g}" for label, values in lines.items())
        chart = svg(charts.curves(f"{prefix}curves", description, x="epoch", y=words, lines=lines))
    by_id = {row.id: row for row in run.main.members} if run.main is not None else {}
    table = [
        {
            "id": row.get("id"),
            "score": run.score_text(by_id[row["id"]].score) if row.get("id") in by_id else "–",
            "values": [value_text(key, row.get(key)) for key in names],
            "text": row.get("text"),
        }
        for row in finalists
    ]
    return {"chart": chart, "finalists": table, "names": [figure_name(key) for key in names]}
