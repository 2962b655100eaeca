"""Sizes by arithmetic, against published figures and against the networks that are built."""

import functools
import math

import numpy as np
import pytest
import tensorflow as tf

from nao_tf.architecture import ConvolutionalSpace
from nao_tf.child.images.cell import cells_of
from nao_tf.child.images.cell_network import CellNetwork
from nao_tf.child.images.classifier import Classifier
from nao_tf.child.images.layers import OperationLayer
from nao_tf.child.images.residual_network import ResidualNetwork
from nao_tf.child.images.shared_cell import row_width
from nao_tf.child.images.shared_network import SharedNetwork
from nao_tf.child.images.size import size_of_cells, size_of_shared_cells

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
    cells = cells_of(ConvolutionalSpace(space).parse(name))
    size = size_of_cells(cells, [32, 32, 3], classes=10, filters=filters, layers=layers, macro=macro)
    assert size.parameters == COUNTS[case]


def _sampled(space):
    return cells_of(ConvolutionalSpace(space).sample(np.random.default_rng(0)))


@pytest.mark.parametrize("size", [8, 9])
@pytest.mark.parametrize(
    "network",
    [
        functools.partial(CellNetwork, _sampled("nao"), 4, layers=2, macro="nao"),
        functools.partial(CellNetwork, _sampled("enas"), 4, layers=2, macro="nao_ws"),
        functools.partial(CellNetwork, _sampled("nao19"), 4, layers=3, macro="nao"),
        functools.partial(CellNetwork, _sampled("nao_v2"), 4, layers=2, macro="nao_ws"),
        functools.partial(CellNetwork, _sampled("nao_v2"), 4, layers=2, macro="nao_pytorch"),
        functools.partial(CellNetwork, _sampled("enas"), 5, layers=1, macro="nao_ws", stem="imagenet"),
        functools.partial(ResidualNetwork, 5, 2),
    ],
)
def test_it_is_the_size_of_the_model_that_is_built(network, size, monkeypatch):
    outputs, call = {}, OperationLayer.call

    def recording(layer, values, training=False):
        output = call(layer, values, training=training)
        outputs[id(layer)] = (layer, output.shape[1] * output.shape[2])
        return output

    monkeypatch.setattr(OperationLayer, "call", recording)
    model = Classifier(network(), classes=3, image_shape=[size, size, 1])
    model.build()
    model(tf.zeros([1, size, size, 1]))
    assert model.size().parameters == sum(math.prod(weight.shape) for weight in model.trainable_weights)
    total = math.prod(model.dense.kernel.shape)
    for layer, pixels in outputs.values():
        total += pixels * sum(math.prod(weight.shape) for weight in layer.trainable_weights if len(weight.shape) == 4)
    assert model.size().multiply_adds == total


@pytest.mark.parametrize("name", ["enas", "nao", "nao_v2"])
def test_what_an_architecture_uses_of_a_shared_network(name):
    space = ConvolutionalSpace(name)
    network = SharedNetwork(space.operations, 4, layers=2, first=space.numbering.first_searched)
    model = Classifier(network, classes=3, image_shape=[9, 9, 1], auxiliary=True)
    model.build()
    tables = {id(table) for table in network.tables}
    in_head = {id(weight) for weight in model.head.trainable_weights}
    common = [weight for weight in model.trainable_weights if id(weight) not in tables | in_head]
    for seed in range(3):
        architecture = space.sample(np.random.default_rng(seed))
        expected = sum(math.prod(weight.shape) for weight in common)
        for cell in network.cells:
            half = cells_of(architecture)[int(cell.reduction)]
            branches = [branch for node in half.nodes for branch in node]
            chosen = [cell._choices[space.operations.index(branch.operation)] for branch in branches]
            expected += sum(row_width(operation, cell.filters) for operation in chosen)
            expected -= len({branch.source for branch in branches}) * cell.filters**2  # no kernel for what is read
        assert model.size(architecture=architecture).parameters == expected


def test_multiply_adds_of_a_shared_network_by_hand():
    # every branch is an identity of the newer input: stem, preparations, mixing and last layer are all that counts
    space = ConvolutionalSpace("enas")
    cells = cells_of(space.architecture([1, space.operations.index("identity")] * 20))
    size = size_of_shared_cells(cells, [8, 8, 3], classes=10, filters=2, layers=1)
    stem = 64 * 9 * 3 * 6
    # both inputs prepared, then a kernel for each of six loose ends: the older input and all five nodes
    first = 16 * (6 * 4 + 6 * 4 + 6 * 4 * 4)  # a reduction to 4 x 4 pixels, 4 filters
    second = (16 * 6 * 8 + 4 * 8 * 8) + 4 * (4 * 8 + 6 * 8 * 8)  # a reduction to 2 x 2; the stem is halved twice
    third = 4 * (4 * 8 + 8 * 8 + 6 * 8 * 8)
    assert size.multiply_adds == stem + first + second + third + 8 * 10
