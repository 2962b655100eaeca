"""What Keras users go on with: `model.keras`, and plain code that answers as the served model does."""

import ast
import dataclasses
import json
import pathlib
import random
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from nao_tf.architecture import ConvolutionalSpace, RecurrentSpace
from nao_tf.architecture.cells import Cell, cells_from
from nao_tf.child.images.cell import cells_of
from nao_tf.child.images.cell_network import CellNetwork
from nao_tf.child.images.classifier import Classifier
from nao_tf.child.images.operations import OPERATIONS, Convolution
from nao_tf.child.images.residual_network import ResidualNetwork
from nao_tf.child.language.dropout_rates import Dropout
from nao_tf.child.language.keras_lstm import LongShortTermMemory
from nao_tf.child.language.language_model import LanguageModel
from nao_tf.child.language.recurrent_cell import RecurrentCell
from nao_tf.data.vocabulary import Vocabulary
from nao_tf.serving import keras_layers
from nao_tf.serving.export_classifier import export_classifier
from nao_tf.serving.export_keras import export_keras_classifier, export_keras_language_model
from nao_tf.serving.export_language import export_language_model
from nao_tf.serving.plain_keras.language import plain_language_model

PROGRAM = pathlib.Path(__file__).with_name("without_the_package.py")
VOCABULARY = Vocabulary(("<eos>", "<unk>", *(f"w{word}" for word in range(7))))
LABELS = ("cat", "dog", "eel")


def shaken(model):
    """The model with weights, also of normalisations, that are not those of a beginning."""
    generator = np.random.default_rng(0)
    for variable in model.variables:
        noise = 1 + 0.3 * generator.normal(size=variable.shape)
        variable.assign(np.asarray(variable) * noise + (0.05 * np.abs(noise) if len(variable.shape) == 1 else 0))
    return model


def language_model(**options):
    keras.utils.set_random_seed(2)
    architecture = RecurrentSpace().published[options.pop("name", "NAO-WS")]
    model = LanguageModel(RecurrentCell(6, **options), len(VOCABULARY), architecture=architecture, scale=0.9)
    model.dropout = Dropout(output=0.2, input=0.35, embedding=0.1)
    model.build()
    return shaken(model)


# Of two channels: servers get no signature for the files of such pictures, which halves the seconds of an export.
def classifier(cells, *, macro="nao", stem="cifar", size=(9, 8), layers=1, channels=2, **options):
    keras.utils.set_random_seed(1)
    network = CellNetwork(cells, 2, layers=layers, macro=macro, stem=stem)
    mean = [0.2, 0.5][:channels]
    model = Classifier(network, classes=3, image_shape=[*size, channels], mean=mean, deviation=mean[::-1], **options)
    model.build()
    shaken(model)
    logits = model.logits(inputs_of(model))[0].numpy()
    model.dense.kernel.assign(np.asarray(model.dense.kernel) / logits.std())  # probabilities that tell something
    return model


def published(space, name):
    return cells_of(ConvolutionalSpace(space).parse(name))


def cells_with_operations(first):
    """A pair of cells that have ten of the operations, each on an input, with stride 2 too, and on a node."""
    part = list(OPERATIONS)[first : first + 10]
    assert len(OPERATIONS) == 20
    on_nodes = [(0, part[0]), (1, part[1]), *((2 + place // 2, name) for place, name in enumerate(part[2:]))]
    on_inputs = [(place % 2, name) for place, name in enumerate(part)]
    return cells_from([*on_nodes, *on_inputs])


MODELS = {
    "language": lambda: language_model(),
    "language_first_averaged": lambda: language_model(average_first=True, name="NAO"),
    "nao": lambda: classifier(published("nao", "NAONet"), auxiliary=True, dropout=0.2),
    "nao_ws": lambda: classifier(published("enas", "NAO-WS"), macro="nao_ws", layers=2),
    "nao_pytorch": lambda: classifier(cells_with_operations(0), macro="nao_pytorch"),
    "operations_of_nao": lambda: classifier(cells_with_operations(0), channels=1),
    "imagenet": lambda: classifier(cells_with_operations(10), stem="imagenet", size=(32, 32)),
}
PRINTED = {"language": "found_cell", "nao": "cell_1_"}  # a name of a layer that `main` shows
SERVED = ("language", "nao", "nao_ws", "nao_pytorch")  # the others are compared with the model itself


def inputs_of(model):
    generator = np.random.default_rng(5)
    if isinstance(model, LanguageModel):
        return generator.integers(len(VOCABULARY), size=[3, 12]).astype(np.int32)
    brightness = np.reshape([0.1, 0.4, 0.7, 1.0], [4, 1, 1, 1])
    return (brightness * generator.integers(0, 256, size=[4, *model.image_shape])).astype(np.uint8)


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """By name: the folder, the model, its inputs, what is right, what plain Keras answers."""
    folder, found = tmp_path_factory.mktemp("keras"), {}
    for name, make in MODELS.items():
        model, directory = make(), folder / name / "keras"
        inputs = inputs_of(model)
        if isinstance(model, LanguageModel):
            assert export_keras_language_model(model, VOCABULARY.words, directory=directory) is None
            served, own = log_probabilities, model
        else:
            assert export_keras_classifier(model, LABELS, directory=directory) is None
            served, own = probabilities, lambda images, model=model: tf.exp(model(images))
        right = served(model, inputs, folder / name) if name in SERVED else own(inputs).numpy()
        np.save(directory / "inputs.npy", inputs)
        if name in PRINTED:
            (directory / "printed.txt").touch()
        found[name] = directory, model, inputs, right
    empty = folder / "empty"
    empty.mkdir()
    command = [sys.executable, "-I", PROGRAM, *(directory for directory, *_ in found.values())]
    done = subprocess.run(command, cwd=empty, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return {name: (*rest, np.load(rest[0] / "outputs.npy")) for name, rest in found.items()}


def log_probabilities(model, inputs, folder):
    """Of each next word, from the steps of the served model."""
    export_language_model(model, VOCABULARY, directory=folder / "1")
    step = tf.saved_model.load(folder / "1").signatures["step"]
    state, answers = tf.zeros([len(inputs), model.cell.units]), []
    for token in inputs.T:
        answer = step(token=tf.constant(token), state=state)
        state = answer["state"]
        answers.append(answer["log_probabilities"])
    return np.stack(answers, axis=1)


def probabilities(model, inputs, folder):
    export_classifier(model, LABELS, directory=folder / "1")
    return tf.saved_model.load(folder / "1").signatures["classify"](images=tf.constant(inputs))["probabilities"].numpy()


@pytest.mark.parametrize("name", MODELS)
def test_plain_keras_without_the_package_answers_as_the_served_model(name, exports):
    _, _, inputs, served, plain = exports[name]
    assert plain.shape == served.shape and np.ptp(served, axis=0).max() > 0.02  # equality says something
    assert np.abs(plain - served).max() <= 1e-5 * np.abs(served).max()


@pytest.mark.parametrize("name", MODELS)
def test_the_code_is_formatted_and_imports_keras_alone(name, exports):
    folder = exports[name][0]
    text = (folder / "found_cell.py").read_text()
    tree = ast.parse(text)
    imported = {
        alias.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported == {"pathlib", "keras"}
    assert max(map(len, text.splitlines())) <= 88
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert all(text.count(name) > 1 for name in defined)  # nothing is there that is not used
    assert "found_cell.weights.h5" in ast.get_docstring(tree)


def test_code_of_every_kind_passes_the_formatter_and_the_linter(exports):
    folders = [folder for folder, *_ in exports.values()]
    ruff = pathlib.Path(sys.executable).with_name("ruff")
    for command in (["format", "--check", "--isolated"], ["check", "--isolated", "--select", "E,F,I,UP,B", "--quiet"]):
        done = subprocess.run([ruff, *command, *(f / "found_cell.py" for f in folders)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_edges_are_written_out(exports):
    text = (exports["language"][0] / "found_cell.py").read_text()
    lines = [line.strip() for line in text.splitlines()]
    words = RecurrentSpace().parse("NAO-WS").text.split(", ")
    for node, (source, activation) in enumerate(zip(words[0::2], words[1::2], strict=True), start=1):
        assert f"node_{node} = self.node({node}, {source.replace(' ', '_')}, activations.{activation})" in lines
    text = (exports["nao"][0] / "found_cell.py").read_text()
    normal, reduction = published("nao", "NAONet")
    for kind, cell in (("normal", normal), ("reduction", reduction)):
        body = text.split(f"def {kind}_cell")[1].split("\ndef ")[0]
        assert body.count("layers.add(") == len(cell.nodes)
        ends = ", ".join(f"node_{state + 1}" for state in cell.loose_ends)
        assert f"concatenate([{ends}]" in body


def test_main_loads_the_weights_and_shows_the_model(exports):
    for name, layer in PRINTED.items():
        assert layer in (exports[name][0] / "printed.txt").read_text()


@pytest.mark.parametrize("name", ["language", "nao"])
def test_the_keras_file_answers_as_the_model_and_is_trained_further(name, exports):
    assert keras_layers.__all__  # importing it is all that loading needs
    folder, model, inputs, served, _ = exports[name]
    loaded = keras.models.load_model(folder / "model.keras")
    answers = loaded(inputs).numpy()
    answers = answers if name == "language" else np.exp(answers)
    assert np.abs(answers - served).max() <= 1e-5 * np.abs(served).max()
    assert json.loads((folder / ("words.json" if name == "language" else "labels.json")).read_text()) == list(
        VOCABULARY.words if name == "language" else LABELS
    )
    targets = np.roll(inputs, -1, axis=1) if name == "language" else np.array([0, 1, 2, 0])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    loaded.compile(keras.optimizers.Adam(0.1 if name == "language" else 0.01), loss)
    before = [np.asarray(variable) for variable in loaded.trainable_variables]
    losses = loaded.fit(inputs, targets, epochs=6, verbose=0).history["loss"]
    assert losses[-1] < 0.9 * losses[0]
    after = [np.asarray(variable) for variable in loaded.trainable_variables]
    assert all((now != then).any() for now, then in zip(after, before, strict=True))


def test_plain_code_is_trained_further_too(exports):
    plain = plain_language_model(exports["language"][1]).build()
    inputs = exports["language"][2]
    plain.compile(keras.optimizers.Adam(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    losses = plain.fit(inputs, np.roll(inputs, -1, axis=1), epochs=8, verbose=0).history["loss"]
    assert losses[-1] < 0.9 * losses[0]


def test_what_has_no_plain_code_has_a_keras_file_and_a_reason(tmp_path, monkeypatch):
    lstm = LanguageModel(LongShortTermMemory(4), len(VOCABULARY))
    lstm.build()
    assert "hand-made" in export_keras_language_model(lstm, VOCABULARY.words, directory=tmp_path / "lstm")
    residual = Classifier(ResidualNetwork(2, 1), classes=3, image_shape=[8, 8, 3])
    residual.build()
    assert "hand-made" in export_keras_classifier(residual, LABELS, directory=tmp_path / "resnet")

    @dataclasses.dataclass(frozen=True)
    class Doubled(Convolution):
        """A convolution of one's own."""

    monkeypatch.setitem(OPERATIONS, "doubled conv 3x3", Doubled(3, 3))
    nodes = published("nao", "NAONet")[0].nodes
    own = Cell((tuple(dataclasses.replace(branch, operation="doubled conv 3x3") for branch in nodes[0]), *nodes[1:]))
    model = classifier((own, own))
    assert "'doubled conv 3x3' is an operation of one's own" in export_keras_classifier(
        model, LABELS, directory=tmp_path / "own"
    )
    for name in ("lstm", "resnet", "own"):
        left = {path.name for path in (tmp_path / name).iterdir()}
        assert left == {"model.keras", "words.json" if name == "lstm" else "labels.json"}


def test_an_export_leaves_the_random_numbers_of_later_trainings_alone(tmp_path):
    model = language_model()
    random.seed(3)
    expected = random.random()
    random.seed(3)
    export_keras_language_model(model, VOCABULARY.words, directory=tmp_path / "keras")
    assert random.random() == expected
