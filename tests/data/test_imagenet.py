"""Pictures that stay in their files: which part each is in, and what names a data set."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf
from image_files import classes, draw

from nao_tf.data import image_folder
from nao_tf.data.imagenet import DEVIATION, MEAN, StreamedImages, from_folder, load_imagenet, require_pictures
from nao_tf.errors import InputError

tfds = pytest.importorskip("tensorflow_datasets")


def found(folder, size=64):
    return load_imagenet(folder, image_size=size)


def counts(data):
    return {part: len(getattr(data, part)) for part in ("train", "valid", "test")}


def test_a_folder_of_classes_is_split_as_folders_of_images_are(tmp_path):
    data = found(classes(tmp_path, count=20))
    assert counts(data) == {"train": 28, "valid": 4, "test": 8} and data.class_names == ("cat", "dog")
    assert data.shape == (64, 64, 3) and data.statistics() == (list(MEAN), list(DEVIATION))
    for part in (data.train, data.valid, data.test):
        assert [pathlib.Path(path).parent.name for path in part.paths] == [data.class_names[n] for n in part.labels]
    assert len({*data.train.paths, *data.valid.paths, *data.test.paths}) == 40
    assert data.notes == ()


def test_validation_pictures_of_imagenet_are_the_test(tmp_path):
    classes(tmp_path / "train", count=10)
    classes(tmp_path / "val", count=3)
    data = found(tmp_path)
    assert counts(data) == {"train": 18, "valid": 2, "test": 6}
    assert {pathlib.Path(path).parts[-3] for path in data.test.paths} == {"val"}
    assert "val is the test, as in published figures" in data.notes
    assert "a share of every class is split off the training pictures for validation" in data.notes
    classes(tmp_path / "test", count=1)
    assert counts(found(tmp_path)) == {"train": 20, "valid": 6, "test": 2}  # all three as they are


def test_few_pictures_are_kept_for_validation_of_many(tmp_path, monkeypatch):
    monkeypatch.setattr("nao_tf.data.imagenet.MOST_FOR_VALIDATION", 6)
    classes(tmp_path / "train", count=50)
    classes(tmp_path / "test", count=1)
    assert counts(found(tmp_path)) == {"train": 94, "valid": 6, "test": 2}


def test_equal_files_have_an_equal_fingerprint_wherever_they_lie(tmp_path):
    one, two, other = (classes(tmp_path / name, count=4) for name in ("one", "two", "other"))
    draw(other / "cat", 1, first=0, size=9)  # another picture in the place of the first
    prints = [found(folder).fingerprint() for folder in (one, two, other)]
    assert prints[0] == prints[1] != prints[2]
    assert found(one, size=96).fingerprint() != prints[0]


def test_what_is_missing_is_said(tmp_path):
    classes(tmp_path / "few", count=2)
    classes(tmp_path / "more" / "train", ("cat", "dog"))
    classes(tmp_path / "more" / "val", ("cat", "eel"))
    for folder, message in (
        (tmp_path / "few", "cat: only 2 image"),
        (tmp_path / "more", "val/eel: a class without training images; classes are cat, dog"),
        (tmp_path / "none", "no such folder"),
    ):
        with pytest.raises(InputError, match=message):
            found(folder)
    with pytest.raises(InputError, match="ImageNet is given to people who register"):
        load_imagenet(image_size=224, download=True)
    nothing = load_imagenet(image_size=224, tfds_dir=tmp_path)
    assert counts(nothing) == {"train": 0, "valid": 0, "test": 0} and len(nothing.class_names) == 1000
    with pytest.raises(InputError, match="no imagenet pictures: give a folder of classes"):
        require_pictures(nothing)


def prepared(folder, train=30, validation=7):
    """A data set that has the form of TFDS's imagenet2012, of grey pictures whose level is their number."""
    features = tfds.features.FeaturesDict(
        {"image": tfds.features.Image(encoding_format="png"), "label": tfds.features.ClassLabel(names=["n01", "n02"])}
    )

    def rows(first, count):
        levels = np.arange(first, first + count)
        images = np.broadcast_to(levels[:, None, None, None], [count, 40, 50, 3]).astype(np.uint8)
        return tf.data.Dataset.from_tensor_slices({"image": images, "label": levels % 2})

    tfds.dataset_builders.store_as_tfds_dataset(
        name="imagenet2012",
        version="5.1.0",
        features=features,
        split_datasets={"train": rows(0, train), "validation": rows(100, validation)},
        data_dir=folder,
    )
    return folder


def test_prepared_data_keep_the_last_tenth_for_validation(tmp_path):
    data = load_imagenet(image_size=32, tfds_dir=prepared(tmp_path))
    assert isinstance(data, StreamedImages) and counts(data) == {"train": 27, "valid": 3, "test": 7}
    assert data.class_names == ("n01", "n02") and data.source.startswith("TFDS imagenet2012/5.1.0 at ")
    assert (data.train.split, data.valid.split, data.test.split) == ("train[:27]", "train[27:]", "validation")


def test_other_spellings_of_a_class_are_one_class(tmp_path):
    classes(tmp_path / "train", ("Bär", "dog"))
    classes(tmp_path / "test", ("Ba\u0308r", "dog"), count=1)  # as macOS writes it
    data = from_folder(image_folder.find_pictures(tmp_path), 32)
    assert data.test.labels.tolist() == [0, 1]
