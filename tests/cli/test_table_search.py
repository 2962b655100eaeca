"""--task=nasbench201 as a user runs it, on a table with invented figures."""

import functools
import json
import re
import time

import programs
import pytest
from programs import kill_when, program

from nao_tf.architecture import NasBench201Space
from nao_tf.data.table import read_table

PROGRAM = [*program("nao_search"), "--task=nasbench201", "--noreport"]
COLUMNS = ["--score_column=seen", "--test_column=told"]


run = functools.partial(programs.run, *PROGRAM, timeout=120)


@pytest.fixture(scope="module")
def finished(invented_table, tmp_path_factory):
    work = tmp_path_factory.mktemp("runs") / "whole"
    done = run(f"--table={invented_table}", *COLUMNS, "--strategy=evolution", "--baselines=local,mlp,random",
               "--budget=60", "--initial=20", f"--work_dir={work}")  # fmt: skip
    assert done.returncode == 0 and not done.stdout, done.stderr
    return work, done.stderr


def test_the_cell_chosen_by_score_is_tested(finished, invented_table):
    work, said = finished
    table = read_table(invented_table, NasBench201Space(), score_column="seen", test_column="told")
    result = json.loads((work / "result.json").read_text())
    assert (result["task"], result["strategy"], result["evaluations"]) == ("nasbench201", "evolution", 60)
    assert set(result["baselines"]) == {"local", "mlp", "random"}
    for found, file in [(result, "pool.jsonl"), (result["baselines"]["local"], "pool_local.jsonl")]:
        lines = [json.loads(line) for line in (work / file).read_text().splitlines()]
        assert len(lines) == 60 and [line["id"] for line in lines] == list(range(60))
        best = max(lines, key=lambda line: line["score"])
        row = table.row(table.space.parse(best["text"]))
        assert found["best"]["architecture"] == best["architecture"] and found["best"]["score"] == row.score
        assert found["test"] == {"told": row.test} and best["metric"] == "seen"
        assert found["best"]["text"] in said and f"{row.test:.3f}" in said
    assert [line["round"] for line in lines[:21]] == [0] * 20 + [1]
    names = ("evolution", "local", "mlp", "random")
    assert result["seconds"].keys() == {"controller"} | {
        f"{stage}_{n}" for stage in ("search", "retrain") for n in names
    }


def test_the_same_command_again_changes_nothing_and_another_is_refused(finished, invented_table):
    work, _ = finished
    arguments = [f"--table={invented_table}", *COLUMNS, "--strategy=evolution", "--baselines=local,mlp,random",
                 "--budget=60", "--initial=20", f"--work_dir={work}"]  # fmt: skip
    before = (work / "pool.jsonl").read_bytes()
    assert run(*arguments).returncode == 0
    refused = run(*arguments, "--score_column=told")
    assert refused.returncode == 1 and "score_column" in refused.stderr and len(refused.stderr.splitlines()) == 1
    assert (work / "pool.jsonl").read_bytes() == before


def test_a_killed_search_ends_with_the_pool_of_the_undisturbed_one(invented_table, tmp_path):
    command = [f"--table={invented_table}", *COLUMNS, "--strategy=mlp", "--budget=100", "--baselines="]
    pool = tmp_path / "a" / "pool.jsonl"

    def has_sixty():
        return pool.exists() and pool.read_bytes().count(b"\n") >= 60

    kill_when([*PROGRAM, *command, f"--work_dir={tmp_path / 'a'}"], has_sixty, tmp_path / "log.txt", seconds=200)
    assert 60 <= pool.read_bytes().count(b"\n") < 100
    assert run(*command, f"--work_dir={tmp_path / 'a'}").returncode == 0
    assert run(*command, f"--work_dir={tmp_path / 'b'}").returncode == 0
    assert pool.read_bytes() == (tmp_path / "b" / "pool.jsonl").read_bytes()


def test_a_ladder_of_columns(invented_table, tmp_path):
    arguments = [f"--table={invented_table}", "--rungs=told:0.5,seen:2", "--test_column=told", "--strategy=evolution",
                 "--baselines=random", "--budget=8", f"--work_dir={tmp_path / 'ladder'}"]  # fmt: skip
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "ladder" / "result.json").read_text())
    lines = [json.loads(line) for line in (tmp_path / "ladder" / "pool.jsonl").read_text().splitlines()]
    low, high = ([line for line in lines if line["rung"] == name] for name in ("told", "seen"))
    assert result["evaluations"] == len(low) and result["cost"] == len(low) * 0.25 + len(high) <= 8
    assert [(rung["cost"], rung["evaluations"]) for rung in result["rungs"]] == [(0.25, len(low)), (1.0, len(high))]
    best = max(high, key=lambda line: line["score"])
    assert result["best"]["rung"] == "seen" and result["best"]["architecture"] == best["architecture"]
    assert result["baselines"]["random"]["cost"] <= 8 and f"at a cost of {result['cost']:g}" in done.stderr
    refused = run(*arguments[:1], *arguments[2:])
    assert refused.returncode == 1 and len(refused.stderr.splitlines()) == 1
    other = run(*arguments, "--score_column=told")
    assert other.returncode == 1 and "but the last of --rungs is seen" in other.stderr


def test_a_budget_below_the_first_round_is_told_and_goes_on_to_the_same_pool(invented_table, tmp_path):
    arguments = [f"--table={invented_table}", *COLUMNS, "--strategy=evolution", "--baselines=random", "--noreport"]
    small = run(*arguments, "--budget=5", f"--work_dir={tmp_path / 'small'}")
    assert small.returncode == 0, small.stderr
    [told] = [line for line in small.stderr.splitlines() if "ends within the first round" in line]
    assert "NOTICE: evolution: the budget of 5 ends within the first round of 20, which no score guides" in told
    pool = (tmp_path / "small" / "pool.jsonl").read_bytes()
    assert pool.count(b"\n") == 5
    for folder in ("small", "large"):
        done = run(*arguments, "--budget=24", f"--work_dir={tmp_path / folder}")
        assert done.returncode == 0 and "ends within" not in done.stderr, done.stderr
    for name in ("pool.jsonl", "pool_random.jsonl"):
        assert (tmp_path / "small" / name).read_bytes() == (tmp_path / "large" / name).read_bytes()
    assert (tmp_path / "small" / "pool.jsonl").read_bytes().startswith(pool)
    refused = run(*arguments, "--budget=24", "--initial=5", f"--work_dir={tmp_path / 'small'}")
    assert refused.returncode == 1 and "initial: 20, now 5" in refused.stderr


def test_a_run_keeps_what_it_told_and_adds_to_it(invented_table, tmp_path):
    work = tmp_path / "work"
    arguments = [f"--table={invented_table}", *COLUMNS, "--strategy=local", "--baselines=", "--noreport"]
    first = run(*arguments, "--budget=12", f"--work_dir={work}")
    log = (work / "run.log").read_text()
    lines = [line.split(" ", 2)[2] for line in log.splitlines()]
    assert lines[0].startswith("nao_tf ") and lines[0].endswith(f"--budget=12 --work_dir={work}")
    assert lines[1:] == [line.split("] ", 1)[1] for line in first.stderr.splitlines()]
    quiet = run(*arguments, "--budget=14", "--quiet", f"--work_dir={work}")
    assert quiet.returncode == 0 and not quiet.stderr, quiet.stderr
    gone_on = (work / "run.log").read_text()
    assert gone_on.startswith(log) and "12 architectures are evaluated already" in gone_on[len(log) :]
    verbose = run(*arguments, "--budget=15", "--verbose", f"--work_dir={work}")
    assert verbose.returncode == 0 and "local, architecture 14" in verbose.stderr
    with open(work / "run.log", "ab") as file:
        file.write(b"\xff cut sho")
    (work / "pool.jsonl").write_bytes(b"{}\n" + (work / "pool.jsonl").read_bytes())
    failed = run(*arguments, "--budget=15", f"--work_dir={work}")
    error = failed.stderr.splitlines()[-1]
    assert failed.returncode == 1 and error.startswith("error: ")
    assert (work / "run.log").read_bytes().decode("utf-8", "replace").splitlines()[-1].endswith(error)
    both = run(*arguments, "--quiet", "--verbose", f"--work_dir={tmp_path / 'both'}")
    assert both.returncode == 1 and "--quiet and --verbose are opposites" in both.stderr
    assert len(both.stderr.splitlines()) == 1 and not (tmp_path / "both").exists()


def test_a_dry_run_is_told_as_a_table(invented_table, tmp_path):
    work = tmp_path / "work"
    done = run(f"--table={invented_table}", *COLUMNS, "--dry_run", "--budget=12", "--baselines=random,local",
               f"--work_dir={work}")  # fmt: skip
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1, done.stderr
    rows = dict(re.findall(r"^  (\w[\w ]*?)  +(.*)$", done.stderr, re.MULTILINE))
    assert rows == {
        "data": f"table {invented_table}: 15,625 rows, 6,466 different architectures; the search sees seen",
        "search": "nao: 12 architectures; within the first round of 20, which no score guides",
        "a score": "a look-up",
        "then": "the best, tested",
        "rivals": "random, local with the same budget and final training",
        "work directory": str(work),
        "minutes": "not estimated: rows are looked up; what takes time is what the strategy computes itself",
    }
    assert not work.exists()


def test_a_folder_with_one_table_needs_no_name(invented_table, tmp_path):
    cell = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"
    done = run(f"--data_dir={invented_table.parent}", *COLUMNS, "--dry_run", f"--architecture={cell}")
    fields = json.loads(done.stdout)
    assert (fields["table"], fields["rows"], fields["architectures"]) == (str(invented_table), 15_625, 6_466)
    assert fields["architecture"] == [3, 0, 1, 0, 0, 4]
    assert fields["settings"]["budget"] == 300 and fields["settings"]["initial"] == 20


@pytest.mark.parametrize("preset", ["cpu", "paper"])
def test_nao_searches_a_table(preset, invented_table, tmp_path):
    small = ["--budget=24", "--initial=16", "--proposals=8", "--baselines="]
    done = run(f"--table={invented_table}", *COLUMNS, *small, f"--preset={preset}", f"--work_dir={tmp_path / 'nao'}")
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "nao" / "result.json").read_text())
    assert result["strategy"] == "nao" and result["evaluations"] == 24 and result["predictor"]["held_out"] > 0
    lines = [json.loads(line) for line in (tmp_path / "nao" / "pool.jsonl").read_text().splitlines()]
    assert {line["origin"] for line in lines} >= {"random", "ascent"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--table=FILE"),
        (["--table=nowhere.csv"], "nowhere.csv"),
        (["--table={table}"], "no column 'c10_val_200ep'; it has arch, params_M, seen, told"),
        (["--table={table}", "--score_column=seen"], "no column 'c10_test_200ep'"),
        (["--data_dir={folder}"], "no CSV file"),
        (["--table={table}", *COLUMNS, "--strategy=guess"], "strategy"),
        (["--table={table}", *COLUMNS, "--baselines=lstm"], "'lstm' is not one of nao, random, evolution"),
        (["--table={table}", *COLUMNS, "--budget=10", "--initial=20"], "--initial=20 is more than the budget of 10"),
        (["--table={table}", *COLUMNS, "--architecture=0 1"], "takes 6"),
        (["--table={table}", *COLUMNS, "--workers=2", "--dry_run"], "--workers is of no use with --task=nasbench201"),
    ],
)
def test_wrong_input_is_one_line_and_status_one(arguments, said, invented_table, tmp_path):
    (tmp_path / "empty").mkdir()
    filled = [argument.format(table=invented_table, folder=tmp_path / "empty") for argument in arguments]
    done = run(*filled, f"--work_dir={tmp_path / 'work'}")
    assert done.returncode == 1 and said in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.strip()]) == 1, done.stderr
    assert not (tmp_path / "work").exists()


def test_a_broken_row_is_named(invented_table, tmp_path):
    broken = tmp_path / "broken.csv"
    lines = invented_table.read_text().splitlines()
    broken.write_text("\n".join([*lines[:7], lines[7].rsplit(",", 2)[0] + ",high,1", *lines[8:]]))
    done = run(f"--table={broken}", *COLUMNS, f"--work_dir={tmp_path / 'work'}")
    assert done.returncode == 1 and "line 8" in done.stderr and "'high'" in done.stderr


def test_the_real_table_is_searched_within_a_minute(real_table, tmp_path):
    start = time.monotonic()
    done = run(f"--table={real_table}", "--strategy=local", "--baselines=", f"--work_dir={tmp_path / 'work'}")
    assert done.returncode == 0 and time.monotonic() - start < 60
    result = json.loads((tmp_path / "work" / "result.json").read_text())
    assert result["evaluations"] == 300 and list(result["test"]) == ["c10_test_200ep"]
