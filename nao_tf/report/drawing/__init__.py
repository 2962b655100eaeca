"""Drawings of architectures, as the papers draw them: SVG text or PNG, with a layout of their own and no other program.

svg_file(drawing(architecture, name="NAO-WS"))
"""

from __future__ import annotations

from nao_tf.architecture import Architecture, ConvolutionalSpace, NasBench201Space, RecurrentSpace
from nao_tf.report.drawing.choices import choices_diagram
from nao_tf.report.drawing.convolutional import cell_diagrams
from nao_tf.report.drawing.diagram import Diagram, beside, titled
from nao_tf.report.drawing.nasbench201 import nasbench201_diagram
from nao_tf.report.drawing.png import png
from nao_tf.report.drawing.recurrent import RULE, recurrent_diagram
from nao_tf.report.drawing.svg import STYLE, svg_file, svg_part, variables

__all__ = ["STYLE", "Diagram", "diagrams", "drawing", "png", "svg_file", "svg_part", "variables"]


def diagrams(architecture: Architecture, name: str = "") -> list[Diagram]:
    """The diagrams of an architecture, one a cell, without margins or titles within.

    Args:
        architecture: of any space; spaces without a drawing of their own are drawn as decisions.
        name: its title, for those who cannot see it.
    """
    space = architecture.space
    if isinstance(space, RecurrentSpace):
        return [recurrent_diagram(architecture, name or "Recurrent cell")]
    if isinstance(space, ConvolutionalSpace):
        return cell_diagrams(architecture, name)
    if isinstance(space, NasBench201Space):
        return [nasbench201_diagram(architecture, name or "Cell of NAS-Bench-201")]
    return [choices_diagram(architecture, name or "Architecture")]


def drawing(architecture: Architecture, name: str = "") -> Diagram:
    """An architecture as one diagram with titles and margins, cells side by side.

    Args:
        architecture: of any space.
        name: its title.
    """
    notes = RULE if isinstance(architecture.space, RecurrentSpace) else ()
    parts = [titled(diagram, notes) for diagram in diagrams(architecture, name)]
    return beside(parts, title=name or parts[0].title)
