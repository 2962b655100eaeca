"""Loading corpora."""

import dataclasses
import os
import pathlib
import re
import subprocess
import sys

import hypothesis
import hypothesis.strategies as st
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


TEXTS = {"train": "the cat sat\nthe dog sat\n", "valid": "the dog\nthe cat sat\n", "test": "the cat\nthe dog sat\n"}


def write(folder, **parts):
    for part in ("train", "valid", "test"):
        text = parts.get(part, TEXTS[part])
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


def test_unknown_words_are_told(tmp_path):
    write(tmp_path, train="the cat sat\nthe dog sat\n", valid="the cow sat\n\nan ox sat\n", test="the dog sat\n")
    notes = load_corpus("text", tmp_path).notes
    assert notes == (
        "unknown words: 50.0% of the words of valid and 0.0% of the words of test; they count as <unk>, which training"
        " never has, so its probability is not learnt; minimum_count=2 helps",
    )
    (note,) = load_corpus("text", tmp_path, minimum_count=2).notes  # cat and dog are <unk> in training
    assert note == "unknown words: 50.0% of the words of valid and 33.3% of the words of test; they count as <unk>"
    (note,) = load_corpus("ptb", tmp_path).notes
    assert note.startswith("words that training never has: 50.0% of the words of valid and 0.0% of")


def test_a_text_of_known_words_has_no_notes(tmp_path):
    assert load_corpus("text", write(tmp_path)).notes == ()
    assert load_corpus("ptb").notes == ()


@pytest.mark.skipif(not PTB.is_dir(), reason="the Penn Treebank is not at ../shared/data/ptb")
def test_the_penn_treebank_has_no_notes():
    assert load_corpus("ptb", PTB).notes == ()


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"minimum_count": 11}, "minimum_count=11 makes 100% of the training words <unk>"),
        ({"minimum_count": 10**9}, "minimum_count=1,000,000,000 makes 100% of the training words <unk>"),
        ({"minimum_count": 2, "vocabulary_size": 3}, "minimum_count=2 and vocabulary_size=3 make 95% of"),
        ({"vocabulary_size": 3}, "vocabulary_size=3 makes 95% of"),
    ],
)
def test_a_vocabulary_of_hardly_a_word_is_refused(tmp_path, limits, message):
    text = "".join(f"{' '.join(f'w{number}' for number in range(20))}\n" for _ in range(10))  # 20 words, each 10 times
    write(tmp_path, train=text, valid=text, test=text)
    with pytest.raises(InputError, match=message) as error:
        load_corpus("text", tmp_path, **limits)
    assert "a minimum_count of at most 10 and a vocabulary_size of at least 20, 90% of them" in str(error.value)
    assert len(load_corpus("text", tmp_path, minimum_count=10, vocabulary_size=20).vocabulary) == 20


def test_a_text_of_unknown_words_is_refused(tmp_path):
    with pytest.raises(InputError, match="95% of the training words are <unk>, so there is nothing to learn; give a"):
        load_corpus("text", write(tmp_path, train="<unk> " * 19 + "word\n"))


@pytest.mark.parametrize(
    ("train", "note"),
    [
        ("a b\n\ufeffa b\na \ufeffb\n", "train.txt: 2 line.s. with a byte-order mark inside the text"),
        ("a b " * 500, "train.txt: one line of 1,000 words; lines end at newlines only"),
        ("a b\u2028" * 500, "train.txt: one line of 1,000 words"),
    ],
)
def test_odd_lines_are_told(tmp_path, train, note):
    folder = write(tmp_path, train=train, valid="a b\n", test="b a\n")
    (told,) = load_corpus("text", folder).notes
    assert re.search(note, told)


@pytest.mark.parametrize(
    ("parts", "notes"),
    [
        ({"test": TEXTS["train"]}, ["train and test are the same text"]),
        ({"valid": TEXTS["test"]}, ["valid and test are the same text"]),
        ({"train": "a b c d\n" * 9 + "a b\n", "valid": "a b c d\n", "test": "b c\n" * 3}, []),  # short lines
        (
            {"train": "a b c d e\nb a\n", "valid": "a b c d e\n" + "e d c b a\n" * 19, "test": "a b c d e\nb\n" * 2},
            [
                "5% of the lines of valid with 5 words or more are lines of train as well",
                "100% of the lines of test with 5 words or more are lines of train as well",
            ],
        ),
        ({"train": "a b c d e\nb a\n", "valid": "a b c d e\n" + "e d c b a\n" * 20}, []),
    ],
)
def test_lines_of_several_parts_are_told(tmp_path, parts, notes):
    parts = {"test": "e a\n", **parts} if "e" in parts.get("train", "") else parts
    assert list(load_corpus("text", write(tmp_path, **parts)).notes) == notes
    told = load_corpus("ptb", tmp_path).notes
    assert [note for note in told if "same text" in note or "as well" in note] == notes


@pytest.mark.parametrize("part", ["valid", "test"])
def test_a_text_without_a_known_word_is_refused(tmp_path, part):
    write(tmp_path, **{part: "der Hund\n<unk> <eos>\n"})
    with pytest.raises(InputError, match=f"{part}.txt: none of its words, such as 'der', is a known word of the train"):
        load_corpus("text", tmp_path)
    load_corpus("ptb", tmp_path)  # whose dictionary is that of all parts


def test_pipes_in_the_place_of_texts_are_not_waited_for(tmp_path):
    write(tmp_path, test=None)
    os.mkfifo(tmp_path / "test.txt")
    with pytest.raises(InputError, match="test.txt: not a file; give a text file"):
        load_corpus("text", tmp_path)
    with pytest.raises(InputError, match="test.txt: not a file"):
        load_corpus("ptb", tmp_path)


def test_left_out_files_are_told(tmp_path):
    write(tmp_path)
    (tmp_path / "valid.txt").rename(tmp_path / "Dev.TXT")
    (tmp_path / "more.txt").touch()
    assert load_corpus("text", tmp_path).notes == ("left out, as no part of the text: more.txt",)
    assert load_corpus("ptb", tmp_path).notes == ("left out, as no part of the text: more.txt",)
    (tmp_path / "Dev.TXT").rename(tmp_path / "held out.txt")
    with pytest.raises(InputError, match="no text for the part 'valid'; .*; left out, .*: held out.txt, more.txt"):
        load_corpus("text", tmp_path)


words = st.sampled_from(["a", "b", "<unk>", "<eos>", "\ufeff", "\0", "\xe9", "\n", "\r", " ", "\u2028", "a b\nb a\n"])


@hypothesis.settings(max_examples=60, deadline=None, database=None, derandomize=True)
@hypothesis.given(
    texts=st.lists(st.lists(words, max_size=12).map(" ".join), min_size=3, max_size=3),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]),
    limits=st.fixed_dictionaries(
        {}, optional={"minimum_count": st.integers(-1, 4), "vocabulary_size": st.integers(0, 5)}
    ),
    task=st.sampled_from(["text", "ptb"]),
)
def test_any_texts_are_a_corpus_or_one_clear_line(tmp_path_factory, texts, encoding, limits, task):
    folder = tmp_path_factory.getbasetemp()
    for part, text in zip(("train", "valid", "test"), texts, strict=True):
        (folder / f"{part}.txt").write_bytes(text.encode(encoding, "replace"))
    try:
        corpus = load_corpus(task, folder, **limits)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert all(0 <= token < len(corpus.vocabulary) for token in corpus.train) and len(corpus.test) > 1
        assert not any("\n" in note for note in corpus.notes)
