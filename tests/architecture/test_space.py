"""What every search space keeps: shown on spaces made here, and by counting cells in another way."""

import itertools
import math

import numpy as np
import pytest

from nao_tf.architecture import (
    START_TOKEN,
    ArchitectureError,
    ConvolutionalSpace,
    NasBench201Space,
    Position,
    RecurrentSpace,
    SearchSpace,
)


class Descent(SearchSpace):
    """A user's own space: no integer may be greater than the one before, so legality depends on the previous one."""

    def __init__(self, length=4, words=3):
        levels = tuple(f"level {value}" for value in range(words))
        super().__init__("descent", [Position(f"step {index}", "level", levels) for index in range(length)])

    def choices(self, prefix):
        return tuple(range(prefix[-1] + 1)) if prefix else (0, 1, 2)


PLAIN = SearchSpace(
    "plain",
    [
        Position("first width", "width", ("narrow", "wide")),
        Position("operation", "operation", ("pool", "conv", "skip")),
        Position("second width", "width", ("narrow", "middle", "wide")),
    ],
    published={"best": (1, 2, 0)},
)
SPACES = [
    PLAIN,
    Descent(),
    RecurrentSpace("nao"),
    RecurrentSpace("nao_ws"),
    RecurrentSpace(nodes=3),
    NasBench201Space(),
    ConvolutionalSpace("nao"),
    ConvolutionalSpace("enas"),
]
SMALL_SPACES = [space for space in SPACES if space.size < 20_000]
every_space = pytest.mark.parametrize("space", SPACES, ids=repr)


def forests(nodes, colours):
    """How many unordered forests of coloured nodes there are: Euler's transform of the rooted trees, `[nodes + 1]`."""
    count = [1]  # forests of 0 nodes; a tree of n nodes is a coloured root with a forest of n - 1 nodes
    for n in range(1, nodes + 1):
        total = 0
        for k in range(1, n + 1):
            total += count[n - k] * sum(d * colours * count[d - 1] for d in range(1, k + 1) if k % d == 0)
        count.append(total // n)
    return count


@pytest.mark.parametrize("nodes", [1, 2, 3, 4])
def test_canonical_forms_are_as_many_as_there_are_different_cells(nodes):
    space = RecurrentSpace(nodes=nodes)
    ranges = [range(len(position.words)) for position in space.positions]
    strings = list(itertools.product(*ranges))
    assert len(strings) == math.factorial(nodes) * 4**nodes
    canonical = {space.architecture(values).canonical.values for values in strings}
    assert len(canonical) == forests(nodes, colours=4)[nodes]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        # node 1 relu with a tanh child, node 2 sigmoid: numbered depth first and breadth first
        ("0 1 1 0 0 2", "0 1 0 2 1 0", True),
        ("0 2 0 1 2 0", "0 1 1 0 0 2", True),
        ("0 2 0 1 1 0", "0 1 1 0 0 2", False),  # the tanh hangs on the sigmoid
        ("0 1 1 0 1 2", "0 1 1 2 1 0", True),  # two children of one node, in either order
        ("0 1 1 0 2 2", "0 1 1 2 2 0", False),  # a chain in either order
    ],
)
def test_hand_written_cells(one, other, same):
    space = RecurrentSpace(nodes=3)
    assert (space.parse(one).canonical == space.parse(other).canonical) is same


@every_space
def test_samples_are_valid_and_canonical(space):
    generator = np.random.default_rng(3)
    for _ in range(100):
        architecture = space.sample(generator)
        space.check(architecture.values)
        assert architecture == architecture.canonical


@every_space
def test_every_written_form_is_read_back(space):
    generator = np.random.default_rng(4)
    for _ in range(50):
        architecture = space.complete((), generator)
        assert space.parse(str(architecture)) == architecture
        assert space.parse(architecture.text) == architecture
        assert space.from_tokens(architecture.tokens) == architecture
        assert all(START_TOKEN < token < space.vocabulary_size for token in architecture.tokens)


@every_space
def test_grammar_equals_legal_tokens(space):
    generator = np.random.default_rng(5)
    assert space.grammar.shape == (space.token_length, space.vocabulary_size, space.vocabulary_size)
    for _ in range(50):
        tokens = space.complete((), generator).tokens
        for position in range(space.token_length):
            last = tokens[position - 1] if position else START_TOKEN
            assert tuple(np.flatnonzero(space.grammar[position, last])) == space.legal_tokens(tokens[:position])


@every_space
def test_mutants_are_valid_and_canonical(space):
    generator = np.random.default_rng(6)
    for _ in range(100):
        mutant = space.mutate(space.sample(generator), generator)
        space.check(mutant.values)
        assert mutant == mutant.canonical


@pytest.mark.parametrize("space", [PLAIN, Descent()], ids=repr)
def test_mutants_differ_where_every_string_is_another_architecture(space):
    generator = np.random.default_rng(7)
    for _ in range(200):
        architecture = space.sample(generator)
        assert space.mutate(architecture, generator) != architecture


def test_mutation_of_a_dependent_integer_repairs_what_follows():
    space, generator = Descent(), np.random.default_rng(8)
    mutants = {space.mutate(space.parse("2 2 2 2"), generator).values for _ in range(200)}
    assert all(tuple(sorted(values, reverse=True)) == values for values in mutants)
    assert {values[0] for values in mutants} == {0, 1, 2}


def test_published_numbering():
    cell = RecurrentSpace("nao").parse("NAO")
    assert cell.values[-1] == 2  # identity
    assert RecurrentSpace("nao_ws").convert(cell).values[-1] == 3
    assert cell.space != RecurrentSpace("nao_ws") and cell != RecurrentSpace("nao_ws").parse("NAO")
    with pytest.raises(ValueError, match="known are nao_ws, nao"):
        RecurrentSpace("enas")


def test_positions_of_one_kind_share_words_of_the_vocabulary():
    # 0 starts; 1..3 widths, as many as the widest position has; 4..6 operations
    assert PLAIN.vocabulary_size == 7
    assert PLAIN.parse("best").tokens == (2, 6, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2 3", r"position 2 \(second width\): 3 is not allowed; allowed are 0, 1, 2"),
        ("2 0 0", r"position 0 \(first width\): 2 is not allowed; allowed are 0, 1"),
        ("1 2", r"2 integers; plain takes 3 \(first width, operation, …\)"),
        ("wide, pull, wide", r"position 1 \(operation\): 'pull' is not allowed; allowed are pool, conv, skip"),
        ("wide, pool", r"2 words; plain takes 3"),
        ("worst", r"'worst' is no architecture: give 3 integers, the readable form, or a name \(best\)"),
    ],
)
def test_text_errors_say_where_and_what_is_allowed(text, message):
    with pytest.raises(ArchitectureError, match=message):
        PLAIN.parse(text)


def test_errors_name_what_the_prefix_allows():
    with pytest.raises(ArchitectureError, match=r"position 2 \(step 2\): 2 is not allowed; allowed are 0, 1$"):
        Descent().parse("2 1 2 0")
    with pytest.raises(ArchitectureError, match=r"position 2 \(step 2\): 'level 2' .* allowed are level 0, level 1$"):
        Descent().parse("level 2, level 1, level 2, level 0")


def test_token_errors_say_where_and_what_is_allowed():
    with pytest.raises(
        ArchitectureError, match=r"token position 1 \(operation\): 3 is not allowed; allowed are 4, 5, 6"
    ):
        PLAIN.from_tokens((2, 3, 1))
    with pytest.raises(ArchitectureError, match="2 tokens; plain takes 3"):
        PLAIN.from_tokens((2, 6))


def test_an_architecture_is_a_value():
    one, other = PLAIN.parse("1 2 0"), PLAIN.architecture(np.array([1, 2, 0]))
    assert one == other and len({one, other}) == 1
    with pytest.raises(AttributeError):
        one.values = (0, 0, 0)


@pytest.mark.parametrize("space", SMALL_SPACES, ids=repr)
def test_enumeration_is_complete(space):
    strings = list(space.strings())
    ranges = [range(len(position.words)) for position in space.positions]
    legal = []
    for values in itertools.product(*ranges):
        try:
            space.check(values)
        except ArchitectureError:
            continue
        legal.append(values)
    assert strings == legal and len(strings) == space.size
    cells = list(space.canonical_strings())
    assert cells == sorted({space.canonicalise(values) for values in strings})


def test_size_of_a_space_that_cannot_be_enumerated():
    assert RecurrentSpace().size == math.factorial(11) * 4**11


@every_space
def test_neighbours_are_the_other_computations_one_integer_away(space):
    generator = np.random.default_rng(9)
    for _ in range(20):
        architecture = space.sample(generator)
        neighbours = space.neighbours(architecture, generator)
        assert len(set(neighbours)) == len(neighbours) and architecture not in neighbours
        assert all(neighbour == neighbour.canonical for neighbour in neighbours)
    if not isinstance(space, Descent):  # no integer depends on another: nothing is drawn anew
        changed = set()
        for index, value in enumerate(architecture.values):
            for other in space.choices(architecture.values[:index]):
                values = (*architecture.values[:index], other, *architecture.values[index + 1 :])
                changed |= {space.architecture(values).canonical} if other != value else set()
        assert set(neighbours) == changed - {architecture}


def test_neighbours_come_in_random_order():
    orders = {tuple(PLAIN.neighbours(PLAIN.parse("best"), np.random.default_rng(seed))) for seed in range(20)}
    assert len(orders) > 10 and len({frozenset(order) for order in orders}) == 1
