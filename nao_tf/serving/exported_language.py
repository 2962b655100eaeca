"""An exported language model as its users see it: the signatures of a SavedModel.

Letters: L lines, T tokens, V words, W the width of the cell's state.
"""

import math
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from nao_tf.data.vocabulary import END_OF_SENTENCE, UNKNOWN
from nao_tf.errors import InputError
from nao_tf.serving import saved_model

SIGNATURES = ("score_ids", "step", "tokenize", "detokenize")
BATCH = 1000  # lines that are tokenized at once
_LARGEST_EXPONENT = 700  # exp of more overflows


class Tokens(NamedTuple):
    """Lines as a model reads them.

    Attributes:
        ids: of all lines in order, each with its `<eos>`, `[T]` int32.
        ends: the index after the last token of each line, `[L]`.
        unknown: the number of words of each line that are not in the vocabulary, `[L]`.
    """

    ids: np.ndarray
    ends: np.ndarray
    unknown: np.ndarray


class GeneratedText(NamedTuple):
    """A continuation of a prompt.

    Attributes:
        text: the added words, separated by spaces, and line breaks.
        unknown: the number of words of the prompt that are not in the vocabulary.
    """

    text: str
    unknown: int


class ExportedLanguageModel:
    """A SavedModel that `export_language_model` wrote.

    Args:
        directory: of the SavedModel, or of its versions: folders whose names are numbers, of which the highest is read.

    Attributes:
        directory: of the SavedModel that was read.

    Raises:
        InputError: there is no SavedModel, it cannot be read, or it is no language model of this package.
    """

    def __init__(self, directory: os.PathLike[str] | str):
        self.directory, self._model = saved_model.load(directory, SIGNATURES, kind=saved_model.LANGUAGE_MODEL)
        self._run = {name: self._model.signatures[name] for name in SIGNATURES}
        self._width = self._run["step"].structured_input_signature[1]["state"].shape[1]

    def tokenize(self, lines: Sequence[str]) -> Tokens:
        """Lines of text, without their ends, as tokens.

        Raises:
            InputError: a word is not in the vocabulary, and the vocabulary has no `<unk>` to stand for it.
        """
        ids: list[np.ndarray] = []
        unknown: list[int] = []
        for start in range(0, len(lines), BATCH):
            text = [f"{line}\n" for line in lines[start : start + BATCH]]
            outputs = self._run["tokenize"](text=tf.constant(text))
            ids.extend(row[row >= 0] for row in outputs["tokens"].numpy())
            unknown.extend(outputs["unknown"].numpy())
        if any(unknown) and self._run["tokenize"](text=tf.constant([UNKNOWN]))["unknown"].numpy()[0]:
            line = next(index for index, count in enumerate(unknown) if count)
            raise InputError(
                f"line {line + 1} has a word outside the vocabulary of {self.directory}, which has no {UNKNOWN};"
                " give text of known words only"
            )
        return Tokens(
            ids=np.concatenate(ids) if ids else np.zeros([0], np.int32),
            ends=np.cumsum([len(row) for row in ids], dtype=np.int64),
            unknown=np.asarray(unknown, np.int32),
        )

    def log_probabilities(self, ids: np.ndarray) -> np.ndarray:
        """log p of each token after the first, given all tokens before it, `[T - 1]` in nats."""
        return self._run["score_ids"](tokens=tf.constant(ids[np.newaxis]))["log_probabilities"].numpy()[0]

    def generate(
        self,
        prompt: str,
        words: int,
        *,
        temperature: float,
        generator: np.random.Generator,
        top_k: int | None = None,
    ) -> list[str]:
        """Continues a prompt word by word, the state carried over; the prompt begins a line.

        Args:
            prompt: may be empty, and may have several lines.
            words: the number of words to add, ends of lines included.
            temperature: divides the logits; 0 takes the most probable word.
            generator: draws the words.
            top_k: how many of the most probable words may be drawn; None: all.

        Returns:
            The added words; `<eos>` ends a line.

        Raises:
            InputError: see `tokenize`; or the model's numbers are not finite.
        """
        given = self.tokenize(["", *prompt.split("\n")]).ids[:-1]  # the last line goes on
        state, drawn = tf.zeros([1, self._width]), []
        for token in given[:-1]:
            _, state = self._step(token, state)
        token = given[-1]
        for _ in range(words):
            logits, state = self._step(token, state)
            if temperature:
                # Gumbel's trick: the greatest of the noisy logits is a draw from their softmax
                noisy = _likeliest(logits, top_k) / temperature + generator.gumbel(size=logits.shape)
                token = np.int32(np.argmax(noisy))
            else:
                token = np.int32(np.argmax(logits))
            drawn.append(token)
        names = self._run["detokenize"](tokens=tf.constant([drawn], tf.int32))["words"].numpy()[0]
        return [name.decode("utf-8") for name in names]

    def _step(self, token: np.int32, state: tf.Tensor) -> tuple[np.ndarray, tf.Tensor]:
        try:
            outputs = self._run["step"](token=tf.constant([token], tf.int32), state=state)
        except tf.errors.InvalidArgumentError as error:  # the export checks the state that it gave before
            raise InputError(
                f"{self.directory}: the model's state is not finite; give a model whose training did not diverge"
            ) from error
        return outputs["log_probabilities"].numpy()[0].astype(np.float64), outputs["state"]  # [V], [1, W]


def _likeliest(logits, top_k) -> np.ndarray:
    """The logits of the `top_k` most probable words, the first of equal ones; of all others minus infinity, `[V]`."""
    if top_k is None or top_k >= len(logits):
        return logits
    kept = np.argsort(-logits, kind="stable")[:top_k]
    return np.where(np.isin(np.arange(len(logits)), kept), logits, -np.inf)


def evaluate_text(
    model: ExportedLanguageModel, lines: Sequence[str]
) -> tuple[dict[str, int | float | None], Iterator[dict[str, int | float | None]]]:
    """Perplexity of a text, exact: one sequence, every token but the first once, the state carried over.

    Args:
        model: the language model.
        lines: of the text, without their ends.

    Returns:
        The figures of the text: the number of `lines` and `tokens`, those of `scores`, `out_of_vocabulary`, the number
        of words outside the vocabulary, and `out_of_vocabulary_rate`, their share. And an iterator over those of every
        line: its number `line` from 1, `tokens`, those of `scores`, `out_of_vocabulary`. A line is scored within the
        text, so the log probabilities of the lines add up to the text's.

    Raises:
        InputError: the text has nothing to predict, or see `ExportedLanguageModel.tokenize`.
    """
    tokens = model.tokenize(lines)
    count = len(tokens.ids)
    if count < 2:
        raise InputError(f"a text of {count} token(s) has nothing to predict; give at least one word")
    log_probabilities = model.log_probabilities(tokens.ids).astype(np.float64)  # [T - 1]
    words, unknown = count - len(lines), int(tokens.unknown.sum())
    report = {
        "lines": len(lines),
        "tokens": count,
        **scores(log_probabilities),
        "out_of_vocabulary": unknown,
        "out_of_vocabulary_rate": unknown / words if words else 0.0,
    }
    starts = np.concatenate([[0], tokens.ends[:-1]])  # [L]

    def sentences():
        for index, (start, end) in enumerate(zip(starts, tokens.ends, strict=True)):
            scored = log_probabilities[max(0, start - 1) : end - 1]  # that of token t is at t - 1
            outside = {"out_of_vocabulary": int(tokens.unknown[index])}
            yield {"line": index + 1, "tokens": len(scored), **scores(scored), **outside}

    return report, sentences()


def scores(log_probabilities: np.ndarray) -> dict[str, float | None]:
    """Figures of tokens, from their log probabilities in nats: means over the tokens.

    Returns:
        `negative_log_likelihood` in nats a token and its exponential, `perplexity`. Both are None of no tokens, and the
        perplexity is None where it overflows, since JSON has no infinity.
    """
    if not len(log_probabilities):
        return {"negative_log_likelihood": None, "perplexity": None}
    mean = -float(log_probabilities.mean())
    return {"negative_log_likelihood": mean, "perplexity": math.exp(mean) if mean < _LARGEST_EXPONENT else None}


def generate_text(
    model: ExportedLanguageModel, prompt: str, *, words: int, temperature: float, seed: int, top_k: int | None = None
) -> GeneratedText:
    """Continues a prompt, always in the same way with the same seed; see `ExportedLanguageModel.generate`."""
    unknown = int(model.tokenize([prompt]).unknown.sum())
    generator = np.random.default_rng(seed)
    added = model.generate(prompt, words, temperature=temperature, generator=generator, top_k=top_k)
    lines: list[list[str]] = [[]]
    for word in added:
        if word == END_OF_SENTENCE:
            lines.append([])
        else:
            lines[-1].append(word)
    return GeneratedText(text="\n".join(" ".join(line) for line in lines), unknown=unknown)
