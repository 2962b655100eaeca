"""An exported language model as `nao_eval` uses it: tokens, figures, generated words, and files that are none."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from nao_tf.architecture import RecurrentSpace
from nao_tf.child.language.language_model import LanguageModel
from nao_tf.child.language.recurrent_cell import RecurrentCell
from nao_tf.data.vocabulary import Vocabulary
from nao_tf.errors import InputError
from nao_tf.serving import warm_up
from nao_tf.serving.export_language import export_language_model
from nao_tf.serving.exported_language import ExportedLanguageModel, evaluate_text, generate_text, scores

ARCHITECTURE = RecurrentSpace().published["NAO"]
VOCABULARY = Vocabulary(("the", "cat", "<unk>", "sat", "<eos>", "on", "mat", "dog", "ran"))
LINES = ["the cat <unk> sat", "", "stranger dog", "ran stranger stranger"]


def language_model():
    """A small model whose weights matter."""
    keras.utils.set_random_seed(2)
    model = LanguageModel(RecurrentCell(6), len(VOCABULARY), architecture=ARCHITECTURE, scale=0.9)
    model.build()
    model.bias.assign(np.random.default_rng(0).normal(size=len(VOCABULARY)))
    return model


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "child"
    export_language_model(language_model(), VOCABULARY, directory=folder / "1")
    return folder


@pytest.fixture(scope="module")
def exported(directory):
    return ExportedLanguageModel(directory)


def test_lines_become_the_tokens_of_the_vocabulary(exported):
    tokens = exported.tokenize(LINES)
    np.testing.assert_array_equal(tokens.ids, VOCABULARY.encode(LINES, "test"))
    np.testing.assert_array_equal(tokens.ends, [5, 6, 9, 13])
    np.testing.assert_array_equal(tokens.unknown, [0, 0, 1, 2])


def test_tokens_are_scored_as_the_model_scores_them(exported):
    ids = VOCABULARY.encode(LINES, "test")
    table = language_model()(ids[None]).numpy()[0]
    np.testing.assert_allclose(
        exported.log_probabilities(ids), table[np.arange(len(ids) - 1), ids[1:]], rtol=1e-5, atol=1e-6
    )


def test_greedy_generation_takes_the_likeliest_word_each_time(exported):
    model, ids = language_model(), list(VOCABULARY.encode(["", "the cat"], "test")[:-1])
    expected = []
    for _ in range(6):
        ids.append(int(np.argmax(model(np.asarray(ids, np.int32)[None]).numpy()[0, -1])))
        expected.append(VOCABULARY.words[ids[-1]])
    assert exported.generate("the cat", 6, temperature=0.0, generator=np.random.default_rng(0)) == expected


def test_generated_words_follow_their_probabilities(exported):
    ids = VOCABULARY.encode(["", "the cat"], "test")[:-1]
    weights = np.exp(language_model()(ids[None]).numpy()[0, -1] / 2)
    generator = np.random.default_rng(1)
    drawn = [exported.generate("the cat", 1, temperature=2.0, generator=generator)[0] for _ in range(600)]
    shares = np.array([drawn.count(word) for word in VOCABULARY.words]) / len(drawn)
    np.testing.assert_allclose(shares, weights / weights.sum(), atol=0.06)


def test_only_the_likeliest_words_are_drawn(exported):
    def drawn(top_k, seed=1):
        generator = np.random.default_rng(seed)
        words = [exported.generate("the cat", 1, temperature=50.0, generator=generator, top_k=top_k) for _ in range(60)]
        return [word for [word] in words]

    everything = drawn(None)
    assert drawn(10**6) == everything and drawn(None) == everything != drawn(None, seed=2)
    greedy = exported.generate("the cat", 1, temperature=0.0, generator=np.random.default_rng(0))
    assert set(drawn(1)) == set(greedy)
    assert len(set(drawn(2))) == 2 and set(greedy) < set(drawn(2)) and len(set(everything)) > 2


def test_a_model_whose_numbers_are_not_finite_generates_nothing(tmp_path):
    model = language_model()
    for variable in model.variables:
        variable.assign(np.full(variable.shape, np.nan))
    export_language_model(model, VOCABULARY, directory=tmp_path / "1")
    with pytest.raises(InputError, match="the model's state is not finite"):
        ExportedLanguageModel(tmp_path).generate("cat", 3, temperature=0.0, generator=np.random.default_rng(0))


def test_padding_is_no_word(exported):
    words = exported._run["detokenize"](tokens=tf.constant([[1, -1, -1, 8]]))["words"].numpy()
    assert words.tolist() == [[b"cat", b"", b"", b"ran"]]


def test_figures_of_a_text_and_of_its_lines_are_those_of_the_model(exported):
    ids = VOCABULARY.encode(LINES, "test")
    table = language_model()(ids[None]).numpy()[0].astype(np.float64)  # [T, V]
    likelihoods = table[np.arange(len(ids) - 1), ids[1:]]  # [T - 1]
    report, sentences = evaluate_text(exported, LINES)
    assert (report["lines"], report["tokens"]) == (4, 13)
    assert (report["out_of_vocabulary"], report["out_of_vocabulary_rate"]) == (3, 3 / 9)  # of 4 + 0 + 2 + 3 words
    np.testing.assert_allclose(report["negative_log_likelihood"], -likelihoods.mean(), rtol=1e-5)
    np.testing.assert_allclose(report["perplexity"], np.exp(-likelihoods.mean()), rtol=1e-5)
    sentences = list(sentences)
    assert [row["line"] for row in sentences] == [1, 2, 3, 4]
    assert [row["tokens"] for row in sentences] == [4, 1, 3, 4]  # the first token of the text is not scored
    assert [row["out_of_vocabulary"] for row in sentences] == [0, 0, 1, 2]
    for row, part in zip(sentences, np.split(likelihoods, [4, 5, 8]), strict=True):
        np.testing.assert_allclose(row["negative_log_likelihood"], -part.mean(), rtol=1e-5)
    total = sum(row["tokens"] * row["negative_log_likelihood"] for row in sentences)
    np.testing.assert_allclose(total, (report["tokens"] - 1) * report["negative_log_likelihood"], rtol=1e-9)


@pytest.mark.parametrize("lines, count", [([], 0), ([""], 1)])
def test_a_text_without_a_word_has_nothing_to_predict(lines, count, exported):
    with pytest.raises(InputError, match=rf"a text of {count} token\(s\) has nothing to predict"):
        evaluate_text(exported, lines)


def test_a_text_of_empty_lines_has_no_words_outside_the_vocabulary(exported):
    report, sentences = evaluate_text(exported, ["", ""])
    assert (report["tokens"], report["out_of_vocabulary_rate"]) == (2, 0.0)
    assert next(sentences) == {
        "line": 1,
        "tokens": 0,
        "negative_log_likelihood": None,
        "perplexity": None,
        "out_of_vocabulary": 0,
    }


def test_scores_that_json_cannot_hold_are_none():
    assert scores(np.array([-1.0, -3.0])) == {"negative_log_likelihood": 2.0, "perplexity": pytest.approx(np.exp(2))}
    assert scores(np.array([])) == {"negative_log_likelihood": None, "perplexity": None}
    assert scores(np.array([-1000.0])) == {"negative_log_likelihood": 1000.0, "perplexity": None}


def test_generated_text_has_the_lines_of_the_words(exported):
    words = exported.generate("the cat", 30, temperature=1.0, generator=np.random.default_rng(5))
    result = generate_text(exported, "the cat", words=30, temperature=1.0, seed=5)
    assert "<eos>" in words and result.unknown == 0
    assert result.text.split() == [word for word in words if word != "<eos>"]
    assert result.text.count("\n") == words.count("<eos>")
    assert not any(line != line.strip() for line in result.text.split("\n"))
    assert generate_text(exported, "stranger\nthe stranger", words=1, temperature=0, seed=0).unknown == 2


def test_the_highest_version_is_read(directory, exported, tmp_path):
    assert exported.directory == directory / "1"
    for name in ("1", "9", "10", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").write_bytes(b"no model")
    with pytest.raises(InputError, match="/10: cannot be read"):
        ExportedLanguageModel(tmp_path)


def test_a_vocabulary_without_unknown_refuses_unknown_words(tmp_path):
    export_language_model(language_model(), Vocabulary(("a", "<eos>", *"bcdefgh")), directory=tmp_path / "1")
    model = ExportedLanguageModel(tmp_path)
    assert list(model.tokenize(["a b"]).ids) == [0, 2, 1]
    with pytest.raises(InputError, match="line 2 has a word outside"):
        model.tokenize(["a b", "x"])


def copied(directory, folder, damage):
    """A copy of the export in which one file is damaged."""
    for path in (directory / "1").rglob("*"):
        if path.is_file():
            other = folder / path.relative_to(directory)
            other.parent.mkdir(parents=True, exist_ok=True)
            other.write_bytes(path.read_bytes())
    damage(folder / "1")
    return folder


DAMAGES = {
    "half the graph": lambda folder: cut(folder / "saved_model.pb"),
    "no graph": lambda folder: (folder / "saved_model.pb").write_bytes(b""),
    "half the weights": lambda folder: cut(next(folder.glob("variables/*.data*"))),
    "no weights": lambda folder: next(folder.glob("variables/*.data*")).unlink(),
    "half the index": lambda folder: cut(folder / "variables" / "variables.index"),
}


def cut(path):
    """Leaves half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_one_line_of_error(damage, directory, tmp_path):
    with pytest.raises(InputError) as error:
        ExportedLanguageModel(copied(directory, tmp_path, DAMAGES[damage]))
    assert len(str(error.value).splitlines()) == 1 and str(tmp_path) in str(error.value)


def test_a_foreign_model_and_an_empty_folder_are_one_line_of_error(tmp_path):
    class Foreign(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def __call__(self, values):
            return values + 1

    foreign = Foreign()
    tf.saved_model.save(foreign, tmp_path / "foreign", signatures=foreign.__call__)
    with pytest.raises(InputError, match="without the signature 'score_ids'"):
        ExportedLanguageModel(tmp_path / "foreign")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no saved_model\.pb"):
        ExportedLanguageModel(tmp_path / "empty")
    with pytest.raises(InputError, match="no such folder"):
        ExportedLanguageModel(tmp_path / "nothing")


def test_warm_up_requests_name_every_signature_and_run(directory, exported):
    loaded = tf.saved_model.load(directory / "1").signatures
    seen = set()
    for record in tf.data.TFRecordDataset(str(directory / "1" / warm_up.FILE)):
        request = warm_up._CLASSES["PredictionLog"].FromString(record.numpy()).predict_log.request
        tensors = {entry.key: tf.io.parse_tensor(entry.value, dtype(entry.value)) for entry in request.inputs}
        loaded[request.model_spec.signature_name](**tensors)
        seen.add(request.model_spec.signature_name)
    assert seen == set(loaded)


def dtype(serialised):
    """Of a serialised tensor."""
    from tensorflow.core.framework import tensor_pb2

    return tf.dtypes.as_dtype(tensor_pb2.TensorProto.FromString(serialised).dtype)


def test_warm_up_requests_are_those_of_tensorflow_serving(directory):
    prediction_log_pb2 = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    records = [
        prediction_log_pb2.PredictionLog.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(str(directory / "1" / warm_up.FILE))
    ]
    for record in records:
        assert record.WhichOneof("log_type") == "predict_log"
        assert record.predict_log.request.model_spec.signature_name
    state = records[3].predict_log.request.inputs["state"]
    np.testing.assert_array_equal(tf.make_ndarray(state), np.zeros([1, 6], np.float32))
