"""Exports as SavedModels, written with `keras.export.ExportArchive`: other ways reload in Python but not in a server.

Letters: B sequences, T tokens, U units, V words, E members of the controller's ensemble, S encoder steps.
"""

from __future__ import annotations

import os
import pathlib
import shutil

import keras
import tensorflow as tf

from nao_tf.architecture import SearchSpace
from nao_tf.child.language_model import LanguageModel
from nao_tf.controller import EncoderPredictorDecoder
from nao_tf.data.vocabulary import END_OF_SENTENCE, Vocabulary

BLOCK = 35  # tokens that are scored at once: bounds the memory of a long text


def export_child(model: LanguageModel, vocabulary: Vocabulary, directory: os.PathLike) -> None:
    """Writes a language model.

    Signatures: `score_ids` (the default; `tokens` int32 `[B, T]`, -1 behind the end of a shorter row), `score_text`
    (`text` string `[B]`; a line break ends a sentence), both giving `log_probabilities` `[B, T - 1]` in nats of every
    token but the first, `negative_log_likelihood` `[B]` in nats a token and `perplexity` `[B]`; and `step` (`token`
    int32 `[B]`, `state`) giving `log_probabilities` `[B, V]` of the next word and the `state` to pass on.

    Args:
        model: with its own `architecture`.
        vocabulary: of its words.
        directory: of the version, such as `export/child/1`; replaced only by a complete one.
    """
    architecture = tf.constant(model.architecture or [], tf.int32)
    words = tf.constant(vocabulary.words)
    unknown = vocabulary.end_of_sentence_id if vocabulary.unknown_id is None else vocabulary.unknown_id
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(words, tf.range(len(vocabulary), dtype=tf.int32)), default_value=unknown
    )

    def next_words(outputs):
        logits = tf.matmul(outputs, tf.convert_to_tensor(model.embedding), transpose_b=True)  # [rows, V]
        return tf.nn.log_softmax(logits + tf.convert_to_tensor(model.bias))

    def score_ids(tokens):
        batch, length = tf.shape(tokens)[0], tf.maximum(tf.shape(tokens)[1] - 1, 0)
        blocks = -(-length // BLOCK)
        padding = [[0, 0], [0, blocks * BLOCK - length]]
        inputs = tf.transpose(tf.pad(tokens[:, :-1], padding))  # [blocks BLOCK, B]
        targets = tf.transpose(tf.pad(tokens[:, 1:], padding, constant_values=-1))  # [blocks BLOCK, B]

        def block(index, state, found):
            rows = slice(index * BLOCK, (index + 1) * BLOCK)
            outputs, _, state = model.hidden(tf.maximum(inputs[rows], 0), state, architecture)  # [BLOCK, B, U]
            log_probabilities = next_words(tf.reshape(outputs, [-1, model.cell.units]))  # [BLOCK B, V]
            target = tf.reshape(targets[rows], [-1])  # [BLOCK B]
            chosen = tf.gather(log_probabilities, tf.maximum(target, 0), batch_dims=1)
            chosen = tf.where(target >= 0, chosen, 0)
            return index + 1, state, found.write(index, tf.reshape(chosen, [BLOCK, batch]))

        array = tf.TensorArray(tf.float32, blocks, element_shape=[BLOCK, None])
        loop = tf.while_loop(
            lambda index, *_: index < blocks, block, [0, model.cell.initial_state(batch), array], parallel_iterations=1
        )
        found = tf.transpose(tf.reshape(loop[2].concat(), [-1, batch]))[:, :length]  # [B, T - 1]
        scored = tf.reduce_sum(tf.cast(tokens[:, 1:] >= 0, tf.float32), -1)  # [B]
        likelihood = -tf.reduce_sum(found, -1) / scored  # [B]
        return {
            "log_probabilities": found,
            "negative_log_likelihood": likelihood,
            "perplexity": tf.exp(likelihood),
        }

    def score_text(text):
        text = tf.strings.regex_replace(text, r"\r?\n", f" {END_OF_SENTENCE} ")
        pieces = tf.strings.split(text)  # ragged [B, T]
        return score_ids(table.lookup(pieces.to_tensor()) + _padding(pieces))

    def _padding(pieces):
        # the filler "" is looked up as an unknown word; behind a row's end every id becomes -1
        present = tf.sequence_mask(pieces.row_lengths(), dtype=tf.int32)  # [B, T]
        filler = table.lookup(tf.constant(""))
        return (present - 1) * (filler + 1)

    def step(token, state):
        outputs, _, state = model.hidden(token[None], state, architecture)  # [1, B, U]
        return {"log_probabilities": next_words(outputs[0]), "state": state}

    width = model.cell.initial_state(1).shape[-1]
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.track(table)
    archive.add_endpoint("score_ids", score_ids, [tf.TensorSpec([None, None], tf.int32, "tokens")])
    archive.add_endpoint("score_text", score_text, [tf.TensorSpec([None], tf.string, "text")])
    archive.add_endpoint(
        "step", step, [tf.TensorSpec([None], tf.int32, "token"), tf.TensorSpec([None, width], tf.float32, "state")]
    )
    _write(archive, directory)


def export_controller(model: EncoderPredictorDecoder, space: SearchSpace, directory: os.PathLike) -> None:
    """Writes a controller: `predict` (the default; `tokens` int32 `[B, T]` to `score` `[B]`, the mean of the members,
    higher is better), `encode` (to `states` `[B, E, S, H]`) and `decode` (`states` to `tokens` `[B, E, T]`).

    Args:
        model: the controller.
        space: of its architectures.
        directory: of the version, such as `export/controller/1`; replaced only by a complete one.
    """

    def predict(tokens):
        return {"score": tf.reduce_mean(model.predict_scores(tokens), 0)}  # [B]

    def encode(tokens):
        return {"states": tf.transpose(model.encode(tokens), [1, 0, 2, 3])}  # [B, E, S, H]

    def decode(states):
        return {"tokens": tf.transpose(model.decode(tf.transpose(states, [1, 0, 2, 3])), [1, 0, 2])}  # [B, E, T]

    probe = model.encode(tf.constant([space.sample(_first_generator()).tokens], tf.int32))  # [E, 1, S, H]
    tokens = tf.TensorSpec([None, space.token_length], tf.int32, "tokens")
    states = tf.TensorSpec([None, probe.shape[0], probe.shape[2], probe.shape[3]], tf.float32, "states")
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("predict", predict, [tokens])
    archive.add_endpoint("encode", encode, [tokens])
    archive.add_endpoint("decode", decode, [states])
    _write(archive, directory)


def _first_generator():
    import numpy as np

    return np.random.default_rng(0)


def _write(archive, directory):
    directory = pathlib.Path(directory)
    temporary = directory.with_name(directory.name + ".writing")
    for left_over in (temporary, directory.with_name(directory.name + ".old")):
        shutil.rmtree(left_over, ignore_errors=True)
    directory.parent.mkdir(parents=True, exist_ok=True)
    archive.write_out(str(temporary), verbose=False)
    if directory.exists():
        os.replace(directory, directory.with_name(directory.name + ".old"))
    os.replace(temporary, directory)
    shutil.rmtree(directory.with_name(directory.name + ".old"), ignore_errors=True)
