"""Diagrams as PNG, drawn with Pillow, for what shows no SVG; light, on an opaque panel."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw, ImageFont

from nao_tf.report.drawing.diagram import HEADING, SIZE, SMALL, Box, Diagram, Edge, Frame, Label, Shape, Words, curves
from nao_tf.report.drawing.palette import KINDS, PAGE
from nao_tf.report.drawing.svg import ARROW, text_lines

FINER = 3  # lines are drawn so many times as large and made smaller, which smooths them
POINTS = 24  # straight pieces of a curve
FONTS = ("DejaVuSans.ttf", "Verdana.ttf", "Arial.ttf")  # the first that is installed, else the one within Pillow
SMALLEST, LARGEST = 0.25, 8.0  # scales


def png(diagram: Diagram, *, scale: float = 2.0) -> bytes:
    """A diagram as the content of a PNG file.

    Args:
        diagram: to draw.
        scale: pixels of the picture for one of the diagram.

    Raises:
        ValueError: a scale that makes no picture.
    """
    if not SMALLEST <= scale <= LARGEST:
        raise ValueError(f"scale of {scale}; {SMALLEST} to {LARGEST:g}")
    drawn = _Canvas(diagram, scale * FINER).image
    size = max(1, round(diagram.width * scale)), max(1, round(diagram.height * scale))
    file = io.BytesIO()
    drawn.resize(size, Image.Resampling.LANCZOS).save(file, "PNG")
    return file.getvalue()


class _Canvas:
    """A picture of a diagram that is `scale` times as large."""

    def __init__(self, diagram: Diagram, scale: float):
        self._scale = scale
        size = max(1, round(diagram.width * scale)), max(1, round(diagram.height * scale))
        self.image = Image.new("RGB", size, PAGE["paper"][0])
        self._draw = ImageDraw.Draw(self.image)
        for shape in diagram.shapes:
            self._add(shape)

    def _add(self, shape: Shape) -> None:
        if isinstance(shape, Box):
            self._box(shape)
        elif isinstance(shape, Edge):
            self._edge(shape)
        elif isinstance(shape, Frame):
            self._frame(shape)
        else:
            self._label(shape)

    def _at(self, *places: float) -> list[float]:
        return [place * self._scale for place in places]

    def _box(self, box: Box) -> None:
        fill, ink = KINDS[box.kind][:2]
        left, top = box.x - box.width / 2, box.y - box.height / 2
        self._draw.rounded_rectangle(
            self._at(left, top, left + box.width, top + box.height),
            radius=(box.height / 2 if box.round else 7) * self._scale,
            fill=fill,
            outline=ink,
            width=max(1, round(1.2 * self._scale)),
        )
        for words, y, small in text_lines(box):
            self._text(box.x, y, words, size=SMALL if small else SIZE, colour=ink, middle=True)

    def _edge(self, edge: Edge) -> None:
        points: list[tuple[float, float]] = []
        for piece in curves(edge.route):
            steps = POINTS if len(piece) == 4 or edge.absent else 1
            points += [_on_curve(piece, step / steps) for step in range(steps + 1)]
        line, width = PAGE["line"][0], max(1, round(1.6 * self._scale))
        scaled = [(x * self._scale, y * self._scale) for x, y in points]
        if edge.absent:
            for index in range(0, len(scaled) - 1, 2):
                self._draw.line(scaled[index : index + 2], fill=line, width=width)
            return
        self._draw.line(scaled, fill=line, width=width, joint="curve")
        x, y = edge.route[-1]
        tip = [(x, y), (x - 3.5, y - ARROW), (x + 3.5, y - ARROW)]
        self._draw.polygon([(x * self._scale, y * self._scale) for x, y in tip], fill=line)

    def _frame(self, frame: Frame) -> None:
        place = self._at(frame.x, frame.y, frame.x + frame.width, frame.y + frame.height)
        width = max(1, round(1.2 * self._scale))
        self._draw.rounded_rectangle(place, radius=10 * self._scale, outline=PAGE["frame"][0], width=width)

    def _label(self, label: Label) -> None:
        size = {"heading": HEADING, "note": SMALL}.get(label.kind, SIZE)
        self._text(label.x, label.y, label.words, size=size, colour=PAGE["ink"][0], middle=label.middle)

    def _text(self, x: float, y: float, words: Words, *, size: float, colour: str, middle: bool) -> None:
        font, small = _font(size * self._scale), _font(0.75 * size * self._scale)
        width = font.getlength(words.text) + small.getlength(words.subscript)
        left = x * self._scale - (width / 2 if middle else 0)
        self._draw.text((left, y * self._scale), words.text, fill=colour, font=font, anchor="ls")
        if words.subscript:
            place = left + font.getlength(words.text), (y + 3) * self._scale
            self._draw.text(place, words.subscript, fill=colour, font=small, anchor="ls")


def _font(size: float):
    for name in FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:  # not installed
            continue
    return ImageFont.load_default(size)


def _on_curve(piece, at: float) -> tuple[float, float]:
    """The point of a straight line or a cubic Bézier curve, from 0 to 1."""
    while len(piece) > 1:  # de Casteljau
        piece = tuple(
            ((1 - at) * x + at * next_x, (1 - at) * y + at * next_y)
            for (x, y), (next_x, next_y) in zip(piece, piece[1:], strict=False)
        )
    return piece[0]
