"""Drawings and charts as parts of a page; their texts are escaped where they are made."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from nao_tf.architecture import Architecture
from nao_tf.architecture.cells import CELLS
from nao_tf.report.drawing import diagrams, svg_part


def drawings(architecture: Architecture, name: str = "", **marks: Any) -> list[Markup]:
    """The drawings of an architecture, one a cell; their texts were escaped there."""
    parts = diagrams(architecture, name)
    drawn = [Markup(svg_part(part, **marks)) for part in parts]  # noqa: S704
    if len(parts) == 1:
        return drawn
    return [Markup('<div class="cell"><span class="quiet">{} cell</span>{}</div>').format(kind, one)
            for kind, one in zip(CELLS, drawn, strict=True)]  # fmt: skip


def svg(text: str) -> Markup:
    """A chart as a part of a page."""
    return Markup(text)  # noqa: S704, charts escape their texts
