"""Writing an exported model, and loading one: the newest version in a folder, with errors of one line."""

import os
import pathlib
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from nao_tf.errors import InputError

LANGUAGE_MODEL, IMAGE_CLASSIFIER = "language model", "image classifier"
KINDS = {"score_ids": LANGUAGE_MODEL, "classify": IMAGE_CLASSIFIER}  # of models, by a signature that tells them


def write(archive: keras.export.ExportArchive, directory: os.PathLike[str] | str) -> None:
    """Writes the endpoints of an archive as a SavedModel.

    Gradients that layers define by themselves are left out: a served model is not trained further (`model.keras` is for
    that), and they are two fifths of the time that an export takes.

    Args:
        archive: with its endpoints.
        directory: of the SavedModel.
    """
    archive.write_out(
        str(directory), options=tf.saved_model.SaveOptions(experimental_custom_gradients=False), verbose=False
    )


def load(directory: os.PathLike[str] | str, signatures: Sequence[str], *, kind: str) -> tuple[pathlib.Path, Any]:
    """The newest version of an exported model: its folder, and the object that TensorFlow loads from it.

    Args:
        directory: of the SavedModel, or of its versions: folders whose names are numbers, of which the highest is read.
        signatures: names of signatures that the model must have.
        kind: of model, for errors.

    Raises:
        InputError: there is no SavedModel, it cannot be read, or a signature is missing.
    """
    newest = newest_version(pathlib.Path(directory))
    remedy = f"give a {kind} that nao_train or nao_search exported (WORK_DIR/export/child)"
    try:
        # TensorFlow does not document its exceptions for damaged files, and raises many kinds
        model = tf.saved_model.load(newest)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{newest}: cannot be read as a SavedModel ({reason}); {remedy}") from error
    missing = [name for name in signatures if name not in model.signatures]
    other = next((name for signature, name in KINDS.items() if signature in model.signatures and name != kind), None)
    if missing and other is not None:
        raise InputError(f"{newest}: an exported {other}, and no {kind}; {remedy}")
    if missing:
        raise InputError(f"{newest}: a SavedModel without the signature {missing[0]!r}; {remedy}")
    return newest, model


def newest_version(directory: pathlib.Path) -> pathlib.Path:
    """The folder of a SavedModel, or of the highest of its versions. Raises InputError where there is none."""
    if not directory.is_dir():
        raise InputError(f"{directory}: no such folder; give the folder of an exported model")
    if (directory / "saved_model.pb").exists():
        return directory
    versions = [path for path in directory.iterdir() if path.name.isdecimal() and (path / "saved_model.pb").exists()]
    if not versions:
        raise InputError(f"{directory}: no saved_model.pb here or in a folder of a version number below")
    return max(versions, key=lambda path: int(path.name))
