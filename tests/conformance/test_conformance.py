"""One table of all public layers and models; every row goes through every check that it can."""

import dataclasses
import functools
import json
import pathlib
import subprocess
import sys
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from nao_tf.architecture import ConvolutionalSpace, RecurrentSpace
from nao_tf.child.images.auxiliary_head import AuxiliaryHead
from nao_tf.child.images.cell import ConvolutionalCell
from nao_tf.child.images.cell_network import CellNetwork
from nao_tf.child.images.classifier import Classifier
from nao_tf.child.images.layers import BranchOperation, ConvolutionStep, FactorisedReductionStep
from nao_tf.child.images.operations import OPERATIONS
from nao_tf.child.images.residual_network import ResidualNetwork
from nao_tf.child.images.shared_cell import SharedCell
from nao_tf.child.images.shared_network import SharedNetwork
from nao_tf.child.language.dropout_rates import Dropout
from nao_tf.child.language.keras_lstm import LongShortTermMemory
from nao_tf.child.language.language_model import LanguageModel
from nao_tf.child.language.recurrent_cell import RecurrentCell, SharedRecurrentCell
from nao_tf.controller import ControllerSettings, EncoderPredictorDecoder
from nao_tf.controller.decoder import Decoder
from nao_tf.controller.encoder import Encoder
from nao_tf.controller.predictor import Predictor
from nao_tf.data.vocabulary import Vocabulary
from nao_tf.serving.export_classifier import export_classifier
from nao_tf.serving.export_controller import export_controller
from nao_tf.serving.export_language import export_language_model
from nao_tf.training.training import Epoch

T, B, U, V, H = 4, 3, 5, 7, 6
SPACE = RecurrentSpace()
ARCHITECTURE = SPACE.published["ENAS"]
CONTROLLER = ControllerSettings(members=2, embedding_width=4, hidden=H, predictor_layers=1, predictor_width=8)
VOCABULARY = Vocabulary(("<eos>", *"abcdef"))
C, K, SIZE = 3, 4, 8  # channels, classes, height and width of images
CELLS = ConvolutionalSpace("enas")
PAIR = CELLS.published["NAO-WS"]
NORMAL, REDUCTION = CELLS.cells_of(PAIR)


class Case(NamedTuple):
    """A layer or model: how to make it, what to call it with, what exports it, and the shapes that it is built for."""

    make: Callable[[], keras.layers.Layer]
    inputs: Callable[[np.random.Generator], tuple]
    export: Callable | None = None
    shapes: tuple[tuple[int, ...], ...] = ()


def cell_inputs(generator):
    """Inputs, state and architecture of a searched cell."""
    return floats(generator, T, B, U), floats(generator, B, U), tf.constant(ARCHITECTURE)


def lstm_inputs(generator):
    """Inputs and state of an LSTM."""
    return floats(generator, T, B, U), floats(generator, B, 2 * U)


def floats(generator, *shape):
    """Normal numbers."""
    return tf.constant(generator.normal(size=shape), tf.float32)


def words(generator):
    """Ids `[B, T]`."""
    return (tf.constant(generator.integers(V, size=[B, T]), tf.int32),)


def controller_tokens(generator):
    """Tokens of random architectures, `[B, T]`."""
    return (tf.constant([SPACE.sample(generator).tokens for _ in range(B)], tf.int32),)


def for_members(generator):
    """The same for two members, `[E, B, T]`."""
    return (tf.stack([controller_tokens(generator)[0]] * 2),)


def language_model(cell):
    """A model around a new cell."""
    settings = {"dropout": Dropout(output=0.5, words=0.1), "activation_penalty": 0.5, "scale": 0.3}
    return lambda: LanguageModel(cell(U), V, architecture=ARCHITECTURE if cell.searched else None, **settings)


def controller(**changes):
    """A small controller."""
    settings = dataclasses.replace(CONTROLLER, **changes)
    return lambda: EncoderPredictorDecoder.for_space(SPACE, settings, seed=1)


def child_export(model, directory):
    """As the program exports it."""
    export_language_model(model, VOCABULARY, directory=directory)


def controller_export(model, directory):
    """As the program exports it."""
    export_controller(model, SPACE, directory=directory)


def classifier_export(model, directory):
    """As the program exports it."""
    export_classifier(model, [f"class {number}" for number in range(K)], directory=directory)


def cell_network():
    """Of one architecture."""
    return CellNetwork((NORMAL, REDUCTION), 2, layers=3, macro="nao_ws", drop_path=0.2)


def pytorch_network():
    """Of one architecture, in the third structure and for large images."""
    return CellNetwork(
        (NORMAL, REDUCTION), 2, layers=1, macro="nao_pytorch", stem="imagenet", drop_path=0.2, drop_identity=True
    )


def shared_network():
    """Of all architectures."""
    return SharedNetwork(CELLS.operations, 2, layers=1)


def classifier(network, **options):
    """A classifier around a new network."""
    return lambda: Classifier(network(), classes=K, image_shape=[SIZE, SIZE, C], **options)


def every_operation(generator):
    """Integers of a cell with random operations of all, numbered from 3."""
    branches = zip(generator.integers(2, size=10), generator.integers(3, 3 + len(OPERATIONS), size=10), strict=True)
    return [int(number) for branch in branches for number in branch]


def values(*channels):
    """Inputs of layers of images."""
    return lambda generator: tuple(floats(generator, B, SIZE, SIZE, count) for count in channels)


def images(generator):
    """Images as they come from files."""
    return (tf.constant(generator.integers(0, 256, [B, SIZE, SIZE, C]), tf.uint8),)


def shape(channels):
    """Of values of images."""
    return (B, SIZE, SIZE, channels)


STATES = (2, B, len(ARCHITECTURE) // 2, H)
CASES = {
    "RecurrentCell": Case(lambda: RecurrentCell(U, average_first=True, scale=0.5), cell_inputs),
    "SharedRecurrentCell": Case(lambda: SharedRecurrentCell(U, average_first=False), cell_inputs),
    "LongShortTermMemory": Case(lambda: LongShortTermMemory(U), lstm_inputs),
    "LanguageModel": Case(language_model(RecurrentCell), words, child_export),
    "LanguageModel, shared": Case(language_model(SharedRecurrentCell), words, child_export),
    "LanguageModel, LSTM": Case(language_model(LongShortTermMemory), words, child_export),
    "Encoder": Case(
        lambda: Encoder(SPACE.token_length, SPACE.vocabulary_size, tokens_per_encoder_step=2, settings=CONTROLLER),
        for_members,
    ),
    "Predictor": Case(
        lambda: Predictor(STATES[2], settings=CONTROLLER), lambda generator: (floats(generator, *STATES),)
    ),
    "Decoder": Case(
        lambda: Decoder(SPACE.grammar, settings=CONTROLLER),
        lambda generator: (floats(generator, *STATES), *for_members(generator)),
    ),
    "EncoderPredictorDecoder": Case(controller(), controller_tokens, controller_export),
    "EncoderPredictorDecoder, mean": Case(controller(predictor_reading="mean"), controller_tokens, controller_export),
    "EncoderPredictorDecoder, alone": Case(controller(members=1), controller_tokens, controller_export),
    "ConvolutionStep": Case(lambda: ConvolutionStep(U, height=3, stride=2, relu=False), values(C), shapes=(shape(C),)),
    "ConvolutionStep, by batch": Case(lambda: ConvolutionStep(U, moving=False), values(C), shapes=(shape(C),)),
    "FactorisedReductionStep": Case(lambda: FactorisedReductionStep(U), values(C), shapes=(shape(C),)),
    **{
        f"BranchOperation, {name}, stride {stride}": Case(
            functools.partial(BranchOperation, name, C, stride=stride), values(C), shapes=(shape(C),)
        )
        for name in OPERATIONS
        for stride in (1, 2)
    },
    "BranchOperation, factorised": Case(
        lambda: BranchOperation("identity", C, stride=2, halving="factorised"), values(C), shapes=(shape(C),)
    ),
    "ConvolutionalCell": Case(
        lambda: ConvolutionalCell(NORMAL, U, macro="nao_ws"), values(C, C + 1), shapes=(shape(C), shape(C + 1))
    ),
    "ConvolutionalCell, reduction": Case(
        lambda: ConvolutionalCell(REDUCTION, U, reduction=True), values(C, C + 1), shapes=(shape(C), shape(C + 1))
    ),
    "AuxiliaryHead": Case(lambda: AuxiliaryHead(K), values(C), shapes=(shape(C),)),
    "CellNetwork": Case(cell_network, values(C), shapes=(shape(C),)),
    "ResidualNetwork": Case(lambda: ResidualNetwork(2, 1), values(C), shapes=(shape(C),)),
    "SharedCell": Case(
        lambda: SharedCell(CELLS.operations, U, reduction=True),
        lambda generator: (*values(C, C + 1)(generator), tf.constant(PAIR[20:])),
        shapes=(shape(C), shape(C + 1)),
    ),
    "SharedCell, every operation": Case(
        lambda: SharedCell(tuple(OPERATIONS), U, first=3, per_input=False),
        lambda generator: (*values(C, C + 1)(generator), tf.constant(every_operation(generator))),
        shapes=(shape(C), shape(C + 1)),
    ),
    "SharedNetwork": Case(
        shared_network, lambda generator: (*values(C)(generator), tf.constant(PAIR)), shapes=(shape(C),)
    ),
    "Classifier, cells": Case(classifier(cell_network, dropout=0.1, cutout=3), images, classifier_export),
    "CellNetwork, PyTorch's for ImageNet": Case(pytorch_network, values(C), shapes=(shape(C),)),
    "ResidualNetwork, for ImageNet": Case(
        lambda: ResidualNetwork(2, 1, stem="imagenet"), values(C), shapes=(shape(C),)
    ),
    "FactorisedReductionStep, no ReLU": Case(
        lambda: FactorisedReductionStep(U, relu=False), values(C), shapes=(shape(C),)
    ),
    "Classifier, residual": Case(classifier(lambda: ResidualNetwork(2, 1)), images, classifier_export),
    "Classifier, shared": Case(classifier(shared_network), lambda generator: (*images(generator), tf.constant(PAIR))),
}
MODELS = [name for name, case in CASES.items() if case.export]


def made(name):
    """A layer with weights drawn at random, and its inputs."""
    layer, generator = CASES[name].make(), np.random.default_rng(0)
    if not layer.built:
        layer.build(*CASES[name].shapes)
    for weight in layer.weights:
        drawn = 0.5 * generator.normal(size=weight.shape)
        weight.assign(0.5 + drawn**2 if weight.name.endswith("moving_variance") else drawn)
    return layer, CASES[name].inputs(generator)


def flat(outputs):
    """All outputs in a list."""
    return [value.numpy() for value in tf.nest.flatten(outputs)]


def assert_equal(results, expected, **tolerance):
    """Output by output, up to a rounding of the largest value."""
    for one, other in zip(flat(results), flat(expected), strict=True):
        rounding = 1e-6 * max(1.0, np.abs(other).max())
        np.testing.assert_allclose(one, other, **{"rtol": 1e-5, "atol": rounding, **tolerance})


@pytest.mark.parametrize("name", CASES)
def test_configuration_makes_the_same_layer(name):
    layer, inputs = made(name)
    config = json.loads(json.dumps(layer.get_config()))
    twin = type(layer).from_config(config)
    assert json.loads(json.dumps(twin.get_config())) == config
    if not twin.built:
        twin.build(*CASES[name].shapes)
    assert [weight.name for weight in twin.weights] == [weight.name for weight in layer.weights]
    twin.set_weights(layer.get_weights())
    assert_equal(twin(*inputs), layer(*inputs), rtol=0, atol=0)


@pytest.mark.parametrize("name", CASES)
def test_serialised_by_its_registered_name(name):
    layer, _ = made(name)
    written = keras.saving.serialize_keras_object(layer)
    assert written["registered_name"] == f"nao_tf>{type(layer).__name__}"
    assert type(keras.saving.deserialize_keras_object(json.loads(json.dumps(written)))) is type(layer)


@pytest.mark.parametrize("name", CASES)
def test_outputs_are_finite_float32(name):
    layer, inputs = made(name)
    for output in flat(layer(*inputs)):
        assert output.dtype == np.float32 and np.isfinite(output).all() and output.size


@pytest.mark.parametrize("name", CASES)
def test_repeated_calls_are_one_trace_and_a_graph_is_eager(name):
    layer, inputs = made(name)
    run = tf.function(layer)
    for seed in range(4):
        inputs = CASES[name].inputs(np.random.default_rng(seed))
        assert_equal(run(*inputs), layer(*inputs))
    assert run.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("name", CASES)
def test_every_weight_learns(name):
    layer, inputs = made(name)
    with tf.GradientTape() as tape:
        loss = tf.add_n([tf.reduce_sum(tf.sin(3 * output)) for output in tf.nest.flatten(layer(*inputs))])
    for weight, gradient in zip(
        layer.trainable_weights, tape.gradient(loss, [weight.value for weight in layer.trainable_weights]), strict=True
    ):
        assert gradient is not None, weight.path
        assert np.isfinite(tf.convert_to_tensor(gradient)).all(), weight.path


@pytest.mark.parametrize("name", MODELS)
def test_keras_file_makes_the_same_model(name, tmp_path):
    model, inputs = made(name)
    expected = model(*inputs)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is type(model) and loaded.get_config() == model.get_config()
    assert_equal(loaded(*inputs), expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", MODELS)
def test_saved_model_is_the_model(name, tmp_path):
    model, (inputs,) = made(name)
    CASES[name].export(model, tmp_path / "1")
    called = {"images" if inputs.dtype == tf.uint8 else "tokens": inputs}
    found = tf.saved_model.load(tmp_path / "1").signatures["serving_default"](**called)
    outputs, tokens = model(inputs), inputs
    if "probabilities" in found:
        assert_equal(found["probabilities"], tf.exp(outputs))
    elif isinstance(outputs, dict):
        assert_equal(found["score"], tf.reduce_mean(outputs["score"], 0))
    else:
        assert_equal(found["log_probabilities"], tf.gather(outputs[:, :-1], tokens[:, 1:], batch_dims=2))


def test_table_is_complete():
    registered = {cls for name, cls in keras.saving.get_custom_objects().items() if name.startswith("nao_tf>")}
    assert registered == {type(case.make()) for case in CASES.values()}


@pytest.fixture(scope="module")
def two_devices():
    """What `two_devices.py` printed, in a process of its own."""
    script = pathlib.Path(__file__).with_name("two_devices.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_two_devices_train_as_one(two_devices):
    one, two = two_devices["child"]["one"], two_devices["child"]["two"]
    assert two["traces"] == one["traces"] == 1
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=1e-5)
    np.testing.assert_allclose(two["valid"], one["valid"], rtol=1e-5)
    assert abs(one["valid"] - one["untrained"]) > 1e-3  # the weights did move


def test_two_devices_train_final_models_as_one(two_devices):
    one, two = two_devices["final"]["one"], two_devices["final"]["two"]
    assert two["traces"] == one["traces"] == 1
    np.testing.assert_allclose(two["epochs"], one["epochs"], rtol=1e-5)  # the fields of `Epoch`
    averaging = [epoch[Epoch._fields.index("averaging")] for epoch in one["epochs"]]
    assert len(averaging) > 4 and not averaging[0] and averaging[3]  # it was stopped after the fourth
    for found in (one, two):
        assert found["resumed"] == found["epochs"][4:]
        assert found["after"] == [found["best"]] * 2


def test_images_on_two_devices_train_as_on_one():
    script = pathlib.Path(__file__).with_name("two_devices_images.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    one, two = found["one"], found["two"]
    assert two["traces"] == one["traces"] == 1
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=1e-4)
    np.testing.assert_allclose(two["valid"], one["valid"], rtol=1e-3)
    assert abs(one["valid"] - one["untrained"]) > 1e-3  # the weights did move
