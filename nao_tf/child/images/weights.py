"""A weight of an operation: a layer's own variable, or a piece of a row of the table of a shared cell."""

import dataclasses
import math
from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf


def _he_normal(generator: np.random.Generator, count: int, shape: tuple[int, ...]) -> np.ndarray:
    """He's normal initialisation; the last dimension of a kernel is its outputs (He et al., 2015)."""
    drawn = generator.standard_normal([count, math.prod(shape)], np.float32)
    return drawn * math.sqrt(2 / math.prod(shape[:-1]))


# How the values of a weight start in a table of shared weights, by `Weight.start`: `[count, size]`.
_STARTS: Mapping[str, Callable[[np.random.Generator, int, tuple[int, ...]], np.ndarray]] = {
    "kernel": _he_normal,
    "zeros": lambda generator, count, shape: np.zeros([count, math.prod(shape)], np.float32),
    "ones": lambda generator, count, shape: np.ones([count, math.prod(shape)], np.float32),
}


@dataclasses.dataclass(frozen=True)
class Weight:
    """A weight of an operation.

    Attributes:
        name: by which the operation reads it.
        shape: of the weight; the last dimension of a kernel is its outputs.
        start: its first values: "kernel" (drawn by the initialiser of the layer), "zeros" or "ones".
        wide: whether it stays float32 in a network of lower precision.
    """

    name: str
    shape: tuple[int, ...]
    start: str = "kernel"
    wide: bool = False

    def __post_init__(self):
        if self.start not in _STARTS:
            raise ValueError(f"weight {self.name!r} starts as {self.start!r}; known are {', '.join(_STARTS)}")

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    @property
    def weights(self) -> "tuple[Weight, ...]":
        """The weight itself: the tensors that a row of a table holds."""
        return (self,)

    def multiply_adds(self, pixels: int) -> int:
        """For one image: a convolution's kernel meets every pixel of the output, a matrix each image once."""
        return (self.start == "kernel") * self.size * (pixels if len(self.shape) == 4 else 1)

    def starting_values(self, generator: np.random.Generator, count: int) -> np.ndarray:
        """First values for `count` rows of a table, `[count, size]`."""
        return _STARTS[self.start](generator, count, self.shape)

    def create(self, layer: keras.layers.Layer, *, initializer: object, moving: bool) -> dict[str, keras.Variable]:
        """Adds the variable to a layer.

        Args:
            layer: that owns it.
            initializer: of kernels, as `keras.initializers.get` takes it.
            moving: see `Normalisation`.

        Returns:
            The variable, by its name.
        """
        start = keras.initializers.get(initializer if self.start == "kernel" else self.start)
        variable = layer.add_weight(name=self.name, shape=self.shape, initializer=start, autocast=not self.wide)
        return {self.name: variable}

    def from_variables(self, variables: Mapping[str, keras.Variable], *, training: bool) -> tf.Tensor:
        """The value of the variable that `create` added, in the precision of the layer that is being called."""
        return tf.convert_to_tensor(variables[self.name])

    def from_row(self, pieces: Mapping[str, tf.Tensor], *, dtype: tf.DType) -> tf.Tensor:
        """The piece of a row that is this weight, in the precision of the values."""
        return tf.cast(pieces[self.name], dtype)
