"""Evaluations as a table, for spreadsheets and for pandas: a row an evaluation, a column a value."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from nao_tf.errors import InputError

COLUMNS = (
    "id",
    "architecture",
    "text",
    "score",
    "status",
    "round",
    "parameters",
    "seconds",
    "origin",
    "parent",
    "step_size",
    "predicted",
    "reason",
)
OF_LADDERS = ("rung", "cost")  # where there is one
HOW_TO_GET_PANDAS = "a table of pandas takes pandas: pip install pandas"


def row(fields: Mapping[str, Any], seconds: float | None) -> dict[str, Any]:
    """The row of an evaluation.

    Args:
        fields: of the line of a pool, see `Evaluation.to_json`.
        seconds: that it took; None where they are not known.
    """
    named = {**fields, "architecture": tuple(fields["architecture"]), "seconds": seconds}
    return {name: named[name] for name in (*COLUMNS, *OF_LADDERS) if name in named}


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV with a line of names; an architecture is its integers with blanks between, and None is nothing.

    Args:
        rows: each with the same names; names that `COLUMNS` does not have come first, those of a ladder last.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    columns = _columns(rows)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in columns])
    return file.getvalue()


def dataframe(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Rows as a `pandas.DataFrame`; an architecture is a tuple of integers. Loads pandas.

    Args:
        rows: see `csv_text`.

    Raises:
        InputError: pandas is not installed.
    """
    try:
        import pandas
    except ModuleNotFoundError as error:
        raise InputError(HOW_TO_GET_PANDAS) from error
    frame = pandas.DataFrame(list(rows), columns=_columns(rows))
    # whole numbers that may be missing
    return frame.astype({"parameters": "Int64", "parent": "Int64"})


def _columns(rows):
    names = list(rows[0]) if rows else []
    first = [name for name in names if name not in COLUMNS and name not in OF_LADDERS]
    return [*first, *COLUMNS, *(name for name in OF_LADDERS if name in names)]


def _cell(value):
    return " ".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else value
