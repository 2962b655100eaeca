"""The hand-made rival of a searched cell: Keras' own LSTM layer in the place of that cell.

Letters: T time steps, B sequences, U units.
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="nao_tf")
class LongShortTermMemory(keras.layers.Layer):
    """`keras.layers.LSTM` with the interface of `RecurrentCell`, but for the architecture, which an LSTM has not.

    Dropout of the state is the same variational mask as the searched cell's, taken at the start of the window, since
    Keras' layer has no mask that is held over time.

    Args:
        units: U.

    Attributes:
        searched: False: no architecture describes this cell.
    """

    searched = False

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.lstm = keras.layers.LSTM(units, return_sequences=True, return_state=True)

    def build(self, input_shape=None):
        """Creates the weights; inputs are as wide as the state."""
        self.lstm.build([None, None, self.units])
        self.built = True

    def initial_state(self, batch: int | tf.Tensor) -> tf.Tensor:
        """h_0 and c_0 side by side, `[B, 2 U]`."""
        return tf.zeros([batch, 2 * self.units], self.compute_dtype)

    def call(self, inputs, state, *, input_mask=None, state_mask=None, length=None):
        """Runs over time.

        Args:
            inputs: `[T, B, U]`.
            state: `[B, 2 U]`.
            input_mask: dropout mask of the inputs, `[B, U]` or None.
            state_mask: dropout mask of h_0, `[B, U]` or None.
            length: scalar int32, the time step whose state is carried over; later ones are padding. None for T.

        Returns:
            Outputs `[T, B, U]` and the state to carry over `[B, 2 U]`.
        """
        masked = inputs if input_mask is None else inputs * input_mask
        hidden, memory = state[:, : self.units], state[:, self.units :]  # [B, U], [B, U]
        hidden = hidden if state_mask is None else hidden * state_mask
        steps, batch = masked.shape[:2]
        counts = None if length is None else tf.tile(tf.range(steps)[None] < length, [batch, 1])  # [B, T]
        outputs, hidden, memory = self.lstm(
            tf.transpose(masked, [1, 0, 2]), initial_state=[hidden, memory], mask=counts
        )
        return tf.transpose(outputs, [1, 0, 2]), tf.concat([hidden, memory], -1)  # [T, B, U], [B, 2 U]

    def get_config(self):
        """The constructor's arguments as plain JSON values."""
        return {**super().get_config(), "units": self.units}


def units_of_equal_size(parameters: int, vocabulary_size: int) -> int:
    """The width at which a tied LSTM language model comes nearest to a number of trainable parameters."""

    def size(units: int) -> int:
        return vocabulary_size * (units + 1) + 4 * units * (2 * units + 1)

    units = 1
    while size(units + 1) <= parameters:
        units += 1
    return min((units, units + 1), key=lambda width: abs(size(width) - parameters))
