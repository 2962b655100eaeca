"""The words of a report: names and figures for people."""

from __future__ import annotations

from typing import Any

from nao_tf.architecture import ConvolutionalSpace, NasBench201Space, RecurrentSpace
from nao_tf.report.run import Row, Run

STAND_INS = ("python-docs", "digits")  # embedded samples, for data that were not given

ORIGINS = {
    "random": "drawn at random",
    "ascent": "found by gradient ascent",
    "mutation": "a mutation",
    "neighbour": "a neighbour of the best, chosen by the predictor",
    "policy": "drawn from the policy",
    "predictor": "chosen by the predictor",
    "given": "given by the user",
    "prior": "a member of the prior",
    "promotion": "promoted to a higher rung",
}


def stand_in(run: Run) -> str | None:
    """The data that stood in for those that the task is called after; None where none did."""
    dataset = (run.result or {}).get("dataset")
    return dataset if dataset in STAND_INS else None


def noun(run: Run) -> str:
    """The word for an architecture of the run."""
    kinds = {RecurrentSpace: "recurrent cell", ConvolutionalSpace: "pair of convolutional cells",
             NasBench201Space: "cell of NAS-Bench-201"}  # fmt: skip
    return kinds.get(type(run.space), "architecture")


def figure_name(name: str) -> str:
    """The name of a figure for people."""
    return {"perplexity": "test perplexity", "accuracy": "test accuracy", "loss": "test loss"}.get(
        name, name.replace("_", " ")
    )


def figure_text(name: str, value: Any) -> str:
    """A figure for people, by its name."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    if "accuracy" in name and 0 <= value <= 1:
        return f"{value:.2%}"
    return f"{value:.2f}" if "perplexity" in name else f"{value:.5g}"


def main_name(run: Run) -> str | None:
    """The strategy whose best is the winner; None where nothing was searched."""
    return None if run.main is None else run.main.strategy


def tip(run: Run, row: Row, *, short: bool = False) -> str:
    """What a dot says when it is pointed at; short where another chart has the same dot."""
    rung = "" if row.rung is None else f" on {row.rung}"
    said = f"architecture {row.id} ({row.origin}, round {row.round}): {run.score_text(row.score)}{rung}"
    return said if short else f"{said}\n{row.text}"


def number_text(value: float | None) -> str:
    """A coefficient for people."""
    return "undefined" if value is None else f"{value:.2f}"


def value_text(name: str, value: Any) -> str:
    """A value of a table for people; several in a list with commas between."""
    if isinstance(value, list):
        return ", ".join(value_text(name, one) for one in value)
    return value if isinstance(value, str) else figure_text(name, value)
