"""The names of published files."""

import os

import pytest

from nao_tf.data.published import find_own, find_published, has_published_files, hint_of, published_files
from nao_tf.errors import InputError


def test_the_original_name_comes_first(tmp_path):
    assert not has_published_files("ptb", tmp_path)
    for part in ("train", "valid", "test"):
        (tmp_path / f"{part}.txt").touch()
    (tmp_path / "ptb.valid.txt").touch()
    names = {part: path.name for part, path in published_files("ptb", tmp_path).items()}
    assert names == {"train": "train.txt", "valid": "ptb.valid.txt", "test": "test.txt"}


def test_a_missing_part(tmp_path):
    (tmp_path / "train.txt").touch()
    assert has_published_files("wikitext2", tmp_path)
    with pytest.raises(InputError, match="part 'valid' of wikitext2; expected wiki.valid.tokens or valid.txt"):
        published_files("wikitext2", tmp_path)


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def found(files):
    return [path.name for paths in files.paths.values() for path in paths]


@pytest.mark.parametrize(
    "names",
    [
        ("TRAIN.TXT", "Valid.Txt", "test.text"),
        ("train.txt", "val.txt", "test.txt"),
        ("training.txt", "validation.txt", "testing.txt"),
        ("Train.txt", "DEV.txt", "eval.txt"),
        ("train.txt", "development.txt", "Evaluation.txt"),
        ("ptb.train.txt", "ptb.valid.txt", "ptb.test.txt"),
        ("wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"),
        ("my corpus-train.txt", "my corpus-val.txt", "my corpus-test.txt"),
    ],
)
def test_names_of_own_texts(tmp_path, names):
    files = find_own(touch(tmp_path, *names))
    assert list(files.paths) == ["train", "valid", "test"] and found(files) == list(names)
    assert files.note is None


@pytest.mark.parametrize(
    ("names", "part"),
    [
        (("train.txt", "train/1.txt"), "train"),
        (("valid.txt", "dev.txt"), "valid"),
        (("test.txt", "TEST.TXT"), "test"),
        (("Val/1.txt", "valid/2.txt"), "valid"),
        (("a.train.txt", "b.train.txt"), "train"),
    ],
)
def test_two_files_for_one_part_are_a_question(tmp_path, names, part):
    touch(tmp_path, *names)
    first, second = sorted(name.split("/")[0] for name in names)
    with pytest.raises(InputError, match=f"{first} and {second} could all be the part '{part}'; leave one"):
        find_own(tmp_path)


def test_what_is_no_part_is_told_and_litter_is_not(tmp_path):
    touch(
        tmp_path, "train/2.txt", "train/author/1.TXT", "train/._2.txt", "train/.ipynb_checkpoints/2.txt", "train/x.pdf"
    )
    touch(tmp_path, "valid.txt", "test.txt", "old.train.txt", "notes.doc", "run/pool.jsonl", "test/empty.json")
    touch(tmp_path, ".DS_Store", "Thumbs.db", "__MACOSX/1.txt", "README.md", "@eaDir/train.txt")
    files = find_own(tmp_path)
    assert found(files) == ["2.txt", "1.TXT", "valid.txt", "test.txt"]
    assert files.left_out == ["notes.doc", "old.train.txt", "run/", "test/", "train/x.pdf"]
    assert files.note == ("left out, as no part of the text: notes.doc, old.train.txt, run/, test/, … (5 in all)")


def test_published_names_in_other_spellings(tmp_path):
    touch(tmp_path, "PTB.TRAIN.TXT", "val.txt", "Test.TXT", "ptb.char.train.txt", "README")
    assert [path.name for path in published_files("ptb", tmp_path).values()] == ["PTB.TRAIN.TXT", "val.txt", "Test.TXT"]
    assert find_published("ptb", tmp_path).left_out == ["ptb.char.train.txt"]
    touch(tmp_path, "dev.txt")
    with pytest.raises(InputError, match="dev.txt and val.txt could all be the part 'valid'"):
        published_files("ptb", tmp_path)
    assert not has_published_files("ptb", tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        (("data/train.txt", "data/test.txt", "data.zip"), "there are some in {}/data: give that folder"),
        (("simple/data/ptb.train.txt", "simple/models/a.md"), "there are some in {}/simple/data: give that folder"),
        (("train.txt.gz", "valid.txt.gz"), "train.txt.gz is packed: unpack it"),
        (("corpus.tar.gz",), "corpus.tar.gz is packed: unpack it"),
        (("train.md", "test.md"), "test.md is not read, texts end in .txt, .text or .tokens: rename it if it is one"),
        (("wiki.train.raw",), "wiki.train.raw is not read, texts"),
        (("train", "valid"), "train is not read, texts end in"),
        (("train/1.jsonl", "notes.txt"), "no file in train/ ends in .txt, .text or .tokens"),
        (("corpus.txt",), "cut corpus.txt into train.txt, most of it, valid.txt and test.txt"),
        (("cat/1.JPG", "dog/2.jpg"), "pictures lie there: is --task=images meant?"),
        (("a.doc", "b/c.doc"), None),
    ],
)
def test_where_texts_may_be(tmp_path, names, hint):
    found = hint_of(touch(tmp_path, *names))
    assert found is hint if hint is None else found.startswith(hint.format(tmp_path))


def test_links_are_followed_once(tmp_path):
    touch(tmp_path, "data/train/1.txt", "data/valid.txt", "data/test.txt", "elsewhere/2.txt")
    os.symlink(tmp_path / "elsewhere", tmp_path / "data" / "train" / "more")
    os.symlink("..", tmp_path / "data" / "train" / "up")
    os.symlink("nowhere", tmp_path / "data" / "train" / "gone.txt")
    os.mkfifo(tmp_path / "data" / "train" / "pipe.txt")
    files = find_own(tmp_path / "data")
    assert [path.name for path in files.paths["train"]] == ["1.txt", "2.txt"]
    assert files.left_out == [
        *("train/1 links to folders that are read elsewhere", "train/1 links to nothing", "train/1 no files")
    ]
