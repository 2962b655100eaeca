"""Reading lines."""

import codecs
import gzip
import io
import pickle
import sys

import hypothesis
import hypothesis.strategies as st
import pytest

from nao_tf.data.lines import read_lines, read_standard_input
from nao_tf.errors import InputError


@pytest.mark.parametrize(
    "data, lines",
    [
        (b"a b\n\nc\n", ["a b", "", "c"]),
        (b"a\r\nb\rc", ["a", "b", "c"]),
        (b"\xef\xbb\xbfa\n", ["a"]),
        ("a\x0bb\u2028c\x85d\n".encode(), ["a\x0bb\u2028c\x85d"]),
        ("a é\r\nb\rc\n\n".encode("utf-16"), ["a é", "b", "c", ""]),
        (b"\xfe\xff" + "a é\n茶 😀".encode("utf-16-be"), ["a é", "茶 😀"]),
        ("a é\n茶".encode("utf-32"), ["a é", "茶"]),
        (b"\0\0\xfe\xff" + "a\n".encode("utf-32-be"), ["a"]),
    ],
)
def test_lines_are_those_of_text_mode(tmp_path, data, lines):
    path = tmp_path / "text.txt"
    path.write_bytes(data)
    assert read_lines(path) == lines
    with open(path, encoding=encoding_of(data)) as file:
        assert [line.removesuffix("\n") for line in file] == lines


def encoding_of(data):
    """What Python calls the encoding of a file, by its mark."""
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    return "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="missing.txt: no such file"):
        read_lines(tmp_path / "missing.txt")
    with pytest.raises(InputError, match="cannot be read"):
        read_lines(tmp_path)
    path = tmp_path / "empty.txt"
    path.touch()
    with pytest.raises(InputError, match="empty.txt: the file is empty"):
        read_lines(path)


def test_not_utf_8_says_where(tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes(b"one\ntwo caf\xe9\n")
    with pytest.raises(InputError, match=r"latin.txt: not UTF-8 at byte 11 \(line 2, 0xe9\)"):
        read_lines(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("a b\n".encode("utf-16")[:-1], "not UTF-16, as its byte-order mark says, at byte 8; save the file as UTF-8"),
        ("a b\n".encode("utf-32")[:-2], "not UTF-32, as its byte-order mark says, at byte 16"),
        (b"\xff\xfe\x00\xd8a\0", "not UTF-16, as its byte-order mark says, at byte 2"),
        ("a\r\nb\0".encode("utf-16"), "not text: a character 0 in line 2; give a text"),
        ("ab cd\n".encode("utf-16-le"), r"not text: byte 0 at 1 \(line 1\), as in UTF-16 without"),
        ("ab cd\n".encode("utf-16-be"), r"not text: byte 0 at 0 \(line 1\), as in UTF-16 without"),
        (b"ab\ncd\n" + bytes(100), r"not text: byte 0 at 6 \(line 3\); give a text in UTF-8"),
        (b"ab\r\nc\0d\n", r"not text: byte 0 at 5 \(line 2\); give"),
        (b"ab\rcaf\xe9\r", r"not UTF-8 at byte 6 \(line 2, 0xe9\); convert the file to UTF-8"),  # lone CRs end lines
        ("it\u2019s".encode("cp1252"), r"not UTF-8 at byte 2 \(line 1, 0x92\)"),
        (gzip.compress(b"a b\n", mtime=0), "not text but a gzip file; unpack it"),
        (b"PK\x03\x04rest", "not text but a zip file, as .xlsx, .docx and .npz are; save it as plain text"),
        (b"%PDF-1.7\n%\xe2", "not text but a PDF; save it as plain text"),
        (b"{\\rtf1\\ansi a}", "not text but a document in RTF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "not text but a document of Word or Excel"),
        (pickle.dumps(["a b"]), "not text but a Python pickle"),
        (b"PAR1\x15\x04", "not text but a Parquet file"),
        (b"\x89PNG\r\n\x1a\n", "not text but a PNG picture"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n",
            "not text but a pointer of Git LFS; fetch it with git lfs pull",
        ),
        ("a\ud800".encode("utf-8", "surrogatepass"), "not UTF-8 at byte 1"),
    ],
)
def test_what_is_no_text_is_named(tmp_path, data, message):
    path = tmp_path / "text.txt"
    path.write_bytes(data)
    with pytest.raises(InputError, match=f"text.txt: {message}") as error:
        read_lines(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "words", ["BZh and so on", "PAR1 PAR2", "<html> <body>", "PK", "version https", "II* is", "{ rtf", "GIF89"]
)
def test_words_that_formats_begin_with_are_words(tmp_path, words):
    path = tmp_path / "text.txt"
    path.write_text(words)
    assert read_lines(path) == [words]


@hypothesis.settings(max_examples=60, deadline=None, database=None, derandomize=True)
@hypothesis.given(
    text=st.text(alphabet=st.sampled_from("ab \r\n\0\ufeff\u2028\xe9"), max_size=20),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"]),
)
def test_any_bytes_are_lines_or_one_clear_line(tmp_path_factory, text, encoding):
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_bytes(text.encode(encoding, "replace"))
    try:
        lines = read_lines(path)
    except InputError as error:
        assert str(path) in str(error) and "\n" not in str(error)
    else:
        with open(path, encoding=encoding_of(path.read_bytes())) as file:
            assert [line.removesuffix("\n") for line in file] == lines


@pytest.mark.parametrize(
    ("data", "lines"), [("a é\n\nb".encode(), ["a é", "", "b"]), ("a é\r\n".encode("utf-16"), ["a é"])]
)
def test_standard_input_is_read_as_a_file_is(data, lines, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="ascii"))
    assert read_standard_input() == lines


@pytest.mark.parametrize(("data", "said"), [(b"", "it is empty"), (b"a\xff", "not UTF-8 at byte 1")])
def test_standard_input_that_is_no_text_is_one_line(data, said, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    with pytest.raises(InputError, match=f"^standard input: {said}"):
        read_standard_input()


def test_a_closed_standard_input_is_one_line(monkeypatch):
    closed = io.TextIOWrapper(io.BytesIO(b"a"))
    monkeypatch.setattr(sys, "stdin", closed)
    closed.buffer.close()
    with pytest.raises(InputError, match="^standard input: cannot be read"):
        read_standard_input()
