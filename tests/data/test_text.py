"""Loading corpora."""

import dataclasses
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from nao_tf.data import python_docs
from nao_tf.data.text import load_corpus, load_lines
from nao_tf.data.vocabulary import Vocabulary
from nao_tf.errors import InputError

ROOT = pathlib.Path(__file__).parents[2]
TEXT = ROOT / "testdata" / "text"
PTB = ROOT / ".." / "shared" / "data" / "ptb"
WIKITEXT2 = ROOT / "nao_tf" / "data" / "wikitext2" / "dummy_data" / "wikitext-2"


@pytest.fixture(autouse=True)
def no_prepared_data(tmp_path, monkeypatch):
    """No test sees what lies in the home folder."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "no_tfds"))


def write(folder, **parts):
    for part in ("train", "valid", "test"):
        text = parts.get(part, "the cat sat\nthe dog sat\n")
        if text is not None:
            (folder / f"{part}.txt").write_text(text, encoding="utf-8")
    return folder


def test_own_text():
    corpus = load_corpus("text", TEXT)
    assert (corpus.name, corpus.source) == ("text", str(TEXT))
    assert corpus.vocabulary.words == ("<eos>", "<unk>", "the", "cat", "sat", "on", "dog", "mat", "log", "saw")
    assert len(corpus.train) == 12 + 5 + 4 and corpus.train.dtype == np.int32  # words, and <eos> a line
    assert corpus.vocabulary.decode(corpus.test) == "the <unk> sat on the cat <eos>".split()


def test_lines_of_a_part_are_those_of_its_tokens():
    lines, source = load_lines("text", "test", data_dir=TEXT)
    corpus = load_corpus("text", TEXT)
    assert source == str(TEXT / "test.txt")
    np.testing.assert_array_equal(corpus.vocabulary.encode(lines, source), corpus.test)


def test_own_text_with_limits():
    assert load_corpus("text", TEXT, vocabulary_size=4).vocabulary.words == ("<eos>", "<unk>", "the", "cat")
    assert len(load_corpus("text", TEXT, minimum_count=2).vocabulary) == 7


def test_folders_of_files_are_read_by_name(tmp_path):
    for part in ("train", "valid", "test"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "2.txt").write_text("two\n")
        (tmp_path / part / "1.txt").write_text("one")
    corpus = load_corpus("text", tmp_path)
    assert corpus.vocabulary.decode(corpus.train) == ["one", "<eos>", "two", "<eos>"]


def test_the_fingerprint_is_of_the_content(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        for part in ("train", "valid", "test"):
            (tmp_path / name / f"{part}.txt").write_bytes((TEXT / f"{part}.txt").read_bytes())
    original = load_corpus("text", TEXT)
    moved = [load_corpus("text", tmp_path / name) for name in ("first", "second")]
    assert len({corpus.source for corpus in (original, *moved)}) == 3
    assert len({corpus.fingerprint() for corpus in (original, *moved)}) == 1
    assert dataclasses.replace(original, name="other").fingerprint() == original.fingerprint()


def test_the_fingerprint_tells_texts_apart():
    corpus = load_corpus("text", TEXT)
    words = corpus.vocabulary.words
    changed = corpus.test.copy()
    changed[0] = (changed[0] + 1) % len(words)
    whole = np.concatenate([corpus.valid, corpus.test])
    others = [
        dataclasses.replace(corpus, test=changed),
        dataclasses.replace(corpus, valid=whole[:-3], test=whole[-3:]),  # the same tokens, cut elsewhere
        dataclasses.replace(corpus, vocabulary=Vocabulary((*words[:-1], "other"))),
    ]
    assert len({other.fingerprint() for other in (corpus, *others)}) == 4


@pytest.mark.parametrize("pattern", ["wiki.{}.tokens", "{}.txt"])
def test_wikitext2_counts_empty_lines_as_the_published_recipe(tmp_path, pattern):
    for part in ("train", "valid", "test"):
        (tmp_path / pattern.format(part)).write_bytes((WIKITEXT2 / f"wiki.{part}.tokens").read_bytes())
    corpus = load_corpus("wikitext2", tmp_path)
    ids, tokens = {}, {}  # the published recipe
    for part in ("train", "valid", "test"):
        with open(WIKITEXT2 / f"wiki.{part}.tokens", encoding="utf-8") as file:
            words = [word for line in file for word in line.split() + ["<eos>"]]
        tokens[part] = [ids.setdefault(word, len(ids)) for word in words]
    assert corpus.vocabulary.words == tuple(ids)
    assert {part: getattr(corpus, part).tolist() for part in tokens} == tokens


@pytest.mark.skipif(not PTB.is_dir(), reason="the Penn Treebank is not at ../shared/data/ptb")
def test_the_penn_treebank_has_its_published_counts():
    corpus = load_corpus("ptb", PTB)
    assert [len(corpus.train), len(corpus.valid), len(corpus.test)] == [929_589, 73_760, 82_430]
    assert len(corpus.vocabulary) == 10_000
    assert corpus.vocabulary.words[:2] == ("aer", "banknote")


@pytest.mark.parametrize("task", ["ptb", "wikitext2"])
def test_without_data_the_sample_is_used_and_named(task):
    corpus = load_corpus(task)
    assert corpus.name == "python-docs"
    assert corpus.source == python_docs.origin()
    assert corpus.vocabulary.unknown_id is not None
    assert 4_000 < len(corpus.vocabulary) <= 10_000
    assert (corpus.test == corpus.vocabulary.unknown_id).mean() < 0.06  # the Penn Treebank's test text: 0.058


def test_files_and_the_sample_need_no_tensorflow():
    program = (
        "import sys; from nao_tf.data.text import load_corpus;"
        f"load_corpus('text', {str(TEXT)!r}); load_corpus('ptb');"
        "assert not {'tensorflow', 'tensorflow_datasets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=os.environ, check=True)


@pytest.mark.parametrize(
    "parts, message",
    [
        ({"valid": None}, "no text for the part 'valid'; expected valid.txt or a folder valid"),
        ({"test": ""}, "test.txt: the file is empty"),
        ({"test": "\n"}, r"test.txt: 1 token\(s\); at least 2"),
        ({"valid": "\n\n \n"}, "valid.txt: no word in 3 lines"),
        ({"train": "the the\nthe\n"}, r"train.txt: only one distinct word \('the'\)"),
    ],
)
def test_texts_that_cannot_be_learned(tmp_path, parts, message):
    with pytest.raises(InputError, match=message) as error:
        load_corpus("text", write(tmp_path, **parts))
    assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)


def test_not_utf_8(tmp_path):
    (write(tmp_path) / "valid.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(InputError, match="valid.txt: not UTF-8 at byte 3"):
        load_corpus("text", tmp_path)


@pytest.mark.parametrize("task", ["ptb", "wikitext2", "text"])
def test_folders_that_are_none(tmp_path, task):
    with pytest.raises(InputError, match="nowhere: no such folder; .*--data_dir"):
        load_corpus(task, tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file: not a folder"):
        load_corpus(task, tmp_path / "file")


@pytest.mark.parametrize("task, names", [("ptb", "ptb.train.txt or train.txt"), ("wikitext2", "wiki.train.tokens or")])
def test_an_empty_folder_is_never_replaced_by_the_sample(tmp_path, task, names):
    with pytest.raises(InputError, match=f"no file for the part 'train' of {task}; expected {names}"):
        load_corpus(task, tmp_path)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"task": "imdb"}, "task is 'imdb'; a corpus is one of ptb, wikitext2, text"),
        ({"task": "python-docs"}, "a corpus is one of"),
        ({"task": "text"}, "task text needs --data_dir"),
        ({"task": "ptb", "vocabulary_size": 100}, "ptb has a published dictionary"),
        ({"task": "wikitext2", "minimum_count": 2}, "wikitext2 has a published dictionary"),
        ({"task": "text", "data_dir": TEXT, "vocabulary_size": 2}, "vocabulary_size is 2; at least 3"),
        ({"task": "text", "data_dir": TEXT, "minimum_count": 0}, "minimum_count is 0; at least 1"),
    ],
)
def test_arguments_that_do_not_apply(arguments, message):
    with pytest.raises(InputError, match=message):
        load_corpus(**arguments)
