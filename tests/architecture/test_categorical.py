import numpy as np
import pytest

from nao_tf.architecture import ArchitectureError, CategoricalSpace

SPACE = CategoricalSpace(
    "network", {"width": ("16", "32", "64"), "kernel": ("3x3", "5x5"), "rate": ("0.1", "0.01"), "depth": ("1", "2")}
)


def test_every_decision_is_a_position_with_its_own_words():
    assert (SPACE.size, SPACE.token_length, SPACE.vocabulary_size) == (3 * 2 * 2 * 2, 4, 1 + 3 + 2 + 2 + 2)
    architecture = SPACE.architecture((2, 0, 1, 0))
    assert architecture.text == "width=64, kernel=3x3, rate=0.01, depth=1"
    assert architecture.tokens == (3, 4, 7, 8)
    assert len(list(SPACE.canonical_strings())) == SPACE.size


@pytest.mark.parametrize(
    "text",
    [
        "width=64, kernel=3x3, rate=0.01, depth=1",
        " depth = 1,rate=0.01 ,kernel=3x3, width=64 ",
        '"width=64, kernel=3x3, rate=0.01, depth=1"',
        "'width=64, kernel=3x3, rate=0.01, depth=1'",
        "64, 3x3, 0.01, 1",
        "2 0 1 0",
        "2, 0, 1, 0",
        "[2, 0, 1, 0]",
        "(2,0,1,0)",
    ],
)
def test_forms_that_are_read(text):
    assert SPACE.parse(text).values == (2, 0, 1, 0)


NUMBERS = CategoricalSpace("numbers", {"a": ("1", "2", "4"), "b": ("1", "2", "0")})


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1 2", (1, 2)),  # integers, since they can be
        ("[1, 2]", (1, 2)),
        ("4 2", (2, 1)),  # no integers of the space, but words
        ("4, 2", (2, 1)),
        ("0, 2", (0, 2)),  # no words of the space
        ("a=1, b=2", (0, 1)),
    ],
)
def test_words_that_are_numbers(text, values):
    assert NUMBERS.parse(text).values == values


def test_numbers_that_could_be_words_or_integers_are_refused():
    with pytest.raises(ArchitectureError, match="'1, 2' could be a=1, b=2 or the integers of a=2, b=0; write one"):
        NUMBERS.parse("1, 2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("width=48, kernel=3x3, rate=0.1, depth=1", r"decision 'width': '48' is not allowed; allowed are 16, 32, 64"),
        ("width=16, kernel=3x3, rate=0.1", r"no word for depth; network takes all 4"),
        ("width=16, kernel=3x3, width=16, rate=0.1, depth=1", r"decision 'width' is given twice"),
        ("width=16, kernel=3x3, speed=1", r"'speed=1' is no decision of network; decisions are width, kernel, rate"),
        ("width=16, 3x3, 0.1, 1", r"'3x3' is no decision of network"),
        ("16, 3x3, 1, 1", r"decision 'rate': '1' is not allowed; allowed are 0\.1, 0\.01"),
        ("16, 3x3", r"2 words; network takes 4: width=…, kernel=…, rate=…, depth=…"),
        ("", r"words; network takes 4"),
        ("3 0 0 0", r"position 0 \(width\): 3 is not allowed; allowed are 0, 1, 2"),
        ("0 0 0", r"architecture of 3 integers; network takes 4 \(width, kernel, …\)"),
        ("1" * 5_000 + " 0 0 0", r"position 0: a number of 5000 digits is not allowed"),
        ('"width=16, kernel', r"is no architecture: unexpected end of data"),
    ],
)
def test_errors_name_the_decision_and_its_words(text, message):
    with pytest.raises(ArchitectureError, match=message):
        SPACE.parse(text)


def test_words_may_hold_what_separates_words():
    space = CategoricalSpace("odd", {"a, b": ("1, 2", '3"', "c=d"), "e": ("f", "[0, 1]")})
    texts = {space.text(values) for values in space.strings()}
    assert len(texts) == 6 and '"a, b=1, 2", "e=[0, 1]"' in texts
    for values in space.strings():
        assert space.parse(space.text(values)).values == values


@pytest.mark.parametrize(
    ("decisions", "message"),
    [
        ({}, "space bad of no decisions; at least one"),
        ({"a": ()}, "decision 'a' has the words ; at least one"),
        ({"a": ("x", "x")}, "decision 'a' has the words x, x; at least one, all different"),
        ({"a=b": ("x",)}, "decision 'a=b'; a name is one printable line without '='"),
        ({"": ("x",)}, "decision ''"),
        ({"a": ("x\ny",)}, r"the word 'x\\ny'; a word is one printable line"),
        ({"a": (" x",)}, "the word ' x'"),
    ],
)
def test_decisions_that_cannot_be_written(decisions, message):
    with pytest.raises(ValueError, match=message):
        CategoricalSpace("bad", decisions)


def test_long_lists_of_words_are_cut():
    space = CategoricalSpace("long", {"a": [f"word {number}" for number in range(1_000)], "b": ("x", "y")})
    with pytest.raises(ArchitectureError, match=r"word 19, … \(1,000 in all\)") as raised:
        space.parse("a=word 1000, b=x")
    assert len(str(raised.value)) < 400


def test_a_space_of_a_billion_combinations_is_sampled_evenly():
    space = CategoricalSpace("large", {f"decision {number}": tuple("0123456789") for number in range(9)})
    generator = np.random.default_rng(0)
    values = np.array([space.sample(generator).values for _ in range(500)])
    assert space.size == 10**9 and values.min() == 0 and values.max() == 9
    assert abs(values.mean() - 4.5) < 0.2
