"""The programs on pictures of any size as a user runs them: a training, its figures, its export."""

import json
import os

import numpy as np
import programs
import pytest
from PIL import Image
from programs import program

TRAIN, EVALUATE, SEARCH = program("nao_train"), program("nao_eval"), program("nao_search")
CLASSES = ("bird", "cat", "dog", "eel", "fox", "gnu")


def run(started, *arguments, folder=None):
    environment = {**os.environ, "TFDS_DATA_DIR": "/nowhere"}
    return programs.run_forked(*started, *arguments, timeout=3000, cwd=folder, env=environment)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A few hundred photographs of several sizes in the folders that ImageNet has; a class has a colour."""
    folder = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    for part, count in (("train", 40), ("val", 8)):
        for number, name in enumerate(CLASSES):
            (folder / part / name).mkdir(parents=True)
            for index in range(count):
                coarse = generator.integers(0, 60, [6, 8, 3])
                coarse[..., number % 3] += 90 + 60 * (number // 3)
                sides = (90 + index, 70)
                Image.fromarray(coarse.astype(np.uint8)).resize(sides).save(folder / part / name / f"{index}.jpg")
    return folder


def test_a_training_on_a_few_hundred_pictures(pictures, tmp_path):
    work = tmp_path / "work"
    command = ["--task=imagenet", f"--data_dir={pictures}", "--architecture=NAONet-B", "--image_size=48",
               "--filters=4", "--layers=1", "--batch_size=12", "--epochs=1", f"--work_dir={work}"]  # fmt: skip
    done = run(TRAIN, *command)
    assert done.returncode == 0, done.stderr
    assert "240 pictures" not in done.stderr and "216 train, 24 valid, 48 test, 6 classes" in done.stderr
    assert "NOTICE: val is the test, as in published figures" in done.stderr
    result = json.loads((work / "result.json").read_text())
    test = result["test"]
    assert 0 <= test["accuracy"] <= test["top_5_accuracy"] <= 1 and test["loss"] > 0
    assert result["dataset"] == "imagenet" and result["source"] == str(pictures)
    again = run(TRAIN, *command)  # everything is there already
    assert again.returncode == 0, again.stderr
    measured = run(EVALUATE, "--task=imagenet", f"--data_dir={pictures}", f"--work_dir={work}")
    assert measured.returncode == 0, measured.stderr
    found = json.loads(measured.stdout)
    assert (found["part"], found["images"]) == ("test", 48)
    for name in ("accuracy", "top_5_accuracy"):
        assert found[name] == pytest.approx(test[name], abs=1e-6)
    assert found["loss"] == pytest.approx(test["loss"], rel=1e-3)


def test_what_cannot_be_trained_is_one_line(pictures, tmp_path):
    for started, arguments, message in (
        (TRAIN, ["--architecture=NAONet-A"], "no imagenet pictures: give a folder of classes"),
        (TRAIN, ["--architecture=NAONet-A", "--image_size=400"], "images of 400 pixels; from 32 to 320"),
        (TRAIN, ["--architecture=NAONet-A", "--autoaugment"], "--autoaugment is of no use with --task=imagenet"),
        (TRAIN, ["--architecture=NAONet-A", "--macro=resnet"], "it must be None or one of nao, nao_ws, nao_pytorch"),
        (SEARCH, ["--baselines=", f"--data_dir={pictures}", "--batch_size=300"], "batches of 300 images"),
    ):
        done = run(started, "--task=imagenet", *arguments, folder=tmp_path)
        assert done.returncode == 1 and done.stderr.count("\n") == 1 and message in done.stderr, done.stderr
    assert not list(tmp_path.iterdir())
