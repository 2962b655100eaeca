"""Validated epochs against averaged SGD in NumPy; interruptions, divergence, best weights."""

import dataclasses
import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from nao_tf.architecture import RecurrentSpace
from nao_tf.child.language.dropout_rates import Dropout
from nao_tf.errors import DivergedError
from nao_tf.training import checkpoint
from nao_tf.training.epochs import Ending, EpochTraining, ValidatedEpochs
from nao_tf.training.language import LanguageTrainer
from nao_tf.training.language_networks import KerasLstm
from nao_tf.training.language_settings import LanguageTraining
from nao_tf.training.training import run

V = 7
ARCHITECTURE = RecurrentSpace().parse("NAO-WS")
# A noisy cycle of words: something can be learned, and validation does not fall for ever.
GENERATOR = np.random.default_rng(0)
TEXT, VALID = (
    np.where(GENERATOR.random(n) < 0.3, GENERATOR.integers(V, size=n), np.arange(n) % V).astype(np.int32)
    for n in (121, 60)
)
SETTINGS = LanguageTraining(
    units=3,
    batch_size=2,
    steps=40,
    window=8,
    optimizer="sgd",
    learning_rate=2.0,
    decay=False,
    clip_norm=0.25,
    weight_decay=1e-3,
    scale=0.3,
    evaluation_batch=2,
    epochwise=True,
    window_deviation=3.0,
    averaging_patience=1,
)
DROPOUT = Dropout(output=0.2, hidden=0.2, input=0.2, embedding=0.2)


def trainer(network=ARCHITECTURE, **changes):
    """A trainer of tiny models."""
    settings = dataclasses.replace(SETTINGS, **changes)
    return LanguageTrainer(settings, train=TEXT, valid=VALID, vocabulary_size=V, network=network)


@pytest.fixture(scope="module")
def shared():
    """One trainer with dropout, for the tests that change no setting."""
    return trainer(dropout=DROPOUT)


def weights(model):
    """Values of all weights."""
    return [np.asarray(variable) for variable in model.variables]


def assert_equal(first, second):
    """Bit for bit."""
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def plain_training(final, seed):
    """Averaged SGD in NumPy: windows cut without padding, updates in double precision."""
    settings, model = final.settings, final.model
    final.training.start(seed)
    text = TEXT[: len(TEXT) // 2 * 2].reshape(2, -1).T  # [rows, B]
    values = [array.astype(np.float64) for array in weights(model)]
    mean, count, history, best, step, epoch = None, 0, [], None, 0, 0

    def give(arrays):
        for variable, array in zip(model.variables, arrays, strict=True):
            variable.assign(array)

    while step < settings.steps:
        windows = final.training.windows_of_epoch(epoch)
        state = tf.zeros([2, 3])
        for start, length, factor in zip(*windows, strict=True):
            if step == settings.steps:
                break
            give(values)
            inputs, targets = (tf.constant(text[start + ahead : start + ahead + length]) for ahead in (0, 1))
            with tf.GradientTape() as tape:
                outputs, _, state = model.hidden(inputs, state, architecture=tf.constant(ARCHITECTURE.values))
                logits = tf.einsum("tbu,vu->tbv", outputs, model.embedding.value) + model.bias.value
                loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits))
                if length > 1:
                    loss += 1e-3 * tf.reduce_mean(tf.square(outputs[1:] - outputs[:-1]))
            gradients = tape.gradient(loss, [variable.value for variable in model.variables])
            gradients = [np.asarray(tf.convert_to_tensor(gradient), np.float64) for gradient in gradients]
            norm = math.sqrt(sum((gradient**2).sum() for gradient in gradients))
            rate = settings.learning_rate * factor
            for index, gradient in enumerate(gradients):
                clipped = gradient * min(1, settings.clip_norm / norm)
                values[index] = values[index] - rate * (clipped + settings.weight_decay * values[index])
            if mean is not None:
                count += 1
                mean = [m + (value - m) / count for m, value in zip(mean, values, strict=True)]
            step += 1
        give(mean if count else values)
        validation = final.likelihood(ARCHITECTURE)
        if not history or validation < min(history):
            best = mean if count else list(values)
        if mean is None and len(history) > 1 and validation > min(history[:-1]):
            mean = [np.zeros_like(value) for value in values]
        history.append(validation)
        epoch += 1
    return best, history, count


def test_training_is_averaged_sgd_as_numpy_computes_it():
    final, epochs = trainer(), []
    best, history, count = plain_training(final, seed=3)
    assert 0 < count < SETTINGS.steps  # the trigger fell in the middle
    final.train(3, on_epoch=epochs.append)
    np.testing.assert_allclose([epoch.validation for epoch in epochs], history, rtol=1e-4)
    np.testing.assert_allclose(final.history, history, rtol=1e-4)
    np.testing.assert_allclose(final.likelihood(ARCHITECTURE), min(history), rtol=1e-4)
    for value, expected in zip(weights(final.model), best, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-3, atol=1e-5)
    assert [epoch.epoch for epoch in epochs] == list(range(1, len(epochs) + 1))
    assert epochs[-1].step == SETTINGS.steps and epochs[-1].averaging and not epochs[0].averaging
    assert final.training.program.experimental_get_tracing_count() <= 3  # windows of 20, 25 and 28 time steps


def test_model_is_left_with_the_weights_that_were_best_on_validation(shared):
    epochs = []
    shared.train(4, on_epoch=epochs.append)
    assert shared.likelihood(ARCHITECTURE) == min(epoch.validation for epoch in epochs) == epochs[-1].best
    assert shared.history == [epoch.validation for epoch in epochs]
    assert shared.validate() == pytest.approx(math.exp(epochs[-1].best))


class Stopped(Exception):
    """What stops a training in a test."""


def test_a_training_stopped_again_and_again_ends_as_an_undisturbed_one(shared, tmp_path, monkeypatch):
    undisturbed, epochs = [], []
    shared.train(5, on_epoch=undisturbed.append)
    expected, history = weights(shared.model), shared.history
    program, path = shared.training.program, tmp_path / "training.npz"

    def stopping(every):
        counter = itertools.count(1)

        def run(*operands):
            if next(counter) % every == 0:
                raise Stopped
            return program(*operands)

        return run

    for every in (1, 9, 4, 13, 8, 11):  # in the first step, within epochs, between them, while averaging
        monkeypatch.setattr(shared.training, "program", stopping(every))
        with pytest.raises(Stopped):
            shared.train(5, checkpoint=path, every=3, on_epoch=epochs.append)
        monkeypatch.undo()
        shared.training.start(every)  # another training in between
    shared.train(5, checkpoint=path, every=3, on_epoch=epochs.append)
    assert_equal(weights(shared.model), expected)
    assert {epoch.epoch: epoch for epoch in epochs} == {epoch.epoch: epoch for epoch in undisturbed}
    shared.training.start(1)
    shared.train(5, checkpoint=path)  # complete: only brings the weights back
    assert_equal(weights(shared.model), expected)
    assert shared.history == history


def diverging(final, when):
    """A step whose loss and weights are not numbers in the calls that `when` selects."""
    program, counter = final.training.program, itertools.count(1)

    def step(*operands):
        loss, state = program(*operands)
        if when(next(counter)):
            final.model.embedding.assign(np.full(final.model.embedding.shape, np.nan))
            return loss * math.nan, state
        return loss, state

    return step


def test_a_diverged_epoch_goes_back_to_the_best_weights(shared, tmp_path, monkeypatch):
    epochs, path = [], tmp_path / "training.npz"
    per_epoch = windows_of_first_epoch(shared, 6)
    monkeypatch.setattr(shared.training, "program", diverging(shared, lambda call: call == per_epoch + 2))
    shared.train(6, checkpoint=path, on_epoch=epochs.append)
    assert epochs[0].validation is not None and epochs[1].validation is None and epochs[2].validation is not None
    assert epochs[1].best == epochs[0].validation
    assert all(np.isfinite(array).all() for array in weights(shared.model)) and np.isfinite(shared.history).all()
    assert len(shared.history) == len(epochs) - 1
    saved = checkpoint.load(path)
    assert all(np.isfinite(array).all() for array in saved.values())


def windows_of_first_epoch(final, seed):
    """Their number."""
    final.training.start(seed)
    return len(final.training.windows_of_epoch(0).starts)


@pytest.mark.parametrize("first, message", [(True, "in the first epoch"), (False, "4 epochs in a row")])
def test_a_training_that_only_diverges_is_given_up(first, message, monkeypatch):
    final = trainer(steps=100)
    per_epoch = windows_of_first_epoch(final, 7)
    monkeypatch.setattr(final.training, "program", diverging(final, lambda call: first or call > per_epoch))
    with pytest.raises(DivergedError, match=message):
        final.train(7)


def test_a_divergence_within_an_epoch_is_noticed_on_the_grid_of_reports(monkeypatch):
    final, epochs, reported = trainer(steps=130, batch_size=1, window=2, window_deviation=0.0), [], []
    assert windows_of_first_epoch(final, 8) == 60
    monkeypatch.setattr(final.training, "program", diverging(final, lambda call: call == 62))
    final.train(8, on_epoch=epochs.append, report=lambda step, loss: reported.append((step, math.isfinite(loss))))
    assert [(epoch.step, epoch.validation is None) for epoch in epochs] == [(60, False), (100, True), (130, False)]
    assert reported == [(50, True), (130, True)]


def test_padding_changes_neither_loss_nor_gradients_nor_state():
    for network in (ARCHITECTURE, KerasLstm(3)):
        final = trainer(network, window_deviation=0.0, dropout=DROPOUT)
        final.training.start(1)
        model, seed = final.model, tf.constant([5, 6])
        model.activation_penalty = 0.5
        state = tf.random.stateless_normal(model.cell.initial_state(2).shape, [1, 2])
        text = tf.constant(TEXT[:40].reshape(20, 2))

        @tf.function
        def run(window, length, model=model, state=state, seed=seed, values=network.values):
            with tf.GradientTape() as tape:
                loss, likelihood, after = model.loss_of_window(
                    window[:-1],
                    window[1:],
                    state=state,
                    architecture=tf.constant(values, tf.int32),
                    training_seed=seed,
                    length=length,
                )
            gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
            return [loss, likelihood, after, *(tf.convert_to_tensor(gradient) for gradient in gradients)]

        for found, expected in zip(run(text, tf.constant(7)), run(text[:8], None), strict=True):
            np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)


def test_adam_with_equal_windows_is_one_program():
    final = trainer(optimizer="adam", learning_rate=3e-2, window_deviation=0.0, averaging_patience=None, steps=45)
    losses = []
    final.train(1, on_epoch=lambda epoch: losses.append(epoch.validation))
    assert final.likelihood(ARCHITECTURE) == min(losses) < losses[0]
    assert final.training.program.experimental_get_tracing_count() == 1


# ---- the end that validation brings on


class Scripted(EpochTraining):
    """Its weight is the sum of its learning rates, 1 each, and validation says what the test wants."""

    def __init__(self, figures, per_epoch=5):
        self.trainable_variables = [keras.Variable(0.0)]
        self.figures, self.per_epoch, self.ending, self.rates = figures, per_epoch, None, {}

    def start(self, seed):
        self.trainable_variables[0].assign(0.0)

    def learning_rate_at(self, step):
        return 1.0 if self.ending is None else self.ending.learning_rate_at(step)

    def step(self, number):
        self.done, self.rates[number] = number + 1, self.learning_rate_at(number)
        self.trainable_variables[0].assign_add(self.rates[number])
        return tf.constant(1.0)

    @property
    def epoch_done(self):
        return self.done % self.per_epoch == 0

    def begin_epoch(self, epoch):
        self.epoch = epoch

    def validate(self):
        return self.figures(self.done)

    def arrays(self):
        return checkpoint.variables("model", self.trainable_variables)

    def restore(self, arrays):
        checkpoint.assign("model", self.trainable_variables, arrays=arrays)


def validated(figures, **options):
    """A scripted training with validated epochs."""
    inner = Scripted(figures)
    options = {"steps": 200, "patience": 10, **options}
    return ValidatedEpochs(inner, model=inner, validate=inner.validate, **options), inner


def best_at(step):
    """A validation that is lowest after a step, and in the end once more, when the rates have fallen."""
    return lambda done: (abs(done - step) / 100 + 1 - (done == step + 20) * 0.9,)


def test_where_nothing_is_gained_the_rates_fall_from_the_best_weights_and_with_them_the_training_ends():
    training, inner = validated(best_at(30))
    epochs, steps = [], 30 + 10 + 10  # to the best, without a gain, a third of those to the best
    run(training, seed=1, steps=200, on_epoch=epochs.append)
    assert [(epoch.step, epoch.ending) for epoch in epochs if epoch.ending] == [(40, 10)]
    assert epochs[-1].step == steps == max(inner.rates) + 1 and training.trained == (50, 50)
    np.testing.assert_allclose([inner.rates[step] for step in range(40, 50)], np.linspace(1, 0.1, 10))
    np.testing.assert_allclose(inner.trainable_variables[0], 30 + sum(np.linspace(1, 0.1, 10)))


def test_the_best_weights_stay_where_falling_rates_gain_nothing():
    training, inner = validated(lambda done: (abs(done - 30),))
    run(training, seed=1, steps=200)
    assert training.trained == (50, 30) and float(inner.trainable_variables[0]) == 30


@pytest.mark.parametrize("patience, steps", [(None, 200), (10, 40), (170, 200)])
def test_no_end_is_brought_on_without_patience_or_where_no_steps_are_left(patience, steps):
    training, inner = validated(lambda done: (abs(done - 30),), patience=patience, steps=steps)
    run(training, seed=1, steps=steps)
    assert training.trained == (steps, 30) and set(inner.rates.values()) == {1.0}
    assert float(inner.trainable_variables[0]) == 30


def test_the_end_takes_no_more_steps_than_are_left():
    training, inner = validated(best_at(30), steps=43)
    run(training, seed=1, steps=43)
    assert training.trained[0] == 43 and inner.ending == Ending(40, 3, 1.0)


def test_a_gain_in_any_figure_is_a_gain_and_the_first_decides():
    def figures(done):  # accuracy gains until step 20, then loss until 60, with a worse accuracy
        return (1 - min(done, 20) / 100 + (done > 20) / 1000, 2 - min(done, 60) / 100)

    training, _ = validated(figures)
    run(training, seed=1, steps=200)
    assert training.trained == (70 + 7, 20)  # the end is a third of the steps to the best


def test_of_equal_first_figures_the_next_one_decides():
    training, _ = validated(lambda done: (0.5, abs(done - 25)), patience=None)
    run(training, seed=1, steps=50)
    assert training.trained == (50, 25) and training.history == [0.5] * 10


def test_short_epochs_are_not_all_validated():
    training, inner = validated(lambda done: (1 / done,), every=12, patience=None, steps=41)
    epochs = []
    run(training, seed=1, steps=41, on_epoch=epochs.append)
    assert [epoch.step for epoch in epochs] == [15, 30, 41] and [epoch.epoch for epoch in epochs] == [3, 6, 9]
    assert inner.epoch == 9


def test_a_training_that_validation_ends_ends_there_after_a_stop_at_any_step(tmp_path):
    training, inner = validated(best_at(30))
    run(training, seed=1, steps=200)
    expected, history = float(inner.trainable_variables[0]), training.history
    for stop in (1, 5, 29, 30, 31, 39, 40, 41, 45, 49, 50):  # around the best, the end, and in between
        path = tmp_path / f"{stop}.npz"
        first, _ = validated(best_at(30))
        advance_to(first, stop, path)
        again, inner = validated(best_at(30))
        run(again, seed=1, steps=200, checkpoint=path)
        assert float(inner.trainable_variables[0]) == expected and again.trained == (50, 50)
        assert again.history == history and max(inner.rates, default=0) in (0, 49)
        run(again, seed=1, steps=200, checkpoint=path)  # complete: only brings the weights back
        assert float(inner.trainable_variables[0]) == expected


def advance_to(training, stop, path):
    """Trains some steps, with a checkpoint after each, as if the process ended then."""

    def stopping(number, step=training.step):
        if number == stop:
            raise Stopped
        return step(number)

    training.step = stopping
    try:
        run(training, seed=1, steps=200, checkpoint=path, every=1)
    except Stopped:
        return
    assert stop >= 50


def test_a_small_text_that_is_learnt_by_heart_ends_early_and_after_kills_at_the_same_step(tmp_path, monkeypatch):
    settings = {"optimizer": "adam", "learning_rate": 3e-2, "window_deviation": 0.0, "averaging_patience": None}
    final = trainer(**settings, units=16, steps=4_000, patience=100)
    path, epochs = tmp_path / "training.npz", []
    final.train(1, on_epoch=epochs.append)
    expected, trained = weights(final.model), final.trained
    assert trained[1] <= trained[0] < 1_000 and any(epoch.ending for epoch in epochs)
    assert final.likelihood(ARCHITECTURE) == min(epoch.validation for epoch in epochs)
    assert final.training.ending is not None
    program = final.training.program
    for every in (trained[0] // 2, trained[0] // 3):
        calls = itertools.count(1)

        def stopping(*operands, every=every, calls=calls):
            if next(calls) == every:
                raise Stopped
            return program(*operands)

        monkeypatch.setattr(final.training, "program", stopping)
        with pytest.raises(Stopped):
            final.train(1, checkpoint=path)
        monkeypatch.undo()
        final.training.start(every)
    final.train(1, checkpoint=path)
    assert_equal(weights(final.model), expected)
    assert final.trained == trained
