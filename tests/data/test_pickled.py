"""Pickles that are read as data."""

import collections
import contextlib
import gzip
import pickle
import struct
import time
import tracemalloc

import numpy as np
import pytest

from nao_tf.data import cifar
from nao_tf.data.pickled import read_pickle
from nao_tf.errors import InputError

PROTOCOLS = pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))


def written(path, content, protocol=4):
    path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, protocol))
    return path


@PROTOCOLS
@pytest.mark.parametrize(
    "value",
    [
        np.arange(24, dtype=np.uint8).reshape(4, 6),
        np.asfortranarray(np.arange(24, dtype=np.uint8).reshape(4, 6)),
        np.arange(24, dtype=">i4").reshape(2, 3, 4),
        np.arange(24, dtype=np.uint8).reshape(4, 6)[::2, ::3],
        np.arange(24, dtype=np.uint8).reshape(2, 3, 4).transpose(1, 2, 0),
        np.arange(4, dtype=np.float64),
        np.zeros([0, 3], np.int64),
        np.array(7, np.int16),
        np.array([True, False]),
    ],
    ids=str,
)
def test_arrays_of_any_shape_order_and_type(tmp_path, protocol, value):
    found = read_pickle(written(tmp_path / "x", {"a": value, "b": [value, 3]}, protocol))
    for each in (found["a"], found["b"][0]):
        np.testing.assert_array_equal(each, value)
        assert each.shape == value.shape and each.dtype == value.dtype
    assert found["b"][1] == 3


@PROTOCOLS
def test_numbers_texts_bytes_and_lists(tmp_path, protocol):
    content = {b"k\xc3\xa9": [np.int64(3), np.uint8(4), 5], "t": "茶", "b": b"\xff\x00", "e": b"", "n": None}
    found = read_pickle(written(tmp_path / "x", collections.OrderedDict(content), protocol))
    assert found == {"ké": [3, 4, 5], "t": "茶", "b": b"\xff\x00", "e": b"", "n": None}


def test_python_2(tmp_path):
    # {'names': ['cat'], 'data': numpy.array([[1, 2]], 'u1')} as Python 2 and its NumPy pickled it, protocol 2
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87R"
        b"(K\x01K\x01K\x02\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
        b"K\x00tb\x89U\x02\x01\x02tb"
    )
    found = read_pickle(written(tmp_path / "x", b"\x80\x02}(U\x05names]U\x03cataU\x04data" + array + b"u."))
    assert found["names"] == [b"cat"] and found["data"].tolist() == [[1, 2]]


class Runs:
    def __init__(self, function, *arguments):
        self.state = function, arguments

    def __reduce__(self):
        return self.state


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_nothing_is_run(tmp_path, protocol):
    import os

    for function, arguments in ((os.mkdir, [str(tmp_path / "made")]), (eval, ["1"]), (np.fromfile, ["/etc/passwd"])):
        with pytest.raises(InputError, match="holds an object of .*nothing is run"):
            read_pickle(written(tmp_path / "x", {"a": Runs(function, *arguments)}, protocol))
    assert not (tmp_path / "made").exists()


ARRAY = pickle.dumps({"data": np.arange(24, dtype=np.uint8).reshape(4, 6)}, 2)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "not a file of the version for Python"),
        (b"no pickle", "not a file of the version for Python"),
        (ARRAY[:-20], "not a file of the version for Python"),
        (pickle.dumps([1, 2]), "a pickled list; a file for Python holds a dictionary"),
        (pickle.dumps({"a": np.array(["x"])}), "an array of type U1; only arrays of numbers"),
        (pickle.dumps({"a": np.zeros(2, [("x", "u1")])}), "an array of type V1"),
        (pickle.dumps({"a": {1, 2}}, 2), "an object of .*set"),
        (pickle.dumps({"a": {1, 2}}), "holds sets or objects; only numbers"),
        (ARRAY.replace(b"K\x04K\x06\x86", b"K\x05K\x06\x86"), r"an array of shape \[5, 6\] and uint8 with 24 bytes"),
        (b"\x80\x02}U\x01aPx\ns.", "refers to an object outside|not a file"),
        (
            pickle.dumps({"data": np.frombuffer("é".encode("latin-1") * 3, np.uint8)}, 2).replace(
                "ééé".encode(), "茶茶".encode()
            ),
            "a text where the bytes of an array should be|not a file",
        ),
    ],
)
def test_what_cannot_be_read_is_one_line_with_the_file(tmp_path, content, match):
    with pytest.raises(InputError, match=match) as error:
        read_pickle(written(tmp_path / "x", content))
    assert len(str(error.value).splitlines()) == 1 and str(tmp_path / "x") in str(error.value)


def long(size):
    return struct.pack("<Q", size)


def doubled(make, times):
    """Code that leaves a thing on the stack that holds a thing twice that holds a thing twice …, so many times over.

    `make` makes each of the one before, which it names x.
    """
    steps = [make.replace(b"x", b"h%c" % number) + b"q%c0" % (number + 1) for number in range(times)]
    return b"]q\x000" + b"".join(steps) + b"h%c" % times


BIG = b"X" + struct.pack("<I", 10**6) + b"a" * 10**6 + b"q\x00"  # a text of a million characters, number 0
ENCODE = b"c_codecs\nencode\nq\x01"
BOMBS = {
    "a place": b"\x80\x02}r\xff\xff\xff\x7f.",
    "a text place": b"(dp999999999999\n.",
    "bytes": b"\x80\x05\x8e" + long(2**40) + b".",
    "more bytes than there are": b"\x80\x05\x8e" + long(2**63) + b".",
    "a bytearray": b"\x80\x05\x96" + long(10**11) + b".",
    "a text": b"\x80\x04\x8d" + long(2**40) + b".",
    "a frame": b"\x80\x04\x95" + long(2**40) + b"}.",
    "an integer": b"\x80\x02\x8b\xff\xff\xff\x7f.",
    "digits": b"\x80\x02}U\x04dataI" + b"9" * 5_000 + b"\ns.",
    "lists": b"\x80\x02}U\x04data" + doubled(b"](xxe", 60) + b"s.",
    "few lists": b"\x80\x02}U\x04data](K\x01" + b"2" * 3000 + b"eq\x010](" + b"h\x01" * 3000 + b"es.",
    "tuples as keys": b"\x80\x02}" + doubled(b"xx\x86", 60) + b"K\x01s.",
    "tuples in sets": b"\x80\x04\x8f(" + doubled(b"xx\x86", 60) + b"\x90.",
    "tuples in frozen sets": b"\x80\x04(" + doubled(b"xx\x86", 60) + b"\x91.",
    "texts": b"\x80\x02}U\x04data](" + BIG + ENCODE + b"h\x01h\x00\x85R" * 10**5 + b"es.",
    "a list of one text": b"\x80\x02}U\x04data](" + BIG + b"h\x00" * 10**5 + b"es.",
    "names of types": b"\x80\x02](" + BIG + b"cnumpy\ndtype\nq\x01" + b"h\x01h\x00\x85R" * 10**4 + b"e.",
    "a shape": b"\x80\x02(cnumpy.core.multiarray\n_reconstruct\n)R("
    + doubled(b"xx\x86", 60)
    + b"cnumpy\ndtype\nU\x02u1\x85R\x89U\x01at0b.",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_takes_little_memory_and_time(tmp_path, name):
    path = written(tmp_path / "x", BOMBS[name])
    start = time.process_time()
    tracemalloc.start()
    try:
        with contextlib.suppress(InputError):
            content = read_pickle(path)
            if "data" in content:
                cifar._integers(path, "data", content["data"])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000 + 60 * len(BOMBS[name])
    assert time.process_time() - start < 10


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (BOMBS["lists"], "holds lists in lists, more than 3 deep"),
        (BOMBS["few lists"], "comes back to the same things so often"),
        (BOMBS["texts"], "comes back to the same things so often"),
        (BOMBS["tuples as keys"], "a dictionary whose keys are no texts"),
        (BOMBS["tuples in sets"], "holds sets or objects"),
        (BOMBS["names of types"], "type or order cannot be read"),
        (pickle.dumps({"a": np.ma.ones(3)}, 2), "an object of numpy.ma.core._mareconstruct"),
        (pickle.dumps({"a": collections.defaultdict(int)}, 2), "an object of collections.defaultdict"),
        (pickle.dumps({"a": np.ones(2, complex)}), "an array of type c16"),
        (b"\x80\x02}U\x01acnumpy\ndtype\n}U\x0c__defaults__K\x01sbs.", "changes what is no array"),
        (b"\x80\x02K\x01U\x01aK\x02s.", "sets items of what is no dictionary"),
        (pickle.dumps(np.ones(3)), "a pickled array; a file for Python holds a dictionary"),
        (b"PK\x03\x04", "not a file of the version for Python but a zip file, as .xlsx, .docx and .npz are; give the"),
        (gzip.compress(b"x", mtime=0), "but a gzip file; unpack it"),
        (b"<html>", "but a web page; look whether its download failed"),
    ],
)
def test_what_is_refused_is_named(tmp_path, content, match):
    with pytest.raises(InputError, match=match):
        read_pickle(written(tmp_path / "x", content))


@PROTOCOLS
def test_a_published_file_is_read_in_a_moment(tmp_path, protocol):
    names = [f"leptodactylus_pentadactylus_s_{number:06}.png".encode() for number in range(2000)]
    content = {b"labels": [number % 10 for number in range(2000)], b"filenames": names, b"batch_label": b"batch 1 of 5"}
    content[b"data"] = np.random.default_rng(0).integers(0, 256, [2000, 3072]).astype(np.uint8)
    path = written(tmp_path / "x", content, protocol)
    start = time.process_time()
    found = read_pickle(path)
    assert time.process_time() - start < 2
    np.testing.assert_array_equal(found["data"], content[b"data"])
    assert found["filenames"] == names and found["labels"] == content[b"labels"]


def test_damaged_files_raise_nothing_else(tmp_path):
    generator = np.random.default_rng(0)
    for protocol in (0, 2, 4, 5):
        whole = pickle.dumps({"data": np.arange(6, dtype=np.uint8), "labels": [1, 2], "x": b"y"}, protocol)
        for _ in range(150):
            content = bytearray(whole)
            for place in generator.integers(2, len(content), 2):
                content[place] = generator.integers(0, 256)
            try:
                assert isinstance(read_pickle(written(tmp_path / "x", bytes(content))), dict)
            except InputError as error:
                assert len(str(error).splitlines()) == 1
