"""Names of parts and of what systems leave."""

import pytest

from nao_tf.data.names import in_one_line, is_litter, part_of, parts_of


@pytest.mark.parametrize(
    "name",
    [
        *(".DS_Store", "._cat.png", ".ipynb_checkpoints", ".git", "Thumbs.db", "THUMBS.DB", "ehthumbs.db"),
        *("Desktop.ini", "$RECYCLE.BIN", "$Recycle.Bin", "System Volume Information", "__MACOSX", "Icon\r"),
        *("cat.png:Zone.Identifier", "cat.png\uf03aZone.Identifier", "Thumbs.db:encryptable", "@__thumb"),
        *("@eaDir", "#recycle", "lost+found", "__pycache__", "~$list.xlsx"),
    ],
)
def test_litter(name):
    assert is_litter(name)


@pytest.mark.parametrize("name", ["cat", "Icon", "icon.png", "thumbs", "lost", "eaDir", "recycle"])
def test_no_litter(name):
    assert not is_litter(name)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        *(
            (name, "train")
            for name in ("train", "TRAIN", "Training", "training_set", "trainset", "train2017", "01_train", "trn")
        ),
        *(
            (name, "valid")
            for name in ("val", "Valid", "validation", "DEV", "val_images", "Validation Set", "validate")
        ),
        *(
            (name, "test")
            for name in ("test", "Testing", "test-set", "TestSet", "eval", "test_data", "03 Test", "holdout")
        ),
        *(
            (name, None)
            for name in ("bullet train", "test1", "trainer", "contest", "set", "trainvaltest", "train_test")
        ),
    ],
)
def test_parts_by_their_names(name, part):
    assert part_of(name) == part


def test_parts_with_a_word_of_their_own():
    assert parts_of(["seg_train", "seg_test", "seg_pred"]) == {"seg_train": "train", "seg_test": "test"}
    assert parts_of(["train2", "test2"]) == {"train2": "train", "test2": "test"}
    assert parts_of(["train1", "train2"]) == parts_of(["test1", "test2"]) == parts_of(["run1", "run2"]) == {}
    assert parts_of(["Train-x", "Val-x", "y"]) == {"Train-x": "train", "Val-x": "valid"}
    assert parts_of(["bullet_train", "steam_train", "dev_board"]) == {}
    assert parts_of(["train", "seg_test"]) == {"train": "train"}


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2Jb", "caf\udce9", "a\rb"])
def test_every_name_fits_a_line(name):
    assert len(in_one_line(name).splitlines()) == 1 and in_one_line(name).encode("utf-8")
    assert in_one_line("Bär 茶.png") == "Bär 茶.png"
