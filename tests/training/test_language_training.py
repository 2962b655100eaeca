import gc
import math
import resource

import numpy as np
import pytest
import tensorflow as tf

from nao_tf.architecture import RecurrentSpace
from nao_tf.child.language.dropout_rates import Dropout
from nao_tf.errors import DivergedError
from nao_tf.training.language import ChildTrainer, Evaluator, SharedChildTrainer, perplexity
from nao_tf.training.language_settings import LanguageTraining

WORDS = 12
SPACE = RecurrentSpace()
GENERATOR = np.random.default_rng(0)
TRAIN, VALID = (GENERATOR.integers(0, WORDS, n).astype(np.int32) for n in (600, 90))
SETTINGS = LanguageTraining(
    units=4, batch_size=3, steps=12, window=5, dropout=Dropout(0.2, 0.1, 0.2), evaluation_batch=4
)


def weights(trainer):
    return [np.asarray(variable) for variable in trainer.model.variables]


def test_a_hundred_architectures_are_one_trace_and_memory_stops_growing():
    trainer = ChildTrainer(SETTINGS, TRAIN, VALID, WORDS)
    resident = []
    for count in range(151):
        values = SPACE.sample(GENERATOR).values
        trainer.train(values, seed=1, steps=1)
        assert math.isfinite(trainer.evaluate(values))
        if count % 10 == 0:  # what earlier tests left in this process makes a collection slow
            gc.collect()
        resident.append(resident_bytes())
    assert (trainer.traces, trainer.evaluate.traces) == (1, 1)
    assert resident[-1] - resident[50] < 20e6, [round(size / 1e6) for size in resident[::10]]


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def test_equal_seeds_give_equal_weights_and_a_resumed_training_too(tmp_path):
    trainer, values = ChildTrainer(SETTINGS, TRAIN, VALID, WORDS), SPACE.parse("NAO").values
    trainer.train(values, seed=1)
    undisturbed = weights(trainer)
    trainer.train(values, seed=2)
    assert any((a != b).any() for a, b in zip(undisturbed, weights(trainer), strict=True))
    trainer.train(values, seed=1, steps=7, save_to=tmp_path / "state.npz")
    trainer.train(values, seed=3, steps=1)  # something else in between
    trainer.train(values, seed=1, save_to=tmp_path / "state.npz")
    for found, expected in zip(weights(trainer), undisturbed, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_diverged_loss_is_an_error():
    trainer = ChildTrainer(SETTINGS, TRAIN, VALID, WORDS)
    trainer.settings = LanguageTraining(units=4, batch_size=3, steps=12, window=5, learning_rate=math.nan)
    with pytest.raises(DivergedError, match="nan at step 12"):
        trainer.train(SPACE.parse("NAO").values, seed=1)


def test_training_lowers_the_loss():
    text = np.tile(np.arange(WORDS, dtype=np.int32), 100)
    settings = LanguageTraining(units=8, batch_size=3, steps=300, window=5, evaluation_batch=1)
    trainer = ChildTrainer(settings, text, text[:90], WORDS)
    trainer.train(SPACE.parse("NAO").values, seed=1)
    assert perplexity(trainer.evaluate(SPACE.parse("NAO").values)) < 1.5  # the text is periodic; chance is 12


@pytest.mark.parametrize("batch_size", [1, 4])
def test_perplexity_equals_a_plain_computation(batch_size):
    trainer, values = ChildTrainer(SETTINGS, TRAIN, VALID, WORDS), tf.constant(SPACE.parse("NAO-WS").values)
    trainer.start(5)
    model = trainer.model
    columns = 5 * -(-(len(VALID) - 1) // (5 * batch_size))  # whole windows of 5
    total = 0.0
    for start in range(0, len(VALID) - 1, columns):
        column = VALID[start : start + columns + 1]
        outputs, _, _ = model.hidden(tf.constant(column[:-1, None]), model.cell.initial_state(1), architecture=values)
        logits = outputs[:, 0].numpy().astype(np.float64) @ np.asarray(model.embedding).T + np.asarray(model.bias)
        table = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        total -= table[np.arange(len(column) - 1), column[1:]].sum()
    found = Evaluator(model, VALID, batch_size, 5)(values.numpy())
    np.testing.assert_allclose(found, total / (len(VALID) - 1), rtol=1e-5)


def test_the_shared_childs_step_equals_a_dense_one():
    settings = LanguageTraining(
        units=4,
        batch_size=3,
        steps=6,
        window=5,
        optimizer="sgd",
        learning_rate=0.5,
        decay=False,
        clip_norm=0.1,
        weight_decay=1e-2,
    )
    trainer = SharedChildTrainer(settings, TRAIN, VALID, WORDS, seed=1)
    values = SPACE.parse("NAO").values
    trainer.train([values], 6)
    found, other = weights(trainer), SharedChildTrainer(settings, TRAIN, VALID, WORDS, seed=1)
    model = other.model
    state = model.cell.initial_state(3)
    for step in range(6):
        window = other._window(tf.constant(step))
        with tf.GradientTape() as tape:
            loss, _, state = model.loss_of_window(
                window[:-1],
                window[1:],
                state=state,
                architecture=tf.constant(values),
                training_seed=tf.constant([1024, step]),
            )
        gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
        gradients, _ = tf.clip_by_global_norm([tf.convert_to_tensor(gradient) for gradient in gradients], 0.1)
        for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
            variable.assign(variable - 0.5 * (gradient + 1e-2 * variable))
    for value, expected in zip(found, weights(other), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-6)


def test_the_shared_child_goes_on_from_its_file(tmp_path):
    settings = LanguageTraining(units=4, batch_size=3, steps=8, window=5)
    pool = [SPACE.sample(GENERATOR).values for _ in range(5)]
    undisturbed = SharedChildTrainer(settings, TRAIN, VALID, WORDS, seed=1)
    undisturbed.train(pool, 4)
    undisturbed.save(tmp_path / "round.npz")
    undisturbed.train(pool, 4)
    resumed = SharedChildTrainer(settings, TRAIN, VALID, WORDS, seed=1)
    assert resumed.load(tmp_path / "round.npz")
    resumed.train(pool, 4)
    for found, expected in zip(weights(resumed), weights(undisturbed), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert undisturbed.traces == 1
