"""Words and ids."""

import numpy as np
import pytest

from nao_tf.data.vocabulary import Vocabulary
from nao_tf.errors import InputError


def test_order_of_appearance_has_the_end_of_the_line_where_the_first_line_ends():
    vocabulary = Vocabulary.in_order_of_appearance(["b a", "a c"])
    assert vocabulary.words == ("b", "a", "<eos>", "c")
    assert vocabulary.unknown_id is None
    assert vocabulary.end_of_sentence_id == 2
    assert len(vocabulary) == 4


def test_frequency_order_breaks_ties_by_appearance():
    assert Vocabulary.by_frequency(["z y y x", "<unk> <eos>"]).words == ("<eos>", "<unk>", "y", "z", "x")


def test_limits_of_the_vocabulary():
    lines = ["a a a b b c"]
    assert Vocabulary.by_frequency(lines, size=4).words == ("<eos>", "<unk>", "a", "b")
    assert Vocabulary.by_frequency(lines, minimum_count=3).words == ("<eos>", "<unk>", "a")


@pytest.mark.parametrize("limits, message", [({"size": 2}, "at least 3"), ({"minimum_count": 0}, "at least 1")])
def test_limits_that_leave_nothing(limits, message):
    with pytest.raises(InputError, match=message):
        Vocabulary.by_frequency(["a b"], **limits)


def test_encode_and_decode():
    vocabulary = Vocabulary(("<eos>", "<unk>", "a", "b"))
    tokens = vocabulary.encode(["a stranger", "", "b"], "here")
    assert tokens.dtype == np.int32
    assert tokens.tolist() == [2, 1, 0, 0, 3, 0]
    assert vocabulary.decode(tokens) == ["a", "<unk>", "<eos>", "<eos>", "b", "<eos>"]


def test_a_stranger_without_unknown_is_named():
    with pytest.raises(InputError, match="here.txt: the word 'stranger'"):
        Vocabulary(("<eos>", "a")).encode(["a", "a stranger"], "here.txt")


@pytest.mark.parametrize("token", [-1, 2])
def test_an_id_outside(token):
    with pytest.raises(InputError, match="ids are 0 to 1"):
        Vocabulary(("<eos>", "a")).decode([token])


@pytest.mark.parametrize("words, message", [(("a", "a", "<eos>"), "'a' occurs 2 times"), (("a",), "<eos> is missing")])
def test_words_that_are_no_vocabulary(words, message):
    with pytest.raises(InputError, match=message):
        Vocabulary(words)
