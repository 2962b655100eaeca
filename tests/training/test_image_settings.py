import dataclasses

import numpy as np
import pytest

from nao_tf.training.image_settings import PRESETS, ImageTraining, final_training


def test_one_cosine_falls_from_the_highest_to_the_lowest():
    settings = ImageTraining(4, 3, 8, steps=100, learning_rate=0.1, lowest_learning_rate=0.02)
    rates = [settings.learning_rate_at(step) for step in range(101)]
    assert rates[0] == pytest.approx(0.1) and rates[100] == pytest.approx(0.02) and rates[50] == pytest.approx(0.06)
    assert (np.diff(rates) < 0).all()


def test_cycles_restart_and_double():
    settings = ImageTraining(4, 3, 8, steps=70, learning_rate=1.0, first_cycle=10)
    rates = np.array([settings.learning_rate_at(step) for step in range(70)])
    assert list(np.flatnonzero(np.diff(rates) > 0) + 1) == [10, 30]  # cycles of 10, 20 and 40
    np.testing.assert_allclose(rates[[0, 10, 30]], 1)
    np.testing.assert_allclose(rates[[5, 20, 50]], 0.5)


def test_the_learning_rate_warms_up():
    settings = ImageTraining(4, 3, 8, steps=1000, learning_rate=1.0, warmup=10)
    np.testing.assert_allclose([settings.learning_rate_at(step) for step in (0, 4)], [0.1, 0.5], rtol=1e-3)


def test_each_space_has_its_published_final_training():
    naonet, shared = (final_training("paper", space, "cifar10") for space in ("nao", "enas"))
    assert (naonet.filters, naonet.layers, naonet.learning_rate, naonet.dropout) == (128, 18, 0.024, 0.4)
    assert shared == PRESETS["paper"].final and (shared.filters, shared.layers) == (36, 15)
    other = final_training("paper", "nao", "cifar100")
    assert (other.dropout, other.drop_path) == (0.2, 0.4)
    assert dataclasses.replace(other, dropout=0.4, drop_path=0.3) == naonet
    assert final_training("cpu", "nao", "cifar100") == PRESETS["cpu"].final


def test_the_published_final_model_ends_with_a_cycle():
    final = PRESETS["paper"].final
    assert final.learning_rate_at(final.steps - 1) < 1.1 * final.lowest_learning_rate
    assert dataclasses.replace(final, steps=1).learning_rate_at(0) == final.learning_rate
