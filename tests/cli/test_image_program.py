"""The programs on images as a user runs them, in processes of their own."""

import json
import os
import shutil

import numpy as np
import programs
import pytest
import tensorflow as tf
from PIL import Image
from programs import kill_when, program

from nao_tf.architecture import ConvolutionalSpace
from nao_tf.child.images.size import size_of_cells
from nao_tf.data.images import load_images

SEARCH, TRAIN, EVALUATE = program("nao_search"), program("nao_train"), program("nao_eval")
SMALL = (
    "--budget=4 --initial=3 --proposals=1 --search_steps=4 --search_filters=4 --search_layers=1 "
    "--steps=6 --filters=4 --layers=1 --batch_size=32 --finalists=1 --noreport"
).split()
WEIGHT_SHARING = [*SMALL, "--task=cifar10", "--weight_sharing", "--sample_by_parameters", "--baselines=resnet"]
SMALL_TRAINING = "--architecture=NAO-WS --filters=4 --layers=1 --steps=12 --batch_size=16 --cutout=3".split()


def run(started, *arguments, folder=None, how=programs.run_forked):
    return how(*started, *arguments, timeout=3000, cwd=folder, env={**os.environ, "TFDS_DATA_DIR": "/nowhere"})


def folders(folder, classes=("cat", "dog"), count=20, size=10):
    """Images in a folder for each class; those of the second are brighter."""
    generator = np.random.default_rng(0)
    for number, name in enumerate(classes):
        (folder / name).mkdir()
        for index in range(count):
            pixels = generator.integers(100 * number, 100 * number + 100, [size, size, 3]).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    work = tmp_path_factory.mktemp("runs") / "whole"
    # from nothing: it must not share the seed of hashes with those that go on
    done = run(SEARCH, *WEIGHT_SHARING, "--report", f"--work_dir={work}", how=programs.run)
    assert done.returncode == 0, done.stderr
    assert "NOTICE: no cifar10 data was given; running on the embedded sample digits" in done.stderr
    return work


def test_result_names_the_sample_the_winner_and_the_baselines(finished):
    result = json.loads((finished / "result.json").read_text())
    assert result["dataset"] == "digits" and "scikit-learn" in result["source"] and result["task"] == "cifar10"
    assert result["evaluations"] == 4 and len(result["best"]["architecture"]) == 40
    for row in (result["test"], result["baselines"]["resnet"]):
        assert 0 <= row["accuracy"] <= 1 and row["loss"] > 0 and row["parameters"] > 0
    assert abs(result["baselines"]["resnet"]["parameters"] / result["test"]["parameters"] - 1) < 0.5
    rows = [json.loads(line) for line in (finished / "pool.jsonl").read_text().splitlines()]
    assert all(row["metric"] == "validation_loss" and row["parameters"] > 0 for row in rows)
    assert (finished / "report.html").stat().st_size > 10_000


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
    done = run(SEARCH, "--task=cifar10", f"--work_dir={finished}", *SMALL, "--baselines=resnet", "--space=nao",
               "--executor=inline")  # fmt: skip
    assert done.returncode == 1 and "belongs to a run with other flags" in done.stderr and "space" in done.stderr
    assert (finished / "pool.jsonl").read_bytes() == pool


def test_a_killed_run_goes_on_and_ends_with_the_same_pool(finished, tmp_path):
    whole = (finished / "pool.jsonl").read_text()
    assert len(whole.splitlines()) == 3 + 4  # every member again in every round
    killed = tmp_path / "killed"
    shutil.copytree(finished, killed)
    shutil.rmtree(killed / "export")
    (killed / "result.json").unlink()
    (killed / "checkpoints" / "shared_nao" / "round-1.npz").unlink()
    (killed / "pool.jsonl").write_text("".join(whole.splitlines(keepends=True)[:3]) + '{"id": 3, "arch')
    done = run(SEARCH, *WEIGHT_SHARING, f"--work_dir={killed}")
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
    given = ["--task=cifar10", f"--data_dir={tmp_path}", f"--architecture={name}", "--dry_run", "--batch_size=4"]
    done = run(SEARCH, *given, *options)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["parameters"] == expected and found["classes"] == 10
    refused = "a search would refuse the architecture" in done.stderr  # the search is in the space nao
    assert refused == (name == "NAO-WS")
    assert not (tmp_path / "runs").exists()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of images and what a training on it left behind."""
    folder = folders(tmp_path_factory.mktemp("images"))
    work = tmp_path_factory.mktemp("runs") / "trained"
    given = ["--task=images", f"--data_dir={folder}", "--image_size=8", f"--work_dir={work}"]
    done = run(TRAIN, *given, *SMALL_TRAINING, how=programs.run)
    assert done.returncode == 0, done.stderr
    return folder, work


def test_what_a_training_leaves_behind(trained):
    folder, work = trained
    result = json.loads((work / "result.json").read_text())
    assert result["dataset"] == "images" and result["source"] == str(folder) and result["space"] == "enas"
    assert 0 <= result["test"]["accuracy"] <= 1 and result["baselines"] == {}
    assert (work / "export" / "child" / "1" / "saved_model.pb").exists()
    left = {path.name for path in (work / "export" / "child" / "keras").iterdir()}
    assert left == {"model.keras", "labels.json", "found_cell.py", "found_cell.weights.h5"}
    assert list((work / "tensorboard").rglob("events*"))


def test_a_killed_training_ends_as_the_undisturbed_one(trained, tmp_path):
    folder, work = trained
    command = ["--task=images", f"--data_dir={folder}", "--image_size=8", *SMALL_TRAINING, f"--work_dir={tmp_path}"]
    file = tmp_path / "checkpoints" / "final.npz"
    kill_when([*TRAIN, *command], file.exists, tmp_path.parent / "log.txt", seconds=1800)
    assert not (tmp_path / "result.json").exists()
    assert run(TRAIN, *command).returncode == 0
    ended, whole = (json.loads((each / "result.json").read_text()) for each in (tmp_path, work))
    ended.pop("seconds"), whole.pop("seconds")
    assert ended == whole


def test_the_export_has_the_accuracy_that_was_reported(trained, finished):
    folder, work = trained
    given = ["--task=images", f"--data_dir={folder}"]
    for each, arguments in ((work, given), (work, []), (finished, ["--task=cifar10"]), (finished, [])):
        done = run(EVALUATE, f"--work_dir={each}", *arguments)
        assert done.returncode == 0 and len(done.stdout.splitlines()) == 1, done.stderr
        found, expected = json.loads(done.stdout), json.loads((each / "result.json").read_text())
        assert found["accuracy"] == pytest.approx(expected["test"]["accuracy"], abs=1e-6)
        assert found["loss"] == pytest.approx(expected["test"]["loss"], rel=1e-4)
        assert (found["dataset"], found["source"]) == (expected["dataset"], expected["source"])
        assert found["images"] == (8 if each is work else 359)


def test_all_pictures_of_an_unseen_folder_are_evaluated(trained, tmp_path):
    _, work = trained
    folders(tmp_path, count=6)
    (tmp_path / "cat" / "notes.txt").touch()
    done = run(EVALUATE, f"--saved_model={work}/export/child", "--task=images", f"--data_dir={tmp_path}")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["images"], found["part"], found["left_out"]) == (12, "all", {".txt": 1})
    assert "NOTICE: brought to 8 x 8 pixels, width x height: 10 x 10 (12)" in done.stderr


def test_a_folder_that_changed_since_the_training_is_told(trained, tmp_path):
    folder, work = trained
    shutil.copytree(work, tmp_path / "run")
    shutil.copytree(folder, tmp_path / "data")
    (tmp_path / "data" / "cat" / "0.png").unlink()
    (tmp_path / "run" / "flags.txt").write_text(f"--set=data.directory={tmp_path / 'data'}\n")
    done = run(EVALUATE, f"--work_dir={tmp_path / 'run'}")
    assert done.returncode == 0 and json.loads(done.stdout)["part"] == "all", done.stderr
    assert "the pictures are no longer those that" in done.stderr


def test_pictures_get_a_label_and_its_probability(trained, tmp_path):
    folder, work = trained
    (tmp_path / "deep").mkdir()
    for index, name in enumerate(("dog/1.png", "cat/2.png")):
        with Image.open(folder / name) as picture:
            picture.resize((16, 12), Image.Resampling.NEAREST).save(tmp_path / f"{index}.webp", lossless=True)
    shutil.copy(folder / "dog" / "3.png", tmp_path / "deep" / "2.png")
    (tmp_path / "notes.txt").write_text("no picture")
    done = run(EVALUATE, f"--work_dir={work}", f"--images={tmp_path}")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["image"] for row in rows] == [str(tmp_path / name) for name in ("0.webp", "1.webp", "deep/2.png")]
    serve = tf.saved_model.load(work / "export" / "child" / "1").signatures["classify_bytes"]
    for row, name in zip(rows[2:], ("dog/3.png",), strict=True):  # as the file itself is served
        answer = serve(image_bytes=tf.constant([(folder / name).read_bytes()]))
        assert row["label"] == answer["labels"].numpy()[0].decode()
        assert row["probability"] == pytest.approx(float(tf.reduce_max(answer["probabilities"])), abs=2e-6)
    assert all(row["label"] in ("cat", "dog") and 0.5 <= row["probability"] <= 1 for row in rows)
    assert "NOTICE: left out: 1 .txt" in done.stderr
    assert "NOTICE: 3 of 3 pictures were brought to the model's 8 x 8 pixels" in done.stderr


def test_one_picture_is_enough_and_a_damaged_one_is_one_line(trained, tmp_path):
    folder, work = trained
    done = run(EVALUATE, f"--saved_model={work}/export/child", f"--images={folder / 'cat' / '0.png'}")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1, done.stderr
    (tmp_path / "odd.png").write_bytes((folder / "cat" / "0.png").read_bytes()[:60])
    done = run(EVALUATE, f"--work_dir={work}", f"--images={tmp_path}")
    assert done.returncode == 1 and "odd.png" in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


def test_a_model_and_images_that_do_not_fit_are_one_line(trained, finished, tmp_path):
    _, work = trained
    others = folders(tmp_path, ("cat", "frog"))
    for each, arguments, match in (
        (
            work,
            ["--task=images", f"--data_dir={others}"],
            "pictures of frog; the model knows the classes cat, dog;",
        ),
        (work, ["--task=cifar10"], "takes images of 8 x 8 x 3; those of scikit-learn's digits"),
        (
            finished,
            ["--task=images", f"--data_dir={others}"],
            "pictures of cat, frog; the model knows the classes 0, 1, 2, 3, 4, … (10);",
        ),
        (finished, ["--task=cifar10", "--generate=a"], "--generate is of no use with --task=cifar10"),
        (finished, ["--task=ptb", "--generate=a"], "an exported image classifier, and no language model"),
        (finished, ["--generate=a"], "an exported image classifier, and no language model"),
        (finished, ["--task=ptb"], "an exported image classifier, and no language model"),
        (finished, ["--sentences=rows"], "--sentences is of no use with the model of a run of cifar10"),
    ):
        done = run(EVALUATE, f"--work_dir={each}", *arguments)
        said = [line for line in done.stderr.splitlines() if not line.startswith("NOTICE")]
        assert done.returncode == 1 and len(said) == 1 and match in said[0], done.stderr


def test_proposals_keep_the_bounds_of_their_final_models(tmp_path):
    bounds = ["--max_parameters=11000", "--max_flops=90000"]  # of ten random ones, one or two keep either
    work, space = tmp_path / "work", ConvolutionalSpace("enas")
    searched = ["--task=cifar10", "--space=enas", "--strategy=evolution", "--baselines=", f"--work_dir={work}"]
    done = run(SEARCH, *SMALL, *searched, *bounds, "--executor=inline", "--objectives=score,parameters")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (work / "pool.jsonl").read_text().splitlines()]
    network = {"classes": 10, "filters": 4, "layers": 1, "macro": "nao_ws"}
    sizes = [size_of_cells(space.cells_of(row["architecture"]), [8, 8, 1], **network) for row in rows]
    assert max(size.parameters for size in sizes) <= 11_000 and max(size.multiply_adds for size in sizes) <= 90_000
    result = json.loads((work / "result.json").read_text())
    assert result["test"]["parameters"] == sizes[result["best"]["id"]].parameters  # it is of this model that they are
    assert {row["id"]: (row["parameters"], row["flops"]) for row in result["front"]} == {
        row["id"]: (sizes[row["id"]].parameters, sizes[row["id"]].multiply_adds) for row in result["front"]
    }
    assert result["front"][0]["score"] == min(row["score"] for row in rows if row["score"] is not None)


def test_wrong_input_is_one_line(tmp_path):
    good, few, broken, alone = (tmp_path / name for name in ("good", "few", "broken", "alone"))
    for folder in (good, few, broken, alone):
        folder.mkdir()
    folders(good)
    folders(few)
    for path in list((few / "dog").iterdir())[1:]:
        path.unlink()
    folders(broken)
    (broken / "cat" / "3.png").write_text("no image")
    folders(alone, ("cat",))
    (tmp_path / "test_batch.bin").write_bytes(bytes(3073))
    (tmp_path / "data_batch_1.bin").write_bytes(bytes(5))
    for arguments, match in (
        ([f"--data_dir={tmp_path}"], "data_batch_1.bin: 5 bytes; a binary file has 3,073 for each image"),
        ([f"--data_dir={tmp_path}/nowhere"], "no such folder"),
        (["--architecture=LeNet"], "NAONet"),
        (["--architecture=0 1 2"], "takes 40"),
        (["--layers=6", "--stack=2"], "say the same thing"),
        (["--baselines=lstm"], "'lstm' is not one of resnet, nao"),
        (["--max_parameters=100"], "keeps --max_parameters=100 with 3 layers of 16 filters; the smallest"),
        (["--task=ptb", "--max_flops=100"], "no cell keeps --max_flops=100: with 128 units and 4,728 words every one"),
        (["--task=ptb", "--objectives=score,flops"], "all networks of --task=ptb have equal flops"),
        (["--task=images"], "task images needs --data_dir"),
        (["--task=images", f"--data_dir={broken}"], "3.png: not an image"),
        (["--task=images", f"--data_dir={few}"], "dog: only 1 image(s)"),
        (["--task=images", f"--data_dir={alone}"], "only one class (cat)"),
        (["--task=images", f"--data_dir={good}"], "batches of 64 images"),
        (
            ["--task=images", f"--data_dir={good}", "--batch_size=2", "--image_size=8", "--cutout=16"],
            "a cutout of 16 pixels leaves nothing of images of 8 x 8; give a smaller --cutout",
        ),
    ):
        # one that loads TensorFlow shows that its start-up lines are kept back
        how = programs.run if arguments == ["--max_parameters=100"] else programs.run_forked
        done = run(SEARCH, "--task=cifar10", "--dry_run", *arguments, folder=tmp_path, how=how)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
        assert done.stderr.startswith("error: ") and match in done.stderr
    done = run(TRAIN, "--task=cifar10", folder=tmp_path)
    assert done.returncode == 1 and "--architecture is missing" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "runs").exists()
