"""Spellings of architectures: the same computation, the own one first, the others the architecture's own."""

import numpy as np
import pytest

from nao_tf.architecture import NasBench201Space, RecurrentSpace
from nao_tf.controller.spellings import spellings_of


@pytest.mark.parametrize("space", [RecurrentSpace(), NasBench201Space()], ids=lambda space: space.name)
def test_all_compute_the_same_and_depend_on_the_architecture_alone(space):
    generator = np.random.default_rng(1)
    architectures = [space.sample(generator) for _ in range(20)]
    tokens = spellings_of(space, architectures, count=5)
    assert tokens.shape == (20, 5, space.token_length) and tokens.dtype == np.int32
    for architecture, spelled in zip(architectures, tokens.tolist(), strict=True):
        assert tuple(spelled[0]) == architecture.tokens
        assert {space.from_tokens(each).canonical for each in spelled} == {architecture.canonical}
    assert len(np.unique(tokens.reshape(-1, space.token_length), axis=0)) > 40  # they do differ
    np.testing.assert_array_equal(spellings_of(space, architectures[7:9], count=5), tokens[7:9])


def test_one_spelling_is_the_own_one():
    space = NasBench201Space()
    architectures = [space.sample(np.random.default_rng(2)) for _ in range(3)]
    np.testing.assert_array_equal(spellings_of(space, architectures, count=1)[:, 0], space.token_array(architectures))
    with pytest.raises(ValueError, match="no architectures"):
        spellings_of(space, [], count=2)
