"""An exported image classifier as `nao_eval` uses it: classes, their names, accuracy, images that do not fit."""

import dataclasses

import keras
import numpy as np
import pytest

from nao_tf.child.images.classifier import Classifier
from nao_tf.child.images.residual_network import ResidualNetwork
from nao_tf.data.images import ImageData, Part
from nao_tf.errors import InputError
from nao_tf.serving.export_classifier import export_classifier
from nao_tf.serving.exported_classifier import BATCH, ExportedClassifier, evaluate_images
from nao_tf.serving.exported_language import ExportedLanguageModel

NAMES = ("cat", "dog", "Bär")
GENERATOR = np.random.default_rng(0)


def part(count, size=8):
    images = GENERATOR.integers(0, 256, [count, size, size, 1]).astype(np.uint8)
    return Part(images, GENERATOR.integers(0, 3, count).astype(np.int32))


DATA = ImageData(name="images", source="here", class_names=NAMES, train=part(3), valid=part(3), test=part(BATCH + 3))


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(2)
    model = Classifier(ResidualNetwork(2, 1), classes=3, image_shape=[8, 8, 1])
    model.build()
    return model


@pytest.fixture(scope="module")
def directory(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "child"
    export_classifier(model, NAMES, directory=folder / "1")
    return folder


@pytest.fixture(scope="module")
def exported(directory):
    return ExportedClassifier(directory)


def test_shape_of_images_and_names_of_classes(exported, directory):
    assert (exported.image_shape, exported.class_names) == ((8, 8, 1), NAMES)
    assert exported.directory == directory / "1"


def test_figures_are_those_of_the_model(model, exported):
    figures = evaluate_images(exported, DATA)
    likelihoods = np.concatenate([model(DATA.test.images[:BATCH]), model(DATA.test.images[BATCH:])])  # [N, K]
    labels = DATA.test.labels
    assert figures["images"] == BATCH + 3 and figures["source"] == "here"
    assert figures["accuracy"] == pytest.approx(np.mean(likelihoods.argmax(1) == labels))
    assert figures["loss"] == pytest.approx(
        -np.mean([row[label] for row, label in zip(likelihoods, labels, strict=True)])
    )


def test_images_and_classes_that_do_not_fit(exported, directory):
    larger = dataclasses.replace(DATA, train=part(3, 9), test=part(3, 9))
    with pytest.raises(InputError, match="1: takes images of 8 x 8 x 1; those of here are 9 x 9 x 1"):
        evaluate_images(exported, larger)
    others = dataclasses.replace(DATA, class_names=("a", "b", "c", "d", "e", "f"))
    with pytest.raises(InputError, match=r"knows the classes cat, dog, Bär \(3\); here has a, b, c, d, e, … \(6\)"):
        evaluate_images(exported, others)
    with pytest.raises(InputError, match="an exported image classifier, and no language model; give a language model"):
        ExportedLanguageModel(directory)
