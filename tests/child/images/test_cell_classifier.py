import keras
import numpy as np
import pytest
import tensorflow as tf
from nao_tf.child.images.cell_classifier import ImageClassifier, reductions

from nao_tf.architecture import ConvolutionalSpace

NAO = ConvolutionalSpace("nao")


def nodes(space, name):
    return [
        [[[branch.source, branch.operation] for branch in node] for node in cell.nodes]
        for cell in space.cells_of(space.parse(name).values)
    ]


def classifier(space=NAO, name="NAONet", filters=4, layers=3, macro="nao", classes=10, size=32, **options):
    return ImageClassifier(nodes(space, name), classes, filters, layers, [size, size, 3], macro, **options)


def test_reduction_cells_stand_before_the_second_and_third_part():
    assert [index for index, reduction in enumerate(reductions(18)) if reduction] == [6, 13]
    assert [index for index, reduction in enumerate(reductions(15)) if reduction] == [5, 11]
    assert [index for index, reduction in enumerate(reductions(6)) if reduction] == [2, 5]


@pytest.mark.parametrize("size, channels", [(32, 3), (28, 1), (8, 1), (9, 3)])
def test_images_of_any_size_give_log_probabilities(size, channels):
    model = ImageClassifier(nodes(NAO, "NAONet"), 7, 4, 3, [size, size, channels], auxiliary=True)
    model.build()
    images = np.random.default_rng(0).integers(0, 256, [5, size, size, channels]).astype(np.uint8)
    found = model(images)
    assert found.shape == (5, 7)
    np.testing.assert_allclose(tf.reduce_sum(tf.exp(found), -1), 1, rtol=1e-5)
    logits, auxiliary = model.logits(images, training=True, seed=tf.constant([0, 1]))
    assert logits.shape == auxiliary.shape == (5, 7)


def test_statistics_are_those_of_the_batch_only_in_training():
    model = classifier()
    model.build()
    images = np.random.default_rng(0).integers(0, 256, [6, 32, 32, 3])
    before = [np.asarray(variable) for variable in model.non_trainable_variables]
    whole, parts = model(images), [model(images[at : at + 2]) for at in (0, 2, 4)]
    np.testing.assert_allclose(whole, tf.concat(parts, 0), rtol=1e-4, atol=1e-5)
    for variable, value in zip(model.non_trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    model(images, training=True)
    assert any((np.asarray(a) != b).any() for a, b in zip(model.non_trainable_variables, before, strict=True))


def test_random_numbers_come_from_the_seed_and_drop_path_grows():
    model = classifier(drop_path=0.5, dropout=0.3, cutout=8)
    model.build()
    images = np.random.default_rng(0).integers(0, 256, [4, 32, 32, 3])

    def logits(seed, progress=1.0):
        return model.logits(images, seed=None if seed is None else tf.constant([0, seed]), progress=progress)[0]

    np.testing.assert_array_equal(logits(1), logits(1))
    assert np.abs(logits(1) - logits(2)).max() > 1e-4
    bare = classifier(drop_path=0.5)
    bare.build()
    np.testing.assert_allclose(
        bare.logits(images, seed=tf.constant([0, 1]), progress=0.0)[0], bare.logits(images)[0], rtol=1e-5, atol=1e-6
    )


def test_mixed_precision_keeps_weights_and_probabilities_wide():
    model = classifier(dtype=keras.DTypePolicy("mixed_bfloat16"))
    model.build()
    assert {variable.dtype for variable in model.variables} == {"float32"}
    images = np.random.default_rng(0).integers(0, 256, [4, 32, 32, 3])
    logits, _ = model.logits(images)
    assert logits.dtype == tf.bfloat16 and model(images).dtype == tf.float32


def test_unknown_structures_are_named():
    with pytest.raises(ValueError, match="known are nao, nao_ws"):
        classifier(macro="resnet").build()
