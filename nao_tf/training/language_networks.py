"""The language models that are trained: a searched cell, one that all cells share, and the Keras LSTM of equal size."""

import dataclasses
from collections.abc import Sequence
from typing import Self

import keras

from nao_tf.architecture import Architecture
from nao_tf.child.language.keras_lstm import units_of_equal_size
from nao_tf.child.language.language_model import LanguageModel
from nao_tf.child.language.recurrent_cell import RecurrentCell
from nao_tf.training.language_settings import LanguageTraining


@dataclasses.dataclass(frozen=True)
class KerasLstm:
    """The hand-made network that found cells are compared with: one layer of Keras' LSTM.

    Attributes:
        units: width of the embedding and of the layer.
    """

    units: int

    @property
    def values(self) -> tuple[int, ...]:
        """No integers: an LSTM has no architecture."""
        return ()

    @classmethod
    def of_size(cls, parameters: int, vocabulary_size: int) -> Self:
        """The network that is nearest to a number of trainable parameters."""
        return cls(units_of_equal_size(parameters, vocabulary_size))


Network = Architecture | KerasLstm


def build_model(
    settings: LanguageTraining,
    vocabulary_size: int,
    *,
    cell: keras.layers.Layer,
    values: Sequence[int] | None = None,
) -> LanguageModel:
    """A language model with weights.

    Args:
        settings: of its training.
        vocabulary_size: V.
        cell: `RecurrentCell`, `SharedRecurrentCell` or `LongShortTermMemory`.
        values: integers of the model's own architecture; None: they are given with every call.
    """
    model = LanguageModel(
        cell,
        vocabulary_size,
        architecture=values,
        dropout=settings.dropout,
        activation_penalty=settings.activation_penalty,
        temporal_penalty=settings.temporal_penalty,
        scale=settings.scale,
    )
    model.build()
    return model


def searched_cell(settings: LanguageTraining) -> RecurrentCell:
    """The cell of the search space with weights of its own."""
    return RecurrentCell(settings.units, scale=settings.scale)
