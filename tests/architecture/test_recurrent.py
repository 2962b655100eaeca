import pytest

from nao_tf.architecture import ArchitectureError, NasBench201Space, RecurrentSpace

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
        assert architecture == space.parse(name) == space.parse(name.lower()) == space.parse(name.replace("-", "_"))
        assert " ".join(map(str, architecture.tokens)) == tokens
        assert str(space.from_tokens(architecture.tokens)) == integers
        assert space.parse(space.from_tokens(architecture.tokens).text).text == architecture.text


def test_numberings_convert_into_each_other():
    ours, theirs = RecurrentSpace("nao_ws"), RecurrentSpace("nao")
    cell = theirs.parse("NAO")
    assert ours.convert(cell).text == cell.text
    assert theirs.convert(ours.convert(cell)) == cell
    assert str(cell).endswith("1 2") and str(ours.convert(cell)).endswith("1 3")  # identity
    assert theirs != ours and cell != ours.parse("NAO")
    with pytest.raises(ValueError, match="known are nao_ws, nao"):
        RecurrentSpace("enas")
    with pytest.raises(ArchitectureError, match="an architecture of nasbench201 is no recurrent cell"):
        ours.convert(NasBench201Space().parse("0 0 0 0 0 0"))


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


def test_different_cells_have_different_canonical_forms():
    space = RecurrentSpace(nodes=2)
    # relu and tanh both on node 0, in either order, are one cell; a chain of them is another
    assert space.parse("0 1 0 0").canonical == space.parse("0 0 0 1").canonical
    assert space.parse("0 1 1 0").canonical != space.parse("0 1 0 0").canonical
