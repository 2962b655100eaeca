import numpy as np
import pytest

from nao_tf.architecture import START_TOKEN, ArchitectureError, IntegerForm, Position, RecurrentSpace, SearchSpace
from nao_tf.architecture.tokens import TokenForm

POSITIONS = (
    Position(description="first width", kind="width", words=("narrow", "wide")),
    Position(description="operation", kind="operation", words=("pool", "conv", "skip")),
    Position(description="second width", kind="width", words=("narrow", "middle", "wide")),
)
PLAIN = SearchSpace("plain", POSITIONS)


def test_positions_of_one_kind_share_words_of_the_vocabulary():
    # 0 starts; 1..3 widths, as many as the widest position has; 4..6 operations
    assert PLAIN.vocabulary_size == 7
    assert PLAIN.parse("wide, skip, narrow").tokens == (2, 6, 1)


def test_the_grammar_of_independent_positions_by_hand():
    allowed = np.zeros([3, 7, 7], bool)
    allowed[0, START_TOKEN, [1, 2]] = True
    allowed[1, 1:3, 4:7] = True
    allowed[2, 4:7, 1:4] = True
    np.testing.assert_array_equal(PLAIN.grammar, allowed)


def test_the_grammar_of_recurrent_cells_by_hand():
    grammar = RecurrentSpace(nodes=2).grammar  # tokens 1, 2: predecessors; 3 to 6: activations
    legal = {
        (position, last): np.flatnonzero(grammar[position, last]).tolist()
        for position, last in np.argwhere(grammar.any(-1)).tolist()
    }
    assert legal == {
        (0, 0): [1],
        (1, 1): [3, 4, 5, 6],
        **{(2, last): [1, 2] for last in (3, 4, 5, 6)},
        (3, 1): [3, 4, 5, 6],
        (3, 2): [3, 4, 5, 6],
    }


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ((2, 3, 1), r"token position 1 \(operation\): 3 is not allowed; allowed are 4, 5, 6"),
        ((2, 4, 7), r"token position 2 \(second width\): 7 is not allowed; allowed are 1, 2, 3"),
        ((-5, 4, 1), r"token position 0 \(first width\): -5 is not allowed; allowed are 1, 2"),
        ((2, 6), "2 tokens; plain takes 3"),
    ],
)
def test_errors_say_where_and_what_is_allowed(tokens, message):
    with pytest.raises(ArchitectureError, match=message):
        PLAIN.from_tokens(tokens)


def test_an_array_of_tokens():
    architectures = [PLAIN.parse("wide, skip, narrow"), PLAIN.parse("narrow, pool, wide")]
    tokens = PLAIN.token_array(architectures)
    assert tokens.dtype == np.int32 and tokens.tolist() == [[2, 6, 1], [1, 4, 3]]
    with pytest.raises(ValueError, match="no architectures"):
        PLAIN.token_array([])
    with pytest.raises(ValueError, match="of space 'rnn', not 'plain'"):
        PLAIN.token_array([RecurrentSpace().parse("NAO")])


class Reversed(TokenForm):
    """A user's own form: two integers below 2, the second written first."""

    def __init__(self):
        super().__init__("reversed", length=2, vocabulary_size=3)

    def tokens(self, values):
        return (values[1] + 1, values[0] + 1)

    def legal(self, prefix):
        return (1, 2)

    def description(self, index):
        return ("second", "first")[index]

    def _decode(self, tokens):
        return (tokens[1] - 1, tokens[0] - 1)


def test_a_space_with_a_token_form_of_its_own():
    positions = [Position(description=name, kind="bit", words=("off", "on")) for name in ("first", "second")]
    space = SearchSpace("bits", positions, token_form=Reversed())
    architecture = space.parse("off, on")
    assert architecture.tokens == (2, 1) and space.from_tokens((2, 1)) == architecture
    with pytest.raises(ArchitectureError, match=r"token position 0 \(second\): 0 is not allowed; allowed are 1, 2"):
        space.from_tokens((0, 1))
    assert isinstance(SearchSpace("bits", positions).token_form, IntegerForm)
