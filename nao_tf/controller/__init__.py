"""The controller: the paper's encoder, predictor and decoder, their training, and the ascent (NAO, section 3)."""

from nao_tf.controller.fit import fit, fit_together
from nao_tf.controller.fitted import FittedController
from nao_tf.controller.model import EncoderPredictorDecoder
from nao_tf.controller.proposals import Proposal, improve_together
from nao_tf.controller.quality import Quality
from nao_tf.controller.settings import PRESETS, ControllerSettings

__all__ = [
    "PRESETS",
    "ControllerSettings",
    "EncoderPredictorDecoder",
    "FittedController",
    "Proposal",
    "Quality",
    "fit",
    "fit_together",
    "improve_together",
]
