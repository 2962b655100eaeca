"""Training of image classifiers: children, the shared child, final models; the quality of a classifier."""

import dataclasses
import functools
import gc
import itertools
import math
import resource

import keras
import numpy as np
import pytest
import tensorflow as tf

from nao_tf.architecture import ConvolutionalSpace
from nao_tf.data.images import ImageData, Part
from nao_tf.errors import DivergedError
from nao_tf.training.image_accuracy import ClassifierQuality, ImageAccuracy
from nao_tf.training.image_children import ImageChild, SharedImageChild
from nao_tf.training.image_models import ResNet
from nao_tf.training.image_settings import ImageTraining
from nao_tf.training.images import ImageTrainer
from nao_tf.training.training import run

GENERATOR = np.random.default_rng(0)
SPACE = ConvolutionalSpace("enas")
SETTINGS = ImageTraining(
    filters=4, layers=1, batch_size=6, steps=8, learning_rate=0.05, dropout=0.2, shift=1, evaluation_batch=7
)


def part(count):
    """Images whose class is the brighter half."""
    images = GENERATOR.integers(0, 100, [count, 8, 8, 1])
    labels = np.arange(count, dtype=np.int32) % 2
    for image, label in zip(images, labels, strict=True):
        image[:4] += 100 * label
        image[4:] += 100 * (1 - label)
    return Part(images.astype(np.uint8), labels)


DATA = ImageData("images", "here", ("top", "bottom"), part(40), part(10), part(10))


def weights(model):
    """Values of all weights."""
    return [np.asarray(variable) for variable in model.variables]


def assert_equal(first, second):
    """Bit for bit."""
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def traces(program):
    """How often a program was traced."""
    return program.experimental_get_tracing_count()


@functools.cache
def shared_child_of(settings):
    return SharedImageChild(settings, data=DATA, space=SPACE)


def shared_child(steps=SETTINGS.steps):
    """A tiny shared child with its first weights; one for all tests, since its program takes seconds to compile."""
    child = shared_child_of(SETTINGS)
    child.settings = dataclasses.replace(SETTINGS, steps=steps)
    child.start(1)
    return child


@functools.cache
def residual_trainer_once():
    return ImageTrainer(SETTINGS, data=DATA, network=ResNet(2))


def residual_trainer():
    """A trainer that tests share, for the same reason."""
    trainer = residual_trainer_once()
    trainer.change_steps(SETTINGS.steps)
    return trainer


def architectures(count):
    """Random ones."""
    return [SPACE.sample(GENERATOR) for _ in range(count)]


def resident_bytes():
    """Memory of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def test_a_hundred_architectures_are_one_trace_and_memory_stops_growing():
    child, resident = shared_child(steps=6), []
    for _ in range(12):
        pool = architectures(10)
        child.train_together(pool, seed=1)
        assert math.isfinite(child.score(pool[0]))
        gc.collect()
        resident.append(resident_bytes())
    assert traces(child.program) == traces(child.quality.program) == 1
    assert resident[-1] - resident[7] < 20e6, [round(size / 1e6) for size in resident]


def test_a_step_is_gradient_descent_with_nesterov_momentum_by_hand():
    child = shared_child()
    model, settings = child.model, SETTINGS
    values = tf.constant(SPACE.published["NAO-WS"])
    images, labels = tf.constant(DATA.train.images[:6]), tf.constant(DATA.train.labels[:6])
    seed, rate = tf.constant([5, 6]), 0.1
    velocities = [np.zeros(variable.shape, np.float32) for variable in model.trainable_variables]
    used = {
        id(table): np.unique(rows) for table, rows in zip(model.network.tables, model.network.rows(values), strict=True)
    }
    for _ in range(2):
        with tf.GradientTape() as tape:
            logits, _ = model.logits(images, architecture=values, seed=seed)
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True))
        gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
        gradients = [
            np.zeros(variable.shape, np.float32) if gradient is None else tf.convert_to_tensor(gradient).numpy()
            for variable, gradient in zip(model.trainable_variables, gradients, strict=True)
        ]
        norm = math.sqrt(sum((gradient**2).sum() for gradient in gradients))
        expected = []
        for at, variable in enumerate(model.trainable_variables):
            value = np.array(variable)
            gradient = gradients[at] * min(1, settings.clip_norm / norm) + settings.weight_decay * value
            velocity = 0.9 * velocities[at] - rate * gradient
            added = 0.9 * velocity - rate * gradient
            if id(variable) in used:  # the rows of other operations stay as they are
                others = np.setdiff1d(np.arange(len(value)), used[id(variable)])
                velocity[others], added[others] = velocities[at][others], 0
            velocities[at] = velocity
            expected.append(value + added)
        likelihood = child.program(images, labels, values, seed, tf.constant(rate))
        assert float(likelihood) == pytest.approx(float(loss), rel=1e-4)
        for variable, value in zip(model.trainable_variables, expected, strict=True):
            np.testing.assert_allclose(variable, value, rtol=1e-3, atol=1e-5, err_msg=variable.path)


def test_a_shared_child_goes_on_from_its_file(tmp_path):
    child, pool = shared_child(steps=3), architectures(3)
    child.train_together(pool, seed=1)
    child.save(tmp_path / "round-0.npz")
    child.train_together(pool, seed=1, shares=[1, 2, 3])
    expected = weights(child.model)
    child.start(2)
    assert not child.load(tmp_path / "nothing.npz")
    assert child.load(tmp_path / "round-0.npz")
    child.train_together(pool, seed=1, shares=[1, 2, 3])
    assert child.steps_done == 6
    assert_equal(expected, weights(child.model))


def test_a_share_of_nothing_is_never_trained():
    child, pool = shared_child(steps=3), architectures(3)
    child.train_together(pool, seed=1, shares=[0, 1, 0])
    expected = weights(child.model)
    child.start(1)
    child.train_together(pool[1:2], seed=1)
    assert_equal(expected, weights(child.model))


def test_a_child_is_trained_from_scratch_every_time():
    child = ImageChild(SETTINGS, data=DATA, space=SPACE)
    first, second = architectures(2)
    child.train(first, seed=1)
    expected = weights(child.child.model)
    score = child.score(first)
    child.train(second, seed=1)
    child.train(first, seed=1)
    assert_equal(expected, weights(child.child.model))
    assert child.score(first) == score == child.child.quality(first).loss
    assert traces(child.child.program) == traces(child.child.quality.program) == 1
    assert 0 < child.parameters(first) < child.child.model.count_params()


def test_equal_seeds_give_equal_weights_and_a_resumed_training_too(tmp_path):
    trainer, path = residual_trainer(), tmp_path / "training.npz"
    run(trainer.training, seed=1, steps=8)
    undisturbed = weights(trainer.model)
    run(trainer.training, seed=2, steps=8)
    assert any((a != b).any() for a, b in zip(undisturbed, weights(trainer.model), strict=True))
    for steps in (2, 6, 7):  # an epoch has 6 batches
        run(trainer.training, seed=1, steps=steps, checkpoint=path)
        run(trainer.training, seed=3, steps=1)  # another training in between
    run(trainer.training, seed=1, steps=8, checkpoint=path)
    assert_equal(undisturbed, weights(trainer.model))
    trainer.train(1, checkpoint=path)  # a complete one of before pictures were validated
    assert_equal(undisturbed, weights(trainer.model))
    assert traces(trainer.training.program) == 1 and trainer.trained == (0, 0)


def test_a_pair_of_cells_learns():
    settings = ImageTraining(
        filters=4, layers=1, batch_size=10, steps=90, learning_rate=0.1, auxiliary_weight=0.4, drop_path=0.1, shift=0
    )  # the moving averages lag behind the weights: after 30 steps two of ten images are still misclassified
    data = dataclasses.replace(DATA, mirrored=True)
    trainer = ImageTrainer(settings, data=data, network=SPACE.parse("NAO-WS"))
    labels = data.test.labels.copy()
    labels[:4] = 1 - labels[:4]  # wrong ones, so that the loss is no tiny number
    loss = trainer.train(1)
    predicted = trainer.model(data.test.images).numpy()  # [N, K]
    assert loss < 0.3 and (predicted.argmax(1) == data.test.labels).all()
    quality = trainer.measure(Part(data.test.images, labels))
    assert quality.accuracy == pytest.approx(0.6)
    assert quality.loss == pytest.approx(-np.take_along_axis(predicted, labels[:, None], 1).mean(), rel=1e-4)
    assert trainer.validate() == trainer.measure(data.valid).accuracy


def test_parameters_are_those_of_the_model_without_its_auxiliary_head():
    network = SPACE.parse("NAO-WS")
    with_head = ImageTrainer(dataclasses.replace(SETTINGS, auxiliary_weight=0.4), data=DATA, network=network)
    without = ImageTrainer(SETTINGS, data=DATA, network=network)
    assert with_head.parameters == without.parameters
    assert without.parameters == sum(math.prod(value.shape) for value in without.model.trainable_variables)
    assert with_head.model.count_params() > without.model.count_params()


def test_the_hand_made_network_is_as_large():
    trainer = ImageTrainer(SETTINGS, data=DATA, network=ResNet.of_size(40_000, DATA))
    assert trainer.parameters == pytest.approx(40_000, rel=0.1)


def test_every_image_counts_once():
    logits = GENERATOR.normal(size=[10, 3]).astype(np.float32)
    images = np.arange(10, dtype=np.uint8)[:, None, None, None]
    labels = np.arange(10, dtype=np.int32) % 3
    accuracy = ImageAccuracy(
        lambda images, values: tf.gather(logits, tf.cast(images[:, 0, 0, 0], tf.int32)),
        Part(images, labels),
        batch_size=4,
    )
    table = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    loss = -table[np.arange(10), labels].mean()
    quality = accuracy()
    assert quality.loss == pytest.approx(loss, rel=1e-5)
    assert quality.accuracy == pytest.approx((logits.argmax(-1) == labels).mean())


# What validation says after steps; an epoch has 6. The best: the highest accuracy, and of two the lower loss.
SAID = {6: (0.5, 0.6), 12: (0.7, 0.9), 18: (0.7, 0.8), 24: (0.6, 0.5), 30: (0.65, 0.4)}


def says(trainer):
    """What measures a trainer by `SAID`; its last step is the last key."""

    def measure(part):
        accuracy, loss = SAID[trainer.training._done]
        return ClassifierQuality(loss=loss, accuracy=accuracy)

    return measure


def test_a_final_model_has_the_weights_that_were_best_on_validation_after_kills_too(tmp_path, monkeypatch):
    trainer, at, path = residual_trainer(), {}, tmp_path / "training.npz"
    trainer.change_steps(30)
    monkeypatch.setattr(trainer, "measure", says(trainer))
    trainer.train(1, on_epoch=lambda epoch: at.update({epoch.step: weights(trainer.model)}))
    assert list(at) == [6, 12, 18, 24, 30] and trainer.trained == (30, 18)
    np.testing.assert_allclose(trainer.history, [1 - accuracy for accuracy, _ in SAID.values()])
    assert_equal(weights(trainer.model), at[18])
    program = trainer.training.program
    for count in (7, 12, 9):
        calls = itertools.count(1)

        def stopping(*operands, count=count, calls=calls):
            if next(calls) == count:
                raise KeyboardInterrupt
            return program(*operands)

        monkeypatch.setattr(trainer.training, "program", stopping)
        with pytest.raises(KeyboardInterrupt):
            trainer.train(1, checkpoint=path, every=4)
        monkeypatch.setattr(trainer.training, "program", program)
        trainer.training.start(2)
    for _ in range(2):  # the second time it is complete
        trainer.train(1, checkpoint=path)
        assert_equal(weights(trainer.model), at[18])
        assert trainer.trained == (30, 18)


def test_validation_ends_the_training_of_pictures(monkeypatch):
    trainer, epochs = ImageTrainer(dataclasses.replace(SETTINGS, patience=6), data=DATA, network=ResNet(2)), []
    trainer.change_steps(60)
    monkeypatch.setattr(trainer, "measure", lambda part: ClassifierQuality(loss=1.0, accuracy=0.5))
    trainer.train(1, on_epoch=epochs.append)
    assert [(epoch.step, epoch.ending) for epoch in epochs] == [(6, 0), (12, 2), (14, 0)]
    assert trainer.trained == (14, 6)
    rates = [trainer.training.learning_rate_at(step) for step in (12, 13)]
    np.testing.assert_allclose(
        rates, [trainer.settings.learning_rate_at(12), trainer.settings.learning_rate_at(12) / 2]
    )


def test_divergence_goes_back_to_the_best_weights_and_in_the_first_epoch_it_is_an_error(monkeypatch):
    trainer = residual_trainer()
    epochs = []
    monkeypatch.setattr(trainer.training, "program", lambda *operands: tf.constant(math.nan))
    trainer.train(1, on_epoch=epochs.append)  # noticed in the last step; an epoch has 6
    assert [(epoch.step, epoch.validation is None) for epoch in epochs] == [(6, False), (8, True)]
    monkeypatch.setattr(trainer, "measure", lambda part: ClassifierQuality(loss=math.nan, accuracy=0.5))
    with pytest.raises(DivergedError, match="validation loss is nan"):
        trainer.validate()
    with pytest.raises(DivergedError, match="validation loss is nan at step 6, in the first epoch"):
        trainer.train(1)


def test_seconds_of_steps_are_measured():
    assert 0 < residual_trainer().seconds_per_step(steps=10) < 1
