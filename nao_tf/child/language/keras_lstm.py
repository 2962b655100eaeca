"""The hand-made rival of a found cell: Keras' own LSTM layer in the place of the searched cell."""

from __future__ import annotations

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="nao_tf")
class LongShortTermMemory(keras.layers.Layer):
    """`keras.layers.LSTM` behind the interface of `RecurrentCell`; the architecture is ignored.

    Dropout of the state is the same variational mask as the searched cell's, taken at the start of the window, since
    Keras' layer has no mask that is held over time.

    Args:
        units: U.
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.lstm = keras.layers.LSTM(units, return_sequences=True, return_state=True)

    def build(self, input_shape=None):
        """Makes the weights; inputs are as wide as the state."""
        self.lstm.build([None, None, self.units])
        self.built = True

    def chosen(self, architecture):
        """Nothing is chosen by an architecture."""
        return None

    def initial_state(self, batch):
        """h_0 and c_0 side by side, `[B, 2 U]`."""
        return tf.zeros([batch, 2 * self.units], self.compute_dtype)

    def call(self, inputs, state, architecture=None, input_mask=None, state_mask=None, chosen=None, length=None):
        """Runs over time. Arguments and results as for `RecurrentCell`, but the state is `[B, 2 U]`."""
        masked = inputs if input_mask is None else inputs * input_mask
        hidden, memory = state[:, : self.units], state[:, self.units :]
        hidden = hidden if state_mask is None else hidden * state_mask
        steps, batch = masked.shape[:2]
        counts = None if length is None else tf.tile(tf.range(steps)[None] < length, [batch, 1])  # [B, T]
        outputs, hidden, memory = self.lstm(
            tf.transpose(masked, [1, 0, 2]), initial_state=[hidden, memory], mask=counts
        )
        return tf.transpose(outputs, [1, 0, 2]), tf.concat([hidden, memory], -1)  # [T, B, U], [B, 2 U]

    def get_config(self):
        """Plain JSON values."""
        return {**super().get_config(), "units": self.units}


def units_of_equal_size(parameters: int, vocabulary_size: int) -> int:
    """The width at which a tied LSTM language model comes nearest to a number of trainable parameters."""

    def size(units):
        return vocabulary_size * (units + 1) + 4 * units * (2 * units + 1)

    units = 1
    while size(units + 1) <= parameters:
        units += 1
    return min((units, units + 1), key=lambda width: abs(size(width) - parameters))
