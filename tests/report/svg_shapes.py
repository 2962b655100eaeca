"""What an SVG drawing shows, read from its text alone: boxes, edges and labels with their places."""

import dataclasses
import re
from xml.etree import ElementTree

NAMESPACE = "{http://www.w3.org/2000/svg}"


@dataclasses.dataclass
class Box:
    name: str
    kind: str
    left: float
    top: float
    right: float
    bottom: float
    texts: list

    def holds(self, x, y, margin=0.0):
        return self.left + margin < x < self.right - margin and self.top + margin < y < self.bottom - margin

    def overlaps(self, other):
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


@dataclasses.dataclass
class Edge:
    source: str
    target: str
    points: list  # of its line, close to each other
    tip: tuple


@dataclasses.dataclass
class Shapes:
    width: float
    height: float
    boxes: dict
    frames: dict
    edges: list
    texts: list  # x, y, text


def shapes(text):
    tree = ElementTree.fromstring(text)
    _, _, width, height = map(float, tree.get("viewBox").split())
    boxes, edges, frames = {}, [], {}
    for group in tree.iter(f"{NAMESPACE}g"):
        if group.get("data-node") is not None:
            assert group.get("data-node") not in boxes
            boxes[group.get("data-node")] = box_of(group)
        elif group.get("data-from") is not None:
            line = next(path for path in group.iter(f"{NAMESPACE}path") if path.get("class") == "line")
            tip = next(path for path in group.iter(f"{NAMESPACE}path") if path.get("class") == "tip")
            x, y = re.match(r"M(\S+) (\S+)", tip.get("d")).groups()
            edges.append(
                Edge(group.get("data-from"), group.get("data-to"), points(line.get("d")), (float(x), float(y)))
            )
    for rect in tree.iter(f"{NAMESPACE}rect"):
        if rect.get("data-frame") is not None:
            frames[rect.get("data-frame")] = rectangle(rect, rect.get("data-frame"), "frame", [])
    texts = [(float(t.get("x")), float(t.get("y")), "".join(t.itertext())) for t in tree.iter(f"{NAMESPACE}text")]
    return Shapes(width, height, boxes, frames, edges, texts)


def box_of(group):
    rect = [rect for rect in group.iter(f"{NAMESPACE}rect") if rect.get("class") != "halo"]
    assert len(rect) == 1
    texts = ["".join(text.itertext()) for text in group.iter(f"{NAMESPACE}text")]
    return rectangle(rect[0], group.get("data-node"), group.get("class"), texts)


def rectangle(rect, name, kind, texts):
    x, y, width, height = (float(rect.get(key)) for key in ("x", "y", "width", "height"))
    return Box(name, kind, x, y, x + width, y + height, texts)


def points(path):
    """Points of a path of lines and cubic curves in absolute coordinates."""
    found = []
    for command, numbers in re.findall(r"([MLC])([^MLC]*)", path):
        values = [float(number) for number in numbers.split()]
        ends = list(zip(values[0::2], values[1::2], strict=True))
        if command == "M":
            found.append(ends[0])
            continue
        corners = [found[-1], *ends]
        assert len(corners) == {"L": 2, "C": 4}[command]
        found += [bernstein(corners, step / 30) for step in range(1, 31)]
    return found


def bernstein(corners, at):
    weights = {2: (1 - at, at), 4: ((1 - at) ** 3, 3 * at * (1 - at) ** 2, 3 * at**2 * (1 - at), at**3)}[len(corners)]
    return tuple(sum(weight * corner[axis] for weight, corner in zip(weights, corners, strict=True)) for axis in (0, 1))
