"""Folders of classes: what is used, what is litter, what is left out and told, what is refused."""

import contextlib
import io
import os
import shutil
import time

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from image_files import classes, draw
from PIL import Image

from nao_tf.data.images import load_images
from nao_tf.errors import InputError


def encoded(seed):
    """The bytes of a picture."""
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, [8, 8, 3]).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def loaded(folder, size=8):
    return load_images("images", folder, image_size=size)


def sizes(data):
    return len(data.train), len(data.valid), len(data.test)


def refused(folder, match):
    with pytest.raises(InputError, match=match) as error:
        loaded(folder)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


def test_litter_changes_nothing_at_any_depth(tmp_path):
    plain, littered = (classes(tmp_path / name) for name in ("plain", "littered"))
    for inside in (littered, littered / "cat"):
        for name in (".ipynb_checkpoints", "__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "lost+found"):
            draw(inside / name / "cat", 2)
        for name in ("._0.png", ".DS_Store", "Thumbs.db", "desktop.ini", "Icon\r", ".hidden.png"):
            (inside / name).touch()
    draw(littered / "dog" / "System Volume Information", 2)
    data = loaded(littered)
    assert data.fingerprint() == loaded(plain).fingerprint()
    assert data.left_out == {} and data.notes == ()


def test_what_is_left_out_is_counted_by_kind(tmp_path):
    classes(tmp_path)
    for name in ("cat/a.txt", "cat/deep/b.TXT", "dog/c.xml", "dog/no_suffix", "labels.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    draw(tmp_path, 3)
    os.symlink("nowhere", tmp_path / "dog" / "gone.png")
    os.mkfifo(tmp_path / "dog" / "pipe.png")
    data = loaded(tmp_path)
    assert sizes(data) == (6, 2, 2)
    assert data.left_out == {
        ".txt": 2,
        ".xml": 1,
        ".csv": 1,
        "no suffix": 1,
        "pictures outside of the classes": 3,
        "links to nothing": 1,
        "no files": 1,
    }


@pytest.mark.parametrize("suffix", ["PNG", "Jpg", "WEBP", "tif", "JFIF", "Bmp", "gif", "ppm"])
def test_suffixes_in_any_case(tmp_path, suffix):
    classes(tmp_path)
    draw(tmp_path / "cat", 1, first=9)
    (tmp_path / "cat" / "9.png").rename(tmp_path / "cat" / f"9.{suffix}")
    assert sum(sizes(loaded(tmp_path))) == 11


def test_folders_within_a_class_belong_to_it(tmp_path):
    classes(tmp_path)
    draw(tmp_path / "cat" / "2020" / "may", 4)
    data = loaded(tmp_path)
    assert sum(sizes(data)) == 14 and data.class_names == ("cat", "dog")
    assert any("folders within cat count as the class that they are in" in note for note in data.notes)


def test_links_are_followed_and_circles_end(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    draw(elsewhere, 4)
    folder = classes(tmp_path / "data")
    os.symlink(elsewhere, folder / "cat" / "more")
    os.symlink(folder, folder / "cat" / "up")
    os.symlink(folder / "cat", folder / "cat" / "itself")
    os.symlink("round", folder / "dog" / "round")
    for one, other in (("x", "y"), ("y", "x")):
        (folder / "dog" / one).mkdir()
        os.symlink(folder / "dog" / other, folder / "dog" / one / other)
    data = loaded(folder)
    assert sum(sizes(data)) == 14
    assert data.left_out == {"links to folders that are read elsewhere": 4, "links to nothing": 1}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("train", "valid", "test"), (20, 12, 10)),
        (("Train", "VAL", "Testing"), (20, 12, 10)),
        (("training_set", "validation_set", "test_set"), (20, 12, 10)),
        (("train2017", "dev", "eval"), (20, 12, 10)),
        (("01_train", "02_validate", "03_test"), (20, 12, 10)),
        (("train2", "val2", "test2"), (20, 12, 10)),
        (("seg_train", "seg_val", "seg_test"), (20, 12, 10)),
        (("training", None, "test"), (18, 2, 10)),
        (("TRAIN", "val", None), (16, 12, 4)),
        (("train", None, None), (14, 2, 4)),
    ],
)
def test_parts_in_the_usual_spellings(tmp_path, names, expected):
    for seed, (name, count) in enumerate(zip(names, (10, 6, 5), strict=True)):
        if name is not None:
            classes(tmp_path / name, count=count, seed=seed)
    data = loaded(tmp_path)
    assert sizes(data) == expected and data.class_names == ("cat", "dog")
    told = " ".join(data.notes)
    assert ("read as parts" in told) == any(name not in ("train", "valid", "test", None) for name in names)
    assert ("a share of every class is split off" in told) == (None in names)
    for part in (data.train, data.valid, data.test):
        assert set(part.labels) == {0, 1}


def test_folders_that_are_parts_or_classes_are_a_question(tmp_path):
    classes(tmp_path / "a", ("bus", "train", "car"))
    refused(tmp_path / "a", "train is the name of a part of the data and lies beside bus, car; rename it")
    classes(tmp_path / "b", ("Validation", "zoo"))
    refused(tmp_path / "b", "Validation is the name of a part")
    classes(tmp_path / "c" / "train")
    classes(tmp_path / "c" / "val")
    classes(tmp_path / "c" / "validation")
    refused(tmp_path / "c", "val and validation could both be the part 'valid'; leave one")
    classes(tmp_path / "d" / "train")
    draw(tmp_path / "d" / "test", 3)
    refused(tmp_path / "d", "test: 3 pictures but no folders of classes")
    classes(tmp_path / "e" / "test")
    classes(tmp_path / "e" / "val")
    refused(tmp_path / "e", "a folder val, test but none of the name train")


def test_what_lies_beside_parts_is_left_out_and_told(tmp_path):
    for seed, part in enumerate(("train", "test")):
        classes(tmp_path / part, seed=seed)
    draw(tmp_path / "unsorted", 3)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").touch()
    (tmp_path / "valid" / "cat").mkdir(parents=True)
    data = loaded(tmp_path)
    assert sizes(data) == (8, 2, 10)
    assert data.left_out == {"pictures in unsorted/, which is no part": 3, ".md": 1}
    assert any("as if they were not there: valid" in note for note in data.notes)


def test_classes_that_parts_do_not_share(tmp_path):
    classes(tmp_path / "train", ("cat", "dog", "emu"))
    classes(tmp_path / "val", ("cat",), seed=1)
    classes(tmp_path / "test", ("cat", "emu"), seed=2)
    data = loaded(tmp_path)
    assert "all validation images are of one class, cat" in data.notes
    assert "no test images of dog" in data.notes
    assert set(data.test.labels) == {0, 2}
    classes(tmp_path / "test", ("fox",))
    refused(tmp_path, "fox: a class without training images; classes are cat, dog, emu")


def test_accents_in_two_spellings_are_one_class(tmp_path):
    classes(tmp_path / "train", ("café", "tea"))
    classes(tmp_path / "test", ("cafe\N{COMBINING ACUTE ACCENT}", "tea"), seed=1)  # as macOS writes it
    data = loaded(tmp_path)
    assert data.class_names == ("café", "tea") and set(data.test.labels) == {0, 1}
    classes(tmp_path / "train", ("cafe\N{COMBINING ACUTE ACCENT}",))
    refused(tmp_path, "two folders are called café, in two spellings")


def test_names_that_are_no_text(tmp_path):
    classes(tmp_path / "a", ("cat", "caf\udce9"))
    refused(tmp_path / "a", r"the name of the class, b'caf\\xe9', is not UTF-8; rename the folder")
    classes(tmp_path / "b", ("cat", "do\ng"))
    refused(tmp_path / "b", r"do\\ng: a control character in the name of a class")
    classes(tmp_path / "c\udce9")
    draw(tmp_path / "c\udce9" / "cat", 1, first=7)
    (tmp_path / "c\udce9" / "cat" / "7.png").rename(tmp_path / "c\udce9" / "cat" / "\udcff.png")
    loaded(tmp_path / "c\udce9").source.encode("utf-8")


def test_where_classes_may_be(tmp_path):
    classes(tmp_path / "archive" / "animals")
    refused(tmp_path, "only one class .archive.; .* are those of .*/archive/animals meant")
    draw(tmp_path / "flat", 4)
    refused(tmp_path / "flat", "no folders of classes but 4 pictures; give")
    (tmp_path / "texts" / "a").mkdir(parents=True)
    draw(tmp_path / "texts" / "b", 4)
    (tmp_path / "texts" / "a" / "1.heic").touch()
    refused(tmp_path / "texts", r"a: no images \(it holds 1 .heic\); a class needs at least 3 files that end in .png")


def told_of_copies(folder):
    return [note for note in loaded(folder).notes if "the same image" in note]


def test_the_same_image_in_several_parts_is_told(tmp_path):
    classes(tmp_path / "train", count=6)
    classes(tmp_path / "valid", count=2, seed=2)
    classes(tmp_path / "test", count=3, seed=1)
    assert told_of_copies(tmp_path) == []
    for number in range(4):  # written again, in another format
        Image.open(tmp_path / "train" / "cat" / f"{number}.png").save(tmp_path / "test" / "cat" / f"copy{number}.bmp")
    first = "the same images are among the training images: 0 of 4 validation and 4 of 10 test images"
    assert told_of_copies(tmp_path) == [first]
    shutil.copy(tmp_path / "valid" / "dog" / "0.png", tmp_path / "test" / "dog" / "again.png")
    second = "the same images are among the validation images: 1 of 11 test images"
    assert told_of_copies(tmp_path) == [first.replace("10 test", "11 test"), second]


def test_the_same_image_in_several_classes_is_told(tmp_path):
    classes(tmp_path, ("cat", "dog", "emu"))
    os.symlink("cat", tmp_path / "kitty")
    several = "the same image is in several classes, 5 times: in cat and kitty for one"
    assert several in told_of_copies(tmp_path)


@pytest.mark.parametrize("other", ["Cat", " cat", "cat\N{ZERO WIDTH SPACE}", "\N{RIGHT-TO-LEFT OVERRIDE}cat"])
def test_classes_that_look_alike_are_told(tmp_path, other):
    classes(tmp_path, ("cat", "cat 2", "dog"))
    assert not any("look alike" in note for note in loaded(tmp_path).notes)
    classes(tmp_path, (other,), seed=1)
    names = " and ".join(ascii(name) for name in sorted(["cat", other]))
    assert [note for note in loaded(tmp_path).notes if "alike" in note] == [
        f"{tmp_path}: two classes look alike, {names}"
    ]


def test_pictures_that_are_read_in_part_are_told(tmp_path):
    classes(tmp_path)
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "cat" / "moves.gif", save_all=True, append_images=frames[1:])
    frames[1].putalpha(9)
    frames[1].save(tmp_path / "dog" / "clear.png")
    told = "1 transparent, on white, 1 with several frames, of which the first is read"
    assert f"pictures that are read in part: {told}" in loaded(tmp_path).notes


WORDS = ["cat", "Cat", "train", "val", "TEST", "01_test", "a.b", "a\nb", "\udcff", ".git", "__MACOSX", "x.png", " "]
paths = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map("/".join)
entries = st.dictionaries(paths, st.sampled_from(["picture", "text", "folder", "link", "pipe"]), max_size=12)
PICTURES = [encoded(number) for number in range(6)]


@hypothesis.settings(max_examples=40, deadline=None, database=None, derandomize=True)
@hypothesis.given(
    entries=entries, full=st.lists(st.sampled_from(["cat", "train/cat", "train/b", "val/cat"]), max_size=3)
)
def test_any_folder_is_a_data_set_or_one_clear_line(tmp_path_factory, entries, full):
    folder = tmp_path_factory.mktemp("any")
    for name in full:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number, content in enumerate(PICTURES):
            (folder / name / f"{number}.png").write_bytes(content)
    for name, kind in entries.items():
        path = folder / name / "1.jpg" if kind == "picture" else folder / name
        with contextlib.suppress(OSError):  # a file stands where the folder should be
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "folder":
                path.mkdir()
            elif kind == "link":
                os.symlink("..", path)
            elif kind == "pipe":
                os.mkfifo(path)
            else:
                path.write_bytes(PICTURES[0] if kind == "picture" else b"text")
    try:
        data = loaded(folder)
    except InputError as error:
        assert len(str(error).splitlines()) == 1 and str(error).encode("utf-8")
    else:
        assert len(data.class_names) > 1 and min(map(len, (data.train, data.valid, data.test))) > 0
        assert all(len(note.splitlines()) == 1 and note.encode("utf-8") for note in data.notes)


def test_parts_in_another_language_are_told(tmp_path):
    for seed, name in enumerate(("entrenamiento", "prueba")):
        classes(tmp_path / name, seed=seed)
    assert (
        f"{tmp_path}: every class has the folders cat, dog; if those are the classes, and entrenamiento, prueba parts "
        "of the data, call the parts train, valid, test"
    ) in loaded(tmp_path).notes
    draw(tmp_path / "prueba", 1)
    assert not any("every class has" in note for note in loaded(tmp_path).notes)


def test_what_lies_where_classes_should_be_is_named(tmp_path):
    (tmp_path / "arrays.npz").touch()
    refused(tmp_path, "no folders of classes but 1 .npz; give a folder of images for each of at least 2 classes$")
    (tmp_path / "train.txt").touch()
    refused(tmp_path, "no folders of classes but 1 .npz, 1 .txt; .*; is --task=text meant")
    classes(tmp_path)
    (tmp_path / "runs").mkdir()
    refused(tmp_path, "runs: no images; a class needs at least 3 .*; move it away if it is no class")


def test_pictures_brought_to_another_shape_are_told(tmp_path):
    classes(tmp_path, count=4, size=40, width=48)
    draw(tmp_path / "cat", 2, size=16, first=10)
    draw(tmp_path / "dog", 1, size=32, first=10)
    note = "brought to 32 x 32 pixels, width x height: 48 x 40 (8), 16 x 16 (2); 8 are not square and lose their"
    [told] = [each for each in loaded(tmp_path, 32).notes if each.startswith("brought")]
    assert told == f"{note} proportions, which are up to 1.20 : 1"


def test_pixels_are_means_of_areas(tmp_path):
    classes(tmp_path, count=3, size=16)
    data = loaded(tmp_path)
    pixels = np.asarray(Image.open(tmp_path / "cat" / "0.png")).astype(float)
    mean = pixels.reshape(8, 2, 8, 2, 3).mean((1, 3))
    whole = np.concatenate([data.train.images, data.valid.images, data.test.images])
    assert min(np.abs(image - mean).max() for image in whole) <= 0.5


def test_two_thousand_pictures_take_a_few_seconds(tmp_path):
    classes(tmp_path, count=1000, size=32)
    start = time.process_time()
    assert sum(sizes(loaded(tmp_path, 32))) == 2000
    assert time.process_time() - start < 5
