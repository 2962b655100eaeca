"""The controller: the paper's encoder, predictor and decoder, their training, and the ascent (NAO, section 3).

Importing this package loads no TensorFlow: the names that need it are loaded on first use.
"""

import importlib
from typing import TYPE_CHECKING, Any

from nao_tf.controller.prediction import Prediction
from nao_tf.controller.proposals import Proposal
from nao_tf.controller.quality import PredictorQuality
from nao_tf.controller.settings import PRESETS, ControllerSettings

if TYPE_CHECKING:
    from nao_tf.controller.fit import Controller
    from nao_tf.controller.model import EncoderPredictorDecoder

__all__ = [
    "PRESETS",
    "Controller",
    "ControllerSettings",
    "EncoderPredictorDecoder",
    "Prediction",
    "PredictorQuality",
    "Proposal",
]

_MODULES = {"Controller": "nao_tf.controller.fit", "EncoderPredictorDecoder": "nao_tf.controller.model"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
