"""The published final trainings, value by value (authors' scripts), and the tasks that have none of their own."""

import pytest

from nao_tf.child.language.dropout_rates import Dropout
from nao_tf.errors import InputError
from nao_tf.training.language_settings import PRESETS, final_training


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
    for preset in PRESETS.values():
        for settings in (preset.scratch, preset.shared):
            assert not settings.epochwise and not settings.window_deviation and settings.averaging_patience is None


def test_an_unknown_preset_is_refused():
    with pytest.raises(InputError, match="cpu, paper"):
        final_training("gpu", "ptb")
