"""Pixels in a file: read like an array, cut into parts without copies, sent to other processes by place or content."""

import hashlib
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from nao_tf import files
from nao_tf.data import pixels
from nao_tf.data.image_batches import reader, training_batches
from nao_tf.data.images import Part, load_images
from nao_tf.data.pixels import StoredPixels, chunks, joined, kept
from nao_tf.errors import RunError

IMAGES = np.random.default_rng(0).integers(0, 256, [50, 4, 3, 2]).astype(np.uint8)


@pytest.fixture
def stored():
    return StoredPixels.of([IMAGES[:7], IMAGES[7:]], IMAGES.shape[1:])


@pytest.mark.parametrize(
    "which",
    [3, -1, slice(None), slice(5, 20, 3), slice(9, 9), np.array([4, 5, 6, 2, 2, 49]), np.arange(12).reshape(3, 4),
     np.arange(50) % 7 == 0],
    ids=str,
)  # fmt: skip
def test_it_is_indexed_like_an_array(stored, which):
    assert stored.shape == IMAGES.shape and len(stored) == 50
    np.testing.assert_array_equal(stored[which], IMAGES[which])


def test_parts_share_the_file(stored):
    order = np.random.default_rng(1).permutation(50)
    part = stored.part(order).part(slice(10, 30))
    np.testing.assert_array_equal(part[:], IMAGES[order[10:30]])
    np.testing.assert_array_equal(np.asarray(part), IMAGES[order[10:30]])
    np.testing.assert_array_equal(list(part), IMAGES[order[10:30]])
    assert part._file is stored._file
    np.testing.assert_array_equal(joined(part, IMAGES[:3])[:], np.concatenate([IMAGES[order[10:30]], IMAGES[:3]]))


def test_few_are_held_in_memory(monkeypatch):
    batches = [IMAGES[:20], IMAGES[20:]]
    assert isinstance(kept(iter(batches), 50, picture=IMAGES.shape[1:]), np.ndarray)
    monkeypatch.setattr(pixels, "HELD", IMAGES.nbytes - 1)
    large = kept(iter(batches), 50, picture=IMAGES.shape[1:])
    assert isinstance(large, StoredPixels)
    np.testing.assert_array_equal(np.concatenate(list(chunks(large))), IMAGES)


def test_it_is_pickled_with_its_content(stored):
    part = stored.part(slice(10, 30))
    again = pickle.loads(pickle.dumps(part))
    np.testing.assert_array_equal(again[:], IMAGES[10:30])
    assert os.fstat(again._file.fileno()).st_size == IMAGES[10:30].nbytes


def test_a_process_of_this_machine_reads_the_same_file(stored):
    with files.sent_by_reference():
        pickled = pickle.dumps(stored.part(np.array([9, 1])))
    assert len(pickled) < 500 and not files.by_reference()
    program = "import pickle, sys; print(pickle.load(sys.stdin.buffer)[:].tobytes().hex())"
    done = subprocess.run([sys.executable, "-c", program], input=pickled, capture_output=True)
    assert done.stdout.decode().strip() == IMAGES[[9, 1]].tobytes().hex(), done.stderr


def test_no_room_is_one_line(monkeypatch):
    def full(self):
        yield IMAGES
        raise OSError(28, "No space left on device")

    with pytest.raises(RunError, match="No space left on device while the pixels .* name a folder with TMPDIR"):
        StoredPixels.of(full(None), IMAGES.shape[1:])


def test_batches_are_those_of_the_array(stored):
    labels = np.arange(50, dtype=np.int32)
    given = {"batch_size": 8, "seed": 3, "steps": 14, "first": 2, "shift": 1}
    held, read = (list(training_batches(Part(images, labels), **given)) for images in (IMAGES, stored))
    for one, other in zip(held, read, strict=True):
        for array, same in zip(one, other, strict=True):
            np.testing.assert_array_equal(array, same)
    np.testing.assert_array_equal(reader(stored)(np.array([3, 1])), IMAGES[[3, 1]])


def test_a_folder_of_pictures_is_the_same_data(tmp_path, monkeypatch):
    from PIL import Image

    generator = np.random.default_rng(2)
    for number in range(40):
        folder = tmp_path / f"class {number % 2}"
        folder.mkdir(exist_ok=True)
        content = IMAGES[:1, :, :, :1].repeat(3, 3)[0] if number in (4, 7) else generator.integers(0, 256, [6, 5, 3])
        Image.fromarray(content.astype(np.uint8)).save(folder / f"{number}.png")
    held = load_images("images", tmp_path, image_size=4)
    monkeypatch.setattr(pixels, "HELD", 0)
    stored = load_images("images", tmp_path, image_size=4)
    for part in ("train", "valid", "test"):
        assert isinstance(getattr(stored, part).images, StoredPixels)
        np.testing.assert_array_equal(getattr(held, part).images, getattr(stored, part).images[:])
    assert held.fingerprint() == stored.fingerprint() and held.statistics() == stored.statistics()
    assert held.notes == stored.notes and any("the same image is in several classes" in note for note in held.notes)
    assert held.shape == stored.shape and held.train.images.shape == stored.train.images.shape
    digest = hashlib.sha256("\n".join(held.class_names).encode("utf-8"))  # as work directories have it
    for part in (held.train, held.valid, held.test):
        digest.update(repr(part.images.shape).encode())
        digest.update(np.ascontiguousarray(part.images).data)
        digest.update(np.ascontiguousarray(part.labels, dtype="<i4").data)
    assert held.fingerprint() == digest.hexdigest()
