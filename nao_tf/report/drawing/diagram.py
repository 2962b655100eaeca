"""A drawing as a value: boxes, edges, frames and labels with their places, before it becomes SVG or pixels.

x grows to the right and y downwards, in pixels. Shapes know which integers of the architecture they stand for, so that
what is known about an integer (its gradient, whether it changed) can be shown on them.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

SIZE, SMALL, HEADING = 13.0, 10.5, 15.0  # of text, in pixels
MARGIN = 18.0  # around a drawing
BETWEEN = 44.0  # two drawings that stand side by side
_NARROW, _WIDE = "fijlrtI.,:;'|!()[] ", "mwMW@%"


@dataclasses.dataclass(frozen=True)
class Words:
    """A line of text.

    Attributes:
        text: the line.
        subscript: what follows it, lower and smaller.
    """

    text: str
    subscript: str = ""


@dataclasses.dataclass(frozen=True)
class Box:
    """A node.

    Attributes:
        name: of the node, unique in its diagram.
        x, y: of its centre.
        width, height: of the outline.
        lines: what is written in it.
        detail: a smaller line below.
        kind: of operation, which decides its colour; see `palette`.
        round: whether its ends are half circles.
        positions: of the integers that it stands for.
        title: what it is, in a sentence.
    """

    name: str
    x: float
    y: float
    width: float
    height: float
    lines: tuple[Words, ...]
    detail: str = ""
    kind: str = "plain"
    round: bool = False
    positions: tuple[int, ...] = ()
    title: str = ""


@dataclasses.dataclass(frozen=True)
class Edge:
    """A line from one node to another.

    Attributes:
        source: name of the box, or frame, that it leaves.
        target: name of the box that it enters.
        route: its corners; the first to the second are a curve that begins and ends vertical, the second to the third a
            straight line, and so on in turn.
        absent: whether nothing passes here.
        positions: of the integers that it stands for.
    """

    source: str
    target: str
    route: tuple[tuple[float, float], ...]
    absent: bool = False
    positions: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Frame:
    """An outline around what belongs together.

    Attributes:
        name: of it.
        x, y: of its upper left corner.
        width, height: of it.
    """

    name: str
    x: float
    y: float
    width: float
    height: float


@dataclasses.dataclass(frozen=True)
class Label:
    """A line of text beside shapes.

    Attributes:
        x, y: of the middle of its base line, or of its beginning.
        words: the text.
        kind: "heading", "note" or "option"; how it looks.
        middle: whether x is of its middle.
    """

    x: float
    y: float
    words: Words
    kind: str = "note"
    middle: bool = False


Shape = Box | Edge | Frame | Label


@dataclasses.dataclass(frozen=True)
class Diagram:
    """A drawing.

    Attributes:
        title: what it shows, in a few words.
        description: the same architecture as a text, for those who cannot see the drawing.
        width, height: of it.
        shapes: in the order in which they are drawn.
    """

    title: str
    description: str
    width: float
    height: float
    shapes: tuple[Shape, ...]

    def boxes(self) -> list[Box]:
        """Its nodes."""
        return [shape for shape in self.shapes if isinstance(shape, Box)]

    def shifted(self, right: float) -> Diagram:
        """The same with all shapes moved to the right, its size unchanged."""
        return dataclasses.replace(self, shapes=tuple(_moved(shape, right, 0.0) for shape in self.shapes))

    def edges(self) -> list[Edge]:
        """Its edges."""
        return [shape for shape in self.shapes if isinstance(shape, Edge)]


def text_width(text: str, size: float = SIZE) -> float:
    """About how wide a text is, in pixels: an upper bound for the usual sans-serif fonts, except for wide scripts."""
    ems = sum(
        0.4 if letter in _NARROW else 0.98 if letter in _WIDE else 0.64 for letter in text if ord(letter) < 0x2E80
    )
    return size * (ems + sum(1.05 for letter in text if ord(letter) >= 0x2E80))  # scripts of East Asia: full width


def shortened(text: str, width: float, *, size: float = SIZE) -> str:
    """A text that is not wider than `width`, its middle left out where it is too long."""
    if text_width(text, size) <= width:
        return text
    kept = len(text)
    while kept > 2 and text_width(_cut(text, kept), size) > width:
        kept -= 1
    return _cut(text, kept)


def _cut(text, kept):
    return f"{text[: -(-kept // 2)]}…{text[len(text) - kept // 2 :]}"


def _moved(shape: Shape, right: float, down: float) -> Shape:
    """A shape in another place."""
    if isinstance(shape, Edge):
        return dataclasses.replace(shape, route=tuple((x + right, y + down) for x, y in shape.route))
    return dataclasses.replace(shape, x=shape.x + right, y=shape.y + down)


def titled(diagram: Diagram, notes: Sequence[str] = ()) -> Diagram:
    """A diagram with its title above and notes below it."""
    top = HEADING + 14
    shapes: list[Shape] = [Label(0.0, HEADING, Words(diagram.title), "heading")]
    shapes += [_moved(shape, 0.0, top) for shape in diagram.shapes]
    height = top + diagram.height
    if notes:
        height += 10
    for note in notes:
        height += SMALL + 6
        shapes.append(Label(0.0, height - 3, Words(note)))
    width = max(diagram.width, text_width(diagram.title, HEADING), *(text_width(note, SMALL) for note in notes), 0)
    centred = (width - diagram.width) / 2
    shapes = [shape if isinstance(shape, Label) and not shape.middle else _moved(shape, centred, 0) for shape in shapes]
    return dataclasses.replace(diagram, width=width, height=height, shapes=tuple(shapes))


def beside(diagrams: Sequence[Diagram], *, title: str) -> Diagram:
    """Diagrams side by side as one, with a margin around."""
    shapes: list[Shape] = []
    x = MARGIN
    for number, diagram in enumerate(diagrams):
        for shape in diagram.shapes:
            shapes.append(
                _renamed(_moved(shape, x, MARGIN), f"{number}:") if len(diagrams) > 1 else _moved(shape, x, MARGIN)
            )
        x += diagram.width + BETWEEN
    return Diagram(
        title=title,
        description="; ".join(diagram.description for diagram in diagrams),
        width=x - BETWEEN + MARGIN,
        height=max(diagram.height for diagram in diagrams) + 2 * MARGIN,
        shapes=tuple(shapes),
    )


def _renamed(shape, prefix):
    """A shape whose names do not meet those of another diagram."""
    if isinstance(shape, Edge):
        return dataclasses.replace(shape, source=prefix + shape.source, target=prefix + shape.target)
    if isinstance(shape, Label):
        return shape
    return dataclasses.replace(shape, name=prefix + shape.name)


def curves(route: Sequence[tuple[float, float]]) -> list[tuple[tuple[float, float], ...]]:
    """The pieces of a route: two points of a straight line, or the four of a cubic Bézier curve."""
    pieces: list[tuple[tuple[float, float], ...]] = []
    for index, ((x, y), (next_x, next_y)) in enumerate(itertools.pairwise(route)):
        if index % 2 or abs(x - next_x) < 0.01:
            pieces.append(((x, y), (next_x, next_y)))
        else:
            middle = (y + next_y) / 2
            pieces.append(((x, y), (x, middle), (next_x, middle), (next_x, next_y)))
    return pieces
