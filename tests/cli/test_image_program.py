"""The program on images as a user runs it, in processes of its own."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from nao_tf.data.images import load_images

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, str(ROOT / "bin" / "nao_search")]
SMALL = (
    "--budget=4 --initial=3 --proposals=1 --search_steps=4 --search_filters=4 --search_layers=1 "
    "--steps=6 --filters=4 --layers=1 --batch_size=32 --finalists=1"
).split()


def run(*arguments, folder=None):
    environment = {**os.environ, "TFDS_DATA_DIR": "/nowhere"}
    return subprocess.run(
        [*PROGRAM, *arguments], capture_output=True, text=True, timeout=3000, cwd=folder, env=environment
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    work = tmp_path_factory.mktemp("runs") / "whole"
    done = run("--task=cifar10", f"--work_dir={work}", *SMALL, "--baselines=resnet,random")
    assert done.returncode == 0, done.stderr
    assert "NOTICE: no cifar10 data was given; running on the embedded sample digits" in done.stderr
    return work


def test_result_names_the_sample_the_winner_and_the_baselines(finished):
    result = json.loads((finished / "result.json").read_text())
    assert result["dataset"] == "digits" and "scikit-learn" in result["source"] and result["task"] == "cifar10"
    assert result["evaluations"] == 4 and len(result["best"]["architecture"]) == 40
    for row in (result["test"], result["baselines"]["resnet"], result["baselines"]["random"]):
        assert 0 <= row["accuracy"] <= 1 and row["loss"] > 0 and row["parameters"] > 0
    assert abs(result["baselines"]["resnet"]["parameters"] / result["test"]["parameters"] - 1) < 0.5
    rows = [json.loads(line) for line in (finished / "pool.jsonl").read_text().splitlines()]
    assert all(row["metric"] == "validation_loss" and row["parameters"] > 0 for row in rows)


def test_the_export_answers_with_labels_and_the_reported_accuracy(finished):
    data = load_images("cifar10", tfds_dir=finished)
    serve = tf.saved_model.load(finished / "export" / "child" / "1").signatures["serving_default"]
    found = serve(images=tf.constant(data.test.images))
    np.testing.assert_allclose(tf.reduce_sum(found["probabilities"], -1), 1, rtol=1e-5)
    labels = np.array([int(label) for label in found["labels"].numpy()])
    np.testing.assert_array_equal(labels, found["classes"])
    accuracy = json.loads((finished / "result.json").read_text())["test"]["accuracy"]
    assert np.mean(labels == data.test.labels) == pytest.approx(accuracy, abs=1e-3)
    assert serve(images=tf.constant(data.test.images[:1]))["labels"].shape == (1,)


def test_the_same_command_changes_nothing_and_another_is_refused(finished):
    pool = (finished / "pool.jsonl").read_bytes()
    done = run("--task=cifar10", f"--work_dir={finished}", *SMALL, "--baselines=resnet,random", "--filters=5")
    assert done.returncode == 1 and "belongs to a run with other flags" in done.stderr
    assert (finished / "pool.jsonl").read_bytes() == pool


def test_weight_sharing_and_a_killed_run_that_goes_on(finished, tmp_path):
    flags = ["--task=cifar10", *SMALL, "--weight_sharing", "--sample_by_parameters", "--baselines="]
    done = run(*flags, f"--work_dir={tmp_path / 'whole'}")
    assert done.returncode == 0, done.stderr
    whole = (tmp_path / "whole" / "pool.jsonl").read_text()
    assert len(whole.splitlines()) == 3 + 4  # every member again in every round
    killed = tmp_path / "killed"
    subprocess.run(["cp", "-r", tmp_path / "whole", killed], check=True)
    for name in ("result.json", "export"):
        subprocess.run(["rm", "-r", killed / name], check=True)
    for path in (killed / "checkpoints").glob("*/round-1.npz"):
        path.unlink()
    (killed / "pool.jsonl").write_text("".join(whole.splitlines(keepends=True)[:3]) + '{"id": 3, "arch')
    done = run(*flags, f"--work_dir={killed}")
    assert done.returncode == 0, done.stderr
    assert (killed / "pool.jsonl").read_text() == whole


PARAMETERS = {
    "NAONet": (["--stack=6", "--filters=36"], 11_470_150),
    "NAO-WS": (["--layers=15", "--filters=36"], 2_466_252),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_dry_run_counts_the_parameters_of_published_networks(name, tmp_path):
    options, expected = PARAMETERS[name]
    count, classes = 20, 10
    records = np.zeros([count, 3073], np.uint8)
    records[:, 0] = np.arange(count) % classes
    for file in ("data_batch_1.bin", "test_batch.bin"):
        records.tofile(tmp_path / file)
    done = run(
        "--task=cifar10",
        f"--data_dir={tmp_path}",
        f"--architecture={name}",
        "--dry_run",
        "--batch_size=4",
        "--search_steps=1",
        *options,
    )
    assert done.returncode == 1 and "batches of 64 images" in done.stderr  # of the children in search
    np.tile(records, [10, 1]).tofile(tmp_path / "data_batch_1.bin")
    done = run("--task=cifar10", f"--data_dir={tmp_path}", f"--architecture={name}", "--dry_run", *options)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["parameters"] == expected and found["classes"] == 10
    assert not (tmp_path / "runs").exists()


def test_wrong_input_is_one_line(tmp_path):
    (tmp_path / "test_batch.bin").write_bytes(bytes(3073))
    (tmp_path / "data_batch_1.bin").write_bytes(bytes(5))
    for arguments, match in (
        ([f"--data_dir={tmp_path}"], "data_batch_1.bin: 5 bytes; a binary file has 3,073 for each image"),
        ([f"--data_dir={tmp_path}/nowhere"], "no such folder"),
        (["--architecture=LeNet"], "NAONet"),
        (["--architecture=0 1 2"], "takes 40"),
        (["--layers=6", "--stack=2"], "say the same thing"),
        (["--baselines=lstm"], "'lstm' is not one of resnet, nao"),
    ):
        done = run("--task=cifar10", "--dry_run", *arguments, folder=tmp_path)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
        assert done.stderr.startswith("error: ") and match in done.stderr
