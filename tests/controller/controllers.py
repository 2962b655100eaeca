"""Small spaces, pools with a known score, and an LSTM in NumPy, for the tests of the controller."""

import functools

import numpy as np

from nao_tf.architecture import Position, RecurrentSpace, SearchSpace
from nao_tf.controller import PRESETS, Controller, ControllerSettings, EncoderPredictorDecoder

SMALL = ControllerSettings(
    members=2, embedding_width=4, hidden=6, predictor_layers=1, predictor_width=8, steps=20, batch_size=64, spellings=1
)


class StaircaseSpace(SearchSpace):
    """Every integer is at most one more than the one before it: legality depends on the previous integer."""

    def __init__(self, length=5, words=4):
        values = tuple(f"level {value}" for value in range(words))
        super().__init__("staircase", [Position(f"step {index}", "level", values) for index in range(length)])

    def choices(self, prefix):
        """One more at most."""
        return tuple(range(min((prefix[-1] if prefix else 0) + 2, len(self.positions[0].words))))


def small_model(space=None, settings=SMALL, seed=1, spread=1.0):
    """A model with weights drawn at random, biases too, so that nothing is zero by chance."""
    model = EncoderPredictorDecoder.for_space(space or RecurrentSpace(), settings, seed=seed)
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(spread * generator.normal(size=weight.shape))
    return model


def random_tokens(space, count, seed=0):
    """Tokens of random architectures, int32 `[count, T]`."""
    generator = np.random.default_rng(seed)
    return np.array([space.sample(generator).tokens for _ in range(count)], np.int32)


@functools.cache
def scored_pool(count=100, seed=0):
    """Different recurrent cells and a score that one can read off them: relus, and half the depth of the tree."""
    space, generator = RecurrentSpace(), np.random.default_rng(seed)
    cells = {}
    while len(cells) < count:
        cells.setdefault(space.sample(generator))
    return space, tuple(cells), tuple(synthetic_score(cell) for cell in cells)


def synthetic_score(cell):
    """The number of relus, plus half the depth of the tree."""
    depth = [0]
    for predecessor in cell.values[0::2]:
        depth.append(depth[predecessor] + 1)
    return sum(value == 1 for value in cell.values[1::2]) + 0.5 * max(depth)


@functools.cache
def fitted_default():
    """The default controller on 100 architectures; fitted once for all tests."""
    space, cells, scores = scored_pool()
    return Controller.fit(space, cells, scores, settings=PRESETS["default"], seed=3)


def sigmoid(x):
    """Logistic function."""
    return 1 / (1 + np.exp(-x))


def numpy_lstm(inputs, kernel, recurrent_kernel, bias, hidden, cell):
    """One sequence, textbook equations: `[T, D]` -> `[T, H]`."""
    outputs = []
    for step in inputs:
        i, f, o, g = np.split(step @ kernel + hidden @ recurrent_kernel + bias, 4)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        hidden = sigmoid(o) * np.tanh(cell)
        outputs.append(hidden)
    return np.array(outputs)


def values_of(layer):
    """The weights of a layer by name, float64."""
    return {weight.name: np.asarray(weight, np.float64) for weight in layer.weights}
