"""The published networks in all structures: against networks of plain Keras layers, and in parameters."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from by_hand import assert_close

from benchmarks import plain_keras
from nao_tf.architecture import ConvolutionalSpace
from nao_tf.architecture.published_cells import PUBLISHED_INTEGERS
from nao_tf.child.images.cell import cells_of
from nao_tf.child.images.cell_network import CellNetwork
from nao_tf.child.images.classifier import Classifier, standardise
from nao_tf.child.images.size import size_of_cells

F, K, N = 4, 7, 1
MEAN, DEVIATION = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)
# An input of each cell is a loose end, and identities are halved: what no published cell has.
ODD = "1 4 1 0 2 4 1 2 1 3 3 4 4 4 4 0 1 1 5 2  0 4 0 1 2 4 0 2 3 4 0 3 4 4 2 0 5 1 0 4"
# The structure, the cells, and whether the images are those of ImageNet.
CASES = {
    "nao, NAONet": ("nao", "NAONet", False),
    "nao_ws, loose inputs": ("nao_ws", ODD, False),
    "nao_pytorch, loose inputs": ("nao_pytorch", ODD, False),
    "nao_pytorch, NAONet-B": ("nao_pytorch", "NAONet-B", False),
    "nao_pytorch, NAONet-A, ImageNet": ("nao_pytorch", "NAONet-A", True),
}
# Trainable parameters and multiply-adds, counted from the authors' integers by a program apart from this package:
# structure, cells, F, classes, N, whether for ImageNet. Published are 144.6 and 11.35 million parameters.
COUNTS = {
    ("nao_pytorch", "NAONet-A", 36, 10, 6, False): (11_470_150, 1_673_814_240),
    ("nao_pytorch", "NAONet-A", 128, 10, 6, False): (144_576_394, 21_133_147_136),
    ("nao_pytorch", "NAONet-A", 128, 100, 6, False): (144_714_724, 21_133_285_376),
    ("nao_pytorch", "NAONet-B", 36, 10, 6, False): (2_921_302, 462_002_400),
    ("nao_pytorch", "NAONet-B", 36, 100, 6, False): (2_960_272, 462_041_280),
    ("nao_pytorch", "NAONet-V2", 36, 10, 6, False): (4_387_654, 684_238_464),
    ("nao_pytorch", "NAONet-A", 42, 1000, 4, True): (11_353_831, 1_243_996_992),
    ("nao_pytorch", "NAONet-V2", 52, 1000, 4, True): (7_026_850, 782_069_184),
}


def integers_of(name):
    """As published."""
    text = PUBLISHED_INTEGERS[name][1] if name in PUBLISHED_INTEGERS else name
    return [int(number) for number in text.split()]


def cells(name):
    """The pair of cells, of the space that has its operations."""
    space = PUBLISHED_INTEGERS[name][0] if name in PUBLISHED_INTEGERS else "enas"
    return cells_of(ConvolutionalSpace(space).parse(" ".join(map(str, integers_of(name)))))


def written_as_kept(name):
    """The integers as the package keeps them: branches in its order, so that weights have one order."""
    space = PUBLISHED_INTEGERS[name][0] if name in PUBLISHED_INTEGERS else "enas"
    return ConvolutionalSpace(space).encode(cells(name))


@pytest.mark.parametrize("case", CASES)
def test_every_structure_computes_what_plain_layers_compute(case):
    structure, name, large = CASES[case]
    size = 224 if large else 32
    keras.utils.set_random_seed(4)
    network = CellNetwork(cells(name), F, layers=3 * N, macro=structure, stem="imagenet" if large else "cifar")
    model = Classifier(network, classes=K, image_shape=[size, size, 3], mean=MEAN, deviation=DEVIATION, auxiliary=True)
    model.build()
    plain_keras.scrambled(model, seed=5)
    weights = plain_keras.weights_of(model)
    plain = plain_keras.network(
        written_as_kept(name),
        structure,
        filters=F,
        cells_between=N,
        classes=K,
        size=size,
        large=large,
        weights=weights,
    )
    assert next(weights, None) is None  # both have the same weights
    images = np.random.default_rng(6).integers(0, 256, [8, size, size, 3]).astype(np.uint8)
    standard = standardise(tf.constant(images), MEAN, deviation=DEVIATION, dtype="float32")
    assert_close(model.logits(images)[0], plain(standard)[0])
    for result, expected in zip(model.logits(images, training=True), plain(standard, training=True), strict=True):
        assert_close(result, expected)  # the auxiliary head too, by the statistics of the batch


@pytest.mark.parametrize("case", COUNTS, ids=str)
def test_parameters_and_multiply_adds_of_published_networks(case):
    structure, name, filters, classes, between, large = case
    size = size_of_cells(
        cells(name),
        [224, 224, 3] if large else [32, 32, 3],
        classes=classes,
        filters=filters,
        layers=3 * between,
        macro=structure,
        stem="imagenet" if large else "cifar",
    )
    assert (size.parameters, size.multiply_adds) == COUNTS[case]


def test_drop_path_of_the_pytorch_program_drops_identities_too():
    network = CellNetwork(cells(ODD), F, layers=3, macro="nao_pytorch", drop_path=0.9, drop_identity=True)
    network.build((None, 8, 8, 3))
    assert all(cell.drop_identity for cell in network.cells)
    copy = CellNetwork.from_config(network.get_config())
    assert copy.get_config() == network.get_config() and copy.drop_identity
