"""Diagrams as SVG: a file of its own, light or dark as its reader prefers, or a part of a page in its colours."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from xml.sax.saxutils import escape, quoteattr

from nao_tf.report.drawing.diagram import (
    HEADING,
    SIZE,
    SMALL,
    Box,
    Diagram,
    Edge,
    Frame,
    Shape,
    Words,
    curves,
)
from nao_tf.report.drawing.palette import KINDS, PAGE

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 cannot hold
OUTSIDE = 4.0  # around a part of a page: lines and halos are wider than their shapes
HALO = 9.0  # width of the widest halo, of the largest gradient
ARROW = 7.0  # length of an arrow's tip


def svg_file(diagram: Diagram, *, heat: Mapping[int, float] | None = None, changed: Collection[int] = ()) -> str:
    """A diagram as the text of an SVG file, on a panel of its own, with light and dark colours.

    Args:
        diagram: to draw.
        heat: for integers of the architecture, from 0 to 1, what is shown as a halo.
        changed: integers whose shapes are outlined.
    """
    width, height = round(diagram.width, 1), round(diagram.height, 1)
    texts = f"<title>{_text(diagram.title)}</title>\n<desc>{_text(diagram.description)}</desc>"
    sheet = f"<style>\n{_indented(f'svg {variables(dark=False)}')}\n"
    sheet += _indented(f"@media (prefers-color-scheme: dark) {{ svg {variables(dark=True)} }}") + "\n"
    sheet += _indented(STYLE) + "\n</style>"
    panel = f'<rect class="panel" x="0.5" y="0.5" width="{width - 1:g}" height="{height - 1:g}" rx="10"/>'
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    return _svg(diagram, [texts, sheet, panel], heat=heat or {}, changed=changed, size=size)


def svg_part(diagram: Diagram, *, heat: Mapping[int, float] | None = None, changed: Collection[int] = ()) -> str:
    """A diagram as an SVG element of a page that has `STYLE` and `variables`; see `svg_file`."""
    width, height = diagram.width + 2 * OUTSIDE, diagram.height + 2 * OUTSIDE
    size = f'viewBox="-{OUTSIDE:g} -{OUTSIDE:g} {_number(width)} {_number(height)}" style="max-width:{width:.0f}px"'
    return _svg(diagram, [], heat=heat or {}, changed=changed, size=size)


def variables(*, dark: bool) -> str:
    """The colours as a block of CSS variables."""
    page = {name: colours[dark] for name, colours in PAGE.items()}
    kinds = {
        f"{kind}-{part}": colours[2 * dark + index]
        for kind, colours in KINDS.items()
        for index, part in enumerate(("fill", "ink"))
    }
    return "{ " + " ".join(f"--{name}: {colour};" for name, colour in (page | kinds).items()) + " }"


def _kind_rules():
    return "\n".join(
        f".drawing .{kind} > rect {{ fill: var(--{kind}-fill); stroke: var(--{kind}-ink); }}\n"
        f".drawing .{kind} > text {{ fill: var(--{kind}-ink); }}"
        for kind in KINDS
    )


FONT = "'DejaVu Sans', Verdana, 'Segoe UI', Helvetica, sans-serif"
STYLE = f"""\
.drawing text {{ font: {SIZE:g}px {FONT}; fill: var(--ink); }}
.drawing .middle, .drawing .box text {{ text-anchor: middle; }}
.drawing .heading {{ font-size: {HEADING:g}px; font-weight: bold; }}
.drawing .note, .drawing .box .detail {{ font-size: {SMALL:g}px; }}
.drawing .panel {{ fill: var(--paper); stroke: var(--frame); }}
.drawing .frame {{ fill: none; stroke: var(--frame); stroke-width: 1.2; }}
.drawing .edge path {{ fill: none; stroke: var(--line); stroke-width: 1.6; }}
.drawing .edge .tip {{ fill: var(--line); stroke: none; }}
.drawing .edge.no path {{ stroke-dasharray: 2 4; }}
.drawing .edge.no .tip {{ display: none; }}
.drawing .box rect {{ stroke-width: 1.2; }}
.drawing .absent > rect {{ stroke-dasharray: 2 3; }}
.drawing .box > .halo, .drawing .edge .halo {{ stroke: var(--heat); stroke-linecap: round; fill: none; }}
.drawing .box.changed > rect {{ stroke: var(--changed); stroke-width: 3; stroke-dasharray: none; }}
.drawing .edge.changed > .line {{ stroke: var(--changed); stroke-width: 3; }}
.drawing .edge.changed > .tip {{ fill: var(--changed); }}
{_kind_rules()}"""


def _svg(diagram, parts, *, heat, changed, size) -> str:
    content = "\n".join([*parts, *(_element(shape, heat, changed) for shape in diagram.shapes)])
    label = _attribute(f"{diagram.title}. {diagram.description}")
    start = f'<svg xmlns="http://www.w3.org/2000/svg" class="drawing" {size} role="img" aria-label={label}>'
    return f"{start}\n{content}\n</svg>\n"


def _element(shape: Shape, heat, changed) -> str:
    if isinstance(shape, Box):
        return _box(shape, heat, changed)
    if isinstance(shape, Edge):
        return _edge(shape, heat, changed)
    if isinstance(shape, Frame):
        place = (
            f'x="{_number(shape.x)}" y="{_number(shape.y)}" width="{_number(shape.width)}" '
            f'height="{_number(shape.height)}"'
        )
        return f'<rect class="frame" data-frame={_attribute(shape.name)} {place} rx="10"/>'
    middle = " middle" if shape.middle else ""
    return (
        f'<text class="{shape.kind}{middle}" x="{_number(shape.x)}" y="{_number(shape.y)}">{_line(shape.words)}</text>'
    )


def _box(box: Box, heat, changed) -> str:
    corner = box.height / 2 if box.round else 7
    place = (
        f'x="{_number(box.x - box.width / 2)}" y="{_number(box.y - box.height / 2)}" width="{_number(box.width)}" '
        f'height="{_number(box.height)}" rx="{corner:g}"'
    )
    parts = [f"<title>{_text(box.title)}</title>"] if box.title else []
    parts += _halo(box, heat, f"<rect {place}", 2.0)
    parts.append(f"<rect {place}/>")
    for words, y, small in text_lines(box):
        detail = ' class="detail"' if small else ""
        parts.append(f'<text{detail} x="{_number(box.x)}" y="{_number(y)}">{_line(words)}</text>')
    marked = " changed" if _is_changed(box, changed) else ""
    return f'<g class="box {box.kind}{marked}" data-node={_attribute(box.name)}>{"".join(parts)}</g>'


def text_lines(box: Box) -> list[tuple[Words, float, bool]]:
    """The lines of a box, the y of their base lines, and whether they are small."""
    lines = [(words, SIZE, False) for words in box.lines] + ([(Words(box.detail), SMALL, True)] if box.detail else [])
    height = sum(size for _, size, _ in lines) + 2 * (len(lines) - 1)
    y = box.y - height / 2
    placed = []
    for words, size, small in lines:
        y += size
        placed.append((words, y - 0.16 * size, small))
        y += 2
    return placed


def _edge(edge: Edge, heat, changed) -> str:
    pieces = curves(edge.route)
    path = f"M{_number(pieces[0][0][0])} {_number(pieces[0][0][1])}" + "".join(
        f" L{_number(piece[1][0])} {_number(piece[1][1])}"
        if len(piece) == 2
        else " C" + " ".join(f"{_number(x)} {_number(y)}" for x, y in piece[1:])
        for piece in pieces
    )
    parts = _halo(edge, heat, f'<path d="{path}"', 1.0)
    parts.append(f'<path class="line" d="{path}"/>')
    x, y = edge.route[-1]
    parts.append(f'<path class="tip" d="M{_number(x)} {_number(y)} l-3.5 -{ARROW:g} h7 z"/>')
    marks = (" no" if edge.absent else "") + (" changed" if _is_changed(edge, changed) else "")
    ends = f"data-from={_attribute(edge.source)} data-to={_attribute(edge.target)}"
    return f'<g class="edge{marks}" {ends}>{"".join(parts)}</g>'


def _halo(shape, heat, element, least) -> list[str]:
    """What shows the heat of a shape behind it."""
    strength = max((heat.get(position, 0.0) for position in shape.positions), default=0.0)
    if strength <= 0.02:
        return []
    width = least + HALO * strength
    return [
        f'{element} class="halo" style="stroke-width:{_number(width)};stroke-opacity:{0.15 + 0.75 * strength:.2f}"/>'
    ]


def _is_changed(shape, changed) -> bool:
    return any(position in changed for position in shape.positions)


def _number(value: float) -> str:
    """A length with one digit, where it has one."""
    return f"{round(value, 1):g}"


def _line(words: Words) -> str:
    if not words.subscript:
        return _text(words.text)
    return f'{_text(words.text)}<tspan dy="3" font-size="9.5">{_text(words.subscript)}</tspan>'


def _text(text: str) -> str:
    return escape(_NO_XML.sub("\ufffd", text))


def _attribute(text: str) -> str:
    return quoteattr(_NO_XML.sub("\ufffd", text))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
