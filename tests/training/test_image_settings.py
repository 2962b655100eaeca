import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from nao_tf.architecture import ConvolutionalSpace
from nao_tf.training.image_settings import FINAL_TRAININGS, ImageTraining, final_training
from nao_tf.training.image_steps import loss_of
from nao_tf.training.published_networks import MOBILE, PUBLISHED_NETWORKS, cells_in, published_training


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


def test_the_learning_rate_decays_every_epoch():
    settings = ImageTraining(filters=4, layers=3, batch_size=8, steps=90, learning_rate=0.4, decay_rate=0.5)
    with pytest.raises(ValueError, match="no number of images was given"):
        settings.learning_rate_at(0)
    of_epochs = settings.for_epochs_of(87)  # ten batches, the last images are left out
    np.testing.assert_allclose([of_epochs.learning_rate_at(step) for step in (0, 9, 10, 29)], [0.4, 0.4, 0.2, 0.1])
    assert dataclasses.replace(settings, decay_steps=3).for_epochs_of(87).decay_steps == 3
    assert FINAL_TRAININGS["cpu"].for_epochs_of(87) == FINAL_TRAININGS["cpu"]


def test_identities_of_before_stay_as_they_were():
    names = list(FINAL_TRAININGS["paper"].identity())
    assert names[-1] == "evaluation_batch" and len(names) == 19  # nothing that was added later
    changed = dataclasses.replace(FINAL_TRAININGS["paper"], macro="nao", label_smoothing=0.1)
    assert set(changed.identity()) - set(names) == {"macro", "label_smoothing"}


def test_published_networks_are_trained_as_in_the_authors_scripts():
    nao, enas = (ConvolutionalSpace(name) for name in ("nao", "enas"))
    found = {name: (each.cells, *_own(each.training)) for name, each in PUBLISHED_NETWORKS.items()}
    assert found == {
        "NAONet-A-36": ("NAONet-A", 36, 18, 3e-4, 0.2, True),
        "NAONet-A-128": ("NAONet-A", 128, 18, 5e-4, 0.3, True),
        "NAONet-B-36": ("NAONet-B", 36, 18, 3e-4, 0.2, True),
        "NAONet-V2-36": ("NAONet-V2", 36, 18, 3e-4, 0.2, False),
    }
    assert [cells_in(text) for text in ("NAONet-A-36", "NAONet", "0 1 2")] == ["NAONet-A", "NAONet", "0 1 2"]
    a, b = nao.parse("NAONet-A"), enas.parse("NAONet-B")
    assert published_training("NAONet-A", a, task="cifar10").filters == 128
    assert published_training("NAONet-A-36", a, task="cifar100").filters == 36
    assert published_training(str(b), b, task="cifar10") == PUBLISHED_NETWORKS["NAONet-B-36"].training
    assert published_training("NAONet", nao.parse("NAONet"), task="cifar10") is None
    mobile = [published_training(name, space.parse(name), task="imagenet") for space, name in
              ((nao, "NAONet-A"), (enas, "NAONet-V2"), (nao, "NAONet"))]  # fmt: skip
    assert [(each.filters, each.macro) for each in mobile] == [(42, "nao_pytorch"), (52, "nao_pytorch"), (42, "nao")]
    rates = [MOBILE.for_epochs_of(1_281_167).learning_rate_at(epoch * 10_009) for epoch in (0, 1, 249)]
    np.testing.assert_allclose(rates, [0.1, 0.097, 0.1 * 0.97**249])


def _own(training):
    return training.filters, training.layers, training.weight_decay, training.drop_path, training.drop_identity


def test_label_smoothing_gives_every_class_a_share_of_the_target():
    generator = np.random.default_rng(0)
    logits, auxiliary = generator.normal(size=[2, 6, 5]).astype(np.float32)
    labels = np.arange(6, dtype=np.int32) % 5
    targets = 0.9 * np.eye(5)[labels] + 0.1 / 5

    def against(targets, logits):
        return -np.mean(np.sum(targets * (logits - np.log(np.exp(logits).sum(-1, keepdims=True))), -1))

    loss, likelihood = loss_of(labels, tf.constant(logits), auxiliary=auxiliary, weight=0.4, smoothing=0.1)
    assert float(loss) == pytest.approx(against(targets, logits) + 0.4 * against(targets, auxiliary), rel=1e-5)
    assert float(likelihood) == pytest.approx(against(np.eye(5)[labels], logits), rel=1e-5)


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
        ({"macro": "resnet"}, "macro is 'resnet'; it must be None or one of nao, nao_ws, nao_pytorch"),
        ({"decay_rate": 0.0}, "decay_rate is 0.0; it must be a number above 0 and at most 1"),
    ],
)
def test_values_that_a_field_cannot_have_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(FINAL_TRAININGS["cpu"], **changes)
