"""The pictures of published cells are what the program draws, and the page shows all of them."""

import pathlib

import pytest

from nao_tf.architecture import ConvolutionalSpace, RecurrentSpace, parse_cells
from nao_tf.architecture.published_cells import published_cells
from nao_tf.report.drawing import drawing, svg_file

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
RECURRENT = {f"recurrent-{name}.svg": name for name in RecurrentSpace().published}
CONVOLUTIONAL = {f"{name}.svg": name for name in published_cells()}


@pytest.mark.parametrize("file", [*RECURRENT, *CONVOLUTIONAL])
def test_pictures_are_up_to_date(file):
    if file in RECURRENT:
        name = RECURRENT[file]
        architecture = RecurrentSpace().parse(name)
    else:
        name = CONVOLUTIONAL[file]
        architecture = parse_cells(name, ConvolutionalSpace())
    assert (DOCS / "cells" / file).read_text() == svg_file(drawing(architecture, name))


def test_the_picture_of_the_readme_is_a_published_cell():
    assert (DOCS / "cell.svg").read_text() == (DOCS / "cells" / "recurrent-NAO-WS.svg").read_text()


def test_the_page_shows_every_picture():
    page = (DOCS / "cells.md").read_text()
    files = {path.name for path in (DOCS / "cells").iterdir()}
    assert files == {*RECURRENT, *CONVOLUTIONAL} and all(f"(cells/{file})" in page for file in files)
