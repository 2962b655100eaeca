"""An exported language model as its users see it: signatures of a SavedModel, and nothing of how it was made.

Letters: T tokens, V words, W the width of the cell's state.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from nao_tf.errors import InputError

SIGNATURES = ("score_ids", "step", "tokenize", "detokenize")
LINES = 1000  # lines that are tokenized at once


class Tokens(NamedTuple):
    """Lines as a model reads them.

    Attributes:
        ids: of all lines, one behind the other, each with its `<eos>`, `[T]` int32.
        ends: behind the last token of each line, `[lines]`.
        unknown: words of each line that are not in the vocabulary, `[lines]`.
    """

    ids: np.ndarray
    ends: np.ndarray
    unknown: np.ndarray


class ExportedLanguageModel:
    """What `export_child` wrote.

    Args:
        directory: of the SavedModel, or of its versions: folders whose names are numbers, of which the highest is read.

    Attributes:
        directory: of the SavedModel that was read.

    Raises:
        InputError: there is no SavedModel, it cannot be read, or it is no language model of this package.
    """

    def __init__(self, directory: os.PathLike):
        self.directory = _newest(pathlib.Path(directory))
        wanted = "give a language model that nao_train or nao_search exported (WORK_DIR/export/child)"
        try:
            # what TensorFlow raises for damaged files is not documented, and is of many kinds
            self._model = tf.saved_model.load(self.directory)
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"{self.directory}: cannot be read as a SavedModel ({reason}); {wanted}") from error
        missing = [name for name in SIGNATURES if name not in self._model.signatures]
        if missing:
            raise InputError(f"{self.directory}: a SavedModel without the signature {missing[0]!r}; {wanted}")
        self._run = {name: self._model.signatures[name] for name in SIGNATURES}
        self._width = self._run["step"].structured_input_signature[1]["state"].shape[1]

    def tokenize(self, lines: Sequence[str]) -> Tokens:
        """Lines of text, without their ends, as tokens.

        Raises:
            InputError: a word is not in the vocabulary, and the vocabulary has no `<unk>` to stand for it.
        """
        ids, unknown = [], []
        for start in range(0, len(lines), LINES):
            text = [f"{line}\n" for line in lines[start : start + LINES]]
            found = self._run["tokenize"](text=tf.constant(text))
            ids.extend(row[row >= 0] for row in found["tokens"].numpy())
            unknown.extend(found["unknown"].numpy())
        if any(unknown) and self._run["tokenize"](text=tf.constant(["<unk>"]))["unknown"].numpy()[0]:
            line = next(index for index, count in enumerate(unknown) if count)
            raise InputError(
                f"line {line + 1} has a word outside the vocabulary of {self.directory}, which has no <unk>;"
                " give text of known words only"
            )
        return Tokens(np.concatenate(ids), np.cumsum([len(row) for row in ids]), np.asarray(unknown))

    def log_probabilities(self, ids: np.ndarray) -> np.ndarray:
        """log p of each token behind the first, given all before it, `[T - 1]` in nats."""
        return self._run["score_ids"](tokens=tf.constant(ids[np.newaxis]))["log_probabilities"].numpy()[0]

    def generate(self, prompt: str, words: int, temperature: float, generator: np.random.Generator) -> list[str]:
        """Goes on from a prompt, word by word, the state carried over; the prompt begins a line.

        Args:
            prompt: may be empty, and may have several lines.
            words: how many are added, ends of lines included.
            temperature: divides the logits; 0 takes the likeliest word.
            generator: draws the words.

        Returns:
            The added words; `<eos>` ends a line.

        Raises:
            InputError: see `tokenize`.
        """
        given = self.tokenize(["", *prompt.split("\n")]).ids[:-1]  # the last line goes on
        state, chosen = tf.zeros([1, self._width]), []
        for token in given[:-1]:
            _, state = self._step(token, state)
        token = given[-1]
        for _ in range(words):
            logits, state = self._step(token, state)
            if temperature:
                # Gumbel's trick: the greatest of the noisy logits is a draw from their softmax
                noisy = logits / temperature + generator.gumbel(size=logits.shape)
                token = np.int32(np.argmax(noisy))
            else:
                token = np.int32(np.argmax(logits))
            chosen.append(token)
        found = self._run["detokenize"](tokens=tf.constant([chosen], tf.int32))["words"].numpy()[0]
        return [word.decode("utf-8") for word in found]

    def _step(self, token, state):
        found = self._run["step"](token=tf.constant([token], tf.int32), state=state)
        return found["log_probabilities"].numpy()[0].astype(np.float64), found["state"]  # [V], [1, W]


def _newest(directory: pathlib.Path) -> pathlib.Path:
    if not directory.is_dir():
        raise InputError(f"{directory}: no such folder; give the folder of an exported language model")
    if (directory / "saved_model.pb").exists():
        return directory
    versions = [path for path in directory.iterdir() if path.name.isdecimal() and (path / "saved_model.pb").exists()]
    if not versions:
        raise InputError(f"{directory}: no saved_model.pb here or in a folder of a version number below")
    return max(versions, key=lambda path: int(path.name))
