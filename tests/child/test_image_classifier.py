import keras
import numpy as np
import pytest
import tensorflow as tf

from nao_tf.architecture import ConvolutionalSpace
from nao_tf.child.image_classifier import ImageClassifier, abstract_parameters, reductions

NAO, ENAS, ALL = (ConvolutionalSpace(name) for name in ("nao", "enas", "nao19"))


def nodes(space, name):
    return [
        [[[branch.source, branch.operation] for branch in node] for node in cell.nodes]
        for cell in space.cells_of(space.parse(name).values)
    ]


def classifier(space=NAO, name="NAONet", filters=4, layers=3, macro="nao", classes=10, size=32, **options):
    return ImageClassifier(nodes(space, name), classes, filters, layers, [size, size, 3], macro, **options)


# Trainable parameters as published, and others computed by hand from the published structure.
COUNTS = {
    "NAONet, N=6, F=36": (dict(filters=36, layers=18), 11_470_150),
    "NAONet, N=6, F=64": (dict(filters=64, layers=18), 36_186_058),
    "NAONet, N=6, F=128": (dict(filters=128, layers=18), 144_576_394),
    "NAONet, N=6, F=128, auxiliary head": (
        dict(filters=128, layers=18, auxiliary=True),
        144_576_394 + 599_306,
    ),
    "NAONet, N=3, F=32, its search size": (dict(filters=32, layers=9), 4_922_602),
    "NAO-WS, 15 layers, F=36": (dict(space=ENAS, name="NAO-WS", filters=36, layers=15, macro="nao_ws"), 2_466_252),
}


@pytest.mark.parametrize("case", COUNTS)
def test_trainable_parameters_are_the_published_ones(case):
    options, expected = COUNTS[case]
    assert abstract_parameters(lambda: classifier(**options)) == expected


@pytest.mark.parametrize(
    "space, name, macro", [(NAO, "NAONet", "nao"), (ENAS, "NAO-WS", "nao_ws"), (ALL, "AmoebaNet-B", "nao")]
)
def test_weights_that_are_made_count_as_the_abstract_ones(space, name, macro):
    def make():
        return classifier(space, name, macro=macro, auxiliary=True)

    model = make()
    model.build()
    made = sum(np.asarray(variable).size for variable in model.trainable_variables)
    assert made == abstract_parameters(make)


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
