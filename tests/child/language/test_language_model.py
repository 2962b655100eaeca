"""The language model around the cells: sizes, likelihoods, dropout, penalties."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from nao_tf.architecture import RecurrentSpace
from nao_tf.child.language.dropout_rates import Dropout
from nao_tf.child.language.keras_lstm import LongShortTermMemory, units_of_equal_size
from nao_tf.child.language.language_model import LanguageModel
from nao_tf.child.language.recurrent_cell import RecurrentCell, SharedRecurrentCell

U, V = 6, 13
ARCHITECTURE = RecurrentSpace().published["NAO-WS"]
CELLS = {"stand_alone": RecurrentCell, "shared": SharedRecurrentCell, "lstm": LongShortTermMemory}


def small_model(kind="stand_alone", **keywords):
    """A model with weights that are not small."""
    keras.utils.set_random_seed(1)
    model = LanguageModel(CELLS[kind](U), V, ARCHITECTURE, scale=0.8, **keywords)
    model.build()
    generator = np.random.default_rng(0)
    model.bias.assign(generator.normal(size=V))
    return model


def window(steps=5, batch=4, seed=0):
    """Tokens and targets `[T, B]`."""
    text = np.random.default_rng(seed).integers(V, size=[steps + 1, batch])
    return tf.constant(text[:-1], tf.int32), tf.constant(text[1:], tf.int32)


@pytest.mark.parametrize("units, words, parameters", [(850, 10_000, 27_295_000), (700, 33_278, 36_067_878)])
def test_published_sizes(units, words, parameters):
    model = LanguageModel(RecurrentCell(units), words, ARCHITECTURE)
    model.build()
    assert sum(int(np.prod(variable.shape)) for variable in model.trainable_variables) == parameters


@pytest.mark.parametrize("units, words", [(64, 10_000), (20, 500), (850, 10_000)])
def test_hand_made_rival_has_the_nearest_size(units, words):
    def size(width):  # embedding and bias, kernel, recurrent kernel and bias of the four gates
        return words * width + words + width * 4 * width + width * 4 * width + 4 * width

    wanted = words * units + words + 4 * units**2 + 11 * 2 * units**2
    width = units_of_equal_size(wanted, words)
    assert min(range(1, 3 * units), key=lambda other: abs(size(other) - wanted)) == width
    if units < 100:
        model = LanguageModel(LongShortTermMemory(width), words)
        model.build()
        assert model.count_params() == size(width)


@pytest.mark.parametrize("kind", CELLS)
def test_call_gives_log_probabilities_of_every_word(kind):
    model = small_model(kind)
    tokens, targets = window()
    found = model(tf.transpose(tokens)).numpy()  # [B, T, V]
    assert found.shape == (4, 5, V) and found.dtype == np.float32
    np.testing.assert_allclose(np.exp(found).sum(-1), 1, rtol=1e-5)
    likelihoods, _ = model.log_likelihoods(tokens, targets, model.cell.initial_state(4), tf.constant(ARCHITECTURE))
    chosen = np.take_along_axis(found, targets.numpy().T[..., None], -1)[..., 0].T
    np.testing.assert_allclose(likelihoods, chosen, rtol=1e-5)


@pytest.mark.parametrize("kind", CELLS)
def test_state_carries_on(kind):
    model, (tokens, targets) = small_model(kind), window(steps=6)
    architecture, zero = tf.constant(ARCHITECTURE), model.cell.initial_state(4)
    whole, last = model.log_likelihoods(tokens, targets, zero, architecture)
    first, state = model.log_likelihoods(tokens[:2], targets[:2], zero, architecture)
    second, state = model.log_likelihoods(tokens[2:], targets[2:], state, architecture)
    np.testing.assert_allclose(tf.concat([first, second], 0), whole, rtol=1e-5)
    np.testing.assert_allclose(state, last, rtol=1e-5)


@pytest.mark.parametrize("kind", CELLS)
def test_training_loss_is_likelihood_and_penalties(kind):
    model, (tokens, targets) = small_model(kind, activation_penalty=0.3, temporal_penalty=0.2), window()
    state, architecture = model.cell.initial_state(4), tf.constant(ARCHITECTURE)
    loss, likelihood, _ = model.loss_of_window(tokens, targets, state, architecture, tf.constant([1, 2]))
    _, outputs, _ = model.hidden(tokens, state, architecture)
    expected = -np.mean(model.log_likelihoods(tokens, targets, state, architecture)[0])
    np.testing.assert_allclose(likelihood, expected, rtol=1e-5)
    outputs = outputs.numpy()
    penalty = 0.3 * np.mean(outputs**2) + 0.2 * np.mean((outputs[1:] - outputs[:-1]) ** 2)
    np.testing.assert_allclose(loss - likelihood, penalty, rtol=1e-4)


def test_masks_are_held_over_time_and_differ_between_sequences():
    model = small_model(dropout=Dropout(output=0.5))
    tokens, _ = window(steps=9)
    dropped, outputs, _ = model.hidden(
        tokens, model.cell.initial_state(4), tf.constant(ARCHITECTURE), tf.constant([1, 2])
    )
    ratio = (dropped / outputs).numpy()  # [T, B, U]
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:1], ratio.shape), rtol=1e-5)
    assert set(np.round(ratio.ravel(), 4)) == {0.0, 2.0}
    assert len({tuple(row) for row in np.round(ratio[0], 4)}) > 1


def test_every_rate_of_dropout_is_used():
    tokens, targets = window()
    seed, architecture, losses = tf.constant([1, 2]), tf.constant(ARCHITECTURE), set()
    names = ("output", "hidden", "input", "embedding", "words")
    for rates in [{}, *({name: 0.5} for name in names)]:
        model = small_model(dropout=Dropout(**rates))
        loss, _, _ = model.loss_of_window(tokens, targets, model.cell.initial_state(4), architecture, seed)
        again, _, _ = model.loss_of_window(tokens, targets, model.cell.initial_state(4), architecture, seed)
        assert float(loss) == float(again)
        losses.add(float(loss))
    assert len(losses) == 1 + len(names)
