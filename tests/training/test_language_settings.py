"""Settings of language models: published values (authors' scripts), schedules, bounds."""

import dataclasses
import math

import pytest

from nao_tf.child.language.dropout_rates import Dropout
from nao_tf.errors import InputError
from nao_tf.training.language_settings import (
    SCRATCH_TRAININGS,
    SHARED_TRAININGS,
    LanguageTraining,
    final_training,
)


@pytest.mark.parametrize(
    "task, units, weight_decay, hidden",
    [("ptb", 850, 8e-7, 0.25), ("text", 850, 8e-7, 0.25), ("wikitext2", 700, 5e-7, 0.15)],
)
def test_published_final_training(task, units, weight_decay, hidden):
    settings = final_training("paper", task)
    assert (settings.units, settings.weight_decay) == (units, weight_decay)
    assert settings.dropout == Dropout(output=0.75, hidden=hidden, input=0.75, embedding=0.2, words=0.0)
    assert (settings.optimizer, settings.learning_rate, settings.clip_norm, settings.decay) == (
        "sgd",
        20.0,
        0.25,
        False,
    )
    assert (settings.batch_size, settings.evaluation_batch, settings.window, settings.scale) == (64, 10, 35, 0.04)
    assert (settings.activation_penalty, settings.temporal_penalty) == (0.0, 1e-3)
    assert (settings.epochwise, settings.window_deviation, settings.averaging_patience) == (True, 5.0, 5)


def test_a_search_compares_cells_after_equal_steps():
    for trainings in (SCRATCH_TRAININGS, SHARED_TRAININGS):
        for settings in trainings.values():
            assert not settings.epochwise and not settings.window_deviation and settings.averaging_patience is None


def test_an_unknown_preset_is_refused():
    with pytest.raises(InputError, match="cpu, paper"):
        final_training("gpu", "ptb")


def test_the_learning_rate_rises_and_falls_linearly():
    settings = LanguageTraining(units=1, batch_size=1, steps=1000, learning_rate=2.0, warmup=10)
    rates = [settings.learning_rate_at(step) for step in (0, 4, 9, 500, 995, 5000)]
    assert rates == pytest.approx([0.2, 0.996, 1.982, 1.0, 0.02, 0.02])
    assert dataclasses.replace(settings, decay=False, warmup=0).learning_rate_at(999) == 2.0


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"units": 0}, "units is 0; it must be a whole number of at least 1"),
        ({"batch_size": 2.5}, "batch_size is 2.5; it must be a whole number of at least 1"),
        ({"steps": -3}, "steps is -3; it must be a whole number of at least 1"),
        ({"optimizer": "lamb"}, "optimizer is 'lamb'; it must be one of adam, sgd"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0; it must be a number above 0"),
        ({"learning_rate": math.nan}, "learning_rate is nan; it must be a number above 0"),
        ({"clip_norm": -1.0}, "clip_norm is -1.0; it must be a number of at least 0"),
        ({"scale": 0.0}, "scale is 0.0; it must be None or a number above 0"),
        ({"averaging_patience": -1}, "averaging_patience is -1; it must be None or a whole number of at least 0"),
    ],
)
def test_values_that_a_field_cannot_have_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(final_training("cpu", "ptb"), **changes)
