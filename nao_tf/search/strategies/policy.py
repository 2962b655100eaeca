"""A policy that samples architectures token by token: an LSTM in NumPy, masked by the grammar of the space.

Small enough that a step costs a millisecond, so that a resumed search can replay its rounds.

Letters: B architectures, T tokens, V words of the vocabulary, H units.
"""

import dataclasses

import numpy as np

from nao_tf.architecture import START_TOKEN, SearchSpace


@dataclasses.dataclass(frozen=True)
class PolicySettings:
    """Sizes and training of the policy.

    Attributes:
        units: H, of the LSTM and of the token embedding.
        learning_rate: of Adam.
        entropy_weight: weight of the entropy of the choices in the objective.
        scale: initial weights are uniform in +-scale.
    """

    units: int = 32
    learning_rate: float = 1e-2
    entropy_weight: float = 0.01
    scale: float = 0.1  # 0.08 in NAS-RL, 0.1 in ENAS


class Policy:
    """The probability of every architecture of a space.

    Args:
        space: gives vocabulary and grammar.
        settings: sizes and training.
        seed: of the initial weights.
    """

    def __init__(self, space: SearchSpace, settings: PolicySettings, *, seed: int):
        self.settings, self.length, self.grammar = settings, space.token_length, space.grammar
        generator, units, words = np.random.default_rng(seed), settings.units, space.vocabulary_size
        shapes = {
            "embedding": (words, units),
            "kernel": (2 * units, 4 * units),  # of the input and the last output; gates input, forget, cell, output
            "bias": (4 * units,),
            "projection": (units, words),
            "projection_bias": (words,),
        }
        self.weights = {
            name: generator.uniform(-settings.scale, settings.scale, shape) for name, shape in shapes.items()
        }
        self.weights["bias"][:] = 0
        self.weights["projection_bias"][:] = 0
        self._moments = {name: (np.zeros(shape), np.zeros(shape)) for name, shape in shapes.items()}
        self._steps = 0

    def sample(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Draws architectures: int `[B, T]`, every one legal."""
        tokens = np.zeros([count, self.length], int)
        last, state = np.full(count, START_TOKEN), self._first_state(count)
        for position in range(self.length):
            probabilities, state, _ = self._step(position, last, state)
            reached = np.cumsum(probabilities, axis=1)  # [B, V]
            aim = generator.random([count, 1]) * reached[:, -1:]
            last = np.sum(reached <= aim, axis=1)  # skips words of probability 0
            tokens[:, position] = last
        return tokens

    def log_probabilities(self, tokens: np.ndarray) -> np.ndarray:
        """Of architectures `[B, T]`: the log probability of each, `[B]`."""
        total, last, state = np.zeros(len(tokens)), np.full(len(tokens), START_TOKEN), self._first_state(len(tokens))
        for position in range(self.length):
            probabilities, state, _ = self._step(position, last, state)
            last = tokens[:, position]
            total += np.log(probabilities[np.arange(len(tokens)), last])
        return total

    def objective(self, tokens: np.ndarray, advantages: np.ndarray) -> tuple[float, dict[str, np.ndarray]]:
        """The objective of REINFORCE, to be maximised, and its gradients.

        The mean over the architectures of advantage times log probability, plus `entropy_weight` times the entropy of
        the choices (Williams, 1992; Williams and Peng, 1991).

        Args:
            tokens: `[B, T]`.
            advantages: `[B]`.
        """
        batch, units = len(tokens), self.settings.units
        rows, beta = np.arange(batch), self.settings.entropy_weight
        last, state, trace, value = np.full(batch, START_TOKEN), self._first_state(batch), [], 0.0
        for position in range(self.length):
            probabilities, following, inner = self._step(position, last, state)
            logs = np.log(np.where(probabilities > 0, probabilities, 1))  # [B, V]; 0 where not allowed
            entropy = -np.sum(probabilities * logs, axis=1, keepdims=True)  # [B, 1]
            chosen = tokens[:, position]
            value += np.sum(advantages * logs[rows, chosen] + beta * entropy[:, 0])
            gradient = -advantages[:, np.newaxis] * probabilities  # of the logits, [B, V]
            gradient[rows, chosen] += advantages
            gradient -= beta * probabilities * (logs + entropy)
            trace.append((last, state, following, inner, gradient / batch))
            last, state = chosen, following
        gradients = {name: np.zeros_like(weight) for name, weight in self.weights.items()}
        d_hidden = d_cell = np.zeros([batch, units])
        for last, (_, cell_before), (hidden, cell), (joined, gates), d_logits in reversed(trace):
            gradients["projection"] += hidden.T @ d_logits
            gradients["projection_bias"] += np.sum(d_logits, axis=0)
            d_hidden = d_hidden + d_logits @ self.weights["projection"].T  # [B, H]
            into, keep, candidate, out = np.split(gates, 4, axis=1)  # [B, H] each
            squashed = np.tanh(cell)
            d_cell = d_cell + d_hidden * out * (1 - squashed**2)
            d_gates = np.concatenate(
                [
                    d_cell * candidate * into * (1 - into),
                    d_cell * cell_before * keep * (1 - keep),
                    d_cell * into * (1 - candidate**2),
                    d_hidden * squashed * out * (1 - out),
                ],
                axis=1,
            )  # [B, 4H]
            gradients["kernel"] += joined.T @ d_gates
            gradients["bias"] += np.sum(d_gates, axis=0)
            d_joined = d_gates @ self.weights["kernel"].T  # [B, 2H]
            np.add.at(gradients["embedding"], last, d_joined[:, :units])
            d_hidden, d_cell = d_joined[:, units:], d_cell * keep
        return value / batch, gradients

    def learn(self, tokens: np.ndarray, advantages: np.ndarray) -> None:
        """One step of Adam up the gradient of `objective`."""
        _, gradients = self.objective(tokens, advantages)
        self._steps += 1
        rate = self.settings.learning_rate * np.sqrt(1 - 0.999**self._steps) / (1 - 0.9**self._steps)
        for name, gradient in gradients.items():
            first, second = self._moments[name]
            first += 0.1 * (gradient - first)
            second += 0.001 * (gradient**2 - second)
            self.weights[name] += rate * first / (np.sqrt(second) + 1e-8)

    def _first_state(self, count):
        zeros = np.zeros([count, self.settings.units])
        return zeros, zeros

    def _step(self, position, last, state):
        """Probabilities of the next token `[B, V]`, the next state, and the values that the gradient needs."""
        hidden, cell = state
        joined = np.concatenate([self.weights["embedding"][last], hidden], axis=1)  # [B, 2H]
        gates = joined @ self.weights["kernel"] + self.weights["bias"]  # [B, 4H]
        into, keep, candidate, out = np.split(gates, 4, axis=1)
        gates = np.concatenate([_sigmoid(into), _sigmoid(keep), np.tanh(candidate), _sigmoid(out)], axis=1)
        into, keep, candidate, out = np.split(gates, 4, axis=1)
        cell = keep * cell + into * candidate  # [B, H]
        hidden = out * np.tanh(cell)
        logits = hidden @ self.weights["projection"] + self.weights["projection_bias"]  # [B, V]
        logits = np.where(self.grammar[position, last], logits, -np.inf)
        powers = np.exp(logits - np.max(logits, axis=1, keepdims=True))
        return powers / np.sum(powers, axis=1, keepdims=True), (hidden, cell), (joined, gates)


def _sigmoid(values):
    return 0.5 * (1 + np.tanh(0.5 * values))
