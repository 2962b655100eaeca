"""Lengths that follow the size of the data, and what a given length is worth."""

import dataclasses

import pytest

from nao_tf.training.image_settings import FINAL_TRAININGS, ImageTraining
from nao_tf.training.language_settings import LanguageTraining
from nao_tf.training.lengths import LENGTHS, Length, line, words


def test_passes_are_planned_between_bounds():
    length = Length(epochs=10, least=100, most=500, patient_epochs=2, patient_steps=30)
    assert [length.steps(per_epoch) for per_epoch in (1, 10, 30, 1_000)] == [100, 100, 300, 500]
    assert [length.patience(per_epoch) for per_epoch in (1, 15, 16)] == [30, 30, 32]
    assert length.patience(250) is None and length.patience(249) == 498  # as long as the training
    assert dataclasses.replace(length, patient_epochs=0, patient_steps=0).patience(16) is None


def test_no_text_is_trained_longer_than_the_penn_treebank_and_only_final_models_end_early():
    most = {name: length.most for name, length in LENGTHS.items() if name.startswith("text")}
    assert most == {"text_child": 500, "text_round": 1_327, "text_finalist": 5_308, "text_final": 23_886}
    assert {name for name, length in LENGTHS.items() if length.patience(100)} == {
        "text_finalist",
        "text_final",
        "image_final",
    }


@pytest.mark.parametrize(
    "settings",
    [
        LanguageTraining(units=4, batch_size=8, steps=0, length="text_final"),
        ImageTraining(filters=4, layers=1, batch_size=8, steps=0, length="image_final"),
    ],
    ids=["text", "images"],
)
def test_what_is_given_wins(settings):
    def fitted(settings):  # 100 steps an epoch
        return settings.fitted(100) if isinstance(settings, LanguageTraining) else settings.for_epochs_of(807)

    length = LENGTHS[settings.length]
    assert (fitted(settings).steps, fitted(settings).patience) == (length.steps(100), length.patience(100))
    given = dataclasses.replace(settings, steps=7)
    assert fitted(given) == given and given.patience is None
    assert fitted(dataclasses.replace(settings, patience=3)).patience == 3
    assert fitted(dataclasses.replace(given, patience=3)).patience == 3
    with pytest.raises(ValueError, match="steps is 0; it must be a whole number of at least 1"):
        dataclasses.replace(settings, length=None)
    with pytest.raises(ValueError, match="length is 'long'; it must be None or one of text_child, "):
        dataclasses.replace(settings, length="long")


def test_identities_are_those_of_before_where_no_patience_is():
    given = LanguageTraining(units=4, batch_size=8, steps=7, length="text_final")
    names = set(given.identity())
    assert not {"patience", "length"} & names and {"steps", "dropout", "averaging_patience"} <= names
    assert set(dataclasses.replace(given, patience=3).identity()) - names == {"patience"}
    pictures = FINAL_TRAININGS["cpu"]
    assert dataclasses.replace(pictures, length="image_final").identity() == pictures.identity()
    assert dataclasses.replace(pictures, patience=3).identity() == {**pictures.identity(), "patience": 3}


def test_the_line_says_what_was_chosen_and_why():
    told = [
        words("children of the search", 500, per_epoch=154, patience=None),
        words("final models", 4_620, per_epoch=154, patience=308),
    ]
    assert line(told, "108,000 tokens") == (
        "lengths that fit 108,000 tokens: children of the search 500 steps (3.25 epochs); final models at most 4,620 "
        "steps (30 epochs), ended by validation where 308 steps bring no gain"
    )
