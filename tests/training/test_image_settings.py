import dataclasses

import numpy as np
import pytest

from nao_tf.training.image_settings import FINAL_TRAININGS, ImageTraining, final_training


def test_one_cosine_falls_from_the_highest_to_the_lowest():
    settings = ImageTraining(filters=4, layers=3, batch_size=8, steps=100, learning_rate=0.1, lowest_learning_rate=0.02)
    rates = [settings.learning_rate_at(step) for step in range(101)]
    assert rates[0] == pytest.approx(0.1) and rates[100] == pytest.approx(0.02) and rates[50] == pytest.approx(0.06)
    assert (np.diff(rates) < 0).all()


def test_cycles_restart_and_double():
    settings = ImageTraining(filters=4, layers=3, batch_size=8, steps=70, learning_rate=1.0, first_cycle=10)
    rates = np.array([settings.learning_rate_at(step) for step in range(70)])
    assert list(np.flatnonzero(np.diff(rates) > 0) + 1) == [10, 30]  # cycles of 10, 20 and 40
    np.testing.assert_allclose(rates[[0, 10, 30]], 1)
    np.testing.assert_allclose(rates[[5, 20, 50]], 0.5)


def test_the_learning_rate_warms_up():
    settings = ImageTraining(filters=4, layers=3, batch_size=8, steps=1000, learning_rate=1.0, warmup=10)
    np.testing.assert_allclose([settings.learning_rate_at(step) for step in (0, 4)], [0.1, 0.5], rtol=1e-3)


def test_each_space_has_its_published_final_training():
    naonet, shared = (final_training("paper", space, task="cifar10") for space in ("nao", "enas"))
    assert (naonet.filters, naonet.layers, naonet.learning_rate, naonet.dropout) == (128, 18, 0.024, 0.4)
    assert shared == FINAL_TRAININGS["paper"] and (shared.filters, shared.layers) == (36, 15)
    other = final_training("paper", "nao", task="cifar100")
    assert (other.dropout, other.drop_path) == (0.2, 0.4)
    assert dataclasses.replace(other, dropout=0.4, drop_path=0.3) == naonet
    assert final_training("cpu", "nao", task="cifar100") == FINAL_TRAININGS["cpu"]


def test_the_published_final_model_ends_with_a_cycle():
    final = FINAL_TRAININGS["paper"]
    assert final.learning_rate_at(final.steps - 1) < 1.1 * final.lowest_learning_rate
    assert dataclasses.replace(final, steps=1).learning_rate_at(0) == final.learning_rate


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"layers": 0}, "layers is 0; it must be a whole number of at least 1"),
        ({"momentum": 1.0}, "momentum is 1.0; it must be a number of at least 0 and below 1"),
        ({"cutout": -1}, "cutout is -1; it must be a whole number of at least 0"),
        ({"lowest_learning_rate": -0.1}, "lowest_learning_rate is -0.1; it must be a number of at least 0"),
        ({"precision": "half"}, "precision is 'half'; it must be one of float32, bfloat16"),
    ],
)
def test_values_that_a_field_cannot_have_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(FINAL_TRAININGS["cpu"], **changes)
