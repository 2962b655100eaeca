"""Cells of NAS-Bench-201 as its paper draws them: four nodes, an operation on every edge."""

from __future__ import annotations

from nao_tf.architecture import Architecture
from nao_tf.architecture.nasbench201 import EDGES, NODES, NONE, OPERATIONS
from nao_tf.report.drawing.diagram import Box, Diagram, Edge, Words
from nao_tf.report.drawing.layout import Item, Link, lay_out
from nao_tf.report.drawing.palette import kind_of

NODE = 34.0  # its width and height
WIDTH, HEIGHT = 78.0, 26.0  # of an operation
SHORT = {"nor_conv_1x1": "conv 1x1", "nor_conv_3x3": "conv 3x3", "avg_pool_3x3": "avg pool 3x3", "skip_connect": "skip"}


def nasbench201_diagram(architecture: Architecture, title: str) -> Diagram:
    """The drawing of a cell of NAS-Bench-201.

    Args:
        architecture: of a `NasBench201Space`.
        title: of the drawing.
    """
    chosen = {edge: OPERATIONS[value] for edge, value in zip(EDGES, architecture.values, strict=True)}
    items: list[Item] = [Item(0, NODE, NODE, layer=0)]
    for target in range(1, NODES + 1):
        for source in range(target):
            items.append(Item((source, target), _width(chosen[source, target]), HEIGHT, layer=source + target))
        items.append(Item(target, NODE, NODE, layer=2 * target))
    links = []
    for source, target in EDGES:
        links += [Link(source, (source, target), ("from", source, target)),
                  Link((source, target), target, ("to", source, target))]  # fmt: skip
    layout = lay_out(items, links, gap=22.0, layer_gap=26.0)

    shapes: list[Edge | Box] = []
    for position, (source, target) in enumerate(EDGES):
        absent = architecture.values[position] == NONE
        name = _operation_name(source, target)
        for ends, key in (((_name(source), name), "from"), ((name, _name(target)), "to")):
            route = tuple(layout.routes[key, source, target])
            shapes.append(Edge(*ends, route, absent=absent, positions=(position,)))
    for position, (source, target) in enumerate(EDGES):
        operation = chosen[source, target]
        shapes.append(
            Box(_operation_name(source, target), *layout.places[source, target], _width(operation), HEIGHT,
                (Words(SHORT.get(operation, operation)),), kind=kind_of(operation), positions=(position,),
                title=f"edge from node {source} to node {target}: {operation}")
        )  # fmt: skip
    words = {0: "in", NODES: "out"}
    for node in range(NODES + 1):
        title_of = "the input of the cell" if node == 0 else "the sum of the edges that come in"
        shapes.append(Box(_name(node), *layout.places[node], NODE, NODE, (Words(words.get(node, str(node))),),
                          round=True, title=f"node {node}: {title_of}"))  # fmt: skip
    return Diagram(
        title=title,
        description=f"cell of NAS-Bench-201: {architecture.text}",
        width=layout.width,
        height=layout.height,
        shapes=tuple(shapes),
    )


def _width(operation):
    return 96.0 if operation == "avg_pool_3x3" else 44.0 if operation in ("none", "skip_connect") else WIDTH


def _name(node):
    return f"node {node}"


def _operation_name(source, target):
    return f"edge {source} to {target}"
