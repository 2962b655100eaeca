"""The embedded sample."""

import pytest

from nao_tf.data import python_docs
from nao_tf.errors import InputError


@pytest.fixture(scope="module")
def lines():
    return python_docs.lines()


def test_size(lines):
    tokens = {part: sum(len(line.split()) + 1 for line in text) for part, text in lines.items()}
    assert 250_000 <= sum(tokens.values()) <= 450_000  # 313,797 with Python 3.11.7; other versions differ a little
    for part in ("valid", "test"):
        assert 0.03 < tokens[part] / sum(tokens.values()) < 0.07


def test_the_same_python_gives_the_same_corpus(lines):
    assert python_docs.lines() == lines


def test_no_sentence_of_one_part_stands_in_another(lines):
    everything = [line for text in lines.values() for line in text]
    assert len(everything) == len(set(everything))


def test_a_sentence_that_occurs_twice_is_kept_once(tmp_path):
    for number in range(40):
        words = " ".join(f"w{letter}{'abcdefghij'[number % 10]}{'xyzw'[number // 10]}" for letter in "abcdefgh" * 70)
        (tmp_path / f"m{number:02}.py").write_text(f'"""Twice is once here.\n\n{words}.\n\n>>> 1 + 1\n2\n"""\n')
    lines = python_docs.lines(tmp_path)
    everything = [line for text in lines.values() for line in text]
    assert len(everything) == len(set(everything)) == 41
    assert [len(lines[part]) for part in ("train", "valid", "test")] == [37, 2, 2]
    assert not any("N" in line.split() for line in everything)  # the examples at the prompt


def test_documents_in_the_order_of_the_source(tmp_path):
    (tmp_path / "a.py").write_text(
        '"""One."""\nclass A:\n    """Two."""\n    def f(self):\n        """Three."""\n'
        'if True:\n    async def g():\n        """Four."""\n    x = """not one"""\n'
    )
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "b.py").write_text('"""Skipped."""\n')
    (tmp_path / "pydoc_data").mkdir()
    (tmp_path / "pydoc_data" / "topics.py").write_text("topics = {'if': 'Five.\\n\\nSix.'}\n")
    assert list(python_docs.documents(tmp_path)) == ["One.", "Two.", "Three.", "Four.", "Five.", "Six."]


def test_form_of_the_sentences():
    assert python_docs.sentences("It doesn't read 3.14 files, does it?  See the\nread_text(path) method. No.") == [
        "it doesn't read N files does it",
        "see the read text path method",
    ]


def test_a_library_without_sources_is_refused(tmp_path):
    with pytest.raises(InputError, match="too little documentation .*--data_dir"):
        python_docs.lines(tmp_path)
