"""The client examples of docs/serving.md, run on the signatures of an export; there is no TensorFlow Serving here."""

import collections
import itertools
import json
import pathlib
import re
import sys
import textwrap
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from nao_tf.architecture import RecurrentSpace
from nao_tf.child.language.language_model import LanguageModel
from nao_tf.child.language.recurrent_cell import RecurrentCell
from nao_tf.data.vocabulary import Vocabulary
from nao_tf.serving.export_language import export_language_model

SERVING = (pathlib.Path(__file__).parents[2] / "docs" / "serving.md").read_text()
NAMED = {4: "the", 5: "<eos>", 17: "cat", 42: "sat"}  # the ids that the examples speak of
VOCABULARY = Vocabulary(tuple(NAMED.get(word, f"w{word}") for word in range(50)))
REQUESTS = re.findall(r"^    curl -d '(.*)' (http\S*)\n    (\{.*\})$", SERVING, re.MULTILINE)


@pytest.fixture(scope="module")
def signatures(tmp_path_factory):
    """Of a model of 128 units, as the gRPC client expects it."""
    keras.utils.set_random_seed(1)
    model = LanguageModel(RecurrentCell(128), len(VOCABULARY), architecture=RecurrentSpace().published["NAO"])
    model.build()
    folder = tmp_path_factory.mktemp("export") / "child" / "1"
    export_language_model(model, VOCABULARY, directory=folder)
    return tf.saved_model.load(folder).signatures


def specified(tensor):
    """Type and rank, as TensorFlow says it."""
    return tensor.dtype.name, tensor.shape.rank


def test_the_table_is_that_of_the_signatures(signatures):
    rows = re.findall(r"^\| (`.*) \| (`.*) \| (`.*) \|$", SERVING, re.MULTILINE)
    told = {}
    for names, *both in rows:
        sides = [
            {name: (dtype, shape.count(",") + 1) for name, dtype, shape in re.findall(r"`(\w+)` (\w+) \[(.*?)\]", side)}
            for side in both
        ]
        told |= dict.fromkeys(re.findall(r"`(\w+)`", names), sides)
    found = {
        name: [
            {key: specified(tensor) for key, tensor in side.items()}
            for side in (function.structured_input_signature[1], function.structured_outputs)
        ]
        for name, function in signatures.items()
    }
    assert told == found


def answered(signatures, name, inputs):
    """The outputs of a signature for a request's inputs, as arrays."""
    specification = signatures[name].structured_input_signature[1]
    assert set(inputs) == set(specification)
    tensors = {key: tf.constant(value, specification[key].dtype) for key, value in inputs.items()}
    return {key: value.numpy() for key, value in signatures[name](**tensors).items()}


@pytest.mark.parametrize("request_text, address, answer_text", REQUESTS)
def test_rest_examples_are_answered_as_told(request_text, address, answer_text, signatures):
    request, told = json.loads(request_text), json.loads(answer_text)["outputs"]
    found = answered(signatures, request.get("signature_name", "serving_default"), request["inputs"])
    if len(found) == 1:
        told = {next(iter(found)): told}  # TensorFlow Serving leaves out the name of an only output
    assert set(told) == set(found)
    for name, values in found.items():
        example = np.array(told[name])
        assert example.shape == values.shape, name
        if values.dtype == np.float32:
            assert example.dtype == np.float64
            np.testing.assert_array_equal(example == 0, values == 0)  # padding
        else:
            wanted = [text.encode() for text in example.flat] if values.dtype == object else example.flat
            assert list(values.flat) == list(wanted)
    assert address == "http://localhost:8501/v1/models/child:predict"


def test_there_are_rest_examples_of_all_that_takes_no_state():
    names = [json.loads(request).get("signature_name", "score_ids") for request, *_ in REQUESTS]
    assert names == ["score_ids", "score_text", "tokenize", "detokenize"]


def test_the_grpc_client_runs(signatures, monkeypatch, capsys):
    block = re.search(r"^    import grpc\n(?:(?:    .*)?\n)+", SERVING, re.MULTILINE)[0]
    asked = []

    class Service:
        """Answers as the server would, from the messages that it is sent."""

        def __init__(self, channel):
            assert channel == "localhost:8500"

        def Predict(self, request, timeout):
            name = request.model_spec.signature_name
            asked.append(name)
            tensors = {key: tf.constant(tf.make_ndarray(value)) for key, value in request.inputs.items()}
            outputs = signatures[name](**tensors)
            return types.SimpleNamespace(outputs={key: tf.make_tensor_proto(value) for key, value in outputs.items()})

    def message():
        return types.SimpleNamespace(
            model_spec=types.SimpleNamespace(), inputs=collections.defaultdict(tensor_pb2.TensorProto)
        )

    modules = {
        "grpc": types.SimpleNamespace(insecure_channel=lambda address: address),
        "tensorflow_serving": types.ModuleType("tensorflow_serving"),
        "tensorflow_serving.apis": types.SimpleNamespace(
            predict_pb2=types.SimpleNamespace(PredictRequest=message),
            prediction_service_pb2_grpc=types.SimpleNamespace(PredictionServiceStub=Service),
        ),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    exec(compile(textwrap.dedent(block), "docs/serving.md", "exec"), {})  # the page is this repository's own
    assert asked == ["score_text", "tokenize", *itertools.chain(*[("step", "detokenize")] * 10)]
    assert len(capsys.readouterr().out.splitlines()) == 11
