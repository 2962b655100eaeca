"""The instrument that compares strategies on language models."""

import json

import numpy as np
import pytest

from benchmarks import language_quality
from nao_tf.data.text import Corpus
from nao_tf.data.vocabulary import Vocabulary
from nao_tf.training.language_children import LanguageChild

pytest.importorskip("scipy")


def test_rare_words_become_unknown():
    vocabulary = Vocabulary(["the", "<unk>", "cat", "<eos>", "sat"])
    train = np.array([0, 3, 0, 3, 2, 2, 4, 0], np.int32)
    corpus = Corpus("ptb", "", vocabulary, train, np.array([4, 1, 2]), np.array([0]))
    (train, valid, test), words = language_quality.frequent(corpus, 3)  # unknown, the, and of two equals the first
    assert words == 3
    assert train.tolist() == [1, 0, 1, 0, 2, 2, 0, 1] and valid.tolist() == [0, 0, 2] and test.tolist() == [1]


def test_a_comparison_that_was_stopped_goes_on(tmp_path, capsys, monkeypatch):
    children = {}  # the second call has those of the first, whose programs take seconds to compile

    def child(settings, **data):
        if settings not in children:
            children[settings] = LanguageChild(settings, **data)
        return children[settings]

    monkeypatch.setattr(language_quality, "LanguageChild", child)
    words = " ".join("abcdefghij")
    for part, lines in (("train", 60), ("valid", 20), ("test", 20)):
        (tmp_path / f"ptb.{part}.txt").write_text((words + " <unk>\n") * lines)
    arguments = [f"--data_dir={tmp_path}", f"--work_dir={tmp_path / 'work'}", "--strategies=random,evolution"]
    arguments += ["--budget=6", "--initial=4", "--proposals=2", "--units=4", "--words=6", "--steps=2"]
    arguments += ["--final_steps=2"]
    language_quality.main([*arguments, "--seeds=1"])
    files = sorted((tmp_path / "work").glob("*_0*.json*"))
    before = [file.read_bytes() for file in files]
    capsys.readouterr()
    language_quality.main([*arguments, "--seeds=2"])
    assert [file.read_bytes() for file in files] == before and len(files) == 4
    random, evolution = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (random["strategy"], evolution["strategy"]) == ("random", "evolution")
    assert len(random["test"]["of_seeds"]) == 2 and set(random["best"]) == {"2", "4", "6"}
    assert random["best"]["4"] == evolution["best"]["4"]  # the same random start
    assert random["chance"]["evolution"] == evolution["chance"]["random"] <= 1

    # a ladder: what one strategy has trained on a rung the other is not charged the time of, but the cost
    trained = []

    def counted(self, architecture, *, steps=None, **given):
        trained.append((architecture, steps))
        return train(self, architecture, steps=steps, **given)

    train = LanguageChild.train
    monkeypatch.setattr(LanguageChild, "train", counted)
    ladder = [f"--data_dir={tmp_path}", f"--work_dir={tmp_path / 'ladder'}", "--strategies=random,evolution"]
    ladder += ["--rungs=1,2", "--budget=4", "--initial=4", "--proposals=2", "--units=4", "--words=6", "--seeds=1"]
    language_quality.main([*ladder, "--final_steps=2"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["rungs"] for line in lines] == [[1, 2]] * 2
    on_rungs = [request for request in trained if request[1] is not None]
    assert {steps for _, steps in on_rungs} == {1, 2} and len(set(on_rungs)) == len(on_rungs)
