"""Pairs of convolutional cells as the paper draws them: nodes of two operations and their sum."""

from __future__ import annotations

import re

from nao_tf.architecture import Architecture, ConvolutionalSpace
from nao_tf.architecture.cells import BRANCHES, CELL_LENGTH, CELLS, INPUTS, Cell
from nao_tf.report.drawing.diagram import Box, Diagram, Edge, Frame, Words, shortened, text_width
from nao_tf.report.drawing.layout import Item, Layout, Link, lay_out
from nao_tf.report.drawing.palette import kind_of

HEIGHT = 36.0  # of an operation
NARROWEST, WIDEST = 62.0, 120.0  # an operation
INPUT_WIDTH, INPUT_HEIGHT = 84.0, 38.0
PADDING, BETWEEN = 9.0, 8.0  # within the frame of a node
SUM_WIDTH, SUM_HEIGHT, SUM_GAP = 76.0, 22.0, 12.0  # the sum of a node, below its operations
ROW = 3  # nodes beside each other
_SHORT = (
    ("dilated separable conv", "dil conv"),
    ("separable conv", "sep conv"),
    ("average pooling", "avg pool"),
    ("max pooling", "max pool"),
    ("min pooling", "min pool"),
)
INPUT_NAMES = (
    (Words("h", "k-2"), "the output of the cell before the previous one"),
    (Words("h", "k-1"), "the output of the previous cell"),
)


def cell_diagrams(architecture: Architecture, title: str) -> list[Diagram]:
    """The drawings of a normal and a reduction cell.

    Args:
        architecture: of a `ConvolutionalSpace`.
        title: of both; the kind of the cell is added.
    """
    space = architecture.space
    assert isinstance(space, ConvolutionalSpace)
    return [
        _cell(
            cell,
            operations=space.operations,
            first=index * CELL_LENGTH,
            title=f"{title}, {kind} cell" if title else f"{kind.capitalize()} cell",
            kind=kind,
        )
        for index, (kind, cell) in enumerate(zip(CELLS, space.cells_of(architecture.values), strict=True))
    ]


def _cell(cell: Cell, *, operations, first, title, kind) -> Diagram:
    """The drawing of one cell; `first` is the place of its first integer in the architecture."""
    words = {branch.operation: _lines(branch.operation) for node in cell.nodes for branch in node}
    width = max(NARROWEST, *(min(WIDEST, text_width(line.text) + 14) for lines in words.values() for line in lines))
    block_width = BRANCHES * width + (BRANCHES - 1) * BETWEEN + 2 * PADDING
    block_height = 2 * PADDING + HEIGHT + SUM_GAP + SUM_HEIGHT
    ports = tuple((index - (BRANCHES - 1) / 2) * (width + BETWEEN) for index in range(BRANCHES))
    items = [Item(state, INPUT_WIDTH, INPUT_HEIGHT, layer=0) for state in range(INPUTS)]
    links = []
    for index, node in enumerate(cell.nodes):
        items.append(Item(INPUTS + index, block_width, block_height, ports=ports, wide=True))
        links += [Link(branch.source, INPUTS + index, (index, place)) for place, branch in enumerate(node)]
    items.append(Item("concatenation", text_width("concatenation") + 18, 26.0))
    links += [Link(state, "concatenation", state) for state in cell.loose_ends]
    items.append(Item("output", 46.0, 26.0))
    links.append(Link("concatenation", "output", "output"))
    layout = lay_out(items, links, gap=18.0, layer_gap=32.0, most_wide=ROW)

    boxes: list[Box] = []
    frames: list[Frame] = []
    for state, (line, what) in enumerate(INPUT_NAMES):
        boxes.append(Box(_name(state), *layout.places[state], INPUT_WIDTH, INPUT_HEIGHT, (line,), _name(state),
                         round=True, title=f"node {state + 1}: {what}"))  # fmt: skip
    edges: list[Edge] = []
    for index, node in enumerate(cell.nodes):
        _add_node(index, node, layout, boxes=boxes, frames=frames, edges=edges, width=width, ports=ports,
                  block=(block_width, block_height), words=words, operations=operations, first=first)  # fmt: skip
    for name, line in (("concatenation", Words("concatenation")), ("output", Words("h", "k"))):
        item = next(item for item in items if item.key == name)
        boxes.append(Box(name, *layout.places[name], item.width, item.height, (line,), round=name == "output",
                         title="the output of the cell" if name == "output" else "channels side by side"))  # fmt: skip
    for state in cell.loose_ends:
        edges.append(Edge(_name(state), "concatenation", _from_sum(state, layout.routes[state])))
    edges.append(Edge("concatenation", "output", tuple(layout.routes["output"])))
    return Diagram(
        title=title,
        description=f"{kind} cell: {_text(cell)}",
        width=layout.width,
        height=layout.height,
        shapes=(*frames, *edges, *boxes),
    )


def _add_node(
    index: int, node, layout: Layout, *, boxes, frames, edges, width, ports, block, words, operations, first
) -> None:
    """Adds the shapes of one node: its operations, their sum, the frame around, and the edges that come in."""
    key = INPUTS + index
    x, y = layout.places[key]
    top = y - block[1] / 2
    frames.append(Frame(f"frame of {_name(key)}", x - block[0] / 2, top, *block))
    sum_y = y + block[1] / 2 - PADDING - SUM_HEIGHT / 2
    for place, branch in enumerate(node):
        at = x + ports[layout.ports[index, place]]
        name = f"{_name(key)}, branch {place + 1}"
        integers = first + 2 * (BRANCHES * index + place)
        boxes.append(
            Box(name, at, top + PADDING + HEIGHT / 2, width, HEIGHT, words[branch.operation],
                kind=kind_of(branch.operation, operations), positions=(integers + 1,),
                title=f"{_name(key)} adds: {branch.operation} of {_name(branch.source)}")
        )  # fmt: skip
        route = _from_sum(branch.source, layout.routes[index, place])
        end_x, end_y = route[-1]
        route = (*route, (end_x, end_y + PADDING))  # into the frame
        edges.append(Edge(_name(branch.source), name, route, absent=branch.operation == "zero", positions=(integers,)))
        down = top + PADDING + HEIGHT
        edges.append(Edge(name, _name(key), ((at, down), (x + (at - x) * 0.25, sum_y - SUM_HEIGHT / 2))))
    boxes.append(
        Box(_name(key), x, sum_y, SUM_WIDTH, SUM_HEIGHT, (Words(f"+ {_name(key)}"),), round=True,
            title=f"{_name(key)}: the sum of its two branches")
    )  # fmt: skip


def _from_sum(source: int, route) -> tuple[tuple[float, float], ...]:
    """The route of an edge from the sum of a node, which stands above the lower side of its frame."""
    if source < INPUTS:
        return tuple(route)
    x, y = route[0]
    return ((x, y - PADDING), (x, y - PADDING / 2), *route)


def _name(state: int) -> str:
    """The name of a node, numbered as in the authors' files."""
    return f"node {state + 1}"


def _lines(operation: str) -> tuple[Words, ...]:
    """The name of an operation in one or two short lines."""
    for name, short in _SHORT:
        if operation.startswith(name):
            operation = short + operation[len(name) :]
            break
    found = re.fullmatch(r"(.+) (\d\S*)", operation)
    lines = found.groups() if found else (operation,)
    return tuple(Words(shortened(line, WIDEST - 14)) for line in lines)


def _text(cell: Cell) -> str:
    nodes = (
        f"node {INPUTS + index + 1} = " + " + ".join(f"{branch.operation} of {_name(branch.source)}" for branch in node)
        for index, node in enumerate(cell.nodes)
    )
    return f"{'; '.join(nodes)}; concatenated are {', '.join(_name(state) for state in cell.loose_ends)}"
