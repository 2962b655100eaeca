"""The benchmark that counts wrong verdicts."""

import json

import pytest

from benchmarks import verdict_errors
from nao_tf.architecture import NasBench201Space
from nao_tf.data.table import read_table
from nao_tf.study import verdict


@pytest.fixture(scope="module")
def table(invented_table):
    """The invented table, whose scores are validation figures too."""
    return read_table(invented_table, NasBench201Space(), score_column="seen", test_column="told")


def test_a_line_for_each_number_of_seeds(table, monkeypatch, capsys):
    monkeypatch.setattr(verdict_errors, "read_table", lambda path, space, **columns: table)
    verdict_errors.main(["--table=invented.csv", "--repetitions=2", "--seeds=1,3", "--noise=0.01"])
    one, three = map(json.loads, capsys.readouterr().out.splitlines())
    assert (one["seeds"], three["seeds"]) == (1, 3) and one["told"] == one["not_told"] == 0
    assert three["told"] > 0 == three["wrongly_better"]  # the noise is small, so what differs is told apart
    assert three["trainings"] <= three["of"] == 2 * 9 * 3  # two studies, three searches with three finalists


def test_wrong_verdicts_are_counted(table, monkeypatch):
    monkeypatch.setattr(verdict, "LEVEL", 1.0)  # every difference is called one
    found = verdict_errors.count([table, table], 3, repetitions=3, finalists=1, noise=1.0, equal=True)
    assert found.wrongly_better + found.wrongly_worse >= 3 and found.told == 0
