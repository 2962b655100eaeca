"""The evaluations of a run as CSV."""

from __future__ import annotations

import dataclasses

from nao_tf.report.run import Run
from nao_tf.search import columns


def csv_of(run: Run) -> str:
    """Every evaluation of every strategy of a run, a row each; the first column is the strategy."""
    rows = []
    for strategy, search in run.searches.items():
        for row in search.rows:
            fields = {**dataclasses.asdict(row), "architecture": row.values}
            fields["status"] = "failed" if row.score is None else "ok"
            if not search.rungs:
                del fields["rung"], fields["cost"]
            rows.append({"strategy": strategy, **columns.row(fields, row.seconds)})
    return columns.csv_text(rows)
