import math

import numpy as np
import pytest
import tensorflow as tf
from nao_tf.child.images.cell_classifier import AuxiliaryHead, ImageClassifier

from nao_tf.architecture import ConvolutionalSpace
from nao_tf.child.images.operations import ConvolutionStep, FactorisedReduction
from nao_tf.child.images.size import size_of

# Trainable parameters as published, and others computed by hand from the published structure:
# space, name, filters, layers, structure.
COUNTS = {
    ("nao", "NAONet", 36, 18, "nao"): 11_470_150,
    ("nao", "NAONet", 64, 18, "nao"): 36_186_058,
    ("nao", "NAONet", 128, 18, "nao"): 144_576_394,
    ("nao", "NAONet", 32, 9, "nao"): 4_922_602,  # its size in the search
    ("enas", "NAO-WS", 36, 15, "nao_ws"): 2_466_252,
}


@pytest.mark.parametrize("case", COUNTS, ids=str)
def test_published_parameters(case):
    space, name, filters, layers, macro = case
    space = ConvolutionalSpace(space)
    cells = space.cells_of(space.published[name])
    assert size_of(cells, 10, filters, layers, [32, 32, 3], macro).parameters == COUNTS[case]


def test_parameters_of_the_auxiliary_head():
    # of NAONet, 128 filters, which has three loose ends: 1,536 channels of 8 x 8 pixels; by hand from its structure
    head = AuxiliaryHead(10)
    head.build((None, 8, 8, 1536))
    pointwise, whole = 1536 * 128 + 2 * 128, 2 * 2 * 128 * 768 + 2 * 768
    assert sum(math.prod(weight.shape) for weight in head.trainable_weights) == pointwise + whole + 768 * 10 + 10
    assert pointwise + whole + 7690 == 599_306


@pytest.mark.parametrize(
    "space, macro, size", [("nao", "nao", 8), ("enas", "nao_ws", 9), ("nao19", "nao", 9), ("nao_v2", "nao_ws", 8)]
)
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
