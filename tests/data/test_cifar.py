"""Published files as people write them again: orders of pixels, of classes, names, encodings."""

import pickle

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from nao_tf.data.images import load_images
from nao_tf.errors import InputError

GENERATOR = np.random.default_rng(0)
LABELS = np.arange(40) % 10
LISTED = tuple(LABELS.tolist())
ROWS = GENERATOR.integers(0, 256, [40, 3072]).astype(np.uint8)
IMAGES = ROWS.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)  # [N, H, W, C]


def pickled(folder, *, data=ROWS, labels=LISTED, key="labels", protocol=4):
    for name in ("data_batch_1", "test_batch"):
        (folder / name).write_bytes(pickle.dumps({"data": data, key: labels}, protocol))
    return folder


def binary(folder, labels, names=("data_batch_1.bin", "test_batch.bin")):
    labels = np.asarray(labels, np.uint8)
    pixels = GENERATOR.integers(0, 256, [len(labels), 3072]).astype(np.uint8)
    for name in names:
        np.concatenate([labels[:, None], pixels], 1).tofile(folder / name)
    return folder


def refused(folder, match):
    with pytest.raises(InputError, match=match) as error:
        load_images("cifar10", folder)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("protocol", [0, 2, 3, 5])
@pytest.mark.parametrize(
    "data",
    [
        np.asfortranarray(ROWS),
        ROWS.reshape(-1, 3, 32, 32),
        IMAGES,
        np.asfortranarray(IMAGES),
        IMAGES.transpose(1, 2, 3, 0),
        ROWS.astype(np.int64),
        ROWS.astype(">u2"),
        list(ROWS),
        ROWS.tolist(),
        ROWS.tobytes(),
    ],
    ids=["Fortran", "NCHW", "NHWC", "NHWC Fortran", "HWCN", "int64", "big endian", "arrays", "lists", "bytes"],
)
def test_pixels_in_the_order_that_their_shape_tells(tmp_path, protocol, data):
    found = load_images("cifar10", pickled(tmp_path, data=data, protocol=protocol))
    np.testing.assert_array_equal((found.train + found.valid).images, IMAGES)
    np.testing.assert_array_equal(found.test.images, IMAGES)


@pytest.mark.parametrize(
    "labels", [LABELS, LABELS[:, None], LABELS[None], list(LABELS), LABELS.tolist(), LABELS.astype(object)]
)
def test_classes_as_lists_or_arrays(tmp_path, labels):
    np.testing.assert_array_equal(load_images("cifar10", pickled(tmp_path, labels=labels)).test.labels, LABELS)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ({"data": ROWS / 255}, "data_batch_1: float64 under 'data'; integers are needed"),
        ({"data": ROWS.astype(np.int16) - 128}, "-128 among the pixels under 'data'; they are from 0 to 255"),
        ({"data": ROWS.astype(np.int32) * 2}, "among the pixels under 'data'; they are from 0 to 255"),
        ({"data": ROWS.T}, r"pixels of shape \[3072, 40\] for 40 classes; \[40, 3072\], "),
        ({"data": ROWS[:39]}, r"pixels of shape \[39, 3072\] for 40 classes"),
        ({"data": ROWS.tobytes()[:-1]}, r"pixels of shape \[122879\] for 40 classes"),
        ({"data": [ROWS[0], ROWS[1][:5]]}, "lists under 'data' have several lengths"),
        ({"data": "茶" * 3072}, "a text under 'data'; pixels are needed"),
        ({"data": ["a.png"]}, "a text among the lists under 'data'; integers are needed"),
        ({"data": None}, "nothing under 'data'; integers are needed"),
        ({"labels": []}, r"'labels' has the shape \[0\]; one number an image"),
        ({"labels": 3}, r"'labels' has the shape \[\]"),
        ({"labels": np.eye(10)[LABELS].astype(int)}, r"'labels' has the shape \[40, 10\]"),
        ({"labels": [2**40] * 40}, "image 0 has class 1099511627776; classes are 0 to 9"),
        ({"labels": ["cat"] * 40}, "a text among the lists under 'labels'"),
        ({"labels": [1.0] * 40}, "a number with decimals among the lists under 'labels'"),
        ({"labels": [True] * 40}, "true or false among the lists under 'labels'"),
        ({"labels": [2**70] * 40}, "a number of more than 64 bits under 'labels'"),
        ({"labels": LABELS / 2}, "float64 under 'labels'"),
        ({"key": "fine_labels"}, "no 'labels' among its keys data, fine_labels"),
    ],
)
def test_what_is_no_data_set_is_one_line(tmp_path, content, match):
    refused(pickled(tmp_path, **content), match)


@pytest.mark.parametrize("count", [2, 3, 20])
def test_files_in_order_of_class_are_split_by_class(tmp_path, count):
    data = load_images("cifar10", binary(tmp_path, np.repeat(range(10), count)))
    for part in (data.train, data.valid):
        assert set(part.labels) == set(range(10))
    assert len(data.train) + len(data.valid) == 10 * count
    assert any("validation has a tenth of every class instead" in note for note in data.notes)
    assert data.fingerprint() == load_images("cifar10", tmp_path).fingerprint()


def test_one_class_at_the_end_alone_is_learnt_too(tmp_path):
    data = load_images("cifar10", binary(tmp_path, [*([*range(9)] * 10), *[9] * 3, *([*range(7)])]))
    assert set(data.train.labels) == set(data.valid.labels) == set(range(10))


@pytest.mark.parametrize("labels", [np.arange(100) % 10, GENERATOR.permutation(np.arange(2000) % 10), np.arange(10)])
def test_the_last_tenth_stays_where_it_has_the_classes(tmp_path, labels):
    data = load_images("cifar10", binary(tmp_path, labels))
    np.testing.assert_array_equal(data.valid.labels, labels[-len(labels) // 10 :])
    assert not any("instead" in note for note in data.notes)


def test_classes_that_are_missing_are_told(tmp_path):
    data = load_images("cifar10", binary(tmp_path, np.arange(60) % 3))
    assert data.notes[1:4] == tuple(
        f"no {part} images of 3, 4, 5, 6, 7, … (7 of 10 classes)" for part in ("training", "validation", "test")
    )


def test_names_of_classes(tmp_path):
    binary(tmp_path, np.arange(100) % 10)
    path = tmp_path / "batches.meta.txt"
    path.write_text("\ufeff" + "\r\n".join(f"traffic light {number}" for number in range(10)) + "\r\n\r\n")
    assert load_images("cifar10", tmp_path).class_names[3] == "traffic light 3"
    path.write_text(" ".join("abcdefghij"))
    assert load_images("cifar10", tmp_path).class_names == tuple("abcdefghij")
    for names in ("cat\ndog\n", "cat\n" * 10):
        path.write_text(names)
        data = load_images("cifar10", tmp_path)
        assert data.class_names[9] == "9"
        assert "batches.meta.txt does not have a name for each of 10 classes" in data.notes[0]
    path.write_bytes("\n".join(["Bär"] * 10).encode("latin-1"))
    refused(tmp_path, r"batches.meta.txt: not UTF-8 \(byte 2\); save it as UTF-8")


@pytest.mark.parametrize("names", [("DATA_BATCH_1.BIN", "TEST_BATCH.BIN"), ("Data_Batch_7.bin", "Test_batch.Bin")])
def test_names_of_files_in_any_case(tmp_path, names):
    assert len(load_images("cifar10", binary(tmp_path, np.arange(100) % 10, names)).test) == 100


def test_the_folder_of_the_archive_is_named(tmp_path):
    (tmp_path / "cifar-10-batches-bin").mkdir()
    binary(tmp_path / "cifar-10-batches-bin", np.arange(100) % 10)
    (tmp_path / "__MACOSX").mkdir()
    refused(tmp_path, "no files of cifar10; .*there are some in .*/cifar-10-batches-bin: give that folder")


@pytest.mark.parametrize("suffix", [".pkl", ".pickle", ".PKL"])
def test_pickles_with_a_suffix(tmp_path, suffix):
    pickled(tmp_path)
    for name in ("data_batch_1", "test_batch"):
        (tmp_path / name).rename(tmp_path / f"{name}{suffix}")
    assert len(load_images("cifar10", tmp_path).test) == 40


def test_where_files_may_be(tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.png").touch()
    refused(tmp_path, "no files of cifar10; .*; pictures lie there: is --task=images meant")
    (tmp_path / "cifar-10-python.tar.gz").touch()
    refused(tmp_path, "no files of cifar10; .*; cifar-10-python.tar.gz is packed: unpack it")
    (tmp_path / "cifar-10-python.tar.gz").unlink()
    (tmp_path / "test_batch").touch()
    refused(tmp_path, "no files of cifar10; .*; test_batch is there, but no training file")
    (tmp_path / "data_batch_1.bin").write_bytes(bytes(2 * 3074))
    refused(tmp_path, "data_batch_1.bin is there but not test_batch.bin")
    (tmp_path / "test_batch.bin").touch()
    refused(tmp_path, "6,148 bytes; a binary file has 3,073 for each image: .*; is it of cifar100")


def test_what_is_left_out_is_told(tmp_path):
    binary(tmp_path, np.arange(100) % 10)
    data = load_images("cifar10", pickled(tmp_path))
    assert data.notes[:2] == (
        "training files that are there: 1 of 5",
        "the binary version is read; the version for Python, which lies there as well, is not",
    )
    names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    (tmp_path / "all").mkdir()
    assert load_images("cifar10", binary(tmp_path / "all", np.arange(100) % 10, names)).notes[0].startswith("the same")


def test_copies_among_the_parts_are_told(tmp_path):
    data = load_images("cifar10", pickled(tmp_path))
    assert "the same images are among the training images: 0 of 4 validation and 36 of 40 test images" in data.notes


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=4)
    | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
arrays = st.tuples(
    st.sampled_from(["u1", "<i8", ">i4", "f4", "b1", "c8"]), st.sampled_from([(2, 3072), (3072, 2), (2,)])
)


@hypothesis.settings(max_examples=50, deadline=None, database=None, derandomize=True)
@hypothesis.given(
    data=values | arrays.map(lambda given: np.zeros(given[1], given[0])),
    labels=values | st.lists(st.integers(-1, 10), min_size=2, max_size=2),
    protocol=st.integers(0, 5),
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=2),
)
def test_any_pickle_is_a_data_set_or_one_clear_line(tmp_path_factory, data, labels, protocol, changes):
    folder = tmp_path_factory.getbasetemp()
    content = bytearray(pickle.dumps({"data": data, "labels": labels}, protocol))
    for place, value in changes:
        content[place % len(content)] = value
    for name in ("data_batch_1", "test_batch"):
        (folder / name).write_bytes(content)
    try:
        found = load_images("cifar10", folder)
    except InputError as error:
        assert len(str(error).splitlines()) == 1 and len(str(error)) < 800
    else:
        assert found.test.images.shape == (2, 32, 32, 3)


@hypothesis.settings(max_examples=20, deadline=None, database=None, derandomize=True)
@hypothesis.given(content=st.binary(max_size=40), size=st.sampled_from([0, 3073, 6146, 6148]))
def test_any_binary_file_is_a_data_set_or_one_clear_line(tmp_path_factory, content, size):
    folder = tmp_path_factory.mktemp("binary")
    for name in ("data_batch_1.bin", "test_batch.bin"):
        (folder / name).write_bytes((content + bytes(size))[:size] if size else content)
    try:
        assert load_images("cifar10", folder).shape == (32, 32, 3)
    except InputError as error:
        assert len(str(error).splitlines()) == 1
