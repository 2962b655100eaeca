"""The drawing of a cell shows that cell: every node once, every edge, and nothing on top of something else."""

import itertools
import pathlib
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from nao_tf.architecture import RecurrentSpace

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
NAMESPACE = "{http://www.w3.org/2000/svg}"


def drawn(*arguments):
    """The output of the script."""
    command = [sys.executable, DOCS / "draw_cell.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", RecurrentSpace().published)
def test_nodes_and_edges_are_those_of_the_cell(name):
    space = RecurrentSpace()
    values = space.published[name]
    tree = ElementTree.fromstring(drawn(name))
    nodes = {int(group.get("data-node")): group for group in tree.iter(f"{NAMESPACE}g")}
    assert sorted(nodes) == list(range(12))
    for node in range(1, 12):
        assert nodes[node].find(f"{NAMESPACE}text").text == space.activations[values[2 * node - 1]]
    edges = [(path.get("data-from"), path.get("data-to")) for path in tree.iter(f"{NAMESPACE}path")]
    expected = [(str(values[2 * node - 2]), str(node)) for node in range(1, 12)]
    assert sorted(edge for edge in edges if edge != (None, None)) == sorted(expected)
    boxes = [
        tuple(float(group.find(f"{NAMESPACE}rect").get(key)) for key in ("x", "y", "width", "height"))
        for group in nodes.values()
    ]
    for (x, y, width, height), (other_x, other_y, *_) in itertools.combinations(boxes, 2):
        assert abs(x - other_x) > width or abs(y - other_y) > height
    _, _, right, bottom = map(float, tree.get("viewBox").split())
    assert all(0 < x < x + width < right and 0 < y < y + height < bottom for x, y, width, height in boxes)


def test_the_picture_of_the_readme_is_the_output_of_the_script():
    assert (DOCS / "cell.svg").read_text() == drawn("NAO-WS")
