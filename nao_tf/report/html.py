"""The report of one run, or of several side by side, as one HTML file that needs nothing else.

Everything in it comes from the files of work directories. jinja2 escapes whatever is data; only drawings and charts,
whose texts were escaped where they were made, go in as they are.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import importlib.resources
import pathlib
from collections.abc import Sequence
from typing import Any

import jinja2
from markupsafe import Markup

from nao_tf import files
from nao_tf.report.drawing import STYLE, variables
from nao_tf.report.run import Run
from nao_tf.report.sections import sections
from nao_tf.report.sections.several import comparison

PAGE = importlib.resources.files("nao_tf.report") / "page"


def write_report(runs: Sequence[Run], path: pathlib.Path | str) -> None:
    """Writes the report of runs to a file, whole or not at all.

    Raises:
        InputError: the files of a run do not fit each other.
    """
    files.write_output(path, report(runs))


def report(runs: Sequence[Run]) -> str:
    """The report of runs as the text of an HTML file. See `write_report`."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (PAGE / name).read_text()),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"seconds": duration, "number": number}
    script = (PAGE / "script.js").read_text()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    views = [sections(run, prefix=f"run{index + 1}-", brief=len(runs) > 1) for index, run in enumerate(runs)]
    return environment.get_template(
        "report.html.jinja"
    ).render(
        views=views,
        comparison=comparison(runs) if len(runs) > 1 else None,
        title=views[0]["title"] if len(views) == 1 else f"{len(views)} runs side by side",
        style=Markup((PAGE / "style.css").read_text() + STYLE),  # noqa: S704
        light=Markup(variables(dark=False)[1:-1]),  # noqa: S704
        dark=Markup(variables(dark=True)[1:-1]),  # noqa: S704
        script=Markup(script),  # noqa: S704
        digest=digest,
        written=datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
    )


def duration(seconds: float | None) -> str:
    """Seconds for people: "41 s", "12 min", "3.4 h"."""
    if seconds is None:
        return "unknown"
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def number(value: Any) -> str:
    """A figure for people: whole numbers with separators, others with the digits that mean something."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.5g}" if isinstance(value, float) else str(value)
