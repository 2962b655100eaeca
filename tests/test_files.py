import os
import pathlib

import numpy as np
import pytest

from nao_tf.files import replacing, write_arrays, write_text


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
