"""Evaluations as rows: of a pool, as CSV, and as a table of pandas."""

import csv
import io
import sys

import pytest
from searches import SPACE

import nao_tf
from nao_tf.errors import DivergedError, InputError
from nao_tf.search import columns


def sums(architecture):
    if architecture.values[0] == 2:
        raise DivergedError('too steep, "they" said')
    return float(sum(architecture.values))


@pytest.fixture(scope="module")
def pool():
    space = nao_tf.CategoricalSpace("net", {"a": ["0", "1", "2"], "b": ["x", "y, z"]})
    return nao_tf.search(space, sums, budget=6, strategy="random")


def test_a_row_has_what_the_line_of_the_pool_says(pool):
    assert len(pool.rows) == 6
    for row, evaluation in zip(pool.rows, pool.history, strict=True):
        assert tuple(row) == columns.COLUMNS and row["architecture"] == evaluation.candidate.architecture.values
        assert (row["status"] == "failed") == (row["score"] is None) == (row["architecture"][0] == 2)


def test_csv_reads_back(pool):
    read = list(csv.DictReader(io.StringIO(columns.csv_text(pool.rows))))
    for found, row in zip(read, pool.rows, strict=True):
        assert tuple(map(int, found["architecture"].split())) == row["architecture"] and found["text"] == row["text"]
        assert found["score"] == ("" if row["score"] is None else str(row["score"]))
        assert found["reason"] == (row["reason"] or "") and found["parameters"] == ""
    assert columns.csv_text([]) == ",".join(columns.COLUMNS) + "\n"


def test_names_of_ones_own_come_first_and_those_of_a_ladder_last(pool):
    rows = [{"strategy": "nao", **row, "rung": "short", "cost": 0.1} for row in pool.rows]
    header = columns.csv_text(rows).splitlines()[0].split(",")
    assert header == ["strategy", *columns.COLUMNS, "rung", "cost"]


def test_seconds_are_known_where_an_evaluation_takes_some_and_are_no_part_of_the_file(tmp_path, monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr("nao_tf.search.outcome.time.perf_counter", lambda: next(clock) * 1.25)

    def search(name):
        return nao_tf.search(SPACE, lambda architecture: 1.0, budget=4, strategy="random", path=tmp_path / name)

    timed = search("a.jsonl")
    assert [row["seconds"] for row in timed.rows] == [1.25] * 4 == list(timed.seconds.values())
    monkeypatch.undo()
    assert [row["seconds"] for row in search("b.jsonl").rows] == [None] * 4  # less than a millisecond
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert [row["seconds"] for row in search("a.jsonl").rows] == [None] * 4  # the file does not tell


def test_a_table_of_pandas(pool):
    pandas = pytest.importorskip("pandas")
    frame = pool.to_dataframe()
    assert list(frame.columns) == list(columns.COLUMNS) and len(frame) == 6
    assert frame["architecture"].tolist() == [row["architecture"] for row in pool.rows]
    assert frame["score"].dtype == float and frame["score"].isna().sum() == 2 and frame["round"].dtype == int
    assert frame["parameters"].dtype == pandas.Int64Dtype() and frame["parameters"].isna().all()
    assert len(nao_tf.Pool(None, pool.space, metric="score", higher_is_better=True).to_dataframe()) == 0


def test_without_pandas_one_line_says_how_to_get_it(pool, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match="pip install pandas"):
        pool.to_dataframe()
