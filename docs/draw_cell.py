#!/usr/bin/env python3
"""Draws a recurrent cell as an SVG: the tree of its nodes, from node 0 on the left.

    python docs/draw_cell.py NAO-WS > docs/cell.svg

The argument is a published name, or the integers of a cell. The picture has an opaque panel of its own, light or dark
as the reader prefers, so that it is legible on any page.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Sequence

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from nao_tf.architecture import RecurrentSpace

COLUMN, ROW = 128, 52  # pixels between the centres of two nodes
WIDTH, HEIGHT = 92, 36  # of a node
LEFT, TOP = 140, 78  # centre of node 0
# Fill, and text and border, of the nodes of each activation; light panel and dark panel.
LIGHT = {
    "tanh": ("#dbe7fb", "#1d4486"),
    "relu": ("#fde6cf", "#8a3f00"),
    "sigmoid": ("#d8f0dd", "#165c2c"),
    "identity": ("#e6e6ea", "#3f3f4a"),
}
DARK = {
    "tanh": ("#1c3157", "#a9c7ff"),
    "relu": ("#4a2a0d", "#ffc48a"),
    "sigmoid": ("#143d22", "#9fe0b2"),
    "identity": ("#34343c", "#d0d0da"),
}


def style() -> str:
    """The sheet of both panels."""

    def panel(colours, background, ink, line):
        rules = [
            f".panel {{ fill: {background}; stroke: {line}; }}",
            f"text {{ fill: {ink}; }}",
            f".edge {{ stroke: {line}; }}",
            f".input {{ fill: {background}; stroke: {ink}; }}",
            f"#tip path {{ fill: {line}; }}",
        ]
        for name, (fill, text) in colours.items():
            rules += [f".{name} rect {{ fill: {fill}; stroke: {text}; }}", f".{name} text {{ fill: {text}; }}"]
        return "\n    ".join(rules)

    return f"""text {{ font: 14px 'DejaVu Sans', Verdana, Helvetica, sans-serif; text-anchor: middle; }}
    .heading {{ font-size: 15px; font-weight: bold; text-anchor: start; }}
    .note {{ font-size: 13px; text-anchor: start; }}
    .number {{ font-size: 11px; }}
    .edge {{ fill: none; stroke-width: 1.6; }}
    {panel(LIGHT, "#fbfbfd", "#24242e", "#8b8b9a")}
    @media (prefers-color-scheme: dark) {{
    {panel(DARK, "#16161d", "#e4e4ec", "#777788")}
    }}"""


def places(predecessors: Sequence[int]) -> tuple[list[tuple[int, int]], int]:
    """Column and row of node 0 and every searched node, and the number of rows.

    The column is the number of steps from node 0. The deepest child goes straight on, its siblings below.

    Args:
        predecessors: which node each of the nodes 1, 2, … reads.
    """
    children: list[list[int]] = [[] for _ in range(len(predecessors) + 1)]
    for node, predecessor in enumerate(predecessors, start=1):
        children[predecessor].append(node)
    grid = [(0, 0)] * len(children)
    rows = 0

    def depth(node: int) -> int:
        return 1 + max((depth(child) for child in children[node]), default=0)

    def place(node: int, column: int) -> None:
        nonlocal rows
        grid[node] = (column, rows)
        for index, child in enumerate(sorted(children[node], key=lambda child: (-depth(child), child))):
            if index:
                rows += 1
            place(child, column + 1)

    place(0, 0)
    return grid, rows + 1


def draw(values: Sequence[int], *, name: str) -> str:
    """The SVG of a cell.

    Args:
        values: the integers of the cell, `predecessor activation` for each node.
        name: its title.
    """
    space = RecurrentSpace()
    predecessors, activations = values[0::2], [space.activations[value] for value in values[1::2]]
    grid, rows = places(predecessors)
    centres = [(LEFT + COLUMN * column, TOP + ROW * row) for column, row in grid]
    right = max(x for x, _ in centres) + WIDTH // 2
    bottom = TOP + ROW * (rows - 1) + HEIGHT // 2
    width, height = right + 150, bottom + 58
    parts = []
    for node, predecessor in enumerate(predecessors, start=1):
        (start, above), (end, below) = centres[predecessor], centres[node]
        start, end = start + WIDTH // 2, end - WIDTH // 2 - 3
        middle = (start + end) // 2
        parts.append(
            f'<path class="edge" data-from="{predecessor}" data-to="{node}" marker-end="url(#tip)" '
            f'd="M{start} {above} C{middle} {above} {middle} {below} {end} {below}"/>'
        )
    x, y = centres[0]
    parts.append(f'<path class="edge" marker-end="url(#tip)" d="M74 {y} H{x - WIDTH // 2 - 3}"/>')
    parts.append(f'<text x="46" y="{y - 4}">x<tspan dy="3" font-size="10">t</tspan></text>')
    parts.append(f'<text x="44" y="{y + 16}">h<tspan dy="3" font-size="10">t−1</tspan></text>')
    for node, (x, y) in enumerate(centres):
        word = activations[node - 1] if node else "tanh"
        kind = word if node else "first"
        box = f'x="{x - WIDTH // 2}" y="{y - HEIGHT // 2}" width="{WIDTH}" height="{HEIGHT}"'
        outline = f'<rect {box} rx="8"/>' if node else f'<rect class="input" {box} rx="8"/>'
        parts.append(
            f'<g class="{kind}" data-node="{node}">{outline}<text x="{x}" y="{y + 1}">{word}</text>'
            f'<text class="number" x="{x}" y="{y + 14}">node {node}</text></g>'
        )
    bracket, middle = right + 18, (TOP - HEIGHT // 2 + bottom) // 2
    parts.append(
        f'<path class="edge" d="M{bracket} {TOP - HEIGHT // 2} h10 V{bottom} h-10 M{bracket + 10} {middle} h12"/>'
        f'<text class="note" x="{bracket + 30}" y="{middle - 3}">h<tspan dy="3" font-size="10">t</tspan>'
        f'<tspan dx="4" dy="-3">= mean of</tspan></text>'
        f'<text class="note" x="{bracket + 30}" y="{middle + 15}">nodes 1 to {len(predecessors)}</text>'
    )
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    tip = 'viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"'
    rule = "Node i reads one earlier node p through a gate c: s(i) = s(p) + σ(c) · (activation(h) − s(p))"
    return f"""<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">
  <title>The recurrent cell {name}</title>
  <style>
    {style()}
  </style>
  <defs><marker id="tip" {tip}><path d="M0 0 L8 4 L0 8 z"/></marker></defs>
  <rect class="panel" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="10"/>
  <text class="heading" x="24" y="34">{name}</text>
  <text class="note" x="24" y="{height - 20}">{rule}</text>
  {chr(10).join(parts).replace(chr(10), chr(10) + "  ")}
</svg>
"""


def main() -> None:
    """Prints the drawing of the cell that the command line names."""
    named = " ".join(sys.argv[1:])
    print(draw(RecurrentSpace().parse(named).values, name=named), end="")


if __name__ == "__main__":
    main()
