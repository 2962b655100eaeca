"""Importing this lets `keras.models.load_model` read every `model.keras` of an export: it registers the layers."""

from nao_tf.child.images.auxiliary_head import AuxiliaryHead
from nao_tf.child.images.cell_network import CellNetwork
from nao_tf.child.images.classifier import Classifier
from nao_tf.child.images.residual_network import ResidualNetwork
from nao_tf.child.language.keras_lstm import LongShortTermMemory
from nao_tf.child.language.language_model import LanguageModel
from nao_tf.child.language.recurrent_cell import RecurrentCell

__all__ = [
    "AuxiliaryHead",
    "CellNetwork",
    "Classifier",
    "LanguageModel",
    "LongShortTermMemory",
    "RecurrentCell",
    "ResidualNetwork",
]
