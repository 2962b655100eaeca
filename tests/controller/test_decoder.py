import itertools

import numpy as np
import pytest
from controllers import SMALL, StaircaseSpace, numpy_lstm, random_tokens, small_model, values_of

from nao_tf.architecture import START_TOKEN, RecurrentSpace

SPACES = [RecurrentSpace(), StaircaseSpace()]


def _random_states(model, batch, seed=0):
    shape = [model.members, batch, model.encoder.steps, model.encoder.hidden]
    states = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return states / np.linalg.norm(states, axis=-1, keepdims=True)


def _log_probability(model, states, tokens):
    """Of strings `[E, B, T]` among legal ones, by teacher forcing, in NumPy behind the logits."""
    logits = model.decoder(states, tokens).numpy().astype(np.float64)  # [E, B, T, V]
    previous = np.concatenate([np.full_like(tokens[..., :1], START_TOKEN), tokens[..., :-1]], axis=-1)
    legal = model.grammar[np.arange(tokens.shape[-1]), previous]  # [E, B, T, V]
    logits = np.where(legal, logits, -np.inf)
    logits -= np.log(np.sum(np.exp(logits), axis=-1, keepdims=True))
    return np.sum(np.take_along_axis(logits, tokens[..., np.newaxis], axis=-1), axis=(-1, -2))


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
def test_whatever_it_writes_is_legal(space, spread):
    model = small_model(space, spread=spread)
    states = _random_states(model, 50)
    beams, log_probabilities = model.beam_search(states, 4)
    assert np.all(np.isfinite(log_probabilities))
    for tokens in itertools.chain(
        model.decode(states).numpy().reshape(-1, space.token_length), beams.numpy().reshape(-1, space.token_length)
    ):
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


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_beam_of_width_one_is_greedy(space):
    model = small_model(space)
    states = _random_states(model, 8)
    tokens, _ = model.beam_search(states, 1)
    np.testing.assert_array_equal(tokens[:, :, 0], model.decode(states))


def test_beam_finds_what_is_at_least_as_likely():
    space = RecurrentSpace()
    model = small_model(space, spread=0.7)
    states = _random_states(model, 10)
    tokens, log_probabilities = model.beam_search(states, 8)
    tokens, log_probabilities = tokens.numpy(), log_probabilities.numpy()
    greedy = _log_probability(model, states, model.decode(states).numpy())
    assert np.all(log_probabilities[..., 0] >= greedy - 1e-4)
    assert np.all(np.diff(log_probabilities, axis=-1) <= 1e-5)
    np.testing.assert_allclose(
        log_probabilities[..., 3], _log_probability(model, states, tokens[..., 3, :]), rtol=1e-4, atol=1e-4
    )


def test_wide_beam_is_exhaustive_search():
    space = StaircaseSpace(length=3, words=3)
    strings = [
        space.tokens(values)
        for values in itertools.product(range(3), repeat=3)
        if all(value in space.choices(values[:index]) for index, value in enumerate(values))
    ]
    model = small_model(space)
    states = _random_states(model, 2)
    tokens, log_probabilities = model.beam_search(states, len(strings) + 2)
    every = np.array(
        [
            _log_probability(model, states, np.broadcast_to(np.array(string, np.int32), [model.members, 2, 3]))
            for string in strings
        ]
    )  # [strings, E, B]
    np.testing.assert_allclose(np.sum(np.exp(every), axis=0), 1, rtol=1e-4)
    for member, example in np.ndindex(model.members, 2):
        order = np.argsort(-every[:, member, example])
        found = tokens.numpy()[member, example]
        np.testing.assert_array_equal(found[: len(strings)], [strings[index] for index in order])
        np.testing.assert_allclose(
            log_probabilities.numpy()[member, example, : len(strings)], every[order, member, example], rtol=1e-4
        )
        assert np.all(np.isneginf(log_probabilities.numpy()[member, example, len(strings) :]))


def test_beams_of_no_width_are_refused():
    model = small_model()
    with pytest.raises(ValueError, match="beam of width 0"):
        model.beam_search(_random_states(model, 1), 0)
