"""--task=table as a user runs it: any CSV file whose columns are decisions."""

import functools
import json
import pathlib

import numpy as np
import programs
import pytest
from programs import program

from nao_tf.report.run import read_run
from nao_tf.report.sections.sizes import front as front_of

MACRO = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "nasbench_macro" / "cifar10.csv"
LAYERS = ",".join(f"layer{number}" for number in range(1, 9))
DECISIONS = "--decisions=depth,activation,width"

run = functools.partial(programs.run, *program("nao_search"), "--task=table", "--noreport", timeout=300)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Networks in words and numbers, two thirds of all combinations, with an error rate and a second column."""
    path, generator = tmp_path_factory.mktemp("table") / "own.csv", np.random.default_rng(0)
    rows = ["depth,activation,width,error,test_error,params"]
    for depth in (2, 4, 8, 16):
        for bonus, activation in enumerate(("relu", "tanh", "swish, gated")):
            for width in ("16", "32", "64", "128", "256"):
                if generator.random() < 2 / 3:
                    error = 30 - depth - 2 * bonus - int(width) / 32
                    rows.append(f'{depth},"{activation}",{width},{error:.3f},{error + 0.5:.3f},{depth * int(width)}')
    path.write_text("\n".join(rows) + "\n")
    return path


def test_words_and_numbers_are_decisions_and_only_rows_are_proposed(table, tmp_path):
    arguments = [f"--table={table}", DECISIONS, "--score_column=error", "--test_column=test_error"]
    done = run(*arguments, "--lower_is_better", "--strategy=evolution", "--baselines=random,local,mlp,reinforce",
               "--budget=25", f"--work_dir={tmp_path / 'work'}")  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "work" / "result.json").read_text())
    listed = {tuple(line.rsplit(",", 3)[0].split(",")) for line in table.read_text().splitlines()[1:]}
    for file in (tmp_path / "work").glob("pool*.jsonl"):
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        assert len(rows) == 25 and len({tuple(row["architecture"]) for row in rows}) == 25
        assert all(row["metric"] == "error" and not row["higher_is_better"] for row in rows)
    best = min(json.loads(line)["score"] for line in (tmp_path / "work" / "pool.jsonl").read_text().splitlines())
    assert result["best"]["score"] == best and result["test"]["test_error"] == pytest.approx(best + 0.5)
    assert result["best"]["text"].startswith("depth=") and "activation=" in result["best"]["text"] and listed


def test_limits_and_objectives_of_columns(table, tmp_path):
    work, arguments = tmp_path / "work", [f"--table={table}", DECISIONS, "--score_column=error", "--lower_is_better"]
    done = run(*arguments, "--strategy=evolution", "--baselines=", "--budget=1000", "--max_parameters=300",
               "--objectives=score,parameters", "--finalists=2", f"--work_dir={work}")  # fmt: skip
    assert done.returncode == 0, done.stderr
    listed = [line.rsplit(",", 3)[1:] for line in table.read_text().splitlines()[1:]]
    kept = [(float(error), int(size)) for error, _, size in listed if int(size) <= 300]
    errors = [json.loads(line)["score"] for line in (work / "pool.jsonl").read_text().splitlines()]
    assert sorted(errors) == sorted(error for error, _ in kept)
    assert f"; {len(kept)} keep --max_parameters=300" in done.stderr
    result = json.loads((work / "result.json").read_text())
    front = [one for one in kept if not any(a <= one[0] and b <= one[1] and (a, b) != one for a, b in kept)]
    assert [(row["score"], row["parameters"]) for row in result["front"]] == sorted(front)
    assert [row["id"] for row in result["finalists"]] == [row["id"] for row in result["front"][:2]]
    assert "front of score, parameters" in done.stderr and f"{sorted(front)[0][1]:,}" in done.stderr
    told = front_of(read_run(work))
    assert told["names"] == ["error", "parameters"] and len(told["rows"]) == len(front)
    assert told["rows"][0]["cells"][1] == f"{sorted(front)[0][1]:,}"


def test_a_spent_table_ends_the_search(table, tmp_path):
    done = run(f"--table={table}", DECISIONS, "--score_column=error", "--lower_is_better", "--strategy=random",
               "--baselines=", "--budget=1000", f"--work_dir={tmp_path / 'work'}")  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = table.read_text().count("\n") - 1
    assert (tmp_path / "work" / "pool.jsonl").read_text().count("\n") == rows
    assert f"all {rows} architectures" in done.stderr


def test_nao_searches_categories_and_learns_from_an_earlier_pool(table, tmp_path):
    common = [f"--table={table}", DECISIONS, "--lower_is_better", "--baselines="]
    earlier, work = tmp_path / "earlier", tmp_path / "work"
    done = run(*common, "--score_column=test_error", "--strategy=random", "--budget=12", f"--work_dir={earlier}")
    assert done.returncode == 0, done.stderr
    command = [*common, "--score_column=error", "--budget=20", "--initial=16", "--proposals=4", f"--work_dir={work}"]
    done = run(*command, f"--prior={earlier / 'pool.jsonl'}")
    assert done.returncode == 0, done.stderr
    result = json.loads((work / "result.json").read_text())
    assert result["strategy"] == "nao" and result["test"] == {} and result["predictor"]["held_out"] > 0
    first = [json.loads(line)["origin"] for line in (work / "pool.jsonl").read_text().splitlines()][:16]
    assert first.count("random") == 8 and set(first) <= {"random", "prior", "ascent"}
    (earlier / "pool.jsonl").rename(tmp_path / "moved.jsonl")  # its content counts
    assert run(*command, f"--prior={tmp_path / 'moved.jsonl'}").returncode == 0
    refused = run(*command)
    assert refused.returncode == 1 and "belongs to a run with other flags or data" in refused.stderr
    assert "prior" in refused.stderr


def test_the_direction_of_an_error_is_asked_about(table):
    done = run(f"--table={table}", DECISIONS, "--score_column=error", "--dry_run")
    fields = json.loads(done.stdout)
    assert fields["higher_is_better"] and "lower is better" in done.stderr
    assert fields["decisions"] == {"depth": 4, "activation": 3, "width": 5} and fields["possible"] == 60


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--table=FILE"),
        (["--table=nowhere.csv", DECISIONS, "--score_column=error"], "nowhere.csv"),
        (["--table={table}", "--score_column=error"], "--decisions"),
        (["--table={table}", DECISIONS], "--score_column"),
        (["--table={table}", "--decisions=depth,colour", "--score_column=error"], "'colour'"),
        (["--table={table}", "--decisions=depth,depth", "--score_column=error"], "depth"),
        (["--table={table}", DECISIONS + ",error", "--score_column=error"], "error"),
        (["--table={table}", DECISIONS, "--score_column=activation"], "activation"),
        (["--table={table}", DECISIONS, "--score_column=error", "--test_column=tset"], "'tset'"),
        (["--table={table}", "--decisions=depth,width", "--score_column=error"], "line"),  # two rows alike
        (
            ["--table={table}", DECISIONS, "--score_column=error", "--architecture=depth=3,activation=relu,width=16"],
            "depth",
        ),
        (["--table={table}", DECISIONS, "--score_column=error", "--arch_column=arch"], "arch_column"),
        (
            ["--table={table}", DECISIONS, "--score_column=error", "--max_flops=9"],
            "no column of flops, flops or flops_M; it has depth",
        ),
        (
            ["--table={table}", DECISIONS, "--score_column=error", "--max_parameters=9"],
            "keeps --max_parameters=9; the least are parameters 32",
        ),
        (["--table={table}", DECISIONS, "--score_column=error", "--objectives=score,size"], "objective 'size' is not"),
        (["--table={table}", DECISIONS, "--score_column=error", "--prior=nowhere.jsonl"], "nowhere.jsonl: there is no"),
        (["--table={table}", DECISIONS, "--score_column=error", "--prior={table}"], "line 1 is none of a pool"),
        (
            ["--table={table}", DECISIONS, "--score_column=error", "--strategy=random", "--prior={table}"],
            "--prior is of use with --strategy=nao alone",
        ),
    ],
)
def test_wrong_input_is_one_line_and_status_one(arguments, said, table, tmp_path):
    done = run(*(argument.format(table=table) for argument in arguments), f"--work_dir={tmp_path / 'work'}")
    assert done.returncode == 1 and said in done.stderr, done.stderr
    assert len([line for line in done.stderr.splitlines() if line.strip()]) == 1, done.stderr
    assert not (tmp_path / "work").exists()


@pytest.mark.skipif(not MACRO.exists(), reason=f"{MACRO.name} of NAS-Bench-Macro is not there")
def test_a_search_of_the_real_table_finds_a_good_row(tmp_path):
    # 200 evaluations, for which the time is told in docs/results/speed.md, come to 93.28
    done = run(f"--table={MACRO}", f"--decisions={LAYERS}", "--score_column=acc_run1", "--test_column=acc_mean",
               "--budget=40", "--baselines=", f"--work_dir={tmp_path / 'work'}")  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "work" / "result.json").read_text())
    assert result["evaluations"] == 40 and result["best"]["score"] > 92
