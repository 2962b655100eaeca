"""The program that measures how a controller ranks a table of which it has learnt a part."""

import json

import pytest

from benchmarks import predictor_quality
from nao_tf.errors import InputError


def test_rows_that_were_not_learnt_are_ranked(invented_table, tmp_path, capsys):
    header, *lines = invented_table.read_text().splitlines()
    (tmp_path / "part.csv").write_text("\n".join([header, *lines[::20]]) + "\n")
    predictor_quality.main([f"--table={tmp_path / 'part.csv'}", "--column=seen", "--sizes=60", "--draws=1"])
    (line,) = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert line["learnt"] == 60 and line["draws"] == 1 and line["kendall_tau"]["mean"] > 0.4
    rows, figures = predictor_quality.rows_of(invented_table, "seen")
    assert len(rows) == len(figures) == 15_625  # every spelling is a row


def test_wrong_columns_and_sizes_are_named(invented_table):
    with pytest.raises(InputError, match="has no columns arch and nowhere"):
        predictor_quality.main([f"--table={invented_table}", "--column=nowhere"])
    with pytest.raises(InputError, match="from 2 to 15624"):
        predictor_quality.main([f"--table={invented_table}", "--column=seen", "--sizes=15625"])
