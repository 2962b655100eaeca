"""The task of images: the length of its trainings, the size of published networks, what is no classifier."""

import dataclasses

import numpy as np
import pytest

from nao_tf.data.images import ImageData, Part
from nao_tf.settings import replaced
from nao_tf.tasks.images import ImageTask


@pytest.mark.parametrize(
    ("images", "steps", "patience"),
    [
        (540, (300, 2_500), 1_000),
        (64, (150, 2_500), 1_000),
        (9_000, (300, 5_600), 2_240),
        (45_000, (300, 10_000), None),  # patience of 16 epochs would be longer
    ],
)
def test_lengths_follow_the_number_of_own_images(images, steps, patience):
    part = Part(np.zeros((images, 1, 1, 3), np.uint8), np.arange(images, dtype=np.int32) % 2)
    data = ImageData("images", "here", ("a", "b"), part, part, part)
    settings = ImageTask("images", ImageTask.presets("images", "cpu"), data=data).settings
    assert (settings.score.steps, settings.final.steps, settings.final.patience) == (*steps, patience)
    given = replaced(ImageTask.presets("images", "cpu"), "epochs", value=2)
    final = ImageTask("images", given, data=data).settings.final
    assert (final.steps, final.patience) == (2 * (images // 64), None)  # passes that are given win


@pytest.mark.parametrize(("accuracy", "learnt"), [(0.7, False), (0.74, False), (0.79, True), (0.2, False)])
def test_an_accuracy_of_a_guess_is_no_classifier(accuracy, learnt):
    """Of 400 images 70 % are of one class: a guess is right with a standard error of 2.3 %."""
    labels = np.repeat(np.arange(3), [140, 40, 20]).astype(np.int32)
    part = Part(np.zeros((200, 8, 8, 3), np.uint8), labels)
    data = ImageData("images", "here", ("a", "b", "c"), part, part, part)
    task = ImageTask("images", ImageTask.presets("images", "cpu"), data=data)
    said = task.useless({"validation_accuracy": accuracy + 0.01, "accuracy": accuracy - 0.01})
    assert (said is None) == learnt and (learnt or f"{accuracy:.2%} on validation and test" in said)


# Of published networks: trainable parameters and multiply-adds for 10 classes of 32 pixels,
# counted from the authors' integers by a program apart from this package.
PUBLISHED = {
    "NAONet-A-36": (11_470_150, 1_673_814_240),
    "NAONet-A-128": (144_576_394, 21_133_147_136),
    "NAONet-B": (2_921_302, 462_002_400),
    "NAONet-V2-36": (4_387_654, 684_238_464),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks_have_their_own_structure_and_size(name):
    settings = ImageTask.presets("cifar10", "paper", training=True, architecture=name)
    task = ImageTask("cifar10", settings, data=pictures(10))
    described = task.description(task.parse(name))
    assert (described["parameters"], described["multiply_adds"]) == PUBLISHED[name]
    assert "published_form" not in described
    other = dataclasses.replace(settings, final=dataclasses.replace(settings.final, macro="nao_ws"))
    assert ImageTask("cifar10", other, data=pictures(10)).description(task.parse(name)) != described
    small = ImageTask("cifar100", settings, data=pictures(10, size=8, channels=1))  # stands in for the published data
    form = small.description(small.parse(name))["published_form"]
    assert (form["image_shape"], form["classes"]) == ([32, 32, 3], 100)
    assert form["parameters"] > PUBLISHED[name][0] > small.description(small.parse(name))["parameters"]


def pictures(classes, size=32, channels=3):
    """One black image of each class in every part."""
    part = Part(np.zeros([classes, size, size, channels], np.uint8), np.arange(classes, dtype=np.int32))
    return ImageData("images", "here", tuple(map(str, range(classes))), part, part, part)
