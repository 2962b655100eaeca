import itertools

import numpy as np
import pytest

from nao_tf.architecture import NasBench201Space, Position, RecurrentSpace, SearchSpace
from nao_tf.search.strategies.policy import Policy, PolicySettings


class Descent(SearchSpace):
    """No integer may be greater than the one before."""

    def __init__(self):
        super().__init__("descent", [Position(f"step {index}", "level", ("0", "1", "2")) for index in range(4)])

    def choices(self, prefix):
        return tuple(range(prefix[-1] + 1)) if prefix else (0, 1, 2)


SPACES = [Descent(), RecurrentSpace(nodes=2), NasBench201Space()]
every_space = pytest.mark.parametrize("space", SPACES, ids=repr)
WILD = PolicySettings(units=5, scale=1.0, entropy_weight=0.3)


@every_space
def test_samples_are_legal_and_probabilities_those_of_all_architectures(space):
    policy, generator = Policy(space, WILD, seed=1), np.random.default_rng(0)
    for tokens in policy.sample(100, generator).tolist():
        space.from_tokens(tokens)
    every = np.array([space.tokens(values) for values in space.strings()])
    assert np.sum(np.exp(policy.log_probabilities(every))) == pytest.approx(1)


def test_samples_come_as_often_as_their_probability_says():
    space = RecurrentSpace(nodes=2)
    policy = Policy(space, WILD, seed=2)
    every = np.array([space.tokens(values) for values in space.strings()])
    expected = np.exp(policy.log_probabilities(every))
    drawn = [tuple(tokens) for tokens in policy.sample(20_000, np.random.default_rng(1)).tolist()]
    counted = np.array([drawn.count(tuple(tokens)) for tokens in every.tolist()]) / len(drawn)
    np.testing.assert_allclose(counted, expected, atol=5 * np.sqrt(expected.max() / len(drawn)))


@every_space
def test_the_objective_is_that_of_reinforce_and_its_gradient_right(space):
    policy, generator = Policy(space, WILD, seed=3), np.random.default_rng(2)
    tokens, advantages = policy.sample(6, generator), generator.normal(size=6)
    value, gradients = policy.objective(tokens, advantages)
    # the entropy by the chain of prefixes that each string went through
    entropy = 0
    for string, position in itertools.product(tokens.tolist(), range(space.token_length)):
        legal = space.legal_tokens(string[:position])
        ways = []
        for token in legal:
            prefix = [*string[:position], token]
            full = np.array([[*prefix, *_any_end(space, prefix)]])
            ways.append(_log_probability_of_token(policy, full, position))
        entropy -= np.sum(np.exp(ways) * ways) / len(tokens)
    expected = np.mean(advantages * policy.log_probabilities(tokens)) + 0.3 * entropy
    assert value == pytest.approx(expected)
    for name, weight in policy.weights.items():
        for _ in range(4):
            index = tuple(generator.integers(size) for size in weight.shape)
            before, values = weight[index], []
            for move in (1e-5, -1e-5):
                weight[index] = before + move
                values.append(policy.objective(tokens, advantages)[0])
            weight[index] = before
            np.testing.assert_allclose(
                (values[0] - values[1]) / 2e-5, gradients[name][index], rtol=1e-4, atol=1e-8, err_msg=name
            )


def _any_end(space, prefix):
    end = []
    while len(prefix) + len(end) < space.token_length:
        end.append(space.legal_tokens([*prefix, *end])[0])
    return end


def _log_probability_of_token(policy, tokens, position):
    """Of the token at a position, given those before it: what the string's probability gains by it."""
    totals = []
    whole = policy.length
    for length in (position, position + 1):
        policy.length = length
        totals.append(policy.log_probabilities(tokens)[0])
    policy.length = whole
    return totals[1] - totals[0]


def test_learning_makes_the_rewarded_likelier():
    space = NasBench201Space()
    policy, generator = Policy(space, PolicySettings(), seed=4), np.random.default_rng(3)
    for _ in range(150):
        tokens = policy.sample(16, generator)
        rewards = np.mean(tokens == 4, axis=1)  # the fourth word is a convolution 3x3
        policy.learn(tokens, rewards - rewards.mean())
    assert np.mean(policy.sample(100, generator) == 4) > 0.8
