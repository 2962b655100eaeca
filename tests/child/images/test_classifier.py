"""The classifier around each of its networks."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from nao_tf.architecture import ConvolutionalSpace
from nao_tf.child.images.cell import cells_of
from nao_tf.child.images.cell_network import CellNetwork
from nao_tf.child.images.classifier import Classifier, standardise
from nao_tf.child.images.residual_network import ResidualNetwork
from nao_tf.child.images.shared_network import SharedNetwork

NAO = ConvolutionalSpace("nao")
NAONET = NAO.parse("NAONet")
MACHINE = np.random.default_rng(0)
# Each network, and what its classifier is called with beside images.
NETWORKS = {
    "cells": (functools.partial(CellNetwork, cells_of(NAONET), 4, layers=3), {}),
    "residual": (functools.partial(ResidualNetwork, 3, 1), {}),
    "shared": (
        functools.partial(SharedNetwork, NAO.operations, 4, layers=1, first=5),
        {"architecture": tf.constant(NAONET.values)},
    ),
}


def images(size=16, channels=3, count=4):
    """Of 0 to 255."""
    return MACHINE.integers(0, 256, [count, size, size, channels]).astype(np.uint8)


def built(network="cells", *, classes=10, size=16, channels=3, dtype=None, **options):
    """A classifier with its weights."""
    make, _ = NETWORKS[network]
    model = Classifier(make(dtype=dtype), classes=classes, image_shape=[size, size, channels], **options)
    model.build()
    return model


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("size, channels", [(28, 1), (8, 1), (9, 3)])
def test_images_of_any_size_give_log_probabilities(network, size, channels):
    auxiliary = network != "residual"
    model = built(network, classes=7, size=size, channels=channels, auxiliary=auxiliary)
    result = model(images(size, channels), **NETWORKS[network][1])
    assert result.shape == (4, 7)
    np.testing.assert_allclose(tf.reduce_sum(tf.exp(result), -1), 1, rtol=1e-5)
    logits, of_head = model.logits(
        images(size, channels), training=True, seed=tf.constant([0, 1]), **NETWORKS[network][1]
    )
    assert logits.shape == (4, 7)
    assert (of_head.shape == (4, 7)) if auxiliary else of_head is None
    assert model.logits(images(size, channels), **NETWORKS[network][1])[1] is None


def test_a_residual_network_refuses_an_auxiliary_head():
    with pytest.raises(ValueError, match="a residual network has no auxiliary head"):
        built("residual", auxiliary=True)


def test_images_become_numbers_around_the_mean():
    standard = standardise(tf.constant([[[[0, 255]]]], tf.uint8), [0.5, 0.2], deviation=[0.25, 0.4], dtype="float32")
    np.testing.assert_allclose(standard, [[[[-2, 2]]]], rtol=1e-6)


@pytest.mark.parametrize("network", ["cells", "residual"])
def test_statistics_are_those_of_the_batch_only_in_training(network):
    model, given = built(network), images(count=6)
    before = [np.asarray(variable) for variable in model.non_trainable_variables]
    whole, parts = model(given), [model(given[at : at + 2]) for at in (0, 2, 4)]
    np.testing.assert_allclose(whole, tf.concat(parts, 0), rtol=1e-4, atol=1e-5)
    for variable, value in zip(model.non_trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    model(given, training=True)
    assert all((np.asarray(a) != b).any() for a, b in zip(model.non_trainable_variables, before, strict=True))


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("dropped", [{"dropout": 0.3}, {"cutout": 8}])
def test_random_numbers_come_from_the_seed(network, dropped):
    model, given = built(network, **dropped), images()

    def logits(seed):
        numbers = None if seed is None else tf.constant([0, seed])
        return model.logits(given, seed=numbers, **NETWORKS[network][1])[0].numpy()

    np.testing.assert_array_equal(logits(1), logits(1))
    assert np.abs(logits(1) - logits(2)).max() > 1e-4
    assert np.abs(logits(1) - logits(None)).max() > 1e-4


@pytest.mark.parametrize("network", NETWORKS)
def test_mixed_precision_keeps_weights_and_probabilities_wide(network):
    model = built(network, dtype=keras.DTypePolicy("mixed_bfloat16"))
    assert {variable.dtype for variable in model.variables} == {"float32"}
    given = images()
    logits, _ = model.logits(given, **NETWORKS[network][1])
    assert logits.dtype == tf.bfloat16
    assert model(given, **NETWORKS[network][1]).dtype == tf.float32


@pytest.mark.parametrize("network", ["cells", "shared"])
def test_a_classifier_from_a_configuration_has_the_auxiliary_head_too(network):
    model, given = built(network, auxiliary=True), images()
    twin = Classifier.from_config(model.get_config())
    twin.build()
    twin.set_weights(model.get_weights())
    options = {"training": True, **NETWORKS[network][1]}
    for one, other in zip(twin.logits(given, **options), model.logits(given, **options), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_rows_that_a_trainer_took_are_those_of_the_tables(precision):
    model, given = built("shared", dtype=keras.DTypePolicy(precision)), images()
    architecture = NETWORKS["shared"][1]["architecture"]
    rows = model.network.rows(architecture)
    chosen = [tf.gather(table.value, row) for table, row in zip(model.network.tables, rows, strict=True)]
    result, _ = model.logits(given, architecture=architecture, training=True, chosen=chosen)
    np.testing.assert_array_equal(result, model.logits(given, architecture=architecture)[0])


def test_a_network_refuses_what_it_does_not_take():
    with pytest.raises(TypeError, match="architecture"):
        built("residual").logits(images(), architecture=tf.constant(NAONET.values))
