"""The program that compares strategies, on a table with invented figures."""

import importlib.util
import json

import pytest

from benchmarks import search_quality, searches
from nao_tf.architecture import NasBench201Space
from nao_tf.data.table import read_table
from nao_tf.errors import InputError

CAN_DRAW = importlib.util.find_spec("matplotlib") is not None


@pytest.fixture(scope="module")
def table(invented_table):
    return read_table(invented_table, NasBench201Space(), score_column="seen", test_column="told")


def compare(table, capsys, tmp_path, *more):
    search_quality.main(
        [f"--table={table.path}", "--score_column=seen", "--test_column=told", "--processes=1", "--held_out=50"]
        + ([f"--picture={tmp_path / 'picture.png'}"] if CAN_DRAW else [])
        + list(more)
    )
    output = capsys.readouterr()
    return [json.loads(line) for line in output.out.splitlines()], output.err


def test_a_line_a_strategy_with_all_figures(table, capsys, tmp_path):
    lines, errors = compare(
        table, capsys, tmp_path, "--strategies=random,local,mlp", "--seeds=4", "--budgets=80,60", "--predictor_seeds=4"
    )
    assert [line["strategy"] for line in lines] == ["random", "local", "mlp"]
    for line in lines:
        assert line["seeds"] == 4 and set(line["test"]) == {"60", "80"} and line["seconds"] > 0
        assert set(line["evaluations_to_best"]) == {"mean", "median", "found"}
        assert {name: half["seeds"] for name, half in line["halves"].items()} == {"even": 2, "odd": 2}
        mean = sum(half["test"]["80"]["mean"] for half in line["halves"].values()) / 2
        assert line["test"]["80"]["mean"] == pytest.approx(mean, abs=1e-3)
    random, local, mlp = lines
    assert random["predictor"] == local["predictor"] == {}
    assert mlp["predictor"]["80"]["pairwise_accuracy"] > 0.7 and mlp["predictor"]["60"]["held_out"] == 50
    assert random["duplicates"] > mlp["duplicates"]
    assert "random or local, who is ahead in both halves — test at 60: local" in errors
    if CAN_DRAW:
        assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    else:
        assert "no picture: matplotlib is not installed" in errors


def test_processes_change_nothing(table, capsys, tmp_path):
    arguments = ["--strategies=evolution", "--seeds=3", "--budgets=30"]
    (one,), _ = compare(table, capsys, tmp_path, *arguments)
    (two,), _ = compare(table, capsys, tmp_path, *arguments, "--processes=2")
    del one["seconds"], two["seconds"]
    assert one == two


def test_a_ladder_is_counted_in_cost(ladder_table, capsys, tmp_path):
    table = read_table(ladder_table, NasBench201Space(), score_column="seen", test_column="told")
    (line,), _ = compare(
        table, capsys, tmp_path, "--strategies=local", "--seeds=2", "--budgets=2,30", "--rungs=short:0.1,seen:1"
    )
    assert "evaluations_to_best" not in line and line["predictor"] == {}
    assert line["cost_to_best"]["found"] == 2 and 1 < line["cost_to_best"]["mean"] < 30
    assert line["test"]["2"]["mean"] < line["test"]["30"]["mean"] == pytest.approx(table.best.test)


def course(seed, test, to_best):
    return searches.Course(seed=seed, test=test, evaluations_to_best=to_best, duplicates=0, predictor={}, seconds=1.0)


def test_a_seed_that_never_reaches_the_best_counts_as_the_largest_budget():
    courses = [course(0, [1.0, 2.0], None), course(1, [3.0, 5.0], 1), course(2, [2.0, 2.0], 2)]
    figures = search_quality.summary(courses, [1, 2])
    assert figures["evaluations_to_best"] == {"mean": 1.67, "median": 2.0, "found": 2}
    assert figures["test"] == {"1": {"mean": 2.0, "std": 1.0}, "2": {"mean": 3.0, "std": 1.7321}}


def test_halves_that_disagree_are_reported():
    one, other = searches.contender("local"), searches.contender("evolution")
    lines = [
        search_quality.line(one, [course(0, [5.0], 1), course(1, [5.0], None)], budgets=[1]),
        search_quality.line(other, [course(0, [4.0], None), course(1, [6.0], None)], budgets=[1]),
    ]
    (sentence,) = search_quality.agreement(lines, [1])
    assert "test at 1: the halves disagree" in sentence
    # both halves count a seed without success as the budget, which is 1 here
    assert "evaluations to best: neither" in sentence


def test_half_of_the_seeds(table, capsys, tmp_path):
    lines, _ = compare(table, capsys, tmp_path, "--strategies=random", "--seeds=5", "--half=odd", "--budgets=20")
    assert lines[0]["seeds"] == 2 and list(lines[0]["halves"]) == ["odd"]


def test_seeds_to_tune_on_are_others(table, capsys, tmp_path):
    arguments = ["--strategies=random", "--seeds=3", "--budgets=30"]
    (first,), _ = compare(table, capsys, tmp_path, *arguments)
    (other,), _ = compare(table, capsys, tmp_path, *arguments, "--first_seed=1000")
    assert first["seeds"] == other["seeds"] == 3 and first["test"] != other["test"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--strategies=guess"], "strategy 'guess'; known are nao, random"),
        (["--strategies=nao:fast"], "preset 'fast' of strategy 'nao'; known are cpu, paper"),
        (["--strategies=local:paper"], "only nao has presets"),
        (["--budgets=many"], "--budgets=many; numbers"),
        (["--budgets=0,10"], "at least 1 evaluation"),
        (["--seeds=0"], "--seeds=0; at least 1"),
        (["--seeds=1", "--half=odd"], "leaves no seed"),
        (["--first_seed=-1"], "--first_seed=-1; at least 0"),
        (["--rungs=seen:1"], "--rungs=seen:1: a ladder takes at least two rungs"),
        (["--rungs=nothing:0.1,seen:1", "--test_column=told"], "has no column 'nothing'"),
        (["--table=nowhere.csv"], "nowhere.csv cannot be read"),
    ],
)
def test_wrong_input_is_refused(arguments, message, table):
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        search_quality.main([f"--table={table.path}", *arguments])
