"""The weights of an export on the disk: as trained, in half precision, or as bytes with scales.

Only the storage changes: the exported graph converts the weights to single precision at the start of every request and
computes with that, so every runtime that reads a SavedModel reads these too. Weights are stored, not multiplied, in few
bits: 8-bit arithmetic would need the range of every activation as well (Jacob et al., 2018, section 2), and the states
of a searched cell have no known range.
"""

from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

Axis = int | tuple[int, ...]
DEFAULT = "float32"
_HIGHEST = 127  # largest stored byte; -128 is not used, so that 0 is in the middle


def float32(values: np.ndarray, axis: Axis) -> dict[str, np.ndarray]:
    """Weights in single precision. Arguments and result as for `int8`."""
    return {"values": values.astype(np.float32)}


def float16(values: np.ndarray, axis: Axis) -> dict[str, np.ndarray]:
    """Weights rounded to half precision, clipped to its range. See `int8`."""
    end = np.finfo(np.float16).max
    return {"values": np.clip(values, -end, end).astype(np.float16)}


def int8(values: np.ndarray, axis: Axis) -> dict[str, np.ndarray]:
    """Weights as bytes: weights = bytes * scale, with a scale for each output of the matrix.

    Args:
        values: a matrix, or several, `[…, I, J]`; or the kernel of a convolution.
        axis: that the inputs of an output lie along: -1 where each row gives an output (an embedding that is also a
            softmax), -2 where each column does (the kernel of a cell), the first three of a convolution. The scales
            are the largest absolute values along it, over 127.

    Returns:
        `values` int8, of the shape of the weights, and `scale` float32, of size 1 along the axis.
    """
    scale = np.abs(values).max(axis, keepdims=True) / _HIGHEST
    scale = np.where(scale > 0, scale, 1).astype(np.float32)  # all zeros: any scale is right
    return {"values": np.rint(values / scale).astype(np.int8), "scale": scale}


FORMATS: Mapping[str, Callable[[np.ndarray, Axis], dict[str, np.ndarray]]] = {
    "float32": float32,
    "float16": float16,
    "int8": int8,
}


def _inputs_of(values: np.ndarray) -> Axis:
    """The axis along which the inputs of an output lie: of matrices `[…, I, J]`, and of kernels `[h, w, C, F]`."""
    if values.ndim < 4:
        return -2
    return (0, 1) if values.shape[-1] == 1 else (0, 1, 2)  # a depthwise kernel, `[h, w, C, 1]`, has C outputs


class StoredWeights:
    """Copies of a model's weights in the format of an export, and a scope in which the model computes with them.

    Vectors (the bias of a softmax, of an LSTM, normalisations) are small and stay in single precision.

    Args:
        variables: of the model.
        by_row: those of them with a scale for each row; all other matrices have one for each column, and kernels of
            convolutions one for each channel that they give.
        weights: a name of `FORMATS`.

    Attributes:
        trackable: the object for the export to track. It holds its variables itself: the loader that servers use does
            not find those inside a Keras model (keras-team/keras#20095).

    Raises:
        ValueError: there is no such format.
    """

    def __init__(
        self, variables: Sequence[keras.Variable], by_row: Sequence[keras.Variable], *, weights: str = DEFAULT
    ):
        if weights not in FORMATS:
            raise ValueError(f"weights as {weights!r}; known are {', '.join(FORMATS)}")
        self._originals = tuple(variables)
        self._stored: list[dict[str, tf.Variable]] = []
        rows = {id(variable) for variable in by_row}
        for variable in self._originals:
            values = np.asarray(variable)
            stored_as = FORMATS[weights] if values.ndim > 1 else float32
            parts = stored_as(values, -1 if id(variable) in rows else _inputs_of(values))
            self._stored.append({name: tf.Variable(part, trainable=False) for name, part in parts.items()})
        self.trackable = tf.Module()
        self.trackable.stored = self._stored

    def read(self) -> list[tf.Tensor]:
        """The weights in single precision, in the order of the variables."""
        weights = []
        for parts in self._stored:
            values = tf.cast(parts["values"], tf.float32)
            weights.append(values * parts["scale"] if "scale" in parts else values)
        return weights

    def scope(self) -> keras.StatelessScope:
        """A scope in which the model's variables have the values of `read`.

        Enter it at the top of a traced function, so that the conversion is not repeated inside its loops.
        """
        return keras.StatelessScope(state_mapping=list(zip(self._originals, self.read(), strict=True)))
