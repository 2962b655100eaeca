"""Drawings show the architecture: every node and edge once, nothing on top of something else, nothing outside."""

import collections
import io
import itertools

import numpy as np
import pytest
from PIL import Image, ImageFont
from svg_shapes import shapes

from nao_tf.architecture import (
    CategoricalSpace,
    ConvolutionalSpace,
    NasBench201Space,
    Position,
    RecurrentSpace,
    SearchSpace,
)
from nao_tf.architecture.nasbench201 import OPERATIONS
from nao_tf.report.drawing import diagrams, drawing, png, svg_file, svg_part
from nao_tf.report.drawing.diagram import HEADING, SIZE, SMALL, shortened, text_width
from nao_tf.report.drawing.palette import KINDS

DECISIONS = CategoricalSpace(
    "net",
    {
        "depth": ["2", "4", "8"],
        "width of all the layers of the whole network": [str(number) for number in range(16, 400, 4)],
        'activation, <b>bold</b> & "quoted"': ["relu", "tanh", "a word that is far too long for a box in a drawing"],
        "奥行き": ["浅い", "深い"],
    },
)


class Growing(SearchSpace):
    """Each integer may be one more than the one before."""

    def __init__(self):
        words = tuple(f"size {index}" for index in range(6))
        super().__init__("growing", [Position(f"layer {index}", "layer", words) for index in range(5)])

    def choices(self, prefix):
        return tuple(range(min(6, (prefix[-1] if prefix else 0) + 2)))


SPACES = [
    RecurrentSpace(),
    RecurrentSpace(nodes=3),
    *(ConvolutionalSpace(name) for name in ("nao", "enas", "nao_v2", "nao19")),
    ConvolutionalSpace("own", operations=["my operation 3x3", "squeeze_and_excitation_of_all_channels", "identity"]),
    NasBench201Space(),
    DECISIONS,
    Growing(),
]
EXAMPLES = [
    pytest.param(architecture, id=f"{space.name}{len(space.positions)}-{name}")
    for space in SPACES
    for name, architecture in [
        *((name, space.architecture(values)) for name, values in space.published.items()),
        *((seed, space.sample(np.random.default_rng(seed))) for seed in range(2)),
    ]
]


@pytest.mark.parametrize("architecture", EXAMPLES)
def test_nothing_lies_on_top_of_something_else_or_outside(architecture):
    shown = shapes(svg_file(drawing(architecture, "a name")))
    for one, other in itertools.combinations(shown.boxes.values(), 2):
        assert not one.overlaps(other), (one, other)
    for box in shown.boxes.values():
        assert 0 < box.left and box.right < shown.width and 0 < box.top and box.bottom < shown.height, box
        inside = [frame for frame in shown.frames.values() if frame.overlaps(box)]
        for frame in inside:  # no box lies across a frame
            assert (
                frame.left < box.left and box.right < frame.right and frame.top < box.top and box.bottom < frame.bottom
            )
        assert box.texts
        for text in box.texts:
            assert text_width(text, SMALL if text.startswith("node ") else SIZE) <= box.right - box.left, box
    for x, y, text in shown.texts:
        assert 0 < x and 0 < y < shown.height and text
        if not any(box.holds(x, y) for box in shown.boxes.values()):  # labels begin at x; headings are the largest
            assert x + text_width(text, HEADING if text.startswith("a name") else SMALL) <= shown.width + 1


@pytest.mark.parametrize("architecture", EXAMPLES)
def test_edges_go_from_node_to_node_and_through_no_other(architecture):
    shown = shapes(svg_file(drawing(architecture)))
    ends = shown.boxes | shown.frames
    for edge in shown.edges:
        (x, y), (end_x, end_y) = edge.points[0], edge.points[-1]
        source, target = ends[edge.source], ends[edge.target]
        assert source.left <= x <= source.right and abs(y - source.bottom) < 12, edge  # of a sum, or of its frame
        assert target.left <= end_x <= target.right and abs(end_y - target.top) < 0.2, edge
        assert edge.tip == pytest.approx((end_x, end_y), abs=0.2)
        for name, box in shown.boxes.items():
            if name not in (edge.source, edge.target):
                assert not any(box.holds(*point, margin=0.5) for point in edge.points), (edge.source, edge.target, name)
        for (_, before), (_, after) in itertools.pairwise(edge.points):
            assert after >= before - 0.01  # never upwards


@pytest.mark.parametrize("nodes", [3, 11])
def test_recurrent_cells_have_their_nodes_and_edges(nodes):
    space = RecurrentSpace(nodes=nodes)
    for seed in range(5):
        values = space.sample(np.random.default_rng(seed)).values
        shown = shapes(svg_file(drawing(space.architecture(values))))
        for node in range(1, nodes + 1):
            assert shown.boxes[f"node {node}"].texts == [space.activations[values[2 * node - 1]], f"node {node}"]
        edges = collections.Counter((edge.source, edge.target) for edge in shown.edges)
        expected = [(f"node {values[2 * node - 2]}", f"node {node}") for node in range(1, nodes + 1)]
        ends = [("x", "node 0"), ("h", "node 0"), ("nodes", "mean"), ("mean", "output")]
        assert edges == collections.Counter(expected + ends)
        frame = shown.frames["nodes"]  # what the mean is of
        assert {name for name, box in shown.boxes.items() if frame.overlaps(box)} == {name for _, name in expected}


def test_convolutional_cells_have_their_branches_and_loose_ends():
    space = ConvolutionalSpace("nao19")
    for seed in range(5):
        architecture = space.sample(np.random.default_rng(seed))
        parts = diagrams(architecture)
        assert [part.title for part in parts] == ["Normal cell", "Reduction cell"]
        for index, part in enumerate(parts):
            values = architecture.values[20 * index : 20 * index + 20]
            shown, read, expected = shapes(svg_part(part)), set(), []
            for branch in range(10):
                source, operation = values[2 * branch : 2 * branch + 2]
                node, name = f"node {3 + branch // 2}", f"node {3 + branch // 2}, branch {branch % 2 + 1}"
                words = space.operations[operation]
                kernel = words.rpartition(" ")[2]
                assert (kernel in shown.boxes[name].texts) or words == "identity" == shown.boxes[name].texts[0]
                expected += [(f"node {source + 1}", name), (name, node)]
                read.add(source)
            loose = [f"node {state + 1}" for state in range(7) if state not in read]
            expected += [(name, "concatenation") for name in loose] + [("concatenation", "output")]
            assert collections.Counter((e.source, e.target) for e in shown.edges) == collections.Counter(expected)


def test_cells_of_nas_bench_201_have_an_operation_on_each_edge():
    space = NasBench201Space()
    for seed in range(5):
        values = space.sample(np.random.default_rng(seed)).values
        text = svg_file(drawing(space.architecture(values)))
        shown, position = shapes(text), 0
        for target in range(1, 4):
            for source in range(target):
                box = shown.boxes[f"edge {source} to {target}"]
                assert OPERATIONS[values[position]].split("_")[-1] in (box.texts[0].split()[-1], "connect")
                position += 1
        assert len(shown.edges) == 12 and text.count('class="edge no"') == 2 * values.count(0)


def test_decisions_show_what_was_chosen_among_what():
    architecture = DECISIONS.from_words(["8", "200", "tanh", "深い"])
    shown = shapes(svg_file(drawing(architecture)))
    chosen = {box.texts[0] for box in shown.boxes.values() if "blue" in box.kind}
    assert chosen == {"8", "200", "tanh", "深い"}
    assert {"2", "4", "196", "204", "relu", "浅い"} <= {box.texts[0] for box in shown.boxes.values()} - chosen
    assert sum(int(text.split()[1]) for _, _, text in shown.texts if text.endswith(" more")) > 80
    assert len(shown.edges) == 3
    growing = Growing()
    shown = shapes(svg_file(drawing(growing.architecture([1, 0, 1, 2, 3]))))
    assert {name for name in shown.boxes if name.startswith("1: ")} == {"1: 0", "1: 1", "1: 2"}  # what was legal there


def test_names_are_text_never_markup():
    evil = "</title><script>alert(1)</script> \x00 & \" ' \ud800"
    text = svg_file(drawing(DECISIONS.sample(np.random.default_rng(0)), evil))
    assert "<script" not in text and "&lt;script&gt;" in text and "\x00" not in text
    assert shapes(text)
    text.encode("utf-8")


def test_heat_and_changes_are_shown_on_what_the_integers_stand_for():
    architecture = RecurrentSpace().parse("NAO-WS")
    (part,) = diagrams(architecture)
    text = svg_part(part, heat={1: 1.0, 4: 0.5, 6: 0.0}, changed={3})
    assert text.count('class="halo"') == 2
    hot = [line for line in text.splitlines() if "halo" in line]
    assert 'data-node="node 1"' in hot[1] and f'data-to="node {4 // 2 + 1}"' in hot[0]
    assert [line.split('data-node="')[1][:6] for line in text.splitlines() if "changed" in line] == ["node 2"]
    assert "halo" not in svg_part(part)


@pytest.mark.parametrize("space", SPACES, ids=lambda space: f"{space.name}{len(space.positions)}")
def test_pixels_are_those_of_the_drawing(space):
    diagram = drawing(space.sample(np.random.default_rng(1)), "name")
    picture = Image.open(io.BytesIO(png(diagram, scale=1)))
    assert picture.size == (round(diagram.width), round(diagram.height))
    pixels = np.asarray(picture).astype(int)
    for box in diagram.boxes():
        fill = np.array([int(KINDS[box.kind][0][at : at + 2], 16) for at in (1, 3, 5)])
        inside = pixels[round(box.y + box.height / 2 - 4), round(box.x - box.width / 4) : round(box.x + box.width / 4)]
        assert np.abs(inside - fill).max(axis=1).min() < 12, box  # between its text and its lower side
        corner = pixels[round(box.y - box.height / 2) : round(box.y + box.height / 2), round(box.x)]
        assert np.abs(corner - fill).max() > 60  # outline or text
    with pytest.raises(ValueError, match="scale"):
        png(diagram, scale=0)


def test_widths_of_texts_are_enough_for_a_usual_font():
    font = ImageFont.load_default(SIZE)
    for operation in ("separable conv 3x3", "WWW mmm", "identity", "illicit", "1x7+7x1", "average pooling"):
        assert font.getlength(operation) <= text_width(operation)
    assert text_width(shortened("a" * 90, 100), SIZE) <= 100 and shortened("short", 100) == "short"
