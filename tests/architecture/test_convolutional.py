import re

import numpy as np
import pytest

from nao_tf.architecture import ArchitectureError, ConvolutionalSpace, RecurrentSpace, parse_cells
from nao_tf.architecture.cells import OPERATIONS, SPACES

# name -> space, integers as published (or None), tokens as published
PUBLISHED = {
    "NAONet": (
        "nao",
        "0 7 1 15 2 8 1 7 0 6 1 7 0 8 4 7 1 5 0 7 | 0 7 1 13 0 6 0 14 1 9 0 10 0 14 2 6 1 11 0 7",
        "1 9 16 2 11 17 3 9 19 2 9 16 1 9 14 2 9 16 1 9 19 5 9 16 2 7 14 1 9 16 | "
        "1 9 16 2 11 15 1 9 14 1 11 16 2 9 20 1 12 15 1 11 16 3 9 14 2 12 16 1 9 16",
    ),
    "NAONet-A": (
        "nao",
        "0 7 1 15 2 8 1 7 0 6 1 7 0 8 4 7 1 5 0 7 | 0 7 1 13 0 6 0 14 0 9 1 10 0 14 2 6 1 11 0 7",
        None,
    ),
    "NAO-WS": (
        "enas",
        "0 1 0 4 2 2 1 3 1 0 2 0 2 3 1 3 1 2 0 4 | 1 1 0 3 2 3 2 3 1 0 0 1 0 4 2 4 2 3 2 3",
        "1 8 1 11 3 9 2 10 2 7 3 7 3 10 2 10 2 9 1 11 | 2 8 1 10 3 10 3 10 2 7 1 8 1 11 3 11 3 10 3 10",
    ),
    "NAONet-B": (
        "enas",
        "0 1 0 2 0 1 2 2 1 3 0 2 4 0 1 3 2 1 0 3 | 1 1 1 0 2 1 2 4 1 0 2 3 3 1 2 2 0 2 0 2",
        None,
    ),
    "NAONet-V2": (
        "enas",
        "1 1 0 1 2 4 0 0 0 0 2 1 0 0 0 2 0 3 0 0 | 0 2 0 2 2 2 1 0 0 0 0 1 0 0 0 3 0 0 0 1",
        None,
    ),
    "AmoebaNet-B": (
        "nao19",
        None,
        "1 8 16 2 7 14 2 12 16 2 9 14 2 9 14 1 8 16 4 7 14 4 9 14 2 11 16 6 9 14 1 12 15 1 12 16 3 10 17 3 12 16 "
        "3 7 14 2 9 16 4 11 16 5 9 14 5 7 14 2 8 16",
    ),
    "NASNet-A": (
        "nao19",
        None,
        "2 8 16 2 7 14 1 8 16 2 8 17 2 11 16 1 7 14 1 11 16 1 11 16 1 8 17 1 8 16 1 8 18 2 8 17 2 12 16 1 8 18 "
        "2 11 16 1 8 17 2 12 16 3 8 16 3 11 16 4 7 14",
    ),
    "ENAS": (
        "nao19",
        None,
        "1 11 16 1 8 16 1 7 14 1 8 17 1 7 14 2 8 17 2 8 16 1 8 17 1 11 16 2 8 17 2 8 16 2 8 16 1 12 16 1 11 16 "
        "2 8 17 4 8 17 2 8 16 1 7 14 1 12 16 2 8 17",
    ),
}
every_space = pytest.mark.parametrize("name", SPACES)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_strings_survive_every_form(name):
    space_name, integers, tokens = PUBLISHED[name]
    space = ConvolutionalSpace(space_name)
    architecture = space.parse(name)
    if integers:
        assert space.parse(integers) == architecture
        assert str(architecture) == integers.replace("| ", "")
    if tokens:
        assert space.parse(tokens) == architecture
        assert " ".join(map(str, architecture.tokens)) == tokens.replace("| ", "")
    assert space.parse(str(architecture)) == architecture
    assert space.parse(architecture.text) == architecture
    assert space.from_tokens(architecture.tokens) == architecture
    assert space.encode(space.cells_of(architecture.values)) == architecture.values


def test_published_names_are_known_in_every_space_that_has_their_operations():
    assert set(ConvolutionalSpace("nao19").published) == set(PUBLISHED)
    assert set(ConvolutionalSpace("nao").published) == {"NAONet", "NAONet-A"}
    assert set(ConvolutionalSpace("enas").published) == {"NAO-WS", "NAONet-B", "NAONet-V2", "ENAS"}
    with pytest.raises(ArchitectureError, match="no operation of the space enas; operations are separable conv 3x3"):
        ConvolutionalSpace("enas").convert(ConvolutionalSpace("nao").parse("NAONet"))


def test_a_name_or_a_string_finds_its_space():
    enas = ConvolutionalSpace("enas")
    assert parse_cells("NAONet", enas).space.name == "nao"
    assert parse_cells(PUBLISHED["NAONet"][1], enas).space.name == "nao"
    assert parse_cells(PUBLISHED["NASNet-A"][2], enas).space.name == "nao19"
    assert parse_cells("NAO-WS", ConvolutionalSpace("nao")).space.name == "enas"
    for name in ("nao_ws", "Nao WS", "'naows'", "NAO–WS"):
        assert parse_cells(name, ConvolutionalSpace("nao")) == parse_cells("NAO-WS", enas)
    assert parse_cells("NAO-WS", enas).space == enas
    with pytest.raises(ArchitectureError, match="NAONet-V2, AmoebaNet-B"):
        parse_cells("LeNet", enas)
    with pytest.raises(ArchitectureError, match="3 integers; enas takes 40"):
        parse_cells("0 1 2", enas)


def test_sizes():
    sizes = {"nao": (60, 21, 11), "enas": (40, 12, 5), "nao_v2": (40, 17, 10), "nao19": (60, 21, 19)}
    for name, (length, words, operations) in sizes.items():
        space = ConvolutionalSpace(name)
        assert (space.token_length, space.vocabulary_size, len(space.operations)) == (length, words, operations)
        assert space.token_length // space.tokens_per_encoder_step == 20  # encoder steps, a branch each
        pairs = np.prod([float(inputs * operations) ** 2 for inputs in range(2, 7)])
        assert space.size == pytest.approx(pairs**2)
    assert ConvolutionalSpace("enas").size == pytest.approx(2.56e25, rel=0.01)  # both figures: published tables
    assert ConvolutionalSpace("nao").size == pytest.approx(1.81e32, rel=0.01)
    assert len(OPERATIONS) == 19


@every_space
def test_swapped_branches_are_one_architecture(name):
    space, generator = ConvolutionalSpace(name), np.random.default_rng(0)
    spellings = set()
    architecture = space.parse(space.text(next(iter(space.published.values()))))
    for _ in range(50):
        spelling = space.architecture(space.symmetry(architecture.values, generator))
        assert spelling.canonical == architecture.canonical == architecture.canonical.canonical
        spellings.add(spelling)
        for cell, other in zip(*(space.cells_of(a.values) for a in (architecture, spelling)), strict=True):
            assert [set(node) for node in cell.nodes] == [set(node) for node in other.nodes]
            assert cell.loose_ends == other.loose_ends
    assert len(spellings) > 40


@every_space
def test_samples_have_every_operation_that_is_searched(name):
    space, generator = ConvolutionalSpace(name), np.random.default_rng(2)
    cells = [cell for _ in range(100) for cell in space.cells_of(space.sample(generator).values)]
    assert {branch.operation for cell in cells for node in cell.nodes for branch in node} == set(space.operations)


def test_errors_name_the_position_and_what_is_allowed():
    space = ConvolutionalSpace("nao")
    integers = PUBLISHED["NAONet"][1].replace("0 7", "3 7", 1)
    with pytest.raises(ArchitectureError, match=r"position 0 \(first input of node 3, normal cell\): 3 .* are 0, 1$"):
        space.parse(integers)
    with pytest.raises(ArchitectureError, match=r"first operation of node 3, normal cell\): 4 .* are 5, 6, .*, 15$"):
        space.parse(PUBLISHED["NAONet"][1].replace("0 7", "0 4", 1))
    with pytest.raises(
        ArchitectureError, match=r"token position 2 \(first kernel of operation of node 3, normal cell\): 15 .* 14, 16"
    ):
        space.parse(PUBLISHED["NAONet"][2].replace("1 9 16", "1 9 15", 1))
    with pytest.raises(ArchitectureError, match=r"'sink' is not allowed; allowed are identity, conv 1x1"):
        space.parse(space.text(space.published["NAONet"]).replace("conv 3x3", "sink", 1))
    with pytest.raises(ArchitectureError, match="60 tokens|40"):
        space.parse("0 1 2")
    with pytest.raises(ValueError, match="known are nao, enas, nao_v2, nao19"):
        ConvolutionalSpace("nasnet")


def test_the_authors_names_of_operations_are_read():
    space = ConvolutionalSpace("nao19")
    text = space.text(space.published["AmoebaNet-B"])
    theirs = text.replace("dilated separable conv ", "dil_sep_conv ").replace("separable conv ", "sep_conv_")
    theirs = re.sub(r"(max|min) pooling", r"\1_pool", theirs).replace("average pooling", "avg_pool")
    assert theirs != text and space.parse(theirs).text == text


def test_a_space_with_operations_of_ones_own():
    space = ConvolutionalSpace("mine", operations=["squeeze_excite 4", "separable conv 3x3", "identity", "max_pool"])
    assert (space.token_length, space.vocabulary_size, space.operations[0]) == (40, 11, "squeeze_excite 4")
    assert space.published == {}
    text = "node 1, squeeze_excite 4, node 2, sep_conv_3x3, " * 9 + "node 1, max_pool, node 2, identity"
    architecture = space.parse(text)
    assert architecture.text == text.replace("sep_conv_3x3", "separable conv 3x3")
    assert space.cells_of(architecture.values)[0].nodes[0][0].operation == "squeeze_excite 4"
    assert space.convert(architecture) == architecture
    with pytest.raises(ArchitectureError, match="'squeeze_excite 4' is no operation of the space enas"):
        ConvolutionalSpace("enas").convert(architecture)
    enas = ConvolutionalSpace("enas again", operations=ConvolutionalSpace("enas").operations)
    assert enas.published == ConvolutionalSpace("enas").published
    with pytest.raises(ArchitectureError, match="an architecture of rnn is no pair of convolutional cells"):
        space.convert(RecurrentSpace().parse("NAO"))


@pytest.mark.parametrize(
    ("name", "operations", "message"),
    [
        ("nao", ["identity"], "'nao' is a space with operations of its own; give another name"),
        ("mine", [], "operations none; at least one, and all different"),
        ("mine", ["conv", "conv"], "operations conv, conv; at least one, and all different"),
        ("mine", ["conv, 3x3"], "operation 'conv, 3x3'; a name is one printable line without commas"),
        ("mine", [" conv"], "operation ' conv'"),
    ],
)
def test_operations_that_make_no_space(name, operations, message):
    with pytest.raises(ValueError, match=message):
        ConvolutionalSpace(name, operations=operations)
