import numpy as np
import pytest
from controllers import SMALL, StaircaseSpace, numpy_lstm, random_tokens, small_model, values_of

from nao_tf.architecture import START_TOKEN, RecurrentSpace

SPACES = [RecurrentSpace(), StaircaseSpace()]


def _random_states(model, batch, seed=0):
    shape = [model.members, batch, model.encoder.steps, model.settings.hidden]
    states = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return states / np.linalg.norm(states, axis=-1, keepdims=True)


def test_logits_are_those_of_an_independent_computation():
    space = RecurrentSpace()
    model, tokens = small_model(space, spread=0.5), random_tokens(space, 3)
    states = _random_states(model, 3)
    logits = model.decoder(states, model.shared(tokens)).numpy()
    weights = values_of(model.decoder)
    for member in range(SMALL.members):
        for example in range(3):
            memory = states[member, example].astype(np.float64)  # [S, H]
            embedding = memory.mean(axis=0)
            embedding = embedding / np.linalg.norm(embedding)
            read = np.concatenate([[START_TOKEN], tokens[example, :-1]])
            outputs = numpy_lstm(
                weights["embedding"][member][read],
                weights["kernel"][member],
                weights["recurrent_kernel"][member],
                weights["bias"][member, 0],
                embedding,
                embedding,
            )  # [T, H]
            for position, output in enumerate(outputs):
                attention = np.exp(memory @ output)
                context = attention @ memory / attention.sum()
                mixed = np.tanh(
                    np.concatenate([context, output]) @ weights["mixing_kernel"][member]
                    + weights["mixing_bias"][member, 0]
                )
                expected = mixed @ weights["output_kernel"][member] + weights["output_bias"][member, 0]
                np.testing.assert_allclose(logits[member, example, position], expected, rtol=1e-5, atol=3e-6)


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
@pytest.mark.parametrize("spread", [0.1, 3.0])
def test_all_decoded_tokens_are_legal(space, spread):
    model = small_model(space, spread=spread)
    states = _random_states(model, 50)
    for tokens in model.decode(states).numpy().reshape(-1, space.token_length):
        space.from_tokens(tokens.tolist())  # raises where it is not


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_greedy_takes_the_likeliest_legal_token(space):
    model = small_model(space)
    states = _random_states(model, 6)
    tokens = model.decode(states).numpy()
    logits = model.decoder(states, tokens).numpy()
    previous = np.concatenate([np.full_like(tokens[..., :1], START_TOKEN), tokens[..., :-1]], axis=-1)
    legal = space.grammar[np.arange(space.token_length), previous]
    np.testing.assert_array_equal(np.argmax(np.where(legal, logits, -np.inf), axis=-1), tokens)
