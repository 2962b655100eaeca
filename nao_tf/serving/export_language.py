"""SavedModels of language models, for programs without this package.

They are written with `keras.export.ExportArchive`: a Keras 3 model saved in other ways loads in Python, but not in the
C++ loader that servers use (keras-team/keras#20095). Inputs and outputs have names and the batch comes first.

Letters: T time steps or tokens, B rows of a batch, V words, W the width of a cell's state, U units.
"""

import os

import keras
import numpy as np
import tensorflow as tf

from nao_tf.child.language import softmax
from nao_tf.child.language.language_model import LanguageModel
from nao_tf.data.vocabulary import END_OF_SENTENCE, Vocabulary
from nao_tf.files import replacing
from nao_tf.serving import checked_inputs, saved_model, stored_weights, warm_up

WARM_UP_TOKENS = 35  # of a warm-up request
PADDING = -1  # the token after the end of a text; no word has this id
ROWS = 640  # tokens whose logits are in memory at once, [640, V]; for B = 1 also the time steps of one softmax

# The white space of `str.split` and the line ends of text mode, so that a text is read as a corpus is.
_LINE_END = r"\r\n?"
_WHITE_SPACE = r"[\t\x0b\x0c\x1c-\x1f\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]"
_BYTE_ORDER_MARK = "^\ufeff"


def export_language_model(
    model: LanguageModel,
    vocabulary: Vocabulary,
    *,
    directory: os.PathLike[str] | str,
    weights: str = stored_weights.DEFAULT,
) -> None:
    """Writes a language model with its architecture and its vocabulary.

    Signatures, each from a zero state where no state is given. Every token of a text is scored but the first, which has
    nothing before it, so the perplexity of a text is the one that `nao_train` and `nao_search` report:

    * `score_ids`, also `serving_default`: `tokens` int32 `[B, T]`, a text a row, -1 after its end ->
      `log_probabilities` float32 `[B, T - 1]` of each token after the first, in nats, 0 at padding,
      `negative_log_likelihood` `[B]`, their mean in nats a token, and `perplexity` `[B]`, its exponential. Both are NaN
      for a row without a token to score.
    * `score_text`: `text` string `[B]` -> the same. Words are separated by white space, a line ends at its line break,
      the last at the end of the text, and each line becomes its words and `<eos>`; unknown words become `<unk>`, or
      `<eos>` where the vocabulary has no such word.
    * `step`: `token` int32 `[B]`, `state` float32 `[B, W]`, zeros at first -> `log_probabilities` `[B, V]` of every
      next word, in nats, and the next `state` `[B, W]`. The numbers of the state are finite.
    * `tokenize`: `text` string `[B]` -> `tokens` int32 `[B, T]` as `score_text` reads them, -1 after the end, and
      `unknown` int32 `[B]`, the number of words of each text that are not in the vocabulary.
    * `detokenize`: `tokens` int32 `[B, T]` -> `words` string `[B, T]`, empty for -1.

    A request of other shapes, with ids that are not in the vocabulary, or with ids after padding is answered with an
    error that says so (`serving.checked_inputs`). No rows are answered with no rows.

    The export includes warm-up requests for TensorFlow Serving (`serving.warm_up`).

    Args:
        model: with its weights and, unless its cell has none, its `architecture`.
        vocabulary: the words of the model's ids.
        directory: of the SavedModel; its name is the version that a server sees. A folder of that name is replaced when
            the new one is complete.
        weights: their storage format, a name of `stored_weights.FORMATS`; all signatures compute in single precision.

    Raises:
        ValueError: the vocabulary is not the model's, the model has no architecture although its cell needs one, or
            there is no such format of weights.
    """
    if len(vocabulary) != model.vocabulary_size:
        raise ValueError(f"vocabulary of {len(vocabulary)} words; the model has {model.vocabulary_size}")
    if model.architecture is None and model.cell.searched:
        raise ValueError("model without an architecture; export `model.with_architecture(…)`")
    stand_in = vocabulary.end_of_sentence_id if vocabulary.unknown_id is None else vocabulary.unknown_id
    table, words = _table(vocabulary, stand_in), tf.constant(vocabulary.words, tf.string)  # [V]
    width = model.cell.initial_state(1).shape[1]
    stored = stored_weights.StoredWeights(model.variables, [model.embedding], weights=weights)

    tokens_spec = tf.TensorSpec([None, None], tf.int32, "tokens")
    text_spec = tf.TensorSpec([None], tf.string, "text")
    token_spec = tf.TensorSpec([None], tf.int32, "token")
    state_spec = tf.TensorSpec([None, width], tf.float32, "state")

    def score(tokens):
        with stored.scope():
            return _score(model, tokens)

    def score_ids(tokens):
        tokens = checked_inputs.received(tokens, tokens_spec)
        return score(checked_inputs.padded(tokens, "tokens", words=len(vocabulary), padding=PADDING))

    def score_text(text):
        return score(_tokens_of(checked_inputs.received(text, text_spec), table))

    def step(token, state):
        token, state = checked_inputs.received(token, token_spec), checked_inputs.received(state, state_spec)
        token = checked_inputs.in_range(token, "token", lowest=0, highest=len(vocabulary) - 1)
        state = checked_inputs.as_many_rows(state, token, names=("state", "token"))
        state = checked_inputs.finite(state, "state")
        with stored.scope():
            outputs, _, state = model.hidden(
                token[tf.newaxis], state, architecture=model.architecture
            )  # [1, B, U], [B, W]
            embedding, bias = tf.convert_to_tensor(model.embedding), tf.convert_to_tensor(model.bias)
        logits = tf.matmul(outputs[0], embedding, transpose_b=True) + bias  # [B, V]
        return {"log_probabilities": tf.nn.log_softmax(logits), "state": state}

    def tokenize(text):
        in_text = _words_of(checked_inputs.received(text, text_spec))  # [B, (T)]
        ids = table.lookup(in_text.flat_values)
        outside = (ids == stand_in) & (in_text.flat_values != vocabulary.words[stand_in])
        unknown = tf.reduce_sum(in_text.with_flat_values(tf.cast(outside, tf.int32)), -1)  # [B]
        return {"tokens": in_text.with_flat_values(tf.cast(ids, tf.int32)).to_tensor(PADDING), "unknown": unknown}

    def detokenize(tokens):
        tokens = checked_inputs.received(tokens, tokens_spec)
        tokens = checked_inputs.in_range(tokens, "tokens", lowest=PADDING, highest=len(vocabulary) - 1)
        return {"words": tf.where(tokens == PADDING, "", tf.gather(words, tf.maximum(tokens, 0)))}  # [B, T]

    archive = keras.export.ExportArchive()
    archive.track(stored.trackable)
    archive.track(table)
    archive.add_endpoint("score_ids", score_ids, [tokens_spec])
    archive.add_endpoint("score_text", score_text, [text_spec])
    archive.add_endpoint("step", step, [token_spec, state_spec])
    archive.add_endpoint("tokenize", tokenize, [text_spec])
    archive.add_endpoint("detokenize", detokenize, [tokens_spec])
    sample = np.arange(WARM_UP_TOKENS, dtype=np.int32)[np.newaxis] % len(vocabulary)  # [1, T]
    text = np.array([" ".join(vocabulary.decode(sample[0]))])
    requests = [
        ("serving_default", {"tokens": sample}),
        ("score_ids", {"tokens": sample}),
        ("score_text", {"text": text}),
        ("step", {"token": sample[0, :1], "state": np.zeros([1, width], np.float32)}),
        ("tokenize", {"text": text}),
        ("detokenize", {"tokens": sample}),
    ]
    with replacing(directory) as temporary:
        saved_model.write(archive, temporary)
        warm_up.write(temporary, requests)


def _table(vocabulary, stand_in):
    """Word -> id as a table within the graph, `stand_in` for unknown words; no file beside the SavedModel."""
    words = tf.constant(vocabulary.words, tf.string)  # [V]
    initializer = tf.lookup.KeyValueTensorInitializer(words, tf.range(len(vocabulary), dtype=tf.int64))
    return tf.lookup.StaticHashTable(initializer, default_value=stand_in)


def _tokens_of(text, table):
    """Texts `[B]` as ids `[B, T]`, padded."""
    words = _words_of(text)  # [B, (T)]
    return words.with_flat_values(tf.cast(table.lookup(words.flat_values), tf.int32)).to_tensor(PADDING)  # [B, T]


def _words_of(text):
    """Texts `[B]` as words, ragged `[B, (T)]`; line by line as `Vocabulary.encode` reads them."""
    text = tf.strings.regex_replace(text, _BYTE_ORDER_MARK, "", replace_global=False)
    text = tf.strings.regex_replace(text, _LINE_END, "\n")
    text = tf.strings.regex_replace(text, r"([^\n])\z", "\\1\n", replace_global=False)  # ends the last line
    text = tf.strings.regex_replace(text, _WHITE_SPACE, " ")
    return tf.strings.split(tf.strings.regex_replace(text, "\n", f" {END_OF_SENTENCE} "))  # [B, (T)]


def _score(model, tokens):
    """The outputs of `score_ids`. Memory grows with the tokens, not with tokens times V."""
    batch, length = tf.shape(tokens)[0], tf.maximum(tf.shape(tokens)[1] - 1, 0)
    window = tf.maximum(ROWS // tf.maximum(batch, 1), 1)  # time steps of one softmax
    windows = -(-length // window)  # rounded up
    by_time = tf.transpose(tokens)  # [T, B]
    inputs, targets = tf.maximum(by_time[:-1], 0), by_time[1:]  # [T - 1, B]
    architecture, units = model.architecture, model.cell.units
    chosen = model.chosen(architecture)
    embedding, bias = tf.convert_to_tensor(model.embedding), tf.convert_to_tensor(model.bias)

    def score_window(index, state, by_window):
        part = slice(index * window, (index + 1) * window)  # the last may be shorter
        outputs, _, state = model.hidden(
            inputs[part], state, architecture=architecture, chosen=chosen
        )  # [window, B, U]
        rows = tf.reshape(outputs, [-1, units])  # [window B, U]
        likelihoods = softmax.log_likelihoods(
            rows, embedding, bias=bias, targets=tf.reshape(targets[part], [-1])
        )  # [window B]
        return index + 1, state, by_window.write(index, likelihoods)

    array = tf.TensorArray(tf.float32, windows, infer_shape=False, element_shape=[None])
    loop = [0, model.cell.initial_state(batch), array]
    _, _, array = tf.while_loop(
        lambda index, *_: index < windows, score_window, loop, parallel_iterations=1, maximum_iterations=windows
    )
    log_probabilities = tf.transpose(tf.reshape(array.concat(), [length, batch]))  # [B, T - 1]
    scored = tf.transpose(targets) >= 0  # [B, T - 1]
    log_probabilities = tf.where(scored, log_probabilities, 0.0)
    mean = -tf.reduce_sum(log_probabilities, -1) / tf.reduce_sum(tf.cast(scored, tf.float32), -1)  # [B]
    return {"log_probabilities": log_probabilities, "negative_log_likelihood": mean, "perplexity": tf.exp(mean)}
