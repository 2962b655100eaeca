"""What Keras users go on with: the trained model as `model.keras`, and its network as plain Keras code with weights.

`model.keras` needs this package (`nao_tf.serving.keras_layers`), `found_cell.py` Keras alone.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Sequence

import keras
import numpy as np

from nao_tf.child.images.classifier import Classifier
from nao_tf.child.language.language_model import LanguageModel
from nao_tf.files import replacing
from nao_tf.serving.plain_keras import classifier, code, language

MODEL = "model.keras"


def export_keras_language_model(
    model: LanguageModel, words: Sequence[str], *, directory: os.PathLike[str] | str
) -> str | None:
    """Writes `model.keras`, `words.json` and, of a model with an architecture, its code and weights.

    Args:
        model: with its weights.
        words: of its vocabulary, by their ids.
        directory: of the files; a folder of that name is replaced when the new one is complete.

    Returns:
        Why there is no code; None: there is.
    """
    if model.architecture is None:
        _write(directory, model, {}, names=(language.WORDS_FILE, words), plain=None)
        return "a hand-made network has no found cell"
    _write(directory, model, {}, names=(language.WORDS_FILE, words), plain=language.plain_language_model(model))
    return None


def export_keras_classifier(
    model: Classifier, class_names: Sequence[str], *, directory: os.PathLike[str] | str
) -> str | None:
    """Writes `model.keras`, without an auxiliary head, `labels.json`, and the code and weights of a found network.

    Args:
        model: with its weights.
        class_names: K names.
        directory: see `export_keras_language_model`.

    Returns:
        Why there is no code, as of a network with an operation of one's own; None: there is.
    """
    reason = classifier.reason_against(model)
    plain = classifier.plain_classifier(model) if reason is None else None
    _write(directory, model, {"auxiliary": False}, names=(classifier.LABELS_FILE, class_names), plain=plain)
    return reason


def _write(directory, model, changes, *, names, plain):
    file, content = names
    before = random.getstate()  # Keras draws the first weights of the copies from it, and later trainings theirs
    try:
        with replacing(directory) as temporary:
            temporary.mkdir()
            _copied(model, changes).save(temporary / MODEL)
            (temporary / file).write_text(json.dumps(list(content), indent=0) + "\n", encoding="utf-8")
            if plain is not None:
                plain.build().save_weights(temporary / code.WEIGHTS)
                (temporary / code.FILE).write_text(plain.text, encoding="utf-8")
    finally:
        random.setstate(before)


def _copied(model: keras.Model, changes: dict) -> keras.Model:
    """The model with a configuration that differs in some values, without the variables that it then lacks."""
    copy = type(model).from_config({**model.get_config(), **changes})
    copy.build()
    left_out = {id(variable) for variable in getattr(getattr(model, "head", None), "variables", ())}
    originals = [variable for variable in model.variables if id(variable) not in left_out]
    for variable, original in zip(copy.variables, originals, strict=True):
        variable.assign(np.asarray(original))
    return copy
