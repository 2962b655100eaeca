import numpy as np
import pytest

from nao_tf.architecture import ArchitectureError, RecurrentSpace

PUBLISHED = {
    "nao": {
        "NAO": (
            "0 1 0 1 1 1 3 0 4 1 4 1 5 1 1 1 7 1 1 1 1 2",
            "1 13 1 13 2 13 4 12 5 13 5 13 6 13 2 13 8 13 2 13 2 14",
        )
    },
    "nao_ws": {
        "NAO-WS": (
            "0 1 1 1 2 2 1 2 4 1 4 1 4 1 7 1 8 2 1 0 4 1",
            "1 13 2 13 3 14 2 14 5 13 5 13 5 13 8 13 9 14 2 12 5 13",
        )
    },
}


@pytest.mark.parametrize("numbering", ["nao", "nao_ws"])
def test_published_strings_survive_every_form(numbering):
    space = RecurrentSpace(numbering)
    for name, (integers, tokens) in PUBLISHED[numbering].items():
        architecture = space.parse(integers)
        assert architecture == space.parse(name)
        assert " ".join(map(str, architecture.tokens)) == tokens
        assert str(space.from_tokens(architecture.tokens)) == integers
        assert space.parse(space.from_tokens(architecture.tokens).text).text == architecture.text


def test_numberings_convert_into_each_other():
    ours, theirs = RecurrentSpace("nao_ws"), RecurrentSpace("nao")
    cell = theirs.parse("NAO")
    assert ours.convert(cell).text == cell.text
    assert theirs.convert(ours.convert(cell)) == cell
    assert str(ours.convert(cell)).endswith("1 3")


def test_sizes():
    space = RecurrentSpace()
    assert (space.vocabulary_size, space.token_length, len(space.positions)) == (16, 22, 22)


def test_errors_name_the_position_and_what_is_allowed():
    space = RecurrentSpace()
    with pytest.raises(ArchitectureError, match=r"position 4 \(predecessor of node 3\): 5 .* allowed are 0, 1, 2"):
        space.parse("0 1 0 1 5 1 3 0 4 1 4 1 5 1 1 1 7 1 1 1 1 2")
    with pytest.raises(ArchitectureError, match="22"):
        space.parse("0 1 2")
    with pytest.raises(ArchitectureError, match="NAO-WS"):
        space.parse("nonsense")


def test_renumbering_nodes_keeps_the_canonical_form():
    space, generator = RecurrentSpace(), np.random.default_rng(0)
    for _ in range(200):
        architecture = space.complete((), generator)
        spelling = space.architecture(space.symmetry(architecture.values, generator))
        assert spelling.canonical == architecture.canonical == architecture.canonical.canonical


def test_canonical_form_tells_different_cells_apart():
    space = RecurrentSpace(nodes=2)
    # relu and tanh both on node 0, in either order, are one cell; a chain of them is another
    assert space.parse("0 1 0 0").canonical == space.parse("0 0 0 1").canonical
    assert space.parse("0 1 1 0").canonical != space.parse("0 1 0 0").canonical


def test_mutation_is_another_computation():
    generator = np.random.default_rng(1)
    for nodes in (2, 3, 11):
        space = RecurrentSpace(nodes=nodes)
        for _ in range(200):
            architecture = space.sample(generator)
            mutant = space.mutate(architecture, generator)
            assert mutant.canonical == mutant != architecture


def test_grammar_is_the_table_of_legal_tokens():
    space, generator = RecurrentSpace(), np.random.default_rng(2)
    for _ in range(50):
        tokens = space.sample(generator).tokens
        for position in range(space.token_length):
            last = tokens[position - 1] if position else 0
            allowed = np.flatnonzero(space.grammar[position, last])
            assert tuple(allowed) == space.legal_tokens(tokens[:position])
