import math

import numpy as np
import pytest
import tensorflow as tf

from nao_tf.architecture import ConvolutionalSpace
from nao_tf.child.cnn_operations import ConvolutionStep, FactorisedReduction
from nao_tf.child.cnn_size import size_of
from nao_tf.child.image_classifier import ImageClassifier

NAONET = ConvolutionalSpace("nao").cells_of(ConvolutionalSpace("nao").published["NAONet"])
WS = ConvolutionalSpace("enas").cells_of(ConvolutionalSpace("enas").published["NAO-WS"])


def test_published_parameters():
    assert size_of(NAONET, 10, 36, 18, [32, 32, 3], "nao").parameters == 11_470_150
    assert size_of(NAONET, 10, 128, 18, [32, 32, 3], "nao").parameters == 144_576_394
    assert size_of(NAONET, 10, 32, 9, [32, 32, 3], "nao").parameters == 4_922_602
    assert size_of(WS, 10, 36, 15, [32, 32, 3], "nao_ws").parameters == 2_466_252


@pytest.mark.parametrize("space, macro, size", [("nao", "nao", 8), ("enas", "nao_ws", 9)])
def test_it_is_the_size_of_the_model_that_is_built(space, macro, size, monkeypatch):
    space = ConvolutionalSpace(space)
    places = {}

    def watched(layer_class):
        call = layer_class.call

        def recording(layer, values, training=False):
            outputs = call(layer, values, training=training)
            places[id(layer)] = (layer, outputs.shape[1] * outputs.shape[2])
            return outputs

        monkeypatch.setattr(layer_class, "call", recording)

    watched(ConvolutionStep)
    watched(FactorisedReduction)
    cells = space.cells_of(space.sample(np.random.default_rng(0)).values)
    nodes = [[[[branch.source, branch.operation] for branch in node] for node in cell.nodes] for cell in cells]
    model = ImageClassifier(nodes, 3, 4, 2, [size, size, 1], macro)
    model.build()
    model(tf.zeros([1, size, size, 1]))
    found = size_of(cells, 3, 4, 2, [size, size, 1], macro)
    assert found.parameters == sum(math.prod(weight.shape) for weight in model.trainable_weights)
    total = math.prod(model.dense.kernel.shape)
    for layer, pixels in places.values():
        total += pixels * sum(math.prod(weight.shape) for weight in layer.trainable_weights if len(weight.shape) == 4)
    assert found.multiply_adds == total
