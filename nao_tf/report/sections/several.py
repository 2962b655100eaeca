"""What several runs have in common, and what not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from nao_tf.report.run import Run
from nao_tf.report.sections.better import headline
from nao_tf.report.sections.pictures import drawings
from nao_tf.report.sections.progress import progress
from nao_tf.report.sections.words import figure_name, figure_text, main_name
from nao_tf.settings import differences


def comparison(runs: Sequence[Run]) -> dict[str, Any]:
    """What several runs have in common and what not: figures, settings, progress in one picture."""
    compared = [None if run.result is None else headline(run.result, run.main) for run in runs]
    rows = []
    for number, (run, best) in enumerate(zip(runs, compared, strict=True), start=1):
        row = run.main.ranked[0] if run.main is not None and run.main.ranked else None
        rows.append(
            {
                "number": number,
                "path": str(run.path),
                "task": run.task,
                "search": main_name(run) or "one given architecture",
                "seed": "–" if run.main is None else run.main.identity.get("seed"),
                "evaluations": 0 if run.main is None else len(run.main.members),
                "score": "–" if row is None else f"{run.score_text(row.score)} ({run.metric.words})",
                "test": "–" if best is None or run.result is None else
                f"{figure_text(best[0], run.result['test'][best[0]])} ({figure_name(best[0])})",
                "seconds": sum(run.seconds.values()),
                "drawings": [] if run.winner is None else drawings(run.winner, f"The winner of run {number}"),
                "text": "" if run.winner is None else run.winner.text,
            }
        )  # fmt: skip
    identities = [{**(run.main.identity if run.main is not None else {}), "final": run.final_settings} for run in runs]
    changes = [
        {"number": number, "differences": _differences(identities[0], identity)}
        for number, identity in enumerate(identities[1:], start=2)
    ]
    same_metric = len({(run.metric.name, run.metric.higher_is_better) for run in runs}) == 1
    same_data = len({str(identity.get("data")) for identity in identities}) == 1
    return {
        "rows": rows,
        "changes": changes,
        "progress": progress(runs, "all-") if same_metric else [],
        "same_metric": same_metric,
        "same_data": same_data,
    }


def _differences(first: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """What differs between the settings of two runs; parts that only one of them has are told by their names."""
    parts = {name for name in {*first, *other} if isinstance(first.get(name, other.get(name)), Mapping)}
    alone = {name for name in parts if name not in first or name not in other}
    lines = differences(*({name: run[name] for name in run if name not in alone} for run in (first, other)))
    lines += [f"{name}: in the first alone" for name in first if name in alone]
    return [*lines, *(f"{name}: {json.dumps(other[name])}, not in the first" for name in other if name in alone)]
