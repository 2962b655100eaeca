import dataclasses
import pathlib
import pickle
import shutil

import numpy as np
import pytest
from PIL import Image

from nao_tf.data import cifar
from nao_tf.data.images import Part, load_images
from nao_tf.errors import InputError

SHARED = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "cifar10"
GENERATOR = np.random.default_rng(0)


def published(folder, batches=2, count=10, classes=10, label_bytes=1):
    """Binary files; the images and classes of training and test that they hold."""
    parts = {}
    names = ["test_batch.bin"] + [f"data_batch_{number}.bin" for number in range(1, batches + 1)]
    if label_bytes == 2:
        names = ["test.bin", "train.bin"]
    for name in names:
        images = GENERATOR.integers(0, 256, [count, 3, 32, 32]).astype(np.uint8)
        labels = (np.arange(count) % classes).astype(np.uint8)
        coarse = np.zeros([count, label_bytes - 1], np.uint8)
        np.concatenate([coarse, labels[:, None], images.reshape(count, -1)], 1).tofile(folder / name)
        parts[name] = images.transpose(0, 2, 3, 1), labels
    return parts


@pytest.mark.parametrize("batches", [1, 2, 5])
def test_any_number_of_binary_batches(tmp_path, batches):
    parts = published(tmp_path, batches)
    data = load_images("cifar10", tmp_path)
    assert (data.name, data.source, data.shape) == ("cifar10", str(tmp_path), (32, 32, 3))
    assert (len(data.train), len(data.valid), len(data.test)) == (9 * batches, batches, 10)
    whole = data.train + data.valid
    expected = np.concatenate([parts[f"data_batch_{number}.bin"][0] for number in range(1, batches + 1)])
    np.testing.assert_array_equal(whole.images, expected)
    np.testing.assert_array_equal(data.test.images, parts["test_batch.bin"][0])
    np.testing.assert_array_equal(data.test.labels, parts["test_batch.bin"][1])


def test_the_fine_label_is_the_class_of_cifar100(tmp_path):
    published(tmp_path, count=100, classes=100, label_bytes=2)
    (tmp_path / "fine_label_names.txt").write_text("\n".join(f"thing{number}" for number in range(100)))
    data = load_images("cifar100", tmp_path)
    np.testing.assert_array_equal(data.test.labels, np.arange(100))
    assert data.class_names[7] == "thing7"


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("keys", [str, str.encode])
def test_the_version_for_python_is_read_without_unpickling(tmp_path, protocol, keys):
    expected = {}
    for name in ("data_batch_1", "data_batch_2", "test_batch"):
        pixels = GENERATOR.integers(0, 256, [10, 3072]).astype(np.uint8)
        content = {"batch_label": "a batch", "labels": list(range(10)), "data": pixels, "filenames": ["a.png"] * 10}
        (tmp_path / name).write_bytes(pickle.dumps({keys(key): value for key, value in content.items()}, protocol))
        expected[name] = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    names = [f"kind{number}" for number in range(10)]
    (tmp_path / "batches.meta").write_bytes(pickle.dumps({keys("label_names"): names}, protocol))
    data = load_images("cifar10", tmp_path)
    np.testing.assert_array_equal(data.test.images, expected["test_batch"])
    np.testing.assert_array_equal(
        (data.train + data.valid).images, np.concatenate([expected["data_batch_1"], expected["data_batch_2"]])
    )
    np.testing.assert_array_equal(data.test.labels, np.arange(10))
    assert data.class_names == tuple(names)


def test_a_pickle_that_runs_something_runs_nothing(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pathlib.Path.touch, (tmp_path / "exploded",))

    for name in ("data_batch_1", "test_batch"):
        (tmp_path / name).write_bytes(pickle.dumps({"data": Bomb(), "labels": [1, 2]}))
    with pytest.raises(InputError, match="holds an object of pathlib.Path.touch; only numbers"):
        load_images("cifar10", tmp_path)
    assert not (tmp_path / "exploded").exists()


def test_wrong_published_files_are_refused_in_one_line(tmp_path):
    def refused(match, task="cifar10"):
        with pytest.raises(InputError, match=match) as error:
            load_images(task, tmp_path)
        assert "\n" not in str(error.value)

    refused("no files of cifar10; expected data_batch_.*bin and test_batch.bin")
    published(tmp_path)
    (tmp_path / "test_batch.bin").rename(tmp_path / "elsewhere")
    refused("data_batch_1.bin is there but not test_batch.bin")
    (tmp_path / "test_batch.bin").write_bytes(bytes(3000))
    refused("test_batch.bin: 3,000 bytes; a binary file has 3,073 for each image")
    (tmp_path / "test_batch.bin").write_bytes(b"\x0b" + bytes(3072))
    refused("image 0 has class 11; classes are 0 to 9")
    for number in (1, 2):
        (tmp_path / f"data_batch_{number}.bin").write_bytes(bytes(3073 * 10))
    (tmp_path / "test_batch.bin").write_bytes(bytes(3073))
    refused("only one class")
    (tmp_path / "data_batch_1").write_bytes(b"no pickle")
    for path in tmp_path.glob("*.bin"):
        path.unlink()
    (tmp_path / "test_batch").write_bytes(b"no pickle")
    refused("not a file of the version for Python")
    with pytest.raises(InputError, match="no such folder"):
        load_images("cifar10", tmp_path / "nowhere")
    with pytest.raises(InputError, match="images needs --data_dir"):
        load_images("images")
    with pytest.raises(InputError, match="one of cifar10, cifar100, images"):
        load_images("mnist")


def test_the_fingerprint_is_of_the_content(tmp_path):
    for name in ("binary", "moved", "python"):
        (tmp_path / name).mkdir()
    published(tmp_path / "binary")
    for path in (tmp_path / "binary").iterdir():
        content = path.read_bytes()
        (tmp_path / "moved" / path.name).write_bytes(content)
        records = np.frombuffer(content, np.uint8).reshape(-1, 3073)
        pickled = {"labels": records[:, 0].tolist(), "data": records[:, 1:].copy()}
        (tmp_path / "python" / path.stem).write_bytes(pickle.dumps(pickled))
    data = [load_images("cifar10", tmp_path / name) for name in ("binary", "moved", "python")]
    assert len({one.source for one in data}) == 3
    assert len({one.fingerprint() for one in data}) == 1
    assert dataclasses.replace(data[0], name="other").fingerprint() == data[0].fingerprint()


def test_the_fingerprint_tells_data_apart(tmp_path):
    published(tmp_path)
    data = load_images("cifar10", tmp_path)
    pixels, labels = data.test.images.copy(), data.test.labels.copy()
    pixels[0, 0, 0, 0] ^= 1
    labels[0] = (labels[0] + 1) % 10
    whole = data.train + data.valid
    others = [
        dataclasses.replace(data, test=Part(pixels, data.test.labels)),
        dataclasses.replace(data, test=Part(data.test.images, labels)),
        dataclasses.replace(data, train=whole[:-1], valid=whole[-1:]),  # the same images, split elsewhere
        dataclasses.replace(data, class_names=("other", *data.class_names[1:])),
    ]
    assert len({other.fingerprint() for other in (data, *others)}) == 5


def draw(folder, count, size=20, mode="RGB", suffix="png"):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        channels = [3] if mode == "RGB" else []
        pixels = GENERATOR.integers(0, 256, [size, size, *channels]).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.{suffix}")


def test_folders_of_classes_are_split_or_taken_as_they_are(tmp_path):
    draw(tmp_path / "plain" / "cat", 12)
    draw(tmp_path / "plain" / "dog", 10, mode="L", suffix="jpg")
    data = load_images("images", tmp_path / "plain", image_size=16)
    assert data.class_names == ("cat", "dog") and data.shape == (16, 16, 3) and data.name == "images"
    assert (len(data.train), len(data.valid), len(data.test)) == (9 + 7, 1 + 1, 2 + 2)
    again = load_images("images", tmp_path / "plain", image_size=16)
    assert again.fingerprint() == data.fingerprint()
    for part, count in (("train", 5), ("test", 2)):
        for name in ("cat", "dog"):
            draw(tmp_path / "parts" / part / name, count)
    data = load_images("images", tmp_path / "parts", image_size=20)
    assert (len(data.train), len(data.valid), len(data.test)) == (8, 2, 4)
    read = np.asarray(Image.open(tmp_path / "parts" / "test" / "cat" / "0.png"))
    np.testing.assert_array_equal(data.test.images[0], read)
    draw(tmp_path / "parts" / "valid" / "cat", 1)
    draw(tmp_path / "parts" / "valid" / "dog", 1)
    data = load_images("images", tmp_path / "parts")
    assert (len(data.train), len(data.valid)) == (10, 2)


def test_wrong_folders_are_refused_in_one_line(tmp_path):
    def refused(match):
        with pytest.raises(InputError, match=match) as error:
            load_images("images", tmp_path)
        assert "\n" not in str(error.value)

    refused("no folders of classes")
    draw(tmp_path / "cat", 4)
    refused(r"only one class \(cat\)")
    (tmp_path / "dog").mkdir()
    refused("dog: no images; a class needs at least 3 files")
    draw(tmp_path / "dog", 4)
    (tmp_path / "dog" / "2.png").write_text("no image")
    refused("2.png: not an image; give files of PNG")
    for name in ("cat", "dog"):
        draw(tmp_path / "train" / name, 3)
    refused("train is the name of a part of the data and lies beside cat, dog; rename it if it is a class")
    for name in ("cat", "dog"):
        shutil.rmtree(tmp_path / name)
    for name in ("cat", "dog", "emu"):
        draw(tmp_path / "test" / name, 1)
    refused("emu: a class without training images; classes are cat, dog")


def test_the_embedded_sample_is_named(tmp_path):
    data = load_images("cifar10", tfds_dir=tmp_path)
    assert data.name == "digits" and "scikit-learn's digits" in data.source and not data.mirrored
    assert data.shape == (8, 8, 1) and len(data.train) + len(data.valid) + len(data.test) == 1797
    for part in (data.train, data.valid, data.test):
        assert set(np.unique(part.labels)) == set(range(10)) and part.images.max() == 255
    assert data.fingerprint() == load_images("cifar100", tfds_dir=tmp_path).fingerprint()
    mean, deviation = data.statistics()
    pixels = data.train.images / 255
    np.testing.assert_allclose([mean[0], deviation[0]], [pixels.mean(), pixels.std()], rtol=1e-6)


def test_prepared_tfds_images(tmp_path):
    import tensorflow as tf
    import tensorflow_datasets as tfds

    features = tfds.features.FeaturesDict(
        {"image": tfds.features.Image(shape=(32, 32, 3)), "label": tfds.features.ClassLabel(num_classes=10)}
    )
    images = GENERATOR.integers(0, 256, [30, 32, 32, 3]).astype(np.uint8)
    rows = tf.data.Dataset.from_tensor_slices({"image": images, "label": np.arange(30) % 10})
    tfds.dataset_builders.store_as_tfds_dataset(
        name="cifar10",
        version="3.0.2",
        data_dir=str(tmp_path),
        features=features,
        split_datasets={"train": rows.take(20), "test": rows.skip(20).take(10)},
    )
    data = load_images("cifar10", tfds_dir=tmp_path)
    assert data.name == "cifar10" and data.source.startswith("TFDS cifar10/3.0.2")
    taken = np.concatenate([data.train.images, data.valid.images])
    assert {image.tobytes() for image in taken} == {image.tobytes() for image in images[:20]}
    assert (len(data.train), len(data.valid), len(data.test)) == (18, 2, 10)


def test_the_real_files():
    if not SHARED.exists():
        pytest.skip(f"{SHARED} is not there")
    data = load_images("cifar10", SHARED)
    assert (len(data.train), len(data.valid), len(data.test)) == (9000, 1000, 2000)
    assert data.class_names[0] == "airplane" and data.class_names[9] == "truck"
    mean, deviation = data.statistics()
    # the published figures of all 50,000 images
    np.testing.assert_allclose(mean, [0.49139968, 0.48215827, 0.44653124], atol=0.01)
    np.testing.assert_allclose(deviation, [0.24703233, 0.24348505, 0.26158768], atol=0.01)


def test_a_folder_of_another_format_is_not_taken_for_the_published_one(tmp_path):
    assert set(cifar.FORMATS) == {"cifar10", "cifar100"}
    (tmp_path / "data_batch_1.txt").write_text("0")
    with pytest.raises(InputError, match="no files of cifar10"):
        load_images("cifar10", tmp_path)
