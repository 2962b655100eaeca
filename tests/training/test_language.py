"""Training of both kinds: interruptions, both optimizers, dropout, clipping. See also `test_language_training`."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from nao_tf.architecture import RecurrentSpace
from nao_tf.child.language.dropout_rates import Dropout
from nao_tf.errors import DivergedError
from nao_tf.training.initial_weights import initialise
from nao_tf.training.language import ChildTrainer, SharedChildTrainer
from nao_tf.training.language_settings import LanguageTraining

V = 17
SPACE = RecurrentSpace()
ARCHITECTURE = SPACE.published["NAO"]
SETTINGS = LanguageTraining(
    units=6,
    batch_size=4,
    window=5,
    steps=12,
    dropout=Dropout(output=0.2, hidden=0.2, input=0.2, embedding=0.2, words=0.1),
)
TEXT = np.random.default_rng(0).integers(V, size=(2, 200)).astype(np.int32)


def trainer(settings=SETTINGS, kind="stand_alone"):
    """A trainer of tiny children."""
    return ChildTrainer(settings, *TEXT, V, kind)


def shared_trainer(**changes):
    """A trainer of a tiny shared child."""
    return SharedChildTrainer(dataclasses.replace(SETTINGS, **changes), *TEXT, V, seed=5)


def architectures(count):
    """Random integers of the space."""
    generator = np.random.default_rng(1)
    return [SPACE.sample(generator).values for _ in range(count)]


def weights(model):
    """Values of all weights."""
    return [np.asarray(variable) for variable in model.variables]


def assert_equal(first, second):
    """Bit for bit."""
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind, architecture, optimizer", [("stand_alone", ARCHITECTURE, "sgd"), ("lstm", (), "adam")])
def test_same_seed_same_weights(kind, architecture, optimizer):
    children = trainer(dataclasses.replace(SETTINGS, optimizer=optimizer), kind)
    children.train(architecture, seed=1)
    first = weights(children.model)
    children.train(architecture, seed=2, steps=3)
    assert np.any(first[0] != weights(children.model)[0])
    children.train(architecture, seed=1)
    assert_equal(first, weights(children.model))


def test_losses_are_reported_as_means_since_the_last_report():
    children, reported = trainer(dataclasses.replace(SETTINGS, steps=60)), []
    last = children.train(ARCHITECTURE, seed=1, report=lambda step, loss: reported.append((step, loss)))
    assert [step for step, _ in reported] == [50, 60]
    assert last < reported[1][1] + 0.1 < reported[0][1] + 0.1


class Stopped(Exception):
    """What stops a training in a test."""


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_resumed_training_ends_as_an_undisturbed_one(optimizer, tmp_path, monkeypatch):
    children = trainer(dataclasses.replace(SETTINGS, optimizer=optimizer))
    children.train(ARCHITECTURE, seed=3)
    undisturbed = weights(children.model)
    step, taken = children._step, itertools.count()

    def stopping(*operands):
        if next(taken) == 8:
            raise Stopped
        return step(*operands)

    monkeypatch.setattr(children, "_step", stopping)
    path = tmp_path / "training.npz"
    with pytest.raises(Stopped):
        children.train(ARCHITECTURE, seed=3, save_to=path, save_every=3)
    monkeypatch.undo()
    children.train(architectures(1)[0], seed=4, steps=2)  # something else in between
    children.train(ARCHITECTURE, seed=3, save_to=path, save_every=3)
    assert_equal(undisturbed, weights(children.model))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_divergence_of_the_shared_child_is_an_error():
    shared = shared_trainer(optimizer="sgd", learning_rate=1e30, clip_norm=1e30)
    with pytest.raises(DivergedError, match="step 12"):
        shared.train([(0, 3) * 11], steps=12)


def test_batches_that_do_not_divide_among_devices_are_refused():
    class Three(tf.distribute.OneDeviceStrategy):
        num_replicas_in_sync = 3

    with pytest.raises(ValueError, match="4 sequences does not divide among 3"):
        ChildTrainer(SETTINGS, *TEXT, V, strategy=Three("/cpu:0"))


def test_shared_training_is_an_explicit_dense_computation():
    settings = {"optimizer": "sgd", "learning_rate": 2.0, "clip_norm": 0.25, "weight_decay": 0.02, "decay": False}
    shared = shared_trainer(**settings)
    cell, pool, steps = shared.model.cell, architectures(4), 7
    initialise(shared.model, 5)
    variables = shared.model.trainable_variables
    values = [tf.constant(value) for value in weights(shared.model)]
    start = [tf.identity(value) for value in values]
    drawn, state = np.random.default_rng([5, 0]), cell.initial_state(4)

    @tf.function(jit_compile=True)  # a compiled program draws other dropout masks than a graph from the same seed
    def loss_and_gradients(window, state, architecture, seed):
        with tf.GradientTape() as tape:
            loss, _, state = shared.model.loss_of_window(
                window[:-1], window[1:], state=state, architecture=architecture, training_seed=seed
            )
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        return [tf.convert_to_tensor(gradient) for gradient in gradients], state

    columns = TEXT[0].reshape(4, 50).T  # [time, B]
    for step in range(steps):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        architecture = tf.constant(pool[drawn.integers(4)])
        window = tf.constant(columns[5 * step : 5 * step + 6])
        gradients, state = loss_and_gradients(window, state, architecture, tf.constant([5 * 2**10, step]))
        norm = tf.sqrt(tf.add_n([tf.reduce_sum(tf.square(gradient)) for gradient in gradients]))
        clipped = [gradient * tf.minimum(1.0, 0.25 / norm) for gradient in gradients]
        values = [value - 2.0 * (gradient + 0.02 * value) for value, gradient in zip(values, clipped, strict=True)]
    for variable, value in zip(variables, start, strict=True):
        variable.assign(value)
    shared.train(pool, steps)
    for variable, value in zip(variables, values, strict=True):
        np.testing.assert_allclose(variable, value, rtol=1e-4, atol=1e-6)
    assert shared.traces == 1


def test_shared_training_with_weight_decay_goes_on_from_what_it_saved(tmp_path):
    pool, changes = architectures(5), {"optimizer": "sgd", "weight_decay": 1e-3}
    undisturbed = shared_trainer(**changes)
    undisturbed.train(pool, 6)
    undisturbed.save(tmp_path / "shared.npz")
    undisturbed.train(pool, 6)
    resumed = shared_trainer(**changes)
    assert not resumed.load(tmp_path / "nothing.npz")
    assert resumed.load(tmp_path / "shared.npz")
    resumed.train(pool, 6)
    assert resumed.steps_done == 12
    assert_equal(weights(undisturbed.model), weights(resumed.model))


def test_weight_decay_is_added_behind_the_clipping():
    settings = {"optimizer": "sgd", "learning_rate": 0.5, "decay": False, "dropout": Dropout(), "weight_decay": 0.1}
    children = trainer(dataclasses.replace(SETTINGS, clip_norm=1e-3, **settings))
    children.train(ARCHITECTURE, seed=1, steps=0)
    before = weights(children.model)
    children.train(ARCHITECTURE, seed=1, steps=1)
    # w - 0.5 (g + 0.1 w) with |g| = 1e-3
    steps = [value / 0.5 - 1.9 * start for value, start in zip(weights(children.model), before, strict=True)]
    np.testing.assert_allclose(np.sqrt(sum(np.sum(np.square(step)) for step in steps)), 1e-3, rtol=1e-2)
