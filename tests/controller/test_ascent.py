import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from controllers import SMALL, random_tokens, small_model

from nao_tf.architecture import RecurrentSpace
from nao_tf.controller import ascent


@pytest.mark.parametrize("reading", ["states", "mean"])
def test_gradient_equals_finite_differences(reading):
    space = RecurrentSpace()
    model = small_model(space, dataclasses.replace(SMALL, predictor_reading=reading), spread=0.3)
    states = model.encode(random_tokens(space, 3)).numpy()
    gradient = ascent.gradient(model, tf.constant(states)).numpy()
    generator = np.random.default_rng(0)
    for _ in range(3):
        direction = generator.normal(size=states.shape).astype(np.float32)
        ends = [model.predictor(states + step * direction).numpy().astype(np.float64) for step in (1e-3, -1e-3)]
        along = np.sum(gradient * direction, axis=(2, 3))  # [E, B]
        np.testing.assert_allclose((ends[0] - ends[1]) / 2e-3, along, rtol=1e-2, atol=5e-4)


@pytest.mark.parametrize("maximise", [True, False])
def test_small_steps_move_the_score_in_the_asked_direction(maximise):
    space = RecurrentSpace()
    model = small_model(space, spread=0.3)
    states = model.encode(random_tokens(space, 6))
    moved = ascent.ascend(states, ascent.gradient(model, states), step_sizes=[0.01, 0.1], maximise=maximise)
    assert moved.shape == (2, *states.shape)
    np.testing.assert_allclose(np.linalg.norm(moved, axis=-1), 1, rtol=1e-5)
    before = model.predictor(states).numpy()
    for after in moved:
        change = (model.predictor(after).numpy() - before) * (1 if maximise else -1)
        assert np.all(change > -1e-6) and np.mean(change) > 0


def test_each_member_goes_its_own_way():
    space = RecurrentSpace()
    model, tokens = small_model(space), random_tokens(space, 5)
    candidates = ascent.ascend_tokens(model, tokens, step_sizes=[1.0, 30.0]).numpy()  # [K, E, B, T]
    assert candidates.shape == (2, SMALL.members, 5, 22)
    states = model.encode(tokens)
    gradient = ascent.gradient(model, states)
    for index, size in enumerate((1.0, 30.0)):
        moved = states + size * gradient
        moved = moved / tf.norm(moved, axis=-1, keepdims=True)
        np.testing.assert_array_equal(candidates[index], model.decode(moved))
    for tokens in candidates.reshape(-1, 22):
        space.from_tokens(tokens.tolist())
