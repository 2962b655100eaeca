"""The benchmark that counts wrong verdicts."""

import json

import pytest

from benchmarks import verdict_errors
from nao_tf.architecture import NasBench201Space
from nao_tf.data.table import read_table
from nao_tf.study import verdict


@pytest.fixture(scope="module")
def table(invented_table, tmp_path_factory):
    """The invented table under the names that the benchmark reads."""
    path = tmp_path_factory.mktemp("noisy") / "table.csv"
    header, *rows = invented_table.read_text().splitlines()
    assert header == "arch,params_M,seen,told"
    names = ["arch", "params_M", verdict_errors.SCORE, verdict_errors.VALIDATION, verdict_errors.TEST]
    lines = [",".join(names)]
    for row in rows:
        seen = row.split(",")[2]
        lines.append(",".join([*row.split(",")[:3], seen, row.split(",")[3]]))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_line_for_each_number_of_seeds(table, capsys):
    verdict_errors.main([f"--table={table}", "--repetitions=2", "--seeds=1,3", "--noise=0.01"])
    one, three = map(json.loads, capsys.readouterr().out.splitlines())
    assert (one["seeds"], three["seeds"]) == (1, 3) and one["told"] == one["not_told"] == 0
    assert three["told"] > 0 == three["wrongly_better"]  # the noise is small, so what differs is told apart
    assert three["trainings"] <= three["of"] == 2 * 9 * 3  # two studies, three searches with three finalists


def test_wrong_verdicts_are_counted(table, monkeypatch):
    tables = [
        read_table(table, NasBench201Space(), score_column=column, test_column=verdict_errors.TEST)
        for column in (verdict_errors.SCORE, verdict_errors.VALIDATION)
    ]
    monkeypatch.setattr(verdict, "LEVEL", 1.0)  # every difference is called one
    found = verdict_errors.count(tables, 3, repetitions=4, finalists=1, noise=1.0, equal=True)
    assert found.wrongly_better + found.wrongly_worse >= 4 and found.told == 0
