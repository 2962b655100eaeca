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
