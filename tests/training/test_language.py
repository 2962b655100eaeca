"""Training of language models: children, the shared child, final models; likelihoods of a text."""

import dataclasses
import functools
import gc
import math
import resource

import numpy as np
import pytest
import tensorflow as tf

from nao_tf.architecture import RecurrentSpace
from nao_tf.child.language.dropout_rates import Dropout
from nao_tf.child.language.keras_lstm import LongShortTermMemory
from nao_tf.child.language.recurrent_cell import RecurrentCell, SharedRecurrentCell
from nao_tf.errors import DivergedError
from nao_tf.training.initial_weights import initialise
from nao_tf.training.language import LanguageTrainer
from nao_tf.training.language_children import LanguageChild, SharedLanguageChild
from nao_tf.training.language_networks import KerasLstm, build_model
from nao_tf.training.language_settings import LanguageTraining
from nao_tf.training.text_likelihood import TextLikelihood, perplexity
from nao_tf.training.training import run

V = 17
SPACE = RecurrentSpace()
NAO, NAO_WS, LSTM = SPACE.parse("NAO"), SPACE.parse("NAO-WS"), KerasLstm(6)
SETTINGS = LanguageTraining(
    units=6,
    batch_size=4,
    window=5,
    steps=12,
    dropout=Dropout(output=0.2, hidden=0.2, input=0.2, embedding=0.2, words=0.1),
)
TRAIN, VALID = np.random.default_rng(0).integers(V, size=(2, 200)).astype(np.int32)
DATA = {"train": TRAIN, "valid": VALID, "vocabulary_size": V}


def trainer(network=NAO, **changes):
    """A trainer of tiny models; tests share those with equal settings, since a program takes seconds to compile."""
    kept = trainer_of(dataclasses.replace(SETTINGS, **changes), type(network), network if network == LSTM else None)
    kept.change_network(network)
    return kept


@functools.cache
def trainer_of(settings, kind, lstm):
    return LanguageTrainer(settings, **DATA, network=lstm or NAO)


def shared_child(**changes):
    """A tiny shared child with its first weights; tests share those with equal settings."""
    child = shared_child_of(dataclasses.replace(SETTINGS, **changes))
    child.start(5)
    return child


@functools.cache
def shared_child_of(settings):
    return SharedLanguageChild(settings, **DATA)


def architectures(count):
    """Random ones."""
    generator = np.random.default_rng(1)
    return [SPACE.sample(generator) for _ in range(count)]


def weights(model):
    """Values of all weights."""
    return [np.asarray(variable) for variable in model.variables]


def traces(program):
    """How often a program was traced."""
    return program.experimental_get_tracing_count()


def assert_equal(first, second):
    """Bit for bit."""
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def resident_bytes():
    """Memory of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def test_a_hundred_architectures_are_one_trace_and_memory_stops_growing():
    child = LanguageChild(dataclasses.replace(SETTINGS, steps=1), **DATA)
    generator, resident = np.random.default_rng(2), []
    for count in range(151):
        architecture = SPACE.sample(generator)
        child.train(architecture, seed=1)
        assert math.isfinite(child.score(architecture))
        if count % 10 == 0:  # garbage of earlier tests in this process makes a collection slow
            gc.collect()
        resident.append(resident_bytes())
    assert traces(child.training.program) == traces(child.likelihood.program) == 1
    assert resident[-1] - resident[50] < 20e6, [round(size / 1e6) for size in resident[::10]]


def test_a_child_is_trained_as_a_final_model_without_epochs_is():
    child, final = LanguageChild(SETTINGS, **DATA), trainer()
    child.train(NAO_WS, seed=2)  # another one before
    child.train(NAO, seed=1)
    final.train(1)
    assert_equal(weights(child.training.model), weights(final.model))
    assert child.score(NAO) == final.validate() == perplexity(child.likelihood(NAO))
    assert child.parameters(NAO) == final.parameters == sum(value.size for value in weights(final.model))


@pytest.mark.parametrize("network, optimizer", [(NAO, "sgd"), (LSTM, "adam")])
def test_equal_seeds_give_equal_weights(network, optimizer):
    final = trainer(network, optimizer=optimizer)
    final.train(1)
    first = weights(final.model)
    final.train(2)
    assert np.any(first[0] != weights(final.model)[0])
    final.train(1)
    assert_equal(first, weights(final.model))


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_resumed_training_ends_as_an_undisturbed_one(optimizer, tmp_path):
    final, path = trainer(optimizer=optimizer), tmp_path / "training.npz"
    final.train(3)
    undisturbed = weights(final.model)
    for steps in (2, 8, 11):  # the text has 9 windows
        run(final.training, seed=3, steps=steps, checkpoint=path)
        final.change_network(NAO_WS)
        run(final.training, seed=4, steps=2)  # another one in between
        final.change_network(NAO)
    final.train(3, checkpoint=path)
    assert_equal(undisturbed, weights(final.model))


def test_one_program_serves_several_cells_and_the_model_knows_its_own():
    final = trainer()
    for architecture in (NAO, NAO_WS):
        final.change_network(architecture)
        final.train(1)
        assert final.network == architecture and final.model.architecture == architecture.values
    assert traces(final.training.program) == 1
    other = LanguageTrainer(SETTINGS, **DATA, network=NAO_WS)
    other.train(1)
    assert_equal(weights(other.model), weights(final.model))


def test_a_trainer_of_cells_trains_no_lstm():
    with pytest.raises(ValueError, match="cannot train"):
        trainer().change_network(LSTM)
    with pytest.raises(ValueError, match="cannot train"):
        trainer(LSTM).change_network(KerasLstm(7))


def test_an_lstm_has_the_width_of_its_network():
    final = LanguageTrainer(SETTINGS, **DATA, network=KerasLstm.of_size(2_000, V))
    assert final.model.cell.units == final.network.units != SETTINGS.units
    assert abs(final.parameters - 2_000) < 150


def test_training_lowers_the_loss():
    text = np.tile(np.arange(V, dtype=np.int32), 100)
    settings = LanguageTraining(units=8, batch_size=3, steps=300, window=5, evaluation_batch=1)
    final = LanguageTrainer(settings, train=text, valid=text[:90], vocabulary_size=V, network=NAO)
    final.train(1)
    assert final.validate() < 1.5  # the text is periodic; chance is 17
    assert final.measure(text[:40]) < 1.5


def test_divergence_of_a_child_is_an_error():
    child = LanguageChild(dataclasses.replace(SETTINGS, optimizer="sgd", learning_rate=1e30, clip_norm=0.0), **DATA)
    with pytest.raises(DivergedError, match="at step 12"):
        child.train(NAO, seed=1)
    with pytest.raises(DivergedError, match="nats a token"):
        child.score(NAO)


def test_divergence_of_the_shared_child_is_an_error():
    child = shared_child(optimizer="sgd", learning_rate=1e30, clip_norm=1e30)
    with pytest.raises(DivergedError, match="at step 12"):
        child.train_together([SPACE.parse("0 3 " * 11)], seed=5)


def test_batches_that_do_not_divide_among_devices_are_refused():
    class Three(tf.distribute.OneDeviceStrategy):
        num_replicas_in_sync = 3

    with pytest.raises(ValueError, match="4 sequences does not divide among 3"):
        LanguageTrainer(SETTINGS, **DATA, network=NAO, devices=Three("/cpu:0"))


def test_weight_decay_is_added_after_the_clipping():
    final = trainer(
        optimizer="sgd", learning_rate=0.5, decay=False, dropout=Dropout(), weight_decay=0.1, clip_norm=1e-3
    )
    final.training.start(1)
    before = weights(final.model)
    run(final.training, seed=1, steps=1)
    # w - 0.5 (g + 0.1 w) with |g| = 1e-3
    steps = [value / 0.5 - 1.9 * start for value, start in zip(weights(final.model), before, strict=True)]
    np.testing.assert_allclose(np.sqrt(sum(np.sum(np.square(step)) for step in steps)), 1e-3, rtol=1e-2)


def test_seconds_of_steps_are_measured():
    assert 0 < trainer().seconds_per_step(steps=3) < 1


# ---- the shared child


def test_shared_training_is_an_explicit_dense_computation():
    changes = {"optimizer": "sgd", "learning_rate": 2.0, "clip_norm": 0.25, "weight_decay": 0.02, "decay": False}
    child = shared_child(steps=7, **changes)
    cell, pool, steps = child.model.cell, architectures(4), 7
    initialise(child.model, 5)
    variables = child.model.trainable_variables
    values = [tf.constant(value) for value in weights(child.model)]
    drawn, state = np.random.default_rng([5, 0]), cell.initial_state(4)

    @tf.function(jit_compile=True)  # a compiled program draws other dropout masks than a graph from the same seed
    def loss_and_gradients(window, state, architecture, seed):
        with tf.GradientTape() as tape:
            loss, _, state = child.model.loss_of_window(
                window[:-1], window[1:], state=state, architecture=architecture, training_seed=seed
            )
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        return [tf.convert_to_tensor(gradient) for gradient in gradients], state

    columns = TRAIN.reshape(4, 50).T  # [rows, B]
    for step in range(steps):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        architecture = tf.constant(pool[drawn.integers(4)].values)
        window = tf.constant(columns[5 * step : 5 * step + 6])
        gradients, state = loss_and_gradients(window, state, architecture, tf.constant([5 * 2**10, step]))
        norm = tf.sqrt(tf.add_n([tf.reduce_sum(tf.square(gradient)) for gradient in gradients]))
        clipped = [gradient * tf.minimum(1.0, 0.25 / norm) for gradient in gradients]
        values = [value - 2.0 * (gradient + 0.02 * value) for value, gradient in zip(values, clipped, strict=True)]
    child.start(5)
    child.train_together(pool, seed=5)
    for variable, value in zip(variables, values, strict=True):
        np.testing.assert_allclose(variable, value, rtol=1e-4, atol=1e-6)
    assert traces(child.program) == 1


@pytest.mark.parametrize("changes", [{"optimizer": "sgd", "weight_decay": 1e-3}, {"optimizer": "adam"}])
def test_a_shared_child_goes_on_from_its_file(changes, tmp_path):
    pool = architectures(5)
    undisturbed = shared_child(**changes)
    undisturbed.train_together(pool, seed=5)
    undisturbed.save(tmp_path / "shared.npz")
    undisturbed.train_together(pool, seed=5)
    expected = weights(undisturbed.model)
    resumed = shared_child(**changes)  # the same program, from other weights
    resumed.start(6)
    assert not resumed.load(tmp_path / "nothing.npz")
    assert resumed.load(tmp_path / "shared.npz")
    resumed.train_together(pool, seed=5)
    assert resumed.steps_done == 24
    assert_equal(expected, weights(resumed.model))


def test_a_share_of_nothing_is_never_trained():
    pool, child = architectures(3), shared_child(optimizer="sgd")
    child.train_together(pool, seed=5, shares=[0, 1, 0])
    expected = weights(child.model)
    child.start(5)
    child.train_together(pool[1:2], seed=5)
    assert_equal(expected, weights(child.model))


# ---- likelihoods


@pytest.mark.parametrize("kind", ["stand_alone", "shared", "lstm"])
@pytest.mark.parametrize("batch_size, window", [(1, 7), (3, 4), (8, 35)])
def test_the_likelihood_of_a_text_is_that_of_a_plain_loop(kind, batch_size, window):
    cells = {"stand_alone": RecurrentCell, "shared": SharedRecurrentCell, "lstm": LongShortTermMemory}
    model = build_model(dataclasses.replace(SETTINGS, scale=0.8), V, cell=cells[kind](6))
    model.bias.assign(np.random.default_rng(0).normal(size=V))
    network, text = LSTM if kind == "lstm" else NAO_WS, VALID[:40]
    pairs = len(text) - 1
    rows = window * math.ceil(math.ceil(pairs / batch_size) / window)  # of a column, whole windows
    embedding, bias = np.asarray(model.embedding, np.float64), np.asarray(model.bias, np.float64)
    total = 0.0
    for position in range(pairs):
        if position % rows == 0:
            state = model.cell.initial_state(1)
        word = tf.constant(text[position : position + 1, None])
        outputs, _, state = model.hidden(word, state, architecture=tf.constant(network.values, tf.int32))
        logits = embedding @ np.asarray(outputs[0, 0], np.float64) + bias
        total += np.log(np.sum(np.exp(logits))) - logits[text[position + 1]]
    likelihood = TextLikelihood(model, text, batch_size=batch_size, window=window)
    np.testing.assert_allclose(likelihood(network), total / pairs, rtol=1e-5)
    np.testing.assert_allclose(likelihood.perplexity(network), np.exp(total / pairs), rtol=1e-5)
    assert traces(likelihood.program) == 1


def test_perplexity_does_not_overflow():
    assert perplexity(0.0) == 1 and perplexity(1e5) == math.inf
