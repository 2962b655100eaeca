"""Exports as a server reads them: through `saved_model_cli`, in a process that cannot import this package."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from nao_tf.architecture import RecurrentSpace
from nao_tf.child.language.keras_lstm import LongShortTermMemory
from nao_tf.child.language.language_model import LanguageModel
from nao_tf.child.language.recurrent_cell import RecurrentCell, SharedRecurrentCell
from nao_tf.controller import ControllerSettings, EncoderPredictorDecoder, ascent
from nao_tf.data.lines import read_lines
from nao_tf.data.vocabulary import Vocabulary
from nao_tf.serving.export import ROWS, export_child, export_controller, export_improve
from nao_tf.training.language import KerasLstm, TextLikelihood, perplexity

SPACE = RecurrentSpace()
ARCHITECTURE = SPACE.published["NAO"]
# More words than a server scores at once, an empty line, words that nobody knows, and white space of all kinds.
TEXT = (
    " the cat <unk> sat \n\n on the\u2003mat\r\nthe\x85dog\u00a0ran\tstrangers on \u200b\n"
    + " the dog sat \n" * ROWS
    + "the end"
)
VOCABULARY = Vocabulary(("the", "cat", "<unk>", "sat", "<eos>", "on", "mat", "dog", "ran"))
TOKENS = VOCABULARY.encode(
    [" the cat <unk> sat ", "", " on the mat", "the dog ran strangers on strangers"]
    + ["the dog sat"] * ROWS
    + ["the end"],
    "test",
)
CELLS = {"stand_alone": RecurrentCell, "shared": SharedRecurrentCell, "lstm": LongShortTermMemory}


def child(kind):
    """A small model of `VOCABULARY` whose weights matter."""
    keras.utils.set_random_seed(2)
    model = LanguageModel(CELLS[kind](6), len(VOCABULARY), None if kind == "lstm" else ARCHITECTURE, scale=0.9)
    model.build()
    model.bias.assign(np.random.default_rng(0).normal(size=len(VOCABULARY)))
    return model


def controller():
    """A small controller, its weights drawn at random."""
    settings = ControllerSettings(members=2, embedding_width=4, hidden=6, predictor_layers=1, predictor_width=8)
    model, generator = EncoderPredictorDecoder.for_space(SPACE, settings, 1), np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(generator.normal(size=weight.shape))
    return model


def serve(export, signature, folder, **inputs):
    """What the command that comes with TensorFlow answers, by output."""
    (folder / "answer").mkdir(parents=True)
    names = []
    for name, value in inputs.items():
        np.save(folder / f"{name}.npy", value)
        names.append(f"{name}={folder / name}.npy")
    tool = pathlib.Path(sys.executable).with_name("saved_model_cli")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [tool, "run", "--dir", export, "--tag_set", "serve", "--signature_def", signature]
    command += ["--inputs", ";".join(names), "--outdir", folder / "answer"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return {path.stem: np.load(path) for path in (folder / "answer").glob("*.npy")}


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """All exports, each written once."""
    folder = tmp_path_factory.mktemp("exports")
    for kind in CELLS:
        export_child(child(kind), VOCABULARY, folder / kind / "1")
    export_controller(controller(), SPACE, folder / "controller" / "1")
    export_improve(controller(), SPACE, folder / "improve" / "1")
    return folder


@pytest.mark.parametrize("kind", CELLS)
def test_text_is_scored_as_the_evaluator_scores_it(kind, exports, tmp_path):
    model, network = child(kind), KerasLstm(6) if kind == "lstm" else SPACE.architecture(ARCHITECTURE)
    expected = TextLikelihood(model, TOKENS, batch_size=1, window=35)(network)
    texts = np.array([TEXT.encode(), b"the cat\nsat", b"the"], object).astype(bytes)
    found = serve(exports / kind / "1", "score_text", tmp_path / "text", text=texts)
    np.testing.assert_allclose(found["negative_log_likelihood"][0], expected, rtol=1e-5)
    np.testing.assert_allclose(found["perplexity"][0], perplexity(expected), rtol=1e-5)
    assert found["log_probabilities"].shape == (3, len(TOKENS) - 1)
    short = VOCABULARY.encode(["the cat", "sat"], "test")
    everything = model(short[None]).numpy()[0]  # [T, V]
    np.testing.assert_allclose(
        found["log_probabilities"][1, : len(short) - 1], everything[np.arange(len(short) - 1), short[1:]], rtol=1e-5
    )
    assert not found["log_probabilities"][1, len(short) - 1 :].any()


def test_ids_are_scored_row_by_row(exports, tmp_path):
    model, generator = child("stand_alone"), np.random.default_rng(4)
    tokens, lengths = generator.integers(len(VOCABULARY), size=[3, 20]).astype(np.int32), (20, 7, 2)
    for row, length in zip(tokens, lengths, strict=True):
        row[length:] = -1
    found = serve(exports / "stand_alone" / "1", "serving_default", tmp_path / "ids", tokens=tokens)
    everything = model(np.maximum(tokens, 0)).numpy()
    for row, length in enumerate(lengths):
        expected = everything[row, np.arange(length - 1), tokens[row, 1:length]]
        np.testing.assert_allclose(found["log_probabilities"][row, : length - 1], expected, rtol=1e-5)
        assert not found["log_probabilities"][row, length - 1 :].any()
        np.testing.assert_allclose(found["negative_log_likelihood"][row], -expected.mean(), rtol=1e-5)
        np.testing.assert_allclose(found["perplexity"][row], np.exp(-expected.mean()), rtol=1e-5)


def test_step_carries_the_state(exports, tmp_path):
    model, tokens = child("stand_alone"), np.array([[1, 2], [3, 4]], np.int32)
    expected, state = model(tokens).numpy(), np.zeros([2, 6], np.float32)
    for time in range(2):
        found = serve(exports / "stand_alone" / "1", "step", tmp_path / str(time), token=tokens[:, time], state=state)
        np.testing.assert_allclose(found["log_probabilities"], expected[:, time], rtol=1e-5)
        state = found["state"]


def test_every_signature_has_names_and_a_free_batch(exports):
    expected = {
        "stand_alone": {
            "serving_default": ({"tokens"}, {"log_probabilities", "negative_log_likelihood", "perplexity"}),
            "score_ids": ({"tokens"}, {"log_probabilities", "negative_log_likelihood", "perplexity"}),
            "score_text": ({"text"}, {"log_probabilities", "negative_log_likelihood", "perplexity"}),
            "step": ({"token", "state"}, {"log_probabilities", "state"}),
            "tokenize": ({"text"}, {"tokens", "unknown"}),
            "detokenize": ({"tokens"}, {"words"}),
        },
        "controller": {
            "serving_default": ({"tokens"}, {"score"}),
            "predict": ({"tokens"}, {"score"}),
            "encode": ({"tokens"}, {"states", "embedding"}),
            "decode": ({"states"}, {"tokens"}),
        },
        "improve": {
            "serving_default": ({"tokens", "step_size"}, {"tokens", "predicted"}),
            "improve": ({"tokens", "step_size"}, {"tokens", "predicted"}),
        },
    }
    for name, signatures in expected.items():
        loaded = tf.saved_model.load(exports / name / "1")
        assert set(loaded.signatures) == set(signatures)
        for signature, (inputs, outputs) in signatures.items():
            function = loaded.signatures[signature]
            assert set(function.structured_input_signature[1]) == inputs
            assert set(function.structured_outputs) == outputs
            assert all(spec.shape[0] is None for spec in function.structured_input_signature[1].values())
        assert not list((exports / name / "1" / "assets").iterdir())


def test_odd_inputs_are_answered(exports):
    loaded = tf.saved_model.load(exports / "stand_alone" / "1").signatures
    text = loaded["score_text"](text=tf.constant(["", "\n", "\ufeffcat the", "the cat\r\rsat"]))
    np.testing.assert_array_equal(np.isnan(text["perplexity"]), [True, True, False, False])
    wanted = child("stand_alone")(VOCABULARY.encode(["cat the"], "test")[None]).numpy()[0]
    np.testing.assert_allclose(text["log_probabilities"][2, :2], [wanted[0, 0], wanted[1, 4]], rtol=1e-5)
    assert np.count_nonzero(text["log_probabilities"][3]) == 5  # two lines' ends and an empty line's
    assert loaded["score_ids"](tokens=tf.zeros([0, 5], tf.int32))["perplexity"].shape == [0]
    assert loaded["score_ids"](tokens=tf.zeros([2, 0], tf.int32))["log_probabilities"].shape == [2, 0]
    many = tf.random.uniform([700, 4], 0, len(VOCABULARY), tf.int32)  # more rows than ROWS
    found = loaded["score_ids"](tokens=many)["log_probabilities"]
    everything = child("stand_alone")(many).numpy()
    expected = np.take_along_axis(everything[:, :-1], many.numpy()[:, 1:, None], -1)[..., 0]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    with pytest.raises(tf.errors.InvalidArgumentError):
        loaded["score_ids"](tokens=tf.fill([1, 3], len(VOCABULARY)))


def test_text_is_read_as_files_are(exports, tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(TEXT.encode())
    np.testing.assert_array_equal(VOCABULARY.encode(read_lines(path), "test"), TOKENS)


def test_words_of_a_vocabulary_without_unknown_become_ends_of_lines(tmp_path):
    vocabulary = Vocabulary(("a", "<eos>", *"bcdefgh"))
    export_child(child("stand_alone"), vocabulary, tmp_path / "1")
    score = tf.saved_model.load(tmp_path / "1").signatures["score_text"]
    found = score(text=tf.constant(["a stranger", "a <eos>"]))["log_probabilities"].numpy()
    np.testing.assert_array_equal(found[0], found[1])


def test_controller_is_that_of_keras(exports, tmp_path):
    model, generator = controller(), np.random.default_rng(0)
    tokens = np.array([SPACE.sample(generator).tokens for _ in range(3)], np.int32)
    path = exports / "controller" / "1"
    found = serve(path, "serving_default", tmp_path / "predict", tokens=tokens)
    np.testing.assert_allclose(found["score"], np.mean(model.predict_scores(tokens), 0), rtol=1e-5)
    found = serve(path, "encode", tmp_path / "encode", tokens=tokens)
    states = model.encode(tokens).numpy()
    np.testing.assert_allclose(found["states"], states.transpose(1, 0, 2, 3), rtol=1e-4, atol=1e-6)
    mean = states.mean(2)
    embedding = mean / np.linalg.norm(mean, axis=-1, keepdims=True)  # [E, B, H]
    np.testing.assert_allclose(found["embedding"], embedding.transpose(1, 0, 2), rtol=1e-4, atol=1e-6)
    decoded = serve(path, "decode", tmp_path / "decode", states=found["states"])
    np.testing.assert_array_equal(decoded["tokens"], np.transpose(model.decode(states), [1, 0, 2]))


def test_improve_is_that_of_keras(exports, tmp_path):
    model, generator = controller(), np.random.default_rng(0)
    tokens = np.array([SPACE.sample(generator).tokens for _ in range(3)], np.int32)
    sizes = np.array([1, 5, 20], np.float32)
    found = serve(exports / "improve" / "1", "improve", tmp_path / "improve", tokens=tokens, step_size=sizes)
    expected = ascent.improve(model, tokens, sizes).numpy()  # [K, E, B, T]
    np.testing.assert_array_equal(found["tokens"], np.stack([expected[row, :, row] for row in range(3)]))
    scores = np.mean(model.predict_scores(found["tokens"].reshape(6, -1)), 0).reshape(3, 2)
    np.testing.assert_allclose(found["predicted"], scores, rtol=1e-5)
    everywhere = tf.saved_model.load(exports / "improve" / "1").signatures["improve"](
        tokens=tf.constant(tokens), step_size=tf.constant([5.0])
    )
    np.testing.assert_array_equal(everywhere["tokens"], np.transpose(expected[1], [1, 0, 2]))


def test_a_failed_export_leaves_the_old_one(tmp_path, monkeypatch):
    directory = tmp_path / "child" / "1"
    directory.mkdir(parents=True)
    (directory / "old").touch()

    def fail(tracked, path, **options):
        pathlib.Path(path).mkdir()
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(tf.saved_model, "save", fail)
        with pytest.raises(OSError, match="disk full"):
            export_child(child("stand_alone"), VOCABULARY, directory)
    assert [path.name for path in directory.parent.rglob("*")] == ["1", "old"]
    export_child(child("stand_alone"), VOCABULARY, directory)
    assert [path.name for path in directory.parent.iterdir()] == ["1"]
    assert (directory / "saved_model.pb").exists() and not (directory / "old").exists()


def test_what_does_not_fit_is_refused(tmp_path):
    with pytest.raises(ValueError, match="vocabulary of 2 words; the model has 9"):
        export_child(child("stand_alone"), Vocabulary(("a", "<eos>")), tmp_path / "1")
    with pytest.raises(ValueError, match="weights as 'int4'; known are float32, float16, int8"):
        export_child(child("stand_alone"), VOCABULARY, tmp_path / "1", "int4")
    model = child("stand_alone")
    model.architecture = None
    with pytest.raises(ValueError, match="without an architecture"):
        export_child(model, VOCABULARY, tmp_path / "1")
    for export in (export_controller, export_improve):
        with pytest.raises(ValueError, match="another search space"):
            export(controller(), RecurrentSpace(nodes=5), tmp_path / "1")
