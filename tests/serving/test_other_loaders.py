"""Exports in programs that know neither this package nor Keras: the C API of TensorFlow, OpenVINO, TensorFlow Lite.

`saved_model_cli` is in `test_export_language`. OpenVINO runs where it is installed: in this Python, or in that of the
environment variable OPENVINO_PYTHON.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from rounding import assign_rounded
from tensorflow.core.protobuf import saved_model_pb2

from nao_tf.architecture import RecurrentSpace
from nao_tf.child.images.classifier import Classifier
from nao_tf.child.images.residual_network import ResidualNetwork
from nao_tf.child.language.language_model import LanguageModel
from nao_tf.child.language.recurrent_cell import RecurrentCell
from nao_tf.data.vocabulary import Vocabulary
from nao_tf.serving.export_classifier import export_classifier
from nao_tf.serving.export_language import export_language_model
from nao_tf.serving.stored_weights import FORMATS

VOCABULARY = Vocabulary(("<eos>", "<unk>", *"abcdefghijk"))
ROWS = np.random.default_rng(1).integers(len(VOCABULARY), size=[3, 50]).astype(np.int32)
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@pytest.fixture(scope="module", params=FORMATS)
def exported(tmp_path_factory, request):
    """The folder of an export, and the log probabilities that Keras finds for ROWS, `[3, 49]`."""
    keras.utils.set_random_seed(3)
    model = LanguageModel(RecurrentCell(7), len(VOCABULARY), architecture=RecurrentSpace().published["ENAS"], scale=0.9)
    model.build()
    model.bias.assign(np.random.default_rng(0).normal(size=len(VOCABULARY)))
    folder = tmp_path_factory.mktemp("export") / "child" / "1"
    export_language_model(model, VOCABULARY, directory=folder, weights=request.param)
    assign_rounded(model, request.param)
    table = model(ROWS).numpy()
    return folder, np.take_along_axis(table[:, :-1], ROWS[:, 1:, None], -1)[..., 0]


def test_c_api_of_tensorflow(exported, tmp_path):
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    folder, expected = exported
    package = pathlib.Path(tf.__file__).parent
    program, source = tmp_path / "score", pathlib.Path(__file__).with_name("score.c")
    libraries = [path for path in package.glob("libtensorflow_*.so.2")]
    build = [compiler, source, "-o", program, f"-I{package / 'include'}", *libraries, f"-Wl,-rpath,{package}"]
    built = subprocess.run(build, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    content = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    signature = content.meta_graphs[0].signature_def["score_ids"]
    output, index = signature.outputs["log_probabilities"].name.split(":")
    operations = [signature.inputs["tokens"].name.split(":")[0], output, index]
    done = subprocess.run(
        [program, folder, *operations, *map(str, ROWS[0])], capture_output=True, text=True, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stderr[-3000:]
    np.testing.assert_allclose([float(line) for line in done.stdout.split()], expected[0], rtol=1e-5, atol=1e-5)


# One process a model: a second conversion in a process may end it. Where a processor computes with 16 bits, OpenVINO
# does so by default (differences of 1e-3 here).
OPENVINO = """
import json, sys
import numpy, openvino
model = openvino.Core().compile_model(
    openvino.convert_model(sys.argv[1]), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
)
answer = model({"tokens": numpy.array(json.load(sys.stdin), numpy.int32)})
print(json.dumps({name: value.tolist() for output, value in answer.items() for name in output.get_names()}))
"""


def test_openvino(exported):
    python = os.environ.get("OPENVINO_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import openvino"], capture_output=True, env=ENVIRONMENT).returncode:
        pytest.skip(f"{python} has no openvino")
    folder, expected = exported
    done = subprocess.run(
        [python, "-c", OPENVINO, folder],
        input=json.dumps(ROWS.tolist()),
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answer = json.loads(done.stdout.splitlines()[-1])
    np.testing.assert_allclose(answer["log_probabilities"], expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(answer["perplexity"], np.exp(-expected.mean(1)), rtol=1e-5)


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
def test_tensorflow_lite_converts_a_classifier(tmp_path):
    keras.utils.set_random_seed(1)
    model = Classifier(ResidualNetwork(2, 1), classes=3, image_shape=[8, 8, 3])
    model.build()
    export_classifier(model, ("cat", "dog", "eel"), directory=tmp_path / "1")
    images = np.random.default_rng(0).integers(0, 256, [2, 8, 8, 3]).astype(np.uint8)
    expected = tf.exp(model(images)).numpy()
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "1"), signature_keys=["serving_default"])
    run = tf.lite.Interpreter(model_content=converter.convert()).get_signature_runner()
    for image, probabilities in zip(images, expected, strict=True):
        np.testing.assert_allclose(run(images=image[np.newaxis])["probabilities"][0], probabilities, rtol=1e-4)
