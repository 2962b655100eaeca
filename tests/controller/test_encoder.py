import dataclasses

import numpy as np
import pytest
from controllers import SMALL, numpy_lstm, random_tokens, small_model, values_of

from nao_tf.architecture import RecurrentSpace
from nao_tf.controller.encoder import Encoder, mean_embedding


def test_states_are_those_of_an_independent_computation():
    space = RecurrentSpace()
    model, tokens = small_model(space), random_tokens(space, 3)
    states = model.encode(tokens).numpy()
    weights = values_of(model.encoder)
    assert states.shape == (SMALL.members, 3, 11, SMALL.hidden)
    for member in range(SMALL.members):
        for example in range(3):
            embedded = weights["embedding"][member][tokens[example]]  # [T, D]
            steps = [np.concatenate([embedded[2 * step], embedded[2 * step + 1]]) for step in range(11)]
            zero = np.zeros(SMALL.hidden)
            outputs = numpy_lstm(
                steps,
                weights["kernel"][member],
                weights["recurrent_kernel"][member],
                weights["bias"][member, 0],
                zero,
                zero,
            )
            expected = outputs / np.linalg.norm(outputs, axis=-1, keepdims=True)
            np.testing.assert_allclose(states[member, example], expected, rtol=1e-5, atol=2e-6)


def test_states_and_embedding_have_length_one():
    space = RecurrentSpace()
    states = small_model(space).encode(random_tokens(space, 5))
    np.testing.assert_allclose(np.linalg.norm(states, axis=-1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(mean_embedding(states), axis=-1), 1, rtol=1e-5)


def test_members_may_read_tokens_of_their_own():
    space = RecurrentSpace()
    model, tokens = small_model(space), random_tokens(space, 4)
    own = np.stack([tokens, tokens[::-1]])
    shared, apart = model.encode(tokens).numpy(), model.encode(own).numpy()
    np.testing.assert_allclose(apart[0], shared[0], rtol=1e-6)
    np.testing.assert_allclose(apart[1], shared[1, ::-1], rtol=1e-6)


def test_dropout_is_a_function_of_its_seed():
    space = RecurrentSpace()
    model, tokens = small_model(space, dataclasses.replace(SMALL, embedding_dropout=0.5)), random_tokens(space, 4)
    shared = model.shared(tokens)
    first, again, other = (model.encoder(shared, dropout_seed=np.int32(seed)) for seed in ([1, 2], [1, 2], [1, 3]))
    np.testing.assert_array_equal(first, again)
    assert np.max(np.abs(first - other)) > 0.01
    np.testing.assert_array_equal(model.encoder(shared), model.encoder(shared))


def test_tokens_must_divide_into_steps():
    with pytest.raises(ValueError, match="22 tokens do not divide into encoder steps of 4"):
        Encoder(22, 16, tokens_per_encoder_step=4, settings=SMALL)


@pytest.mark.parametrize("shape", [(22,), (3, 21), (3, 4, 22)])
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="controller"):
        small_model().encode(np.ones(shape, np.int32))
