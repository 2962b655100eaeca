"""Layers with weights of their own around the operations of `operations.py`.

Letters: B images, H height, W width, C channels in, F channels out (filters).
"""

import keras

from nao_tf.child.images.operations import (
    DEFAULT_HALVING,
    OPERATIONS,
    Convolution,
    FactorisedReduction,
    Operation,
    operation_called,
)

DEFAULT_INITIALIZER = "he_normal"  # of kernels


class OperationLayer(keras.layers.Layer):
    """An operation with its weights, as variables.

    Args:
        operation: a row of `OPERATIONS`, or another operation.
        filters: F.
        stride: of the operation, in both directions.
        initializer: of the kernels; None for He's normal one.
        moving: whether normalisations have moving averages, see `Normalisation`.

    Attributes:
        by_name: the variables, by the names that the operation gives them.
    """

    def __init__(
        self,
        operation: Operation,
        filters: int,
        *,
        stride: int = 1,
        initializer: object = None,
        moving: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.row = operation
        self.filters, self.stride = filters, stride
        self.initializer, self.moving = initializer or DEFAULT_INITIALIZER, moving

    def build(self, input_shape):
        """Makes the weights for `[B, H, W, C]`."""
        # Variables are the layer's own, in the order of the row, so that this is the order of their gradients.
        variables = {}
        for part in self.row.weights(input_shape[-1], self.filters):
            variables |= part.create(self, initializer=self.initializer, moving=self.moving)
        self.by_name = variables
        self.built = True

    def call(self, values, training=False):
        """`[B, H, W, C]` to `[B, H / stride, W / stride, F]`."""
        parts = self.row.weights(values.shape[-1], self.filters)
        weights = {part.name: part.from_variables(self.by_name, training=training) for part in parts}
        return self.row.apply(values, weights, stride=self.stride)

    def compute_output_shape(self, values_shape):
        """Of `[B, H, W, C]`."""
        batch, *sizes, _ = values_shape
        return (batch, *(None if size is None else -(-size // self.stride) for size in sizes), self.filters)

    def get_config(self):
        """Plain JSON values."""
        names = ("filters", "initializer", "moving")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="nao_tf")
class BranchOperation(OperationLayer):
    """The operation of a branch, by its name.

    Args:
        operation: a key of `OPERATIONS`.
        filters: F, the channels of the node and of the output.
        stride: 2 where a reduction cell reads its input.
        halving: see `operation_called`.
        initializer: of the kernels.
        moving: see `OperationLayer`.
    """

    def __init__(
        self,
        operation: str,
        filters: int,
        *,
        stride: int = 1,
        halving: str = DEFAULT_HALVING,
        initializer: object = None,
        moving: bool = True,
        **kwargs,
    ):
        row = operation_called(operation, stride=stride, halving=halving)
        super().__init__(row, filters, stride=stride, initializer=initializer, moving=moving, **kwargs)
        self.operation, self.halving = operation, halving
        self.droppable = OPERATIONS[operation].droppable

    def get_config(self):
        """Plain JSON values."""
        names = ("operation", "stride", "halving")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="nao_tf")
class ConvolutionStep(OperationLayer):
    """See `Convolution`.

    Args:
        filters: F.
        height: of the kernel.
        width: of the kernel.
        stride: of the convolution, in both directions.
        relu: whether the ReLU is there.
        initializer: of the kernel.
        moving: see `OperationLayer`.
    """

    def __init__(
        self,
        filters: int,
        *,
        height: int = 1,
        width: int = 1,
        stride: int = 1,
        relu: bool = True,
        initializer: object = None,
        moving: bool = True,
        **kwargs,
    ):
        row = Convolution(height, width, relu=relu)
        super().__init__(row, filters, stride=stride, initializer=initializer, moving=moving, **kwargs)
        self.height, self.width, self.relu = height, width, relu

    def get_config(self):
        """Plain JSON values."""
        names = ("height", "width", "stride", "relu")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="nao_tf")
class FactorisedReductionStep(OperationLayer):
    """See `FactorisedReduction`.

    Args:
        filters: F.
        relu: whether the ReLU is there.
        initializer: of the kernels.
        moving: see `OperationLayer`.
    """

    def __init__(self, filters: int, *, relu: bool = True, initializer: object = None, moving: bool = True, **kwargs):
        row = FactorisedReduction(relu=relu)
        super().__init__(row, filters, stride=2, initializer=initializer, moving=moving, **kwargs)
        self.relu = relu

    def get_config(self):
        """Plain JSON values."""
        return {**super().get_config(), "relu": self.relu}
