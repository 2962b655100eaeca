"""Pickles that are read as data."""

import collections
import pickle

import numpy as np
import pytest

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


def test_damaged_files_raise_nothing_else(tmp_path):
    generator = np.random.default_rng(0)
    for protocol in (0, 2, 5):
        whole = pickle.dumps({"data": np.arange(6, dtype=np.uint8), "labels": [1, 2], "x": b"y"}, protocol)
        for _ in range(150):
            content = bytearray(whole)
            for place in generator.integers(2, len(content), 2):
                content[place] = generator.integers(0, 128)
            if b"\x6a" in content or b"r" in content:  # the memo of a pickle may be asked for any size
                continue
            try:
                assert isinstance(read_pickle(written(tmp_path / "x", bytes(content))), dict)
            except InputError as error:
                assert len(str(error).splitlines()) == 1
