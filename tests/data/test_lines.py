"""Reading lines."""

import pytest

from nao_tf.data.lines import read_lines
from nao_tf.errors import InputError


@pytest.mark.parametrize(
    "data, lines",
    [
        (b"a b\n\nc\n", ["a b", "", "c"]),
        (b"a\r\nb\rc", ["a", "b", "c"]),
        (b"\xef\xbb\xbfa\n", ["a"]),
        ("a\x0bb\u2028c\x85d\n".encode(), ["a\x0bb\u2028c\x85d"]),
    ],
)
def test_lines_are_those_of_text_mode(tmp_path, data, lines):
    path = tmp_path / "text.txt"
    path.write_bytes(data)
    assert read_lines(path) == lines
    with open(path, encoding="utf-8-sig") as file:
        assert [line.removesuffix("\n") for line in file] == lines


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
