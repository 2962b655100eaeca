"""Reading an exported controller back as the model that it was, to look into it: its gradient, its members."""

from __future__ import annotations

import os
import pathlib

import numpy as np
import tensorflow as tf

from nao_tf.architecture import SearchSpace
from nao_tf.controller.model import EncoderPredictorDecoder
from nao_tf.controller.settings import ControllerSettings
from nao_tf.errors import InputError
from nao_tf.serving.saved_model import newest_version

_VALUE = "variables/{}/.ATTRIBUTES/VARIABLE_VALUE"  # as keras.export.ExportArchive stores those of a model, in order


def load_controller(
    directory: os.PathLike[str] | str, space: SearchSpace, *, settings: ControllerSettings
) -> EncoderPredictorDecoder:
    """The model that `export_controller` wrote, every member of it.

    Args:
        directory: of the SavedModel, or of its versions.
        space: the search space that it was trained on.
        settings: its sizes and training.

    Raises:
        InputError: there is none, it cannot be read, or it is one of another space or of other sizes.
    """
    newest = newest_version(pathlib.Path(directory))
    model = EncoderPredictorDecoder.for_space(space, settings)
    try:
        stored = tf.train.load_checkpoint(str(newest / "variables" / "variables"))
        values = [stored.get_tensor(_VALUE.format(index)) for index in range(len(model.variables))]
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{newest}: cannot be read as an exported controller ({reason})") from error
    for variable, value in zip(model.variables, values, strict=True):
        if tuple(variable.shape) != np.shape(value):
            raise InputError(
                f"{newest}: a controller of other sizes: {variable.path} is {list(np.shape(value))}, "
                f"not {list(variable.shape)}"
            )
        variable.assign(value)
    return model
