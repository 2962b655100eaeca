"""Batches of pictures in files and of TFDS: order, going on, what is left out and filled up, files that are broken."""

import os

import numpy as np
import pytest
from image_files import classes, draw
from test_imagenet import prepared

from nao_tf.data.image_streams import evaluation_stream, stream_batches, without_filling
from nao_tf.data.imagenet import load_imagenet
from nao_tf.errors import InputError

OPTIONS = {"size": 32, "seed": 3, "smallest": 0.2, "jitter": 0.0}


def batches(part, size, **changes):
    """Steps, images and labels as arrays."""
    made = stream_batches(part, size, **{**OPTIONS, **changes})
    return [(int(step), images.numpy(), labels.numpy()) for step, images, labels in made]


def assert_equal(one, other):
    assert [row[0] for row in one] == [row[0] for row in other]
    for first, second in zip(one, other, strict=True):
        for values, expected in zip(first[1:], second[1:], strict=True):
            np.testing.assert_array_equal(values, expected)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Pictures of several formats and sizes."""
    folder = tmp_path_factory.mktemp("pictures")
    for number, suffix in enumerate(("jpg", "png", "webp", "jpg")):
        classes(folder, count=3, first=3 * number, suffix=suffix, size=40 + 9 * number, width=60)
    return load_imagenet(folder, image_size=32)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return load_imagenet(image_size=32, tfds_dir=prepared(tmp_path_factory.mktemp("tfds")))


@pytest.mark.parametrize("kind", ["files", "shards"])
def test_batches_depend_on_seed_and_step_alone(kind, request):
    train, size = request.getfixturevalue(kind).train, 5
    epoch = len(train) // size
    whole = batches(train, size, steps=2 * epoch + 1)
    assert [row[0] for row in whole] == list(range(2 * epoch + 1))
    assert whole[0][1].shape == (size, 32, 32, 3) and whole[0][1].dtype == np.uint8
    assert_equal(batches(train, size, steps=2 * epoch + 1, first=epoch + 1), whole[epoch + 1 :])  # within an epoch
    others = batches(train, size, steps=2, seed=4, jitter=0.4)
    assert any((one[1] != other[1]).any() for one, other in zip(whole, others, strict=False))
    assert any((one[1] != other[1]).any() for one, other in zip(whole[:epoch], whole[epoch:], strict=False))


def test_an_epoch_has_every_picture_once(shards):
    # of grey pictures of one level a crop is that level, whatever it is
    epoch = batches(shards.train, 9, steps=3)
    levels = np.concatenate([images[:, 0, 0, 0] for _, images, _ in epoch])
    assert sorted(levels.tolist()) == sorted(set(levels.tolist())) and len(levels) == 27
    assert levels.tolist() != sorted(levels.tolist())
    np.testing.assert_array_equal(np.concatenate([labels for *_, labels in epoch]), levels % 2)


def test_evaluation_has_every_picture_once_in_order(files, shards):
    for part, size, count in ((files.test, 3, 4), (shards.test, 4, 7), (shards.test, 50, 7)):
        rows = list(evaluation_stream(part, size, size=32))
        weights = np.concatenate([weights for *_, weights in rows])
        assert {len(row[0]) for row in rows} == {min(size, count)} and weights.sum() == count == len(part)
        images, labels = (np.concatenate(each) for each in zip(*without_filling(iter(rows)), strict=True))
        assert len(images) == count
        if part is files.test:
            np.testing.assert_array_equal(labels, part.labels)
        else:
            levels = images[:, 5, 5, 1]  # TFDS writes them in an order of its own
            assert sorted(levels.tolist()) == list(range(100, 107))
            np.testing.assert_array_equal(labels, levels % 2)


@pytest.mark.parametrize("content, reason", [(b"", "the file is empty"), (b"\xff\xd8\xff rest", "not an image")])
def test_a_broken_file_is_named(content, reason, tmp_path):
    data = load_imagenet(classes(tmp_path, count=10, size=40, suffix="jpg"), image_size=32)
    broken = data.train.paths[4]
    with open(broken, "wb") as file:
        file.write(content)
    with pytest.raises(InputError, match=f"{broken}.*{reason}"):
        batches(data.train, 7, steps=2)  # an epoch, all pictures
    with pytest.raises(InputError, match=f"{broken}.*{reason}"):
        list(evaluation_stream(data.train, 4, size=32))
    draw(tmp_path / "cat", 1, size=40, suffix="jpg")
    with pytest.raises(ValueError, match="batches of 40 images; there are only 14"):
        batches(data.train, 40, steps=1)


def test_names_of_files_that_are_no_text_are_read(tmp_path):
    folder = classes(tmp_path, count=10, size=40)
    path = folder / "cat" / "0.png"
    os.rename(path, os.fsencode(path.parent) + b"/caf\xe9.png")
    data = load_imagenet(folder, image_size=32)
    assert sum(len(images) for images, *_ in evaluation_stream(data.train, 7, size=32)) == 14
