"""The program as a user runs it, in processes of its own, on a small text."""

import functools
import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
from programs import folder_of, kill_when, program, run, run_forked

PROGRAM = program("nao_search")
SMALL = (
    "--budget=5 --initial=3 --proposals=2 --search_steps=8 --search_units=8 --steps=10 --units=8 --finalists=1 "
    "--set=controller.members=2 --set=controller.steps=40 --noreport"
).split()


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return folder_of(tmp_path_factory.mktemp("text"), lines=(2000, 60, 60))


def command(text, work, *more):
    inline = () if any("worker" in flag or "weight_sharing" in flag for flag in more) else ("--executor=inline",)
    return [*PROGRAM, "--task=text", f"--data_dir={text}", f"--work_dir={work}", *SMALL, *inline, *more]


@pytest.fixture(scope="module")
def finished(text, tmp_path_factory):
    work = tmp_path_factory.mktemp("runs") / "whole"
    done = run(*command(text, work, "--report"))
    assert done.returncode == 0, done.stderr
    return work


def test_result_names_corpus_winner_and_baseline(finished):
    result = json.loads((finished / "result.json").read_text())
    assert result["dataset"] == "text" and result["task"] == "text" and result["evaluations"] == 5
    assert result["test"]["perplexity"] > 1 and result["baselines"]["lstm"]["perplexity"] > 1
    assert len(json.loads((finished / "pool.jsonl").read_text().splitlines()[0])["architecture"]) == 22
    assert (finished / "report.html").stat().st_size > 10_000
    runs = {path.parent.relative_to(finished / "tensorboard").as_posix() for path in finished.rglob("*.tfevents.*")}
    assert runs >= {".", "lstm", *(f"search_nao/{name}" for name in ("training", "top", "child_00004"))}
    assert any(run.startswith("final_nao_") for run in runs)
    child = next((finished / "tensorboard" / "search_nao" / "child_00004").iterdir())
    assert b"child/training_loss" in child.read_bytes() and b"child/validation_perplexity" in child.read_bytes()
    left = {path.name for path in (finished / "export" / "child" / "keras").iterdir()}
    assert left == {"model.keras", "words.json", "found_cell.py", "found_cell.weights.h5"}


def lines_of_pool(work):
    return (work / "pool.jsonl").read_bytes().count(b"\n") if (work / "pool.jsonl").exists() else 0


# What a run is doing when a file shows that it has come so far; in the order in which a run does it.
STAGES = {
    "child training": lambda work: list(work.glob("tensorboard/search_nao/training")),
    "child evaluation": lambda work: lines_of_pool(work) == 1,
    "controller training": lambda work: lines_of_pool(work) == 3,
    "final training": lambda work: lines_of_pool(work) == 5,
    "final evaluation": lambda work: list(work.glob("checkpoints/final_*.npz")),
    "export": lambda work: (work / "export").exists(),
    "baseline": lambda work: list(work.glob("checkpoints/lstm_of_*.json")),
}


def test_a_run_killed_in_every_stage_ends_as_the_undisturbed_one(text, finished, tmp_path):
    work, before = tmp_path / "killed", b""
    for stage, reached in STAGES.items():
        log = tmp_path / f"killed in {stage}.txt"
        kill_when(command(text, work), functools.partial(reached, work), log, seconds=1800)
        assert not (work / "result.json").exists(), stage
        assert (work / "pool.jsonl").exists() or stage == "child training", stage
        if before:  # nothing that was measured is lost
            assert (work / "pool.jsonl").read_bytes().startswith(before), stage
        content = (work / "pool.jsonl").read_bytes() if (work / "pool.jsonl").exists() else b""
        before = content[: content.rfind(b"\n") + 1]
    assert run_forked(*command(text, work)).returncode == 0
    assert (work / "pool.jsonl").read_bytes() == (finished / "pool.jsonl").read_bytes()
    ended, whole = (json.loads((folder / "result.json").read_text()) for folder in (work, finished))
    for measured_in_seconds in ("seconds", "baselines", "verdict"):  # the baseline's steps follow from a time
        ended.pop(measured_in_seconds), whole.pop(measured_in_seconds)
    assert ended == whole
    assert (work / "export" / "child" / "1" / "saved_model.pb").exists()


def test_the_exported_child_answers_without_the_package(text, finished, tmp_path):
    content = (text / "test.txt").read_text()
    np.save(tmp_path / "text.npy", np.array([content.encode()], dtype=object).astype("S"))
    tool = pathlib.Path(sys.executable).parent / "saved_model_cli"
    answer = subprocess.run(
        [tool, "run", "--dir", finished / "export" / "child" / "1", "--tag_set", "serve", "--signature_def"]
        + ["score_text", "--inputs", f"text={tmp_path / 'text.npy'}", "--outdir", tmp_path],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    )
    assert answer.returncode == 0, answer.stderr
    expected = json.loads((finished / "result.json").read_text())["test"]["perplexity"]
    np.testing.assert_allclose(np.load(tmp_path / "perplexity.npy"), [expected], rtol=1e-4)


def test_dry_run_prints_one_json_line_and_trains_nothing(text, tmp_path):
    done = run_forked(*command(text, tmp_path / "dry", "--dry_run", "--architecture=NAO"))
    fields = json.loads(done.stdout)
    assert fields["parameters"] > 0 and len(fields["architecture"]) == 22
    for told in (
        "18,000 train, 540 valid, 540 test tokens",
        "nao: 5 architectures; 3 at first, then 2 a round", "8 training steps each, from scratch",
        "the best, trained for 10 steps", "lstm, hand-made, of equal size", f"{fields['parameters']:,} parameters",
    ):  # fmt: skip
        assert told in done.stderr, done.stderr
    assert not (tmp_path / "dry").exists()


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--task=text", "--data_dir=no_such_folder"], "no_such_folder"),
        (["--task=text", "--strategy=guess"], "strategy"),
        (["--baselines=gru"], "gru"),
        (["--architecture=0 1 5 1", "--dry_run"], "22"),
        (["--budget=0"], "budget"),
        (["surplus"], "surplus"),
    ],
)
def test_wrong_input_is_one_line_and_status_one(arguments, said, tmp_path):
    done = run(*PROGRAM, *arguments, f"--work_dir={tmp_path / 'work'}")
    assert done.returncode == 1 and said in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.strip()]) == 1, done.stderr
    assert not (tmp_path / "work").exists()


def test_a_text_that_is_too_short_is_one_line_and_leaves_nothing(tmp_path):
    for name in ("train", "valid", "test"):
        (tmp_path / f"{name}.txt").write_text("one two three four\n" * 40)
    done = run_forked(*PROGRAM, "--task=text", f"--data_dir={tmp_path}", f"--work_dir={tmp_path / 'work'}")
    assert done.returncode == 1 and "longer text" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("--seed=2", "pool.jsonl: seed: 1, now 2"),
        ("--search_units=9", "score.units: 8, now 9"),
        ("--set=controller.hidden=16", "controller.hidden: 32, now 16"),
        ("--weight_sharing", "weight_sharing: false, now true"),
        ("--strategy=random", 'strategy: "nao", now "random"'),
        ("--vocabulary_size=5", "data: "),  # another vocabulary is other data
    ],
)
def test_what_cannot_change_is_named_and_nothing_is_touched(more, said, text, finished):
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    done = run_forked(*command(text, finished, more))
    assert done.returncode == 1 and said in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert before == {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}


def test_a_finished_run_goes_on_with_moved_data_more_budget_and_another_baseline(text, finished, tmp_path):
    moved, work = tmp_path / "moved", tmp_path / "work"
    shutil.copytree(text, moved)
    shutil.copytree(finished, work)
    before, result = (work / "pool.jsonl").read_bytes(), json.loads((work / "result.json").read_text())
    done = run_forked(*command(moved, work, "--budget=7", "--baselines=lstm,random"))
    assert done.returncode == 0, done.stderr
    after, gone_on = (work / "pool.jsonl").read_bytes(), json.loads((work / "result.json").read_text())
    assert after.startswith(before) and after.count(b"\n") == 7
    assert gone_on["evaluations"] == 7 and set(gone_on["baselines"]) == {"lstm", "random"}
    if gone_on["best"]["id"] == result["best"]["id"]:  # nothing of it is trained again
        assert gone_on["baselines"]["lstm"] == result["baselines"]["lstm"] and gone_on["test"] == result["test"]


def test_given_architectures_are_evaluated_first(text, tmp_path):
    done = run_forked(
        *command(
            text, tmp_path / "given", "--strategy=random", "--baselines=", "--architecture=NAO-WS;NAO", "--workers=2",
            "--final_seeds=2",
        )
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    trainings = json.loads((tmp_path / "given" / "result.json").read_text())["trainings"]
    assert trainings["seeds"] == [2, 3] and trainings["standard_deviation"] > 0
    assert "(mean ± standard deviation, 2 seeds)" in done.stderr
    rows = [json.loads(line) for line in (tmp_path / "given" / "pool.jsonl").read_text().splitlines()]
    assert [row["origin"] for row in rows] == ["given", "given", "random", "random", "random"]
    assert rows[0]["architecture"] != rows[1]["architecture"] and rows[3]["round"] == 1


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--workers=0"], "--workers=0: a number above 0, or auto"),
        (["--workers=two"], "--workers=two: a number above 0, or auto"),
        (["--child_minutes=-1"], "--child_minutes=-1: a number above 0"),
        (["--child_minutes=nan"], "--child_minutes=nan: a number above 0"),
        (["--executor=inline", "--workers=2"], "--workers is of no use with --executor=inline; leave it out"),
        (["--weight_sharing", "--workers=2"], "--workers is of no use with shared weights; leave it out"),
        (["--ray_address=auto"], "--ray_address is of no use with --executor=processes; leave it out"),
        (["--child_resources=CPU=2"], "--child_resources is of no use with --executor=processes; leave it out"),
        (["--executor=ray", "--child_resources=CPU=two"], "'CPU=two' is not name=number, as in CPU=1,GPU=0.5"),
        (["--executor=slurm", "--child_resources=mem_gb"], "'mem_gb' is not name=value, as in slurm_partition=gpu"),
        (["--executor=slurm", "--child_resources=mem_gb=1,mem_gb=2"], "mem_gb is there twice"),
        (["--rungs=20,10"], "--rungs=20,10: 20,10: a ladder takes at least two numbers of steps that rise"),
        (["--rungs=10,20", "--search_steps=20"], "--search_steps and --rungs say the same thing; give one of them"),
        (["--rungs=10,20", "--weight_sharing"], "rungs are of no use with weight_sharing"),
        (["--rungs=10,20", "--minutes=5"], "--minutes is of no use with --rungs, whose budget is a cost"),
    ],
)
def test_wrong_executors_are_one_line(flags, said, text, tmp_path):
    done = run_forked(*PROGRAM, "--task=text", f"--data_dir={text}", f"--work_dir={tmp_path / 'work'}", *flags)
    assert done.returncode == 1 and said in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert not (tmp_path / "work").exists()


def test_few_children_climb_a_ladder_and_random_search_climbs_it_too(text, tmp_path):
    flags = ["--rungs=4,12", "--budget=4", "--strategy=evolution", "--baselines=random", "--steps=4", "--initial=6"]
    flags += [f"--data_dir={text}", f"--work_dir={tmp_path / 'work'}", "--task=text", "--executor=inline"]
    done = run_forked(*PROGRAM, *flags, "--search_units=8", "--units=8", "--proposals=3", "--finalists=1")
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "work" / "result.json").read_text())
    low, high = result["rungs"]
    assert (low["name"], high["name"], high["cost"]) == ("4", "12", 1.0) and low["cost"] == pytest.approx(1 / 3)
    assert low["evaluations"] > high["evaluations"] > 0 and 3 < result["cost"] <= 4
    assert result["baselines"]["random"]["cost"] <= 4
    rows = [json.loads(line) for line in (tmp_path / "work" / "pool.jsonl").read_text().splitlines()]
    climbed = [row for row in rows if row["rung"] == "12"]
    for row in climbed:  # trained for longer from the same weights, so another score
        before = next(other for other in rows if other["id"] == row["id"] and other["rung"] == "4")
        assert row["score"] != before["score"] and row["origin"] == "promotion"
    assert result["best"]["rung"] == "12"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--task=ptb", "--filters=64"],
        ["--task=ptb", "--table=x.csv"],
        ["--task=ptb", "--vocabulary_size=50"],
        ["--task=ptb", "--cutout=8"],
        ["--task=cifar10", "--units=3"],
        ["--task=cifar10", "--image_size=16"],
        ["--task=nasbench201", "--export_weights=int8"],
        ["--task=nasbench201", "--steps=5"],
        ["--task=nasbench201", "--decisions=a,b"],
        ["--task=nasbench201", "--download"],
        ["--task=nasbench201", "--noweight_sharing"],
        ["--task=table", "--epochs=1"],
    ],
)
def test_a_flag_of_another_task_is_refused(arguments, tmp_path):
    done = run_forked(*PROGRAM, *arguments, f"--work_dir={tmp_path / 'work'}")
    flag = arguments[1].partition("=")[0].replace("--no", "--")
    assert done.returncode == 1 and f"{flag} is of no use with {arguments[0]}" in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not (tmp_path / "work").exists()


def test_every_value_of_the_settings_can_be_set(text, tmp_path):
    values = {
        "final.dropout.output": 0.25, "final.warmup": 7, "controller.hidden": 24, "ascent.starts": 3,
        "evolution.population": 9, "score.scale": None, "ascent.step_sizes": [1.5, 2.0],
    }  # fmt: skip
    flags = [f"--set={path}={'1.5,2' if path.endswith('sizes') else value}" for path, value in values.items()]
    done = run_forked(*command(text, tmp_path / "dry", "--dry_run", *flags))
    assert done.returncode == 0, done.stderr
    settings = json.loads(done.stdout)["settings"]
    for path, value in values.items():
        found = settings
        for name in path.split("."):
            found = found[name]
        assert found == value, path
