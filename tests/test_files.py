import errno
import io
import json
import os
import pathlib
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nao_tf.errors import InputError
from nao_tf.files import (
    check_output,
    json_values,
    read_arrays,
    read_json,
    replacing,
    write_arrays,
    write_json,
    write_output,
    write_text,
)

ARRAYS = {"a": np.arange(5, dtype=np.float32), "b/0": np.ones([2, 3]), "step": np.asarray(7)}


def stop(*arguments):
    raise KeyboardInterrupt


def test_text_is_written_as_it_is(tmp_path):
    path = tmp_path / "new" / "a.txt"
    write_text(path, "ä\r\nb\n")
    assert path.read_bytes() == b"\xc3\xa4\r\nb\n"
    write_text(path, "c")
    assert path.read_text() == "c"
    assert [file.name for file in path.parent.iterdir()] == ["a.txt"]


def test_arrays_come_back_under_their_names(tmp_path):
    arrays = {"a": np.arange(3, dtype=np.int8), "b/0": np.ones([2, 0]), "c": np.float64(0.1)}
    write_arrays(tmp_path / "a.weights", arrays)
    with np.load(tmp_path / "a.weights", allow_pickle=False) as file:
        assert sorted(file.files) == sorted(arrays)
        for name, values in arrays.items():
            np.testing.assert_array_equal(file[name], values)
            assert file[name].dtype == values.dtype


@pytest.mark.parametrize("write, content", [(write_text, "new"), (write_arrays, {"a": np.ones(3)})])
@pytest.mark.parametrize("stopped_at", ["fsync", "replace"])
def test_a_stop_leaves_the_file_that_was_there(tmp_path, monkeypatch, write, content, stopped_at):
    path = tmp_path / "a"
    path.write_text("old")
    monkeypatch.setattr(os, stopped_at, stop)
    with pytest.raises(KeyboardInterrupt):
        write(path, content)
    assert path.read_text() == "old"


def test_files_that_differ_in_their_suffix_do_not_share_a_temporary(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "replace", lambda old, new: seen.append((pathlib.Path(old), new)))
    for name in ("a.json", "a.npz", "a"):
        write_text(tmp_path / name, name)
    temporaries = [old for old, _ in seen]
    assert len(set(temporaries)) == 3 and {path.parent for path in temporaries} == {tmp_path}


def test_a_file_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    events, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (events.append("fsync"), fsync(descriptor)))
    monkeypatch.setattr(os, "replace", lambda old, new: (events.append("replace"), replace(old, new)))
    write_text(tmp_path / "a", "b")
    assert events == ["fsync", "replace", "fsync"]  # the file, its new name, the folder


def folder(path, text):
    path.mkdir(parents=True)
    (path / "inner").mkdir()
    (path / "inner" / "file").write_text(text)


def text_of(path):
    return (path / "inner" / "file").read_text()


def test_a_folder_is_replaced_when_the_block_has_ended(tmp_path):
    directory = tmp_path / "export" / "1"
    for text in ("old", "new"):
        before = text_of(directory) if directory.exists() else None
        with replacing(directory) as temporary:
            folder(temporary, text)
            assert (text_of(directory) if directory.exists() else None) == before
        assert text_of(directory) == text
        assert [path.name for path in directory.parent.iterdir()] == ["1"]


def test_a_block_that_fails_leaves_the_folder_that_was_there(tmp_path):
    directory = tmp_path / "1"
    folder(directory, "old")
    with pytest.raises(RuntimeError), replacing(directory) as temporary:
        folder(temporary, "half")
        raise RuntimeError
    assert text_of(directory) == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_after_a_stop_between_two_renamings_the_old_folder_comes_back(tmp_path):
    directory = tmp_path / "1"
    folder(tmp_path / "1.replaced", "old")
    folder(tmp_path / "1.writing", "whole, but not known to be")
    with pytest.raises(RuntimeError), replacing(directory):
        raise RuntimeError
    assert text_of(directory) == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_names_that_are_not_utf_8_are_written_as_their_bytes(tmp_path):
    write_text(tmp_path / "flags", "--data_dir=" + os.fsdecode(b"te\xe9t") + "\n")
    assert (tmp_path / "flags").read_bytes() == b"--data_dir=te\xe9t\n"


def test_json_holds_no_nan(tmp_path):
    write_json(tmp_path / "a", {"b": [1, 0.5, None, "ä"]})
    assert read_json(tmp_path / "a", remedy="") == {"b": [1, 0.5, None, "ä"]}
    with pytest.raises(ValueError):
        write_json(tmp_path / "a", {"b": float("nan")})
    assert json.loads((tmp_path / "a").read_text())["b"]


@pytest.mark.parametrize(
    "text", [b"NaN", b"1e999", b"9" * 4301, b"\xe9", b'{"a": 1, "a": 1}', b"[" * 99_999, b"\xef\xbb\xbf1"]
)
def test_json_is_read_as_strictly_as_it_is_written(text, tmp_path):
    with pytest.raises(ValueError):
        json_values(text)
    (tmp_path / "a.json").write_bytes(text)
    with pytest.raises(InputError, match=r"a\.json is damaged \(.*\); do this$"):
        read_json(tmp_path / "a.json", remedy="do this")


@pytest.mark.parametrize("read", [read_json, read_arrays])
def test_a_folder_is_no_file(read, tmp_path):
    with pytest.raises(InputError, match="it is a folder"):
        read(tmp_path, remedy="")
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "nothing", remedy="")


def test_half_a_file_of_arrays_is_told(tmp_path):
    write_arrays(tmp_path / "a.npz", ARRAYS)
    whole = (tmp_path / "a.npz").read_bytes()
    for length in (0, 3, len(whole) // 2, len(whole) - 1):
        (tmp_path / "a.npz").write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"a\.npz is damaged .*; begin again"):
            read_arrays(tmp_path / "a.npz", remedy="begin again")


def npy(array, **options):
    content = io.BytesIO()
    np.save(content, array, **options)
    return content.getvalue()


@pytest.mark.parametrize(
    "member",
    [b"", b"no array", npy(np.ones(2)) + b"more", npy(np.ones(2))[:-1], npy(np.array([{}]), allow_pickle=True),
     npy(np.ones(2)).replace(b"(2,)", b"(9,)"), npy(np.ones(2)).replace(b"<f8", b"<f9")],
)  # fmt: skip
def test_members_that_are_no_arrays_are_told(member, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", member)
    with pytest.raises(InputError, match=r"a\.npz is damaged"):
        read_arrays(tmp_path / "a.npz", remedy="")


@given(data=st.data())
@settings(
    max_examples=200,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_changed_bytes_never_become_other_arrays(data, tmp_path):
    write_arrays(tmp_path / "a.npz", ARRAYS)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    (tmp_path / "a.npz").write_bytes(content)
    try:
        arrays = read_arrays(tmp_path / "a.npz", remedy="")
    except InputError as error:
        assert "\n" not in str(error)
        return
    for name, array in arrays.items():  # a byte that means nothing, or the count of members
        np.testing.assert_array_equal(array, ARRAYS[name])


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
@pytest.mark.parametrize("write, content", [(write_text, "new"), (write_arrays, ARRAYS)])
def test_an_error_of_writing_has_the_name_of_the_file(write, content, number, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError) as caught:
        write(tmp_path / "a", content)
    assert caught.value.filename == str(tmp_path / "a") and list(tmp_path.iterdir()) == []


def test_outputs_are_checked_before_the_work(tmp_path):
    check_output(tmp_path / "new" / "a", name="--sentences")
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "file").write_text("kept")
    check_output(tmp_path / "file", name="--sentences")
    assert (tmp_path / "file").read_text() == "kept"
    for wrong in (tmp_path, tmp_path / "file" / "a", pathlib.Path("/proc/nao/a"), tmp_path / ("x" * 300)):
        with pytest.raises(InputError, match="--sentences="):
            check_output(wrong, name="--sentences")


def test_outputs_go_through_links_and_into_pipes(tmp_path):
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    check_output(tmp_path / "link", name="--sentences")
    write_output(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "target").read_text() == "new"
    write_output("/dev/null", "nothing")
    write_output(tmp_path / "plain", "text")
    assert (tmp_path / "plain").read_text() == "text"
