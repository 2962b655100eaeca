"""The language model around the cells: sizes, likelihoods, dropout, penalties, its architecture."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from nao_tf.architecture import RecurrentSpace
from nao_tf.child.language.dropout_rates import Dropout
from nao_tf.child.language.keras_lstm import LongShortTermMemory, units_of_equal_size
from nao_tf.child.language.language_model import LanguageModel
from nao_tf.child.language.recurrent_cell import RecurrentCell, SharedRecurrentCell
from nao_tf.child.language.size import size_of_language_model

U, V = 6, 13
ARCHITECTURE = RecurrentSpace().published["NAO-WS"]
OTHER = RecurrentSpace().published["ENAS"]
CELLS = {"stand_alone": RecurrentCell, "shared": SharedRecurrentCell, "lstm": LongShortTermMemory}


def architecture_of(kind):
    return None if kind == "lstm" else ARCHITECTURE


def small_model(kind="stand_alone", **keywords):
    """A model with weights that are not small."""
    keras.utils.set_random_seed(1)
    model = LanguageModel(CELLS[kind](U), V, architecture=architecture_of(kind), scale=0.8, **keywords)
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
    model = LanguageModel(RecurrentCell(units), words, architecture=ARCHITECTURE)
    model.build()
    assert sum(int(np.prod(variable.shape)) for variable in model.trainable_variables) == parameters
    # each weight of a matrix is multiplied once a token; the embedding's once, in the softmax
    assert size_of_language_model(units, words) == (parameters, parameters - words)


@pytest.mark.parametrize("units, words", [(64, 10_000), (20, 500), (850, 10_000)])
def test_hand_made_rival_has_the_nearest_size(units, words):
    def size(width):  # embedding and bias, kernel, recurrent kernel and bias of the four gates
        return words * width + words + width * 4 * width + width * 4 * width + 4 * width

    parameters = words * units + words + 4 * units**2 + 11 * 2 * units**2
    width = units_of_equal_size(parameters, words)
    assert min(range(1, 3 * units), key=lambda other: abs(size(other) - parameters)) == width
    if units < 100:
        model = LanguageModel(LongShortTermMemory(width), words)
        model.build()
        assert model.count_params() == size(width)


@pytest.mark.parametrize("kind", CELLS)
def test_call_gives_log_probabilities_of_every_word(kind):
    model = small_model(kind)
    tokens, targets = window()
    table = model(tf.transpose(tokens)).numpy()  # [B, T, V]
    assert table.shape == (4, 5, V) and table.dtype == np.float32
    np.testing.assert_allclose(np.exp(table).sum(-1), 1, rtol=1e-5)
    state = model.cell.initial_state(4)
    likelihoods, _ = model.log_likelihoods(tokens, targets, state=state, architecture=architecture_of(kind))
    of_targets = np.take_along_axis(table, targets.numpy().T[..., None], -1)[..., 0].T  # [T, B]
    np.testing.assert_allclose(likelihoods, of_targets, rtol=1e-5)


@pytest.mark.parametrize("kind", CELLS)
def test_state_carries_on(kind):
    model, (tokens, targets) = small_model(kind), window(steps=6)
    architecture, zero = architecture_of(kind), model.cell.initial_state(4)

    def likelihoods(first, last, state):
        return model.log_likelihoods(tokens[first:last], targets[first:last], state=state, architecture=architecture)

    whole, final = likelihoods(0, 6, zero)
    first, state = likelihoods(0, 2, zero)
    second, state = likelihoods(2, 6, state)
    np.testing.assert_allclose(tf.concat([first, second], 0), whole, rtol=1e-5)
    np.testing.assert_allclose(state, final, rtol=1e-5)


@pytest.mark.parametrize("kind", CELLS)
def test_training_loss_is_likelihood_and_penalties(kind):
    model, (tokens, targets) = small_model(kind, activation_penalty=0.3, temporal_penalty=0.2), window()
    given = {"state": model.cell.initial_state(4), "architecture": architecture_of(kind)}
    loss, likelihood, _ = model.loss_of_window(tokens, targets, training_seed=tf.constant([1, 2]), **given)
    _, outputs, _ = model.hidden(tokens, **given)
    expected = -np.mean(model.log_likelihoods(tokens, targets, **given)[0])
    np.testing.assert_allclose(likelihood, expected, rtol=1e-5)
    outputs = outputs.numpy()
    penalty = 0.3 * np.mean(outputs**2) + 0.2 * np.mean((outputs[1:] - outputs[:-1]) ** 2)
    np.testing.assert_allclose(loss - likelihood, penalty, rtol=1e-4)


def test_masks_are_held_over_time_and_differ_between_sequences():
    model = small_model(dropout=Dropout(output=0.5))
    tokens, _ = window(steps=9)
    dropped, outputs, _ = model.hidden(
        tokens, model.cell.initial_state(4), architecture=ARCHITECTURE, training_seed=tf.constant([1, 2])
    )
    ratio = (dropped / outputs).numpy()  # [T, B, U]
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:1], ratio.shape), rtol=1e-5)
    assert set(np.round(ratio.ravel(), 4)) == {0.0, 2.0}
    assert len({tuple(row) for row in np.round(ratio[0], 4)}) > 1


def test_every_rate_of_dropout_is_used():
    tokens, targets = window()
    names, losses = ("output", "hidden", "input", "embedding", "words"), set()
    for rates in [{}, *({name: 0.5} for name in names)]:
        model = small_model(dropout=Dropout(**rates))

        def loss(model=model):
            state, seed = model.cell.initial_state(4), tf.constant([1, 2])
            return float(
                model.loss_of_window(tokens, targets, state=state, architecture=ARCHITECTURE, training_seed=seed)[0]
            )

        assert loss() == loss()
        losses.add(loss())
    assert len(losses) == 1 + len(names)


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_rates_of_dropout_that_cannot_be(rate):
    with pytest.raises(ValueError, match=f"dropout rate hidden is {rate}; rates lie in 0 <= rate < 1"):
        Dropout(hidden=rate)


@pytest.mark.parametrize("kind", ["stand_alone", "shared"])
def test_another_architecture_has_the_same_weights(kind):
    model, (tokens, _) = small_model(kind), window()
    tokens = tf.transpose(tokens)
    own = model(tokens).numpy()
    other = model.with_architecture(OTHER)
    assert (model.architecture, other.architecture) == (ARCHITECTURE, OTHER)
    assert [id(variable) for variable in other.variables] == [id(variable) for variable in model.variables]
    built = LanguageModel(CELLS[kind](U), V, architecture=OTHER)
    built.build()
    built.set_weights(model.get_weights())
    np.testing.assert_array_equal(other(tokens), built(tokens))
    assert np.abs(own - other(tokens)).max() > 1e-3
    np.testing.assert_array_equal(model(tokens), own)  # it has kept its architecture
    assert other.get_config() == {**model.get_config(), "architecture": list(OTHER)}


def test_the_architecture_of_a_model_cannot_be_assigned():
    model = small_model()
    with pytest.raises(AttributeError):
        model.architecture = OTHER


def test_an_lstm_takes_no_architecture():
    model = small_model("lstm")
    assert model.architecture is None
    with pytest.raises(ValueError, match="an architecture was given, but LongShortTermMemory has none"):
        model.with_architecture(ARCHITECTURE)
