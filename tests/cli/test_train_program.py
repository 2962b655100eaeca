"""bin/nao_train and bin/nao_eval as a user runs them, in processes of their own, on a small text."""

import functools
import json
import math
import re
import shutil

import numpy as np
import programs
import pytest
from programs import folder_of, kill_when, program

from nao_tf.data.vocabulary import Vocabulary

TRAIN, EVALUATE = program("nao_train"), program("nao_eval")
SMALL = "--architecture=NAO-WS --units=8 --steps=60 --batch_size=8 --baselines=".split()


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return folder_of(tmp_path_factory.mktemp("text"), lines=(400, 40, 40))


def command(text, work, *more):
    return [*TRAIN, "--task=text", f"--data_dir={text}", f"--work_dir={work}", *SMALL, *more]


run = functools.partial(programs.run, timeout=1800)
run_forked = functools.partial(programs.run_forked, timeout=1800)


@pytest.fixture(scope="module")
def finished(text, tmp_path_factory):
    work = tmp_path_factory.mktemp("runs") / "whole"
    done = run(*command(text, work))  # from nothing: it must not share the seed of hashes with those that are killed
    assert done.returncode == 0, done.stderr
    return work


def test_what_a_training_leaves_behind(finished):
    result = json.loads((finished / "result.json").read_text())
    assert result["dataset"] == "text" and len(result["architecture"]) == 22
    assert 1 < result["test"]["perplexity"] < 60 and result["baselines"] == {}
    curve = result["test"]["validation_perplexity_by_epoch"]
    assert len(curve) > 1 and min(curve) < curve[0]
    assert (finished / "export" / "child" / "1" / "saved_model.pb").exists()
    assert list((finished / "tensorboard").rglob("events*"))
    assert "test perplexity" in (finished / "run.log").read_text()


def test_without_a_length_the_size_of_the_text_plans_and_validation_ends(text, tmp_path):
    open_length = [flag for flag in command(text, tmp_path, "--learning_rate=0.05") if not flag.startswith("--steps")]
    done = run_forked(*open_length)
    assert done.returncode == 0, done.stderr
    planned = int(re.search(r"final models at most ([\d,]+) steps", done.stderr)[1].replace(",", ""))
    assert "lengths that fit" in done.stderr and "children" not in done.stderr
    assert f"at most {planned:,} steps" in done.stderr and "nothing gained for long" in done.stderr
    test = json.loads((tmp_path / "result.json").read_text())["test"]
    assert 0 < test["best_step"] <= test["trained_steps"] < planned


def test_a_killed_training_ends_as_the_undisturbed_one(text, finished, tmp_path):
    work = tmp_path / "killed"
    file = work / "checkpoints" / "final.npz"
    kill_when(command(text, work), file.exists, tmp_path / "log.txt", seconds=1800)
    assert run_forked(*command(text, work)).returncode == 0
    ended, whole = (json.loads((folder / "result.json").read_text()) for folder in (work, finished))
    ended.pop("seconds"), whole.pop("seconds")
    assert ended == whole


def test_an_export_of_a_killed_training_is_that_of_the_undisturbed_one(text, finished, tmp_path):
    work = tmp_path / "killed"
    export = work / "export" / "child" / "1" / "saved_model.pb"
    kill_when(command(text, work), export.exists, tmp_path / "log.txt", seconds=1800)
    assert not (work / "result.json").exists()
    done = run_forked(*EVALUATE, f"--work_dir={work}", f"--text={text / 'test.txt'}")
    assert done.returncode == 0, done.stderr
    expected = json.loads((finished / "result.json").read_text())["test"]["perplexity"]
    assert math.isclose(json.loads(done.stdout)["perplexity"], expected, rel_tol=1e-6)


def test_the_same_command_exports_a_finished_run_with_fewer_bits(text, finished, tmp_path):
    work = tmp_path / "whole"
    shutil.copytree(finished, work)
    done = run_forked(*command(text, work, "--export_weights=int8"))
    assert done.returncode == 0, done.stderr
    results = [json.loads((folder / "result.json").read_text()) for folder in (work, finished)]
    assert results[0]["test"] == results[1]["test"]  # of the weights as trained, and nothing was trained
    data = [next((folder / "export" / "child" / "1" / "variables").glob("*.data*")) for folder in (work, finished)]
    assert data[0].stat().st_size < data[1].stat().st_size
    reports = [
        json.loads(run_forked(*EVALUATE, f"--work_dir={folder}", f"--text={text / 'test.txt'}").stdout)
        for folder in (work, finished)
    ]
    first, second = (report["perplexity"] for report in reports)
    assert first != second and math.isclose(first, second, rel_tol=0.02)


def test_the_export_has_the_perplexity_that_was_reported(text, finished, tmp_path):
    rows = tmp_path / "rows.jsonl"
    done = run_forked(*EVALUATE, f"--work_dir={finished}", f"--text={text / 'test.txt'}", f"--sentences={rows}")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    expected = json.loads((finished / "result.json").read_text())["test"]["perplexity"]
    assert math.isclose(report["perplexity"], expected, rel_tol=1e-6)
    assert report["out_of_vocabulary"] == 0 and report["lines"] == 40 and report["tokens"] == 40 * 9
    lines = [json.loads(line) for line in rows.read_text().splitlines()]
    assert [line["tokens"] for line in lines] == [8] + [9] * 39
    total = sum(line["tokens"] * line["negative_log_likelihood"] for line in lines)
    assert math.isclose(total / (40 * 9 - 1), report["negative_log_likelihood"], rel_tol=1e-9)


def test_strange_words_are_counted_and_words_are_generated(finished, tmp_path):
    (tmp_path / "strange.txt").write_text("w1 w2 hello\nworld w3\n")
    model = f"--saved_model={finished / 'export' / 'child'}"
    report = json.loads(run_forked(*EVALUATE, model, f"--text={tmp_path / 'strange.txt'}").stdout)
    assert report["out_of_vocabulary"] == 2 and report["out_of_vocabulary_rate"] == 2 / 5
    first, second = (run_forked(*EVALUATE, model, "--generate=w1 hello", "--words=7", "--seed=3") for _ in range(2))
    assert first.stdout == second.stdout and "1 word(s)" in first.stderr
    assert re.fullmatch(r"[w\d\s<unk>]+", json.loads(first.stdout)["generated"])


def perplexity_of(finished):
    return json.loads((finished / "result.json").read_text())["test"]["perplexity"]


@pytest.mark.parametrize(
    "folder", ["--work_dir={}", "--saved_model={}/export/child", "--saved_model={}/export/child/1"]
)
def test_a_run_alone_says_what_its_model_is_measured_on(folder, finished, text, tmp_path):
    done = run_forked(*EVALUATE, folder.format(finished), cwd=tmp_path)
    assert done.returncode == 0 and not done.stderr, done.stderr
    report = json.loads(done.stdout)
    assert report["source"] == str(text / "test.txt")
    assert math.isclose(report["perplexity"], perplexity_of(finished), rel_tol=1e-6)


@pytest.fixture
def moved(finished, text, tmp_path):
    """A copy of the run as if it had been started beside its data, with their folder as a relative path."""
    shutil.copytree(text, tmp_path / "data")
    shutil.copytree(finished, tmp_path / "run")
    flags = (tmp_path / "run" / "flags.txt").read_text()
    lines = [line for line in flags.splitlines() if not line.startswith(("--data_dir", "#"))]
    assert len(lines) == len(flags.splitlines()) - 2  # the folder of the data, and where the run was started
    (tmp_path / "run" / "flags.txt").write_text("\n".join([*lines, "--data_dir=data", f"# started in {tmp_path}"]))
    return tmp_path


def test_a_relative_folder_of_data_is_found_from_everywhere(moved, finished):
    (moved / "elsewhere").mkdir()
    done = run_forked(*EVALUATE, f"--work_dir={moved / 'run'}", cwd=moved / "elsewhere")
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert math.isclose(json.loads(done.stdout)["perplexity"], perplexity_of(finished), rel_tol=1e-6)


def test_data_that_changed_or_went_away_are_told(moved, text):
    with open(moved / "data" / "test.txt", "a") as file:
        file.write("w1 w2\n")
    done = run_forked(*EVALUATE, f"--work_dir={moved / 'run'}")
    assert done.returncode == 0 and "the data are no longer those that" in done.stderr, done.stderr
    shutil.rmtree(moved / "data")
    done = run_forked(*EVALUATE, f"--work_dir={moved / 'run'}")
    said = f"its data were in {moved}/data, which is not there; give their folder with --data_dir"
    assert done.returncode == 1 and said in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    done = run_forked(*EVALUATE, f"--work_dir={moved / 'run'}", f"--data_dir={text}")  # a flag wins
    assert done.returncode == 0 and json.loads(done.stdout)["source"] == str(text / "test.txt"), done.stderr


def test_a_model_outside_of_a_run_is_asked_about(finished, text, tmp_path):
    shutil.copytree(finished / "export" / "child", tmp_path / "child")
    done = run_forked(*EVALUATE, f"--saved_model={tmp_path / 'child'}")
    said = "nothing tells what the model is to be measured on: give --work_dir=DIR of its run, --text=FILE,"
    assert done.returncode == 1 and said in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    shutil.copytree(finished / "export", tmp_path / "run" / "export")  # without what a run leaves beside it
    done = run_forked(*EVALUATE, f"--work_dir={tmp_path / 'run'}", "--task=text", f"--data_dir={text}")
    assert math.isclose(json.loads(done.stdout)["perplexity"], perplexity_of(finished), rel_tol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--text=-"], "standard input: it is empty"),
        (["--images=no_such_file"], "no_such_file: no such file or folder"),
        (["--images={text}"], "no pictures but 3 .txt; give a picture"),
        (["--generate=w1", "--top_k=-1"], "--top_k=-1: at least 1 word to draw from, or 0 for all"),
        (["--generate=w1", "--words=0"], "at least one word"),
        (["--generate=w1", "--temperature=-1"], "a temperature from 0 on"),
        (["--generate=w1", "--temperature=inf"], "a temperature from 0 on"),
        (["--generate=w1", "--text=FILE"], "--text is of no use with --generate"),
        (["--text=FILE", "--top_k=2"], "--top_k is of no use with --text"),
        (["--text=FILE", "--data_dir=FOLDER"], "--data_dir is of no use with --text"),
        (["--images=FILE", "--words=2"], "--words is of no use with --images"),
        (["--task=text", "--images=FILE"], "--images is of no use with --task=text"),
        (["--task=cifar10", "--text=FILE"], "--text is of no use with --task=cifar10"),
        (["--words=2"], "--words is of no use with the model of a run of text and without --generate"),
        (["--task=nasbench201"], "--task=nasbench201 is a table and leaves no model"),
    ],
)
def test_what_does_not_fit_is_one_line(arguments, said, finished, text):
    done = run_forked(*EVALUATE, f"--work_dir={finished}", *(argument.format(text=text) for argument in arguments))
    assert done.returncode == 1 and said in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


def test_a_damaged_work_directory_is_one_line(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    for name, content in (("settings.json", "[]"), ("flags.txt", "--download=perhaps\n")):
        before = (tmp_path / "run" / name).read_bytes()
        (tmp_path / "run" / name).write_text(content)
        done = run_forked(*EVALUATE, f"--work_dir={tmp_path / 'run'}")
        assert done.returncode == 1 and f"{name} is damaged" in done.stderr and len(done.stderr.splitlines()) == 1
        (tmp_path / "run" / name).write_bytes(before)


def test_words_are_drawn_from_the_likeliest(finished):
    model = f"--work_dir={finished}"
    first, greedy, drawn = (
        json.loads(run_forked(*EVALUATE, model, "--generate=w1", "--words=9", *more).stdout)["generated"]
        for more in (["--top_k=1"], ["--temperature=0"], ["--seed=3", "--temperature=3"])
    )
    assert first == greedy and drawn != greedy


@pytest.mark.parametrize(
    "task, names, words, expected",
    [
        ("ptb", ("ptb.train.txt", "ptb.valid.txt", "ptb.test.txt"), 10_000, 27_295_000),
        ("wikitext2", ("wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"), 33_278, 36_067_878),
        ("wikitext2", programs.PARTS, 33_278, 36_067_878),
    ],
)
def test_published_sizes(task, names, words, expected, tmp_path):
    for name in names:
        (tmp_path / name).write_text("\n".join(f"w{word}" for word in range(words - 1)) + "\n")
    done = run_forked(
        *TRAIN, f"--task={task}", f"--data_dir={tmp_path}", "--preset=paper", "--architecture=NAO", "--dry_run"
    )
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1, done.stderr
    found = json.loads(done.stdout)
    assert (found["vocabulary"], found["parameters"]) == (words, expected)
    assert f"{expected:,} parameters" in done.stderr and "the cell " in done.stderr


@pytest.mark.parametrize(
    "started, arguments, said",
    [
        (TRAIN, ["--task=text", "--data_dir=no_such_folder", "--architecture=NAO"], "no_such_folder"),
        (TRAIN, ["--task=text"], "--architecture"),
        (TRAIN, ["--architecture=0 1 5 1"], "22"),
        (TRAIN, ["--architecture=NAO", "--strategy=nao"], "strategy"),  # a flag of another program
        (TRAIN, ["--architecture=NAO", "--task=nasbench201"], "nasbench201"),
        (TRAIN, ["--architecture=NAO", "--dropout_output=1"], "output"),
        (TRAIN, ["--architecture=NAO", "--baselines=random"], "random"),
        (EVALUATE, [], "--saved_model"),
        (EVALUATE, ["--saved_model=no_such_folder", "--text=no_such_file"], "no_such_file"),
        (EVALUATE, ["--work_dir=no_such_folder"], "no_such_folder"),
        (EVALUATE, ["--budget=3"], "budget"),
    ],
)
def test_wrong_input_is_one_line_and_status_one(started, arguments, said, tmp_path):
    more = [f"--work_dir={tmp_path / 'work'}"] if started is TRAIN else []
    done = run_forked(*started, *arguments, *more)
    assert done.returncode == 1 and said in done.stderr, done.stderr
    assert len([line for line in done.stderr.splitlines() if line.strip()]) == 1, done.stderr
    assert not (tmp_path / "work").exists()


def damaged(finished, folder):
    """An export whose graph is none."""
    (folder / "1").mkdir()
    (folder / "1" / "saved_model.pb").write_bytes(b"\x0a\x03no model")


def truncated(finished, folder):
    """An export that lost half of its weights."""
    shutil.copytree(finished / "export" / "child", folder, dirs_exist_ok=True)
    data = next((folder / "1" / "variables").glob("*.data*"))
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])


def foreign(finished, folder):
    """A SavedModel of something else."""
    import tensorflow as tf

    other = tf.Module()
    other.double = tf.function(lambda values: 2 * values, input_signature=[tf.TensorSpec([None], tf.float32)])
    tf.saved_model.save(other, str(folder / "1"), signatures=other.double)


@pytest.mark.parametrize("make", [damaged, truncated, foreign])
def test_what_is_no_export_is_one_line_and_status_one(make, finished, text, tmp_path):
    make(finished, tmp_path)
    done = run_forked(*EVALUATE, f"--saved_model={tmp_path}", f"--text={text / 'test.txt'}")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and str(tmp_path) in done.stderr, done.stderr


@pytest.mark.parametrize("name", ["nao_search", "nao_train", "nao_eval"])
def test_help_lists_the_programs_own_flags(name):
    done = run(*program(name), "--help")
    assert "--[no]download" in done.stdout and "--task" in done.stdout
    assert ("--strategy" in done.stdout) == (name == "nao_search")
    assert ("--generate" in done.stdout) == (name == "nao_eval")
    assert ("--clip_norm" in done.stdout) == (name != "nao_eval")
    assert ("--budget" in done.stdout) == (name == "nao_search")


def test_the_vocabulary_of_the_published_corpora_is_one_dictionary(tmp_path):
    folder_of(tmp_path, (3, 3, 3), ("wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"), words=5)
    from nao_tf.data.text import load_corpus, load_lines

    lines, source = load_lines("wikitext2", "test", data_dir=tmp_path)
    corpus = load_corpus("wikitext2", tmp_path)
    assert isinstance(corpus.vocabulary, Vocabulary) and source.endswith("wiki.test.tokens")
    np.testing.assert_array_equal(corpus.vocabulary.encode(lines, source), corpus.test)
