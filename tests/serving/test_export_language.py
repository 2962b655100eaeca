"""Exported language models as a server reads them: through `saved_model_cli`, in a process without this package."""

import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from served import named_with_a_free_batch, serve

from nao_tf.architecture import RecurrentSpace
from nao_tf.child.language.keras_lstm import LongShortTermMemory
from nao_tf.child.language.language_model import LanguageModel
from nao_tf.child.language.recurrent_cell import RecurrentCell, SharedRecurrentCell
from nao_tf.data.lines import read_lines
from nao_tf.data.vocabulary import Vocabulary
from nao_tf.serving.export_language import ROWS, export_language_model
from nao_tf.training.language_networks import KerasLstm
from nao_tf.training.text_likelihood import TextLikelihood, perplexity

ARCHITECTURE = RecurrentSpace().published["NAO"]
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


def architecture_of(kind):
    return None if kind == "lstm" else ARCHITECTURE


def language_model(kind="stand_alone"):
    """A small model of `VOCABULARY` with weights that are not small."""
    keras.utils.set_random_seed(2)
    model = LanguageModel(CELLS[kind](6), len(VOCABULARY), architecture=architecture_of(kind), scale=0.9)
    model.build()
    model.bias.assign(np.random.default_rng(0).normal(size=len(VOCABULARY)))
    return model


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """An export of every cell, each written once."""
    folder = tmp_path_factory.mktemp("exports")
    for kind in CELLS:
        export_language_model(language_model(kind), VOCABULARY, directory=folder / kind / "1")
    return folder


@pytest.mark.parametrize("kind", CELLS)
def test_text_is_scored_as_the_evaluator_scores_it(kind, exports, tmp_path):
    model = language_model(kind)
    network = KerasLstm(6) if kind == "lstm" else RecurrentSpace().architecture(ARCHITECTURE)
    expected = TextLikelihood(model, TOKENS)(network)
    texts = np.array([TEXT.encode(), b"the cat\nsat", b"the"], object).astype(bytes)
    answer = serve(exports / kind / "1", "score_text", folder=tmp_path / "text", text=texts)
    np.testing.assert_allclose(answer["negative_log_likelihood"][0], expected, rtol=1e-5)
    np.testing.assert_allclose(answer["perplexity"][0], perplexity(expected), rtol=1e-5)
    assert answer["log_probabilities"].shape == (3, len(TOKENS) - 1)
    short = VOCABULARY.encode(["the cat", "sat"], "test")
    everything = model(short[None]).numpy()[0]  # [T, V]
    np.testing.assert_allclose(
        answer["log_probabilities"][1, : len(short) - 1], everything[np.arange(len(short) - 1), short[1:]], rtol=1e-5
    )
    assert not answer["log_probabilities"][1, len(short) - 1 :].any()


def test_ids_are_scored_row_by_row(exports, tmp_path):
    model, generator = language_model(), np.random.default_rng(4)
    tokens, lengths = generator.integers(len(VOCABULARY), size=[3, 20]).astype(np.int32), (20, 7, 2)
    for row, length in zip(tokens, lengths, strict=True):
        row[length:] = -1
    answer = serve(exports / "stand_alone" / "1", "serving_default", folder=tmp_path / "ids", tokens=tokens)
    everything = model(np.maximum(tokens, 0)).numpy()
    for row, length in enumerate(lengths):
        expected = everything[row, np.arange(length - 1), tokens[row, 1:length]]
        np.testing.assert_allclose(answer["log_probabilities"][row, : length - 1], expected, rtol=1e-5)
        assert not answer["log_probabilities"][row, length - 1 :].any()
        np.testing.assert_allclose(answer["negative_log_likelihood"][row], -expected.mean(), rtol=1e-5)
        np.testing.assert_allclose(answer["perplexity"][row], np.exp(-expected.mean()), rtol=1e-5)


def test_step_carries_the_state(exports, tmp_path):
    model, tokens = language_model(), np.array([[1, 2], [3, 4]], np.int32)
    expected, state = model(tokens).numpy(), np.zeros([2, 6], np.float32)
    for time in range(2):
        answer = serve(
            exports / "stand_alone" / "1", "step", folder=tmp_path / str(time), token=tokens[:, time], state=state
        )
        np.testing.assert_allclose(answer["log_probabilities"], expected[:, time], rtol=1e-5)
        state = answer["state"]


def test_every_signature_has_names_and_a_free_batch(exports):
    figures = {"log_probabilities", "negative_log_likelihood", "perplexity"}
    expected = {
        "serving_default": ({"tokens"}, figures),
        "score_ids": ({"tokens"}, figures),
        "score_text": ({"text"}, figures),
        "step": ({"token", "state"}, {"log_probabilities", "state"}),
        "tokenize": ({"text"}, {"tokens", "unknown"}),
        "detokenize": ({"tokens"}, {"words"}),
    }
    assert named_with_a_free_batch(exports / "stand_alone" / "1") == expected
    assert not list((exports / "stand_alone" / "1" / "assets").iterdir())


def test_odd_inputs_are_answered(exports):
    loaded = tf.saved_model.load(exports / "stand_alone" / "1").signatures
    text = loaded["score_text"](text=tf.constant(["", "\n", "\ufeffcat the", "the cat\r\rsat"]))
    np.testing.assert_array_equal(np.isnan(text["perplexity"]), [True, True, False, False])
    table = language_model()(VOCABULARY.encode(["cat the"], "test")[None]).numpy()[0]
    np.testing.assert_allclose(text["log_probabilities"][2, :2], [table[0, 0], table[1, 4]], rtol=1e-5)
    assert np.count_nonzero(text["log_probabilities"][3]) == 5  # two lines' ends and an empty line's
    assert loaded["score_ids"](tokens=tf.zeros([0, 5], tf.int32))["perplexity"].shape == [0]
    assert loaded["score_ids"](tokens=tf.zeros([2, 0], tf.int32))["log_probabilities"].shape == [2, 0]
    many = tf.random.uniform([700, 4], 0, len(VOCABULARY), tf.int32)  # more rows than ROWS
    likelihoods = loaded["score_ids"](tokens=many)["log_probabilities"]
    everything = language_model()(many).numpy()
    expected = np.take_along_axis(everything[:, :-1], many.numpy()[:, 1:, None], -1)[..., 0]
    np.testing.assert_allclose(likelihoods, expected, rtol=1e-4)
    with pytest.raises(tf.errors.InvalidArgumentError):
        loaded["score_ids"](tokens=tf.fill([1, 3], len(VOCABULARY)))


def test_text_is_read_as_files_are(exports, tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(TEXT.encode())
    np.testing.assert_array_equal(VOCABULARY.encode(read_lines(path), "test"), TOKENS)


def test_words_of_a_vocabulary_without_unknown_become_ends_of_lines(tmp_path):
    vocabulary = Vocabulary(("a", "<eos>", *"bcdefgh"))
    export_language_model(language_model(), vocabulary, directory=tmp_path / "1")
    score = tf.saved_model.load(tmp_path / "1").signatures["score_text"]
    unknown, end = score(text=tf.constant(["a stranger", "a <eos>"]))["log_probabilities"].numpy()
    np.testing.assert_array_equal(unknown, end)


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
            export_language_model(language_model(), VOCABULARY, directory=directory)
    assert [path.name for path in directory.parent.rglob("*")] == ["1", "old"]
    export_language_model(language_model(), VOCABULARY, directory=directory)
    assert [path.name for path in directory.parent.iterdir()] == ["1"]
    assert (directory / "saved_model.pb").exists() and not (directory / "old").exists()


def test_what_does_not_fit_is_refused(tmp_path):
    with pytest.raises(ValueError, match="vocabulary of 2 words; the model has 9"):
        export_language_model(language_model(), Vocabulary(("a", "<eos>")), directory=tmp_path / "1")
    with pytest.raises(ValueError, match="weights as 'int4'; known are float32, float16, int8"):
        export_language_model(language_model(), VOCABULARY, directory=tmp_path / "1", weights="int4")
    model = LanguageModel(RecurrentCell(6), len(VOCABULARY))
    model.build()
    with pytest.raises(ValueError, match="without an architecture"):
        export_language_model(model, VOCABULARY, directory=tmp_path / "1")
    assert not (tmp_path / "1").exists()
