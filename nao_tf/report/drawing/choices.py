"""Architectures of independent decisions: a row for each, its words beside each other, the chosen one filled."""

from __future__ import annotations

from nao_tf.architecture import Architecture, CategoricalSpace, SearchSpace
from nao_tf.report.drawing.diagram import SIZE, SMALL, Box, Diagram, Edge, Label, Shape, Words, shortened, text_width

HEIGHT, ROW = 26.0, 44.0  # of a word; from one row to the next
GAP = 8.0
WIDEST_WORD, WIDEST_NAME = 120.0, 170.0
WIDEST_ROW = 420.0  # of all words of a decision; more are left out around the chosen one


def choices_diagram(architecture: Architecture, title: str) -> Diagram:
    """The drawing of an architecture of any space: its positions in rows, and the way through the words chosen.

    Args:
        architecture: to draw.
        title: of the drawing.
    """
    space = architecture.space
    names = [shortened(position.description, WIDEST_NAME) for position in space.positions]
    left = max(text_width(name) for name in names) + 14
    shapes: list[Shape] = []
    chosen: list[Box] = []
    for index, (value, name) in enumerate(zip(architecture.values, names, strict=True)):
        y = HEIGHT / 2 + index * ROW
        shapes.append(Label(0.0, y + SIZE * 0.35, Words(name), "option"))
        x = left
        shown, before, after = _shown(_words(space, index, architecture.values), value)
        for number, word in shown:
            if number == shown[0][0] and before:
                x = _dots(shapes, x, y, before)
            width = text_width(word) + 18
            box = Box(
                name=f"{index}: {number}",
                x=x + width / 2,
                y=y,
                width=width,
                height=HEIGHT,
                lines=(Words(word),),
                kind="blue" if number == value else "absent",
                positions=(index,) if number == value else (),
                title=f"{space.positions[index].description}: {space.positions[index].words[number]}",
            )
            shapes.append(box)
            if number == value:
                chosen.append(box)
            x += width + GAP
        if after:
            _dots(shapes, x, y, after)
    edges = [
        Edge(above.name, below.name, ((above.x, above.y + HEIGHT / 2), (below.x, below.y - HEIGHT / 2)))
        for above, below in zip(chosen, chosen[1:], strict=False)
    ]
    right = max(
        shape.x + (shape.width / 2 if isinstance(shape, Box) else text_width(shape.words.text, SMALL))
        for shape in shapes
        if isinstance(shape, Box | Label)
    )
    return Diagram(
        title=title,
        description=f"decisions: {architecture.text}",
        width=right,
        height=HEIGHT + (len(names) - 1) * ROW,
        shapes=(*edges, *shapes),
    )


def _words(space: SearchSpace, index: int, values) -> list[tuple[int, str]]:
    """The words that a decision could have taken, by their numbers."""
    if isinstance(space, CategoricalSpace):
        numbers: tuple[int, ...] = tuple(range(len(space.positions[index].words)))
    else:
        numbers = space.choices(values[:index])
    return [(number, shortened(space.positions[index].words[number], WIDEST_WORD)) for number in numbers]


def _shown(words, value) -> tuple[list[tuple[int, str]], int, int]:
    """The words around the chosen one that fit a row, and how many are left out before and after them."""
    at = next(index for index, (number, _) in enumerate(words) if number == value)
    first = last = at
    width = text_width(words[at][1]) + 18
    while True:
        wider = False
        for side in (-1, 1):
            index = first - 1 if side < 0 else last + 1
            if 0 <= index < len(words) and width + text_width(words[index][1]) + 18 + GAP <= WIDEST_ROW:
                width += text_width(words[index][1]) + 18 + GAP
                first, last = min(first, index), max(last, index)
                wider = True
        if not wider:
            return words[first : last + 1], first, len(words) - 1 - last


def _dots(shapes, x, y, count) -> float:
    """Says how many words are left out; the place after that."""
    text = f"… {count} more"
    shapes.append(Label(x, y + SMALL * 0.35, Words(text)))
    return x + text_width(text, SMALL) + GAP
