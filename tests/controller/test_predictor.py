import dataclasses

import numpy as np
import pytest
from controllers import SMALL, random_tokens, sigmoid, small_model, values_of

from nao_tf.architecture import RecurrentSpace
from nao_tf.controller.predictor import READINGS
from nao_tf.controller.settings import CHOICES


@pytest.mark.parametrize("reading", ["states", "mean"])
def test_scores_are_those_of_an_independent_computation(reading):
    space = RecurrentSpace()
    model = small_model(space, dataclasses.replace(SMALL, predictor_reading=reading, predictor_layers=2), spread=0.3)
    tokens = random_tokens(space, 3)
    states = model.encode(tokens).numpy().astype(np.float64)
    scores = model.predict_scores(tokens).numpy()
    weights = values_of(model.predictor)
    for member in range(SMALL.members):
        for example in range(3):
            if reading == "states":
                layer = states[member, example].reshape(-1)
            else:
                layer = states[member, example].mean(axis=0)
                layer = layer / np.linalg.norm(layer)
            for index in range(2):
                layer = layer @ weights[f"kernel_{index}"][member] + weights[f"bias_{index}"][member, 0]
                layer = np.maximum(layer, 0)
            output = layer @ weights["kernel_2"][member] + weights["bias_2"][member, 0]
            np.testing.assert_allclose(scores[member, example], sigmoid(output[0]), rtol=1e-5)


def test_there_is_a_reading_for_each_choice_of_the_settings():
    assert set(READINGS) == set(CHOICES["predictor_reading"])
