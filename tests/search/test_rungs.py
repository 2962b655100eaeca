"""Rungs as users write them."""

import pytest

from nao_tf.errors import InputError
from nao_tf.search.rungs import Rung, rungs_of


def test_costs_are_in_units_of_the_last_rung():
    assert rungs_of(["a:1", " b:4 ", "c:d:8"]) == (Rung("a", 0.125), Rung("b", 0.5), Rung("c:d", 1.0))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a:0.1"], "at least two rungs"),
        (["a", "b:1"], "'a' is no rung; write NAME:COST"),
        (["a:0", "b:1"], "'a:0' is no rung"),
        (["a:nan", "b:1"], "'a:nan' is no rung"),
        (["a:1", "b:1"], "'b:1' costs no more than the rung before it"),
        (["a:1", "a:2"], "'a' is there twice"),
    ],
)
def test_what_is_no_ladder_is_refused(texts, message):
    with pytest.raises(InputError, match=message):
        rungs_of(texts)
