"""Exported controllers as a server reads them: through `saved_model_cli`, in a process without this package."""

import numpy as np
import pytest
import tensorflow as tf
from served import named_with_a_free_batch, serve

from nao_tf.architecture import RecurrentSpace
from nao_tf.controller import ControllerSettings, EncoderPredictorDecoder
from nao_tf.serving.export_controller import export_ascent, export_controller

SPACE = RecurrentSpace()


def controller():
    """A small controller, its weights drawn at random."""
    settings = ControllerSettings(members=2, embedding_width=4, hidden=6, predictor_layers=1, predictor_width=8)
    model, generator = EncoderPredictorDecoder.for_space(SPACE, settings, seed=1), np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(generator.normal(size=weight.shape))
    return model


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """Both exports, each written once."""
    folder = tmp_path_factory.mktemp("exports")
    export_controller(controller(), SPACE, directory=folder / "controller" / "1")
    export_ascent(controller(), SPACE, directory=folder / "improve" / "1")
    return folder


def three_architectures():
    generator = np.random.default_rng(0)
    return np.array([SPACE.sample(generator).tokens for _ in range(3)], np.int32)  # [B, T]


def test_every_signature_has_names_and_a_free_batch(exports):
    assert named_with_a_free_batch(exports / "controller" / "1") == {
        "serving_default": ({"tokens"}, {"score"}),
        "predict": ({"tokens"}, {"score"}),
        "encode": ({"tokens"}, {"states", "embedding"}),
        "decode": ({"states"}, {"tokens"}),
    }
    assert named_with_a_free_batch(exports / "improve" / "1") == {
        "serving_default": ({"tokens", "step_size"}, {"tokens", "predicted"}),
        "improve": ({"tokens", "step_size"}, {"tokens", "predicted"}),
    }


def test_the_controller_answers_as_in_keras(exports, tmp_path):
    model, tokens, path = controller(), three_architectures(), exports / "controller" / "1"
    answer = serve(path, "serving_default", folder=tmp_path / "predict", tokens=tokens)
    np.testing.assert_allclose(answer["score"], np.mean(model.predict_scores(tokens), 0), rtol=1e-5)
    answer = serve(path, "encode", folder=tmp_path / "encode", tokens=tokens)
    states = model.encode(tokens).numpy()  # [E, B, S, H]
    np.testing.assert_allclose(answer["states"], states.transpose(1, 0, 2, 3), rtol=1e-4, atol=1e-6)
    mean = states.mean(2)
    embedding = mean / np.linalg.norm(mean, axis=-1, keepdims=True)  # [E, B, H]
    np.testing.assert_allclose(answer["embedding"], embedding.transpose(1, 0, 2), rtol=1e-4, atol=1e-6)
    decoded = serve(path, "decode", folder=tmp_path / "decode", states=answer["states"])
    np.testing.assert_array_equal(decoded["tokens"], np.transpose(model.decode(states), [1, 0, 2]))


@pytest.mark.parametrize("maximise", [True, False])
def test_the_ascent_follows_the_gradient_of_each_member(maximise, exports, tmp_path):
    model, tokens = controller(), three_architectures()
    sizes = np.array([1, 5, 20], np.float32)
    if maximise:
        export = exports / "improve" / "1"
        answer = serve(export, "improve", folder=tmp_path / "improve", tokens=tokens, step_size=sizes)
    else:
        export = tmp_path / "1"
        export_ascent(model, SPACE, directory=export, maximise=False)
        run = tf.saved_model.load(export).signatures["improve"]
        answer = {name: value.numpy() for name, value in run(tokens=tokens, step_size=sizes).items()}
    states = model.encode(tokens)  # [E, B, S, H]
    with tf.GradientTape() as tape:
        tape.watch(states)
        scores = tf.reduce_sum(model.predictor(states))
    step = tape.gradient(scores, states) * sizes[:, None, None] * (1 if maximise else -1)
    moved = states + step
    moved /= tf.norm(moved, axis=-1, keepdims=True)
    np.testing.assert_array_equal(answer["tokens"], np.transpose(model.decode(moved), [1, 0, 2]))
    scores = np.mean(model.predict_scores(answer["tokens"].reshape(6, -1)), 0).reshape(3, 2)
    np.testing.assert_allclose(answer["predicted"], scores, rtol=1e-5)


def test_one_step_size_serves_all_rows(exports):
    tokens = three_architectures()
    improve = tf.saved_model.load(exports / "improve" / "1").signatures["improve"]
    one, each = (improve(tokens=tokens, step_size=tf.constant(sizes)) for sizes in ([5.0], [5.0] * 3))
    np.testing.assert_array_equal(one["tokens"], each["tokens"])


def test_a_controller_of_another_space_is_refused(tmp_path):
    for export in (export_controller, export_ascent):
        with pytest.raises(ValueError, match="another search space"):
            export(controller(), RecurrentSpace(nodes=5), directory=tmp_path / "1")
