"""Classifiers of every structure around the cells, answered by the C++ session that model servers use."""

import io
import json
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2
from test_checked_inputs import PROGRAM, decoded, encoded, place

from nao_tf.architecture import ConvolutionalSpace
from nao_tf.child.images.cell import cells_of
from nao_tf.child.images.cell_network import CellNetwork
from nao_tf.child.images.classifier import Classifier
from nao_tf.data.image_crops import centre_image
from nao_tf.data.imagenet import CENTRE
from nao_tf.serving.export_classifier import export_classifier

NAMES = ("cat", "dog", "eel")
# The structure, the space and name of the cells, the stem, and the height and width of an image.
CASES = [
    ("nao", "nao", "NAONet", "cifar", 8),
    ("nao_ws", "enas", "NAO-WS", "cifar", 8),
    ("nao_pytorch", "enas", "NAONet-V2", "cifar", 8),
    ("nao_pytorch", "nao", "NAONet-A", "imagenet", 32),
]


def answers(directory, signature, inputs):
    """The probabilities that a session without TensorFlow's Python computes."""
    content = saved_model_pb2.SavedModel.FromString((directory / "saved_model.pb").read_bytes())
    told = content.meta_graphs[0].signature_def[signature]
    output = told.outputs["probabilities"]
    places = [[*place(told.inputs[name].name), *encoded(values)] for name, values in inputs.items()]
    (library,) = pathlib.Path(tf.__file__).parent.glob("libtensorflow_cc.so.*")
    request = json.dumps({"inputs": places, "output": place(output.name)})
    done = subprocess.run([sys.executable, PROGRAM, library, directory], input=request, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    answer = json.loads(done.stdout)
    assert "error" not in answer, answer
    return decoded(answer, tf.dtypes.as_dtype(output.dtype))


@pytest.mark.parametrize("macro, space, name, stem, size", CASES)
def test_the_export_of_every_structure_answers_as_the_model(macro, space, name, stem, size, tmp_path):
    keras.utils.set_random_seed(1)
    network = CellNetwork(cells_of(ConvolutionalSpace(space).parse(name)), 2, layers=1, macro=macro, stem=stem)
    model = Classifier(network, classes=3, image_shape=[size, size, 3], auxiliary=True)
    model.build()
    large = stem == "imagenet"
    export_classifier(model, NAMES, directory=tmp_path / "1", centre=CENTRE if large else None)
    images = np.random.default_rng(0).integers(0, 256, [3, size, size, 3]).astype(np.uint8)
    expected = tf.exp(model(images))
    np.testing.assert_allclose(answers(tmp_path / "1", "classify", {"images": images}), expected, rtol=1e-4, atol=1e-6)
    if large:  # the bytes of a file are cut as the pictures are that the model is measured on
        file = io.BytesIO()
        Image.fromarray(np.kron(images[0], np.ones([2, 3, 1], np.uint8))).save(file, "JPEG", quality=95)
        content = np.array([file.getvalue()], object)
        middle = centre_image(tf.constant(file.getvalue()), size=size)
        by_bytes = answers(tmp_path / "1", "classify_bytes", {"image_bytes": content})
        np.testing.assert_allclose(by_bytes, tf.exp(model(middle[None])), rtol=1e-4, atol=1e-6)
