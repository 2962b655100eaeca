"""The names of published files."""

import pytest

from nao_tf.data.published import has_published_files, published_files
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
