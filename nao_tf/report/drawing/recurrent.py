"""Recurrent cells as the paper draws them: the tree of nodes below the two inputs, and the mean of all nodes."""

from __future__ import annotations

from nao_tf.architecture import Architecture, RecurrentSpace
from nao_tf.report.drawing.diagram import Box, Diagram, Edge, Frame, Words, text_width
from nao_tf.report.drawing.layout import Item, Link, lay_out
from nao_tf.report.drawing.palette import ACTIVATIONS

WIDTH, HEIGHT = 74.0, 36.0  # of a node
SMALL_WIDTH, SMALL_HEIGHT = 46.0, 26.0  # of inputs and output
PADDING = 12.0  # of the frame
STEP = 26.0  # between the frame, the mean and the output

RULE = ("A node goes from the node that it reads towards", "its activation, as far as its gate is open.")


def recurrent_diagram(architecture: Architecture, title: str) -> Diagram:
    """The drawing of a recurrent cell.

    Args:
        architecture: of a `RecurrentSpace`.
        title: of the drawing.
    """
    space = architecture.space
    assert isinstance(space, RecurrentSpace)
    predecessors = architecture.values[0::2]
    activations = [space.activations[value] for value in architecture.values[1::2]]
    names = [f"node {index}" for index in range(space.nodes + 1)]
    items = [Item("x", SMALL_WIDTH, SMALL_HEIGHT), Item("h", SMALL_WIDTH, SMALL_HEIGHT)]
    items += [Item(name, WIDTH, HEIGHT) for name in names]
    links = [Link("x", names[0], "x"), Link("h", names[0], "h")]
    links += [Link(names[source], names[node], node) for node, source in enumerate(predecessors, start=1)]
    layout = lay_out(items, links, gap=14.0, layer_gap=30.0)

    boxes = [
        Box("x", *layout.places["x"], SMALL_WIDTH, SMALL_HEIGHT, (Words("x", "t"),), round=True, title="input"),
        Box("h", *layout.places["h"], SMALL_WIDTH, SMALL_HEIGHT, (Words("h", "t-1"),), round=True,
            title="state of the step before"),
        Box(names[0], *layout.places[names[0]], WIDTH, HEIGHT, (Words("tanh"),), names[0], kind="plain",
            title="node 0 reads the input and the state; it is the same in every cell"),
    ]  # fmt: skip
    for node, (source, activation) in enumerate(zip(predecessors, activations, strict=True), start=1):
        boxes.append(
            Box(
                name=names[node],
                x=layout.places[names[node]][0],
                y=layout.places[names[node]][1],
                width=WIDTH,
                height=HEIGHT,
                lines=(Words(activation),),
                detail=names[node],
                kind=ACTIVATIONS.get(activation, "plain"),
                positions=(2 * node - 1,),
                title=f"node {node} reads node {source}: {activation}",
            )
        )
    edges = [
        Edge(str(link.source), str(link.target), tuple(layout.routes[link.key]),
             positions=() if link.source in ("x", "h") else (2 * int(str(link.key)) - 2,))
        for link in links
    ]  # fmt: skip
    frame = _frame(boxes[3:])
    middle, y = frame.x + frame.width / 2, frame.y + frame.height
    mean_width = text_width("mean of the nodes") + 18
    mean_y = y + STEP + SMALL_HEIGHT / 2
    end_y = mean_y + STEP + SMALL_HEIGHT
    boxes += [
        Box("mean", middle, mean_y, mean_width, SMALL_HEIGHT, (Words("mean of the nodes"),),
            title=f"the mean of nodes 1 to {space.nodes}"),
        Box("output", middle, end_y, SMALL_WIDTH, SMALL_HEIGHT, (Words("h", "t"),), round=True, title="new state"),
    ]  # fmt: skip
    edges += [
        Edge("nodes", "mean", ((middle, y), (middle, mean_y - SMALL_HEIGHT / 2))),
        Edge("mean", "output", ((middle, mean_y + SMALL_HEIGHT / 2), (middle, end_y - SMALL_HEIGHT / 2))),
    ]
    left = min(0.0, frame.x, middle - mean_width / 2)
    right = max(layout.width, frame.x + frame.width, middle + mean_width / 2)
    diagram = Diagram(
        title=title,
        description=f"recurrent cell: {_text(predecessors, activations)}; the new state is the mean of these nodes",
        width=right - left,
        height=end_y + SMALL_HEIGHT / 2,
        shapes=(frame, *edges, *boxes),
    )
    return diagram.shifted(-left)


def _frame(nodes) -> Frame:
    """The outline around the searched nodes."""
    left = min(node.x - node.width / 2 for node in nodes) - PADDING
    right = max(node.x + node.width / 2 for node in nodes) + PADDING
    top = min(node.y - node.height / 2 for node in nodes) - PADDING
    bottom = max(node.y + node.height / 2 for node in nodes) + PADDING
    return Frame("nodes", left, top, right - left, bottom - top)


def _text(predecessors, activations):
    return ", ".join(
        f"node {node} reads node {source} ({activation})"
        for node, (source, activation) in enumerate(zip(predecessors, activations, strict=True), start=1)
    )
