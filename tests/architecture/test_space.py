"""What every search space keeps: shown on spaces made here, and by counting cells in another way."""

import itertools
import math
import pickle

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from nao_tf.architecture import (
    START_TOKEN,
    ArchitectureError,
    Bounded,
    CategoricalSpace,
    Constraint,
    ConvolutionalSpace,
    NasBench201Space,
    Position,
    RecurrentSpace,
    SearchSpace,
    Subset,
)


class Descent(SearchSpace):
    """A user's own space: no integer may be greater than the one before, so legality depends on the previous one."""

    def __init__(self, length=4, words=3):
        levels = tuple(f"level {value}" for value in range(words))
        positions = [Position(description=f"step {index}", kind="level", words=levels) for index in range(length)]
        super().__init__("descent", positions)

    def choices(self, prefix):
        return tuple(range(prefix[-1] + 1)) if prefix else (0, 1, 2)


PLAIN = SearchSpace(
    "plain",
    [
        Position(description="first width", kind="width", words=("narrow", "wide")),
        Position(description="operation", kind="operation", words=("pool", "conv", "skip")),
        Position(description="second width", kind="width", words=("narrow", "middle", "wide")),
    ],
    published={"best": (1, 2, 0)},
)
CATEGORIES = CategoricalSpace("categories", {"kernel": ("3", "5"), "width": ("16", "32", "64"), "skip": ("yes", "no")})
SPACES = [
    PLAIN,
    Descent(),
    RecurrentSpace("nao"),
    RecurrentSpace("nao_ws"),
    RecurrentSpace(nodes=3),
    NasBench201Space(),
    ConvolutionalSpace("nao"),
    ConvolutionalSpace("enas"),
    ConvolutionalSpace("nao_v2"),
    ConvolutionalSpace("nao19"),
    ConvolutionalSpace("own", operations=["identity", "squeeze_excite"]),
    CATEGORIES,
    Bounded(PLAIN, Constraint(lambda architecture: architecture.values.count(2) / 2, "two of number 2")),
    Subset(CATEGORIES, [CATEGORIES.architecture(values) for values in [(0, 0, 1), (1, 2, 0), (1, 0, 0), (0, 1, 1)]]),
]
SMALL_SPACES = [space for space in SPACES if space.size < 20_000 and not isinstance(space, Subset)]
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


# ---- properties of every space

properties = hypothesis.settings(max_examples=25, deadline=None, database=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)


def architectures(space):
    """Any spelling of any architecture."""

    @st.composite
    def draw_architecture(draw):
        values = []
        for _ in space.positions:
            values.append(draw(st.sampled_from(space.choices(values))))
        return space.architecture(values)

    return draw_architecture()


@every_space
@properties
@hypothesis.given(data=st.data())
def test_every_form_is_read_back(space, data):
    architecture = data.draw(architectures(space))
    assert space.parse(str(architecture)) == architecture
    assert space.parse(str(list(architecture.values))) == architecture
    assert space.parse(architecture.text) == space.parse(f" '{architecture.text}' ") == architecture
    assert space.from_tokens(architecture.tokens) == architecture
    assert all(START_TOKEN < token < space.vocabulary_size for token in architecture.tokens)
    assert pickle.loads(pickle.dumps(architecture)) == architecture


@every_space
@properties
@hypothesis.given(data=st.data(), seed=seeds)
def test_spellings_share_one_canonical_form(space, data, seed):
    architecture = data.draw(architectures(space))
    spelling = space.architecture(space.symmetry(architecture.values, np.random.default_rng(seed)))
    assert spelling.canonical == architecture.canonical == architecture.canonical.canonical


@every_space
@properties
@hypothesis.given(data=st.data())
def test_strings_of_the_grammar_are_architectures(space, data):
    tokens = []
    for position in range(space.token_length):
        legal = np.flatnonzero(space.grammar[position, tokens[-1] if tokens else START_TOKEN]).tolist()
        assert tuple(legal) == space.legal_tokens(tokens)
        tokens.append(data.draw(st.sampled_from(legal)))
    assert space.from_tokens(tokens).tokens == tuple(tokens)


@every_space
@properties
@hypothesis.given(data=st.data(), seed=seeds)
def test_only_the_strings_of_the_grammar_are_read(space, data, seed):
    tokens = list(space.sample(np.random.default_rng(seed)).tokens)
    position = data.draw(st.integers(0, len(tokens) - 1))
    last = tokens[position - 1] if position else START_TOKEN
    illegal = np.flatnonzero(~space.grammar[position, last]).tolist()
    tokens[position] = data.draw(st.sampled_from(illegal))
    with pytest.raises(ArchitectureError, match=f"token position {position} "):
        space.from_tokens(tokens)


@every_space
@properties
@hypothesis.given(seed=seeds)
def test_samples_and_mutants_are_canonical_and_allowed(space, seed):
    generator = np.random.default_rng(seed)
    architecture = space.sample(generator)
    mutant = space.mutate(architecture, generator)
    assert architecture == architecture.canonical != mutant == mutant.canonical
    assert space.allows(architecture) and space.allows(mutant)


@every_space
@properties
@hypothesis.given(text=st.text() | st.text("0123456789,|[]() ~+='\"") | st.lists(st.integers(0, 30)).map(str))
def test_any_text_is_read_or_refused(space, text):
    try:
        architecture = space.parse(text)
    except ArchitectureError as error:
        assert str(error)
    else:
        assert space.parse(architecture.text) == architecture


RECURRENT = RecurrentSpace()
PUBLISHED = RECURRENT.parse("NAO-WS")
LIST = str(list(PUBLISHED.values))
WORDS = PUBLISHED.text.split(", ")


@pytest.mark.parametrize(
    "text",
    [
        f"“{PUBLISHED}”", f"`{LIST}`", f"'\"{PUBLISHED}\"'", LIST.replace(", ", ",\n "), f"\t{PUBLISHED}\r\n",
        f"({LIST})", str(PUBLISHED).replace(" ", "\u00a0"), LIST[:-1] + ",]", PUBLISHED.text + ",",
        f"[{PUBLISHED.text}]",
        PUBLISHED.text.replace(", ", ",\n"), PUBLISHED.text.replace("node 1,", "node\n1,"), str(WORDS),
        "(" + ", ".join(f'"{word}"' for word in WORDS) + ")", f"«{PUBLISHED.text}»",
    ],
)  # fmt: skip
def test_an_architecture_is_read_as_it_is_pasted(text):
    assert RECURRENT.parse(text) == PUBLISHED


@pytest.mark.parametrize(
    "text",
    ["9" * 5_000, f"{PUBLISHED} {'1' * 4_400}", "٠ ١ " * 11, "０ １ " * 11, str(PUBLISHED).replace("0", "0.0"),
     LIST.replace("0", "-1"), "[" * 5_000, "0 " * 50_000, "node 0, relu, " * 5_000, "0;1;1;1",
     "genotype.Cell(nodes=[0, 1])", '{"recurrent": [0]}', f"'{PUBLISHED}",
     f"[{PUBLISHED.text}", "relu\nnode 0", "\ud800", "\0", "", "[]", "''"],
)  # fmt: skip
def test_what_is_no_architecture_is_one_line_of_a_length_to_read(text):
    with pytest.raises(ArchitectureError) as caught:
        RECURRENT.parse(text)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


def test_a_word_that_is_legal_is_not_called_wrong_for_the_bracket_beside_it():
    with pytest.raises(ArchitectureError, match=r"position 3 .*'gelu' is not allowed"):
        RECURRENT.parse(str([*WORDS[:3], "gelu", *WORDS[4:]]))
    with pytest.raises(ArchitectureError, match=r"of 3 words; rnn takes 22"):
        RECURRENT.parse("[node 0, relu, node 1]")


# ---- changes


def test_mutation_of_a_dependent_integer_repairs_what_follows():
    space, generator = Descent(), np.random.default_rng(8)
    mutants = {space.mutate(space.parse("2 2 2 2"), generator).values for _ in range(200)}
    assert all(tuple(sorted(values, reverse=True)) == values for values in mutants)
    assert {values[0] for values in mutants} == {0, 1, 2}


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
        assert all(map(space.allows, neighbours))
        assert len(set(neighbours)) == len(neighbours) and architecture not in neighbours
        assert all(neighbour == neighbour.canonical for neighbour in neighbours)
    if not isinstance(space, Descent):  # no integer depends on another: nothing is drawn anew
        changed = set()
        for index, value in enumerate(architecture.values):
            for other in space.choices(architecture.values[:index]):
                values = (*architecture.values[:index], other, *architecture.values[index + 1 :])
                changed |= {space.architecture(values).canonical} if other != value else set()
        assert set(neighbours) == set(filter(space.allows, changed)) - {architecture}


def test_neighbours_come_in_random_order():
    orders = {tuple(PLAIN.neighbours(PLAIN.parse("best"), np.random.default_rng(seed))) for seed in range(20)}
    assert len(orders) > 10 and len({frozenset(order) for order in orders}) == 1
