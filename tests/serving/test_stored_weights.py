"""Exports whose weights are stored in fewer bits: what is stored, how large it is, what is computed with it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from rounding import assign_rounded

from nao_tf.architecture import ConvolutionalSpace, RecurrentSpace
from nao_tf.child.images.cell import cells_of
from nao_tf.child.images.cell_network import CellNetwork
from nao_tf.child.images.classifier import Classifier
from nao_tf.child.language.keras_lstm import LongShortTermMemory
from nao_tf.child.language.language_model import LanguageModel
from nao_tf.child.language.recurrent_cell import RecurrentCell, SharedRecurrentCell
from nao_tf.data.vocabulary import Vocabulary
from nao_tf.serving import stored_weights
from nao_tf.serving.export_classifier import export_classifier
from nao_tf.serving.export_language import export_language_model
from nao_tf.serving.stored_weights import FORMATS

ARCHITECTURE = RecurrentSpace().published["NAO"]
CELLS = {"stand_alone": RecurrentCell, "shared": SharedRecurrentCell, "lstm": LongShortTermMemory}


def language_model(kind="stand_alone", units=6, words=9):
    """A small model whose weights are of very different sizes, so that scales matter."""
    keras.utils.set_random_seed(2)
    model = LanguageModel(CELLS[kind](units), words, architecture=None if kind == "lstm" else ARCHITECTURE)
    model.build()
    generator = np.random.default_rng(0)
    for variable in model.variables:
        sizes = np.exp(generator.normal(size=variable.shape[-1:]))
        variable.assign(generator.normal(size=variable.shape) * sizes * 0.3)
    return model


def vocabulary(words=9):
    return Vocabulary(("<eos>", "<unk>", *(f"w{word}" for word in range(words - 2))))


def test_bytes_are_nearest_to_the_weights_and_reach_the_largest():
    values = np.random.default_rng(0).normal(size=[3, 5, 4]).astype(np.float32) * [1, 10, 100, 1e-3]
    for axis in (-1, -2):
        stored = stored_weights.int8(values, axis)
        assert stored["values"].dtype == np.int8 and stored["scale"].dtype == np.float32
        assert stored["scale"].size == values.size // values.shape[axis]
        assert (np.abs(stored["values"]).max(axis) == 127).all()
        assert (np.abs(stored["values"] * stored["scale"] - values) <= stored["scale"] * 0.50001).all()


def test_weights_of_zero_stay_zero_and_halves_stay_finite():
    stored = stored_weights.int8(np.zeros([2, 3], np.float32), -1)
    assert not stored["values"].any() and np.isfinite(stored["scale"]).all()
    half = stored_weights.float16(np.array([[1e6, -1e6, 0.1]], np.float32), -1)["values"]
    np.testing.assert_array_equal(half, np.array([[65504, -65504, 0.1]], np.float16))


@pytest.mark.parametrize(
    "weights, kind", [("float32", "stand_alone"), ("float16", "stand_alone"), *(("int8", kind) for kind in CELLS)]
)
def test_an_export_computes_with_the_weights_that_it_stores(weights, kind, tmp_path):
    model, generator = language_model(kind), np.random.default_rng(1)
    tokens = generator.integers(9, size=[3, 12]).astype(np.int32)
    before = model(tokens).numpy()
    export_language_model(model, vocabulary(), directory=tmp_path / "1", weights=weights)
    np.testing.assert_array_equal(model(tokens), before)  # the model itself keeps its weights
    assign_rounded(model, weights)
    expected = model(tokens).numpy()  # [B, T, V]
    assert (np.abs(expected - before).max() > 1e-4) == (weights != "float32")
    loaded = tf.saved_model.load(tmp_path / "1").signatures
    likelihoods = loaded["score_ids"](tokens=tf.constant(tokens))["log_probabilities"]
    of_targets = np.take_along_axis(expected[:, :-1], tokens[:, 1:, None], -1)[..., 0]  # [B, T - 1]
    np.testing.assert_allclose(likelihoods, of_targets, rtol=1e-5, atol=1e-5)
    state = tf.zeros([3, loaded["step"].structured_input_signature[1]["state"].shape[1]])
    for time in range(2):
        answer = loaded["step"](token=tf.constant(tokens[:, time]), state=state)
        np.testing.assert_allclose(answer["log_probabilities"], expected[:, time], rtol=1e-5, atol=1e-5)
        state = answer["state"]


@pytest.fixture(scope="module")
def classifier_exports(tmp_path_factory):
    """A classifier with an auxiliary head, and its exports by format."""
    keras.utils.set_random_seed(3)
    network = CellNetwork(cells_of(ConvolutionalSpace("enas").parse("NAO-WS")), 4, layers=1, macro="nao_ws")
    model = Classifier(network, classes=3, image_shape=[8, 8, 3], auxiliary=True)
    model.build()
    generator = np.random.default_rng(0)
    for variable in model.variables:
        if len(variable.shape) > 1:  # channels of very different sizes, so that scales matter
            variable.assign(np.asarray(variable) * np.exp(generator.normal(size=variable.shape[-1:])))
    folder = tmp_path_factory.mktemp("classifiers")
    for weights in FORMATS:
        export_classifier(model, ["a", "b", "c"], directory=folder / weights / "1", weights=weights)
    return model, folder


@pytest.mark.parametrize("weights", FORMATS)
def test_a_classifier_computes_with_the_weights_that_it_stores(weights, classifier_exports):
    model, folder = classifier_exports
    images = np.random.default_rng(1).integers(0, 256, [4, 8, 8, 3]).astype(np.uint8)
    before, as_trained = tf.exp(model(images)).numpy(), [np.asarray(variable) for variable in model.variables]
    assign_rounded(model, weights)
    expected = tf.exp(model(images)).numpy()
    for variable, values in zip(model.variables, as_trained, strict=True):
        variable.assign(values)
    assert (np.abs(expected - before).max() > 1e-5) == (weights != "float32")
    answer = tf.saved_model.load(folder / weights / "1").signatures["classify"](images=tf.constant(images))
    np.testing.assert_allclose(answer["probabilities"], expected, rtol=1e-5, atol=1e-6)


def test_a_classifier_in_fewer_bits_is_smaller_and_without_what_only_training_needs(classifier_exports):
    model, folder = classifier_exports
    sizes = {weights: sum(path.stat().st_size for path in (folder / weights).rglob("variables.data*"))
             for weights in FORMATS}  # fmt: skip
    assert sizes["float32"] < model.head.count_params()  # the head, four bytes each, is left out
    head = {id(variable) for variable in model.head.variables}
    served = [variable for variable in model.variables if id(variable) not in head]
    kernels = sum(int(np.prod(variable.shape)) for variable in served if len(variable.shape) > 1)
    assert sizes["float32"] > 4 * kernels and sizes["float32"] - sizes["float16"] > 1.9 * kernels
    assert sizes["float16"] - sizes["int8"] > 0.3 * kernels  # a scale for each channel, which has few weights here


def test_fewer_bits_are_smaller_files(tmp_path):
    sizes = {}
    for weights in FORMATS:
        model = language_model("lstm", units=64, words=2000)
        export_language_model(model, vocabulary(2000), directory=tmp_path / weights / "1", weights=weights)
        sizes[weights] = sum(path.stat().st_size for path in (tmp_path / weights).rglob("variables.data*"))
    matrices = 2000 * 64 + 2 * 64 * 256
    assert sizes["float32"] >= 4 * matrices
    assert 2 * matrices <= sizes["float16"] < 2.3 * matrices
    assert matrices <= sizes["int8"] < 1.3 * matrices
