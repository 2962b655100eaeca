import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from controllers import SMALL, StaircaseSpace, random_tokens, small_model

from nao_tf.architecture import RecurrentSpace
from nao_tf.controller import PRESETS, ControllerSettings, EncoderPredictorDecoder
from nao_tf.controller.model import joint_loss


def test_outputs_have_names_and_shapes():
    space = RecurrentSpace()
    outputs = small_model(space)(random_tokens(space, 3))
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        "states": (2, 3, 11, 6),
        "embedding": (2, 3, 6),
        "score": (2, 3),
        "logits": (2, 3, 22, 16),
    }


def test_joint_loss_is_that_of_an_independent_computation():
    generator = np.random.default_rng(0)
    scores, targets = generator.random([2, 2, 5])
    logits = generator.normal(size=[2, 5, 3, 4])
    tokens = generator.integers(4, size=[2, 5, 3])
    weights = np.array([[1, 1, 0, 1, 0], [0, 0, 1, 0, 0]], np.float64)
    losses = joint_loss(
        tf.constant(scores, tf.float32),
        tf.constant(logits, tf.float32),
        tokens=tf.constant(tokens, tf.int32),
        targets=tf.constant(targets, tf.float32),
        example_weights=tf.constant(weights, tf.float32),
        prediction_weight=0.8,
    )
    for member in range(2):
        seen = np.flatnonzero(weights[member])
        squared = np.mean([(scores[member, i] - targets[member, i]) ** 2 for i in seen])
        entropies = [
            np.log(np.exp(logits[member, i, t]).sum()) - logits[member, i, t, tokens[member, i, t]]
            for i in seen
            for t in range(3)
        ]
        np.testing.assert_allclose(losses[member], 0.8 * squared + 0.2 * np.mean(entropies), rtol=1e-5)


def test_joint_loss_of_no_example_is_zero():
    zeros = tf.zeros([1, 2])
    loss = joint_loss(
        zeros,
        tf.zeros([1, 2, 3, 4]),
        tokens=tf.zeros([1, 2, 3], tf.int32),
        targets=zeros + 1,
        example_weights=zeros,
        prediction_weight=0.8,
    )
    np.testing.assert_array_equal(loss, [0])


@pytest.mark.parametrize("space", [RecurrentSpace(), StaircaseSpace()], ids=lambda space: space.name)
def test_a_keras_file_holds_the_whole_model(space, tmp_path):
    model, tokens = small_model(space), random_tokens(space, 4)
    json.dumps(model.get_config())
    model.save(tmp_path / "controller.keras")
    loaded = keras.saving.load_model(tmp_path / "controller.keras")
    assert type(loaded) is EncoderPredictorDecoder
    assert loaded.get_config() == model.get_config() and loaded.settings == model.settings
    assert model.get_config()["settings"] == dataclasses.asdict(SMALL)
    for name, value in model(tokens).items():
        np.testing.assert_array_equal(loaded(tokens)[name], value)
    states = model.encode(tokens)
    np.testing.assert_array_equal(loaded.decode(states), model.decode(states))


def test_same_seed_same_initial_weights_and_members_differ():
    space = RecurrentSpace()
    first, again, other = (EncoderPredictorDecoder.for_space(space, SMALL, seed=seed) for seed in (1, 1, 2))
    for one, same, different in zip(first.weights, again.weights, other.weights, strict=True):
        np.testing.assert_array_equal(one, same)
        if np.any(one):
            assert np.max(np.abs(one.numpy() - different.numpy())) > 1e-3
            assert np.max(np.abs(one.numpy()[0] - one.numpy()[1])) > 1e-3


def test_parts_run_in_a_graph_with_any_batch():
    space = RecurrentSpace()
    model = small_model(space)

    @tf.function(input_signature=[tf.TensorSpec([None, 22], tf.int32)])
    def everything(tokens):
        states = model.encode(tokens)
        return model.predict_scores(tokens), model.decode(states), states

    for count in (1, 3):
        tokens = random_tokens(space, count)
        scores, decoded, states = everything(tokens)
        assert decoded.shape == (2, count, 22)
        np.testing.assert_allclose(scores, model.predict_scores(tokens), rtol=1e-5)
        np.testing.assert_array_equal(decoded, model.decode(states))
    assert everything.experimental_get_tracing_count() == 1


def test_paper_preset_has_the_published_sizes():
    model = EncoderPredictorDecoder.for_space(RecurrentSpace(), PRESETS["paper"])
    shapes = [tuple(weight.shape[1:]) for weight in model.weights]
    assert {(16, 48), (96, 384), (16, 96), (192, 96), (200, 200), (200, 1)} <= set(shapes)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"targets": "error"}, "targets 'error'; known are rank, min-max"),
        ({"learning_rate_decay": "step"}, "known are constant, linear, cosine"),
        ({"predictor_reading": "last"}, "known are states, mean"),
        ({"initialisation": "zeros"}, "known are glorot, authors"),
        ({"steps": None}, "steps, epochs, or both"),
        ({"members": 0}, "members 0; at least 1"),
        ({"predictor_layers": 61}, "predictor_layers 61; 0 to 60"),
        ({"held_out": 1.0}, "at least 0 and below 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        ControllerSettings(**values)


def test_one_member_reads_batches_of_every_size():
    # TensorFlow 2.21 with oneDNN crashed here, at random, when a product broadcast over the members of one.
    space = RecurrentSpace()
    model = small_model(space, dataclasses.replace(SMALL, members=1))
    predict = tf.function(model.predict_scores, input_signature=[tf.TensorSpec([None, 22], tf.int32)])
    tokens = random_tokens(space, 40)
    whole = predict(tokens).numpy()
    for count in [*range(1, 41)] * 8:
        np.testing.assert_allclose(predict(tokens[:count]), whole[:, :count], rtol=1e-4)
