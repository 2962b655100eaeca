"""What an exported classifier is measured on."""

import os
import pickle

import numpy as np
import pytest
from image_files import classes, draw

from nao_tf.data.evaluation_images import ALL, TEST, load_evaluation_images
from nao_tf.data.images import load_images
from nao_tf.errors import InputError

NAMES = ("cat", "dog", "emu")


def evaluated(folder, names=NAMES, trained_on="another", task="images"):
    return load_evaluation_images(task, folder, class_names=names, image_size=8, trained_on=trained_on)


def test_all_of_an_unseen_folder_and_the_test_of_the_known_one(tmp_path):
    classes(tmp_path, NAMES)
    trained = load_images("images", tmp_path, image_size=8)
    unseen = evaluated(tmp_path)
    assert unseen.part == ALL and len(unseen.data.test) == 15 and unseen.data.class_names == NAMES
    for known in (trained.fingerprint(), None):
        seen = evaluated(tmp_path, trained_on=known)
        assert seen.part == TEST
        np.testing.assert_array_equal(seen.data.test.images, trained.test.images)
        assert any("does not say what it was trained on" in note for note in seen.data.notes) == (known is None)
    draw(tmp_path / "dog", 1, first=50)
    assert evaluated(tmp_path, trained_on=trained.fingerprint()).part == ALL


def test_the_test_of_a_folder_with_parts(tmp_path):
    for seed, part in enumerate(("Train", "Testing")):
        classes(tmp_path / part, NAMES, seed=seed)
    found = evaluated(tmp_path)
    assert (found.part, len(found.data.test)) == (TEST, 15)
    classes(tmp_path / "only" / "test", ("dog",), count=2)
    found = evaluated(tmp_path / "only")
    assert (found.part, found.data.test.labels.tolist()) == (TEST, [1, 1])
    classes(tmp_path / "two" / "train", NAMES)
    classes(tmp_path / "two" / "val", NAMES, seed=1)
    found = evaluated(tmp_path / "two")
    assert (found.part, len(found.data.test)) == (TEST, 3)


def test_labels_are_in_the_order_of_the_model(tmp_path):
    classes(tmp_path, ("cat", "emu"), count=1)
    found = evaluated(tmp_path, ("emu", "dog", "cat"))
    assert found.data.test.labels.tolist() == [0, 2] and found.part == ALL
    assert "no pictures of dog, which the model knows" in found.data.notes


@pytest.mark.parametrize(
    ("extra", "match"),
    [("fox", "pictures of fox; the model knows the classes cat, dog, emu"), ("Cat", "pictures of Cat; the model")],
)
def test_unknown_classes_are_named(tmp_path, extra, match):
    classes(tmp_path, (*NAMES, extra))
    with pytest.raises(InputError, match=match):
        evaluated(tmp_path)


def test_nothing_to_measure(tmp_path):
    with pytest.raises(InputError, match="no pictures in folders of classes; give a folder for each class, of cat"):
        evaluated(tmp_path)
    draw(tmp_path, 2)
    with pytest.raises(InputError, match="no pictures in folders of classes"):
        evaluated(tmp_path)
    (tmp_path / "empty").mkdir()
    os.symlink("nowhere", tmp_path / "empty" / "x.png")
    with pytest.raises(InputError, match="no pictures in folders of classes"):
        evaluated(tmp_path)


def cifar(folder, names):
    folder.mkdir()
    content = {"data": np.zeros([20, 3072], np.uint8), "labels": [number % 10 for number in range(20)]}
    for name in ("data_batch_1", "test_batch"):
        (folder / name).write_bytes(pickle.dumps(content))
    if names:
        (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": names}))
    return folder


def test_published_files_by_name_or_by_number(tmp_path):
    names = tuple(f"kind{number}" for number in range(10))
    given = cifar(tmp_path / "given", names)
    assert evaluated(given, names, task="cifar10").data.test.labels.tolist() == [*range(10)] * 2
    assert evaluated(given, names[::-1], task="cifar10").data.test.labels.tolist() == [*range(9, -1, -1)] * 2
    nameless = evaluated(cifar(tmp_path / "nameless", None), names, task="cifar10")
    assert nameless.data.class_names == names and any("compared by number" in note for note in nameless.data.notes)
    assert evaluated(given, NAMES, task="cifar10").data.class_names == names  # refused where it is measured
