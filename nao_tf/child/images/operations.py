"""The operations of convolutional cells, as data and as layers (NAO, section 3.1; details from the authors' code).

Convolutions are pre-activated: ReLU, convolution without bias, batch normalisation. An operation is a chain of such
steps, a pooling, the identity, or nothing (`CONVOLUTIONS`, `POOLINGS`); a new one is a row there and a name in
`architecture.convolutional`.

Letters: B images, H height, W width, C channels in, F channels out (filters).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import keras
import tensorflow as tf

from nao_tf.architecture.cells import IDENTITY, ZERO

MOMENTUM = 0.9  # of the moving averages (authors' code)
EPSILON = 1e-5  # added to variances (authors' code)


@dataclasses.dataclass(frozen=True)
class Convolution:
    """One step of a convolution: ReLU, convolution, batch normalisation.

    Attributes:
        height, width: of the kernel.
        separable: depthwise, then pointwise.
        dilation: distance between the kernel's pixels.
    """

    height: int
    width: int
    separable: bool = False
    dilation: int = 1


@dataclasses.dataclass(frozen=True)
class Pooling:
    """A pooling: "average", "max" or "min" of squares of `size` pixels; what lies outside the image does not count."""

    kind: str
    size: int


POINTWISE = Convolution(1, 1)
CONVOLUTIONS: Mapping[str, tuple[Convolution, ...]] = {
    "conv 1x1": (POINTWISE,),
    "conv 3x3": (Convolution(3, 3),),
    "conv 1x3+3x1": (Convolution(1, 3), Convolution(3, 1)),
    "conv 1x7+7x1": (Convolution(1, 7), Convolution(7, 1)),
    **{f"separable conv {k}x{k}": (Convolution(k, k, separable=True),) * 2 for k in (3, 5, 7)},
    **{f"dilated separable conv {k}x{k}": (Convolution(k, k, separable=True, dilation=2),) * 2 for k in (3, 5, 7)},
}
POOLINGS: Mapping[str, Pooling] = {
    **{f"average pooling {k}x{k}": Pooling("average", k) for k in (2, 3, 5)},
    **{f"max pooling {k}x{k}": Pooling("max", k) for k in (2, 3, 5, 7)},
    "min pooling 2x2": Pooling("min", 2),
}


# ---- the mathematics


def convolve(values, kernel, stride=1):
    """Plain convolution, `[B, H, W, C]` with `[h, w, C, F]`, padded so that only the stride makes the image smaller."""
    return tf.nn.conv2d(values, kernel, stride, "SAME")  # [B, H / stride, W / stride, F]


def convolve_depthwise(values, kernel, stride=1, dilation=1):
    """Each channel with a kernel of its own, `[h, w, C, 1]`, padded so that only the stride makes the image smaller."""
    if dilation == 1:
        return tf.nn.depthwise_conv2d(values, kernel, [1, stride, stride, 1], "SAME")  # [B, H / stride, W / stride, C]
    values = tf.nn.depthwise_conv2d(values, kernel, [1, 1, 1, 1], "SAME", dilations=[dilation, dilation])
    if stride == 1:
        return values
    # TensorFlow has no stride together with a dilation: these are the pixels that a padded stride of 2 would have kept.
    rows, columns = (1 - size % 2 for size in values.shape[1:3])
    return values[:, rows::2, columns::2]


def pool(values, pooling: Pooling, stride=1):
    """A pooling of `[B, H, W, C]`, padded so that only the stride makes the image smaller."""
    if pooling.kind == "average":
        return tf.nn.avg_pool2d(values, pooling.size, stride, "SAME")
    if pooling.kind == "max":
        return tf.nn.max_pool2d(values, pooling.size, stride, "SAME")
    return -tf.nn.max_pool2d(-values, pooling.size, stride, "SAME")


def rectify(values):
    """ReLU of `[B, H, W, C]`.

    TensorFlow makes one operation of a normalisation and a ReLU behind it. oneDNN's kernel for the two is made for
    sixteens of channels, and takes twice as long as the two apart for other numbers; a leaky ReLU is left alone.
    """
    return tf.nn.relu(values) if values.shape[-1] % 16 == 0 else tf.nn.leaky_relu(values, 0.0)


def normalise_by_batch(values, scale, offset):
    """Batch normalisation with the statistics of these values.

    Returns:
        What it makes of `[B, H, W, F]`, the mean `[F]` and the variance `[F]`, unbiased, of each channel.
    """
    return tf.compat.v1.nn.fused_batch_norm(values, scale, offset, epsilon=EPSILON, is_training=True)


# ---- layers


@keras.saving.register_keras_serializable(package="nao_tf")
class Normalisation(keras.layers.Layer):
    """Batch normalisation over images and pixels; across all devices of a `tf.distribute` strategy.

    In training it takes the statistics of the batch and keeps their moving averages; else it takes those.

    Args:
        moving: whether there are moving averages; without them it always takes the statistics of the batch, as a child
            does whose weights many architectures share.

    Attributes:
        scale, offset: `[F]`, learned.
        moving_mean, moving_variance: `[F]`.
    """

    def __init__(self, moving=True, **kwargs):
        super().__init__(**kwargs)
        self.moving = moving

    def build(self, input_shape):
        """Makes the weights for `[B, H, W, F]`."""
        shape = [input_shape[-1]]
        self.scale = self.add_weight(name="scale", shape=shape, initializer="ones", autocast=False)
        self.offset = self.add_weight(name="offset", shape=shape, initializer="zeros", autocast=False)
        if self.moving:
            self.moving_mean = self._average("moving_mean", shape, "zeros")
            self.moving_variance = self._average("moving_variance", shape, "ones")
        self.built = True

    def _average(self, name, shape, initializer):
        return self.add_weight(
            name=name, shape=shape, initializer=initializer, trainable=False, autocast=False, aggregation="mean"
        )

    def call(self, values, training=False):
        """Normalises `[B, H, W, F]`.

        Args:
            values: what is normalised.
            training: whether the batch's own statistics are taken.
        """
        scale, offset = tf.convert_to_tensor(self.scale), tf.convert_to_tensor(self.offset)
        if not self.moving:
            return normalise_by_batch(values, scale, offset)[0]
        if not training:
            mean, variance = tf.convert_to_tensor(self.moving_mean), tf.convert_to_tensor(self.moving_variance)
            normalised, _, _ = tf.compat.v1.nn.fused_batch_norm(
                values, scale, offset, mean, variance, epsilon=EPSILON, is_training=False
            )
            return normalised
        replica = tf.distribute.get_replica_context()
        if replica is not None and replica.num_replicas_in_sync > 1:
            normalised, mean, variance = _normalise_across(replica, values, scale, offset)
        else:
            normalised, mean, variance = normalise_by_batch(values, scale, offset)
        self.moving_mean.assign(MOMENTUM * self.moving_mean + (1 - MOMENTUM) * mean)
        self.moving_variance.assign(MOMENTUM * self.moving_variance + (1 - MOMENTUM) * variance)
        return normalised

    def get_config(self):
        """Plain JSON values."""
        return {**super().get_config(), "moving": self.moving}


def _normalise_across(replica, values, scale, offset):
    """`normalise_by_batch` with the statistics of the batches of all devices."""
    wide = tf.cast(values, scale.dtype)
    sums = tf.stack([tf.reduce_mean(wide, [0, 1, 2]), tf.reduce_mean(tf.square(wide), [0, 1, 2])])  # [2, F]
    mean, square = tf.unstack(replica.all_reduce(tf.distribute.ReduceOp.MEAN, sums))
    variance = square - tf.square(mean)
    count = tf.cast(tf.size(values) // tf.shape(values)[-1] * replica.num_replicas_in_sync, variance.dtype)
    normalised = tf.nn.batch_normalization(wide, mean, variance, offset, scale, EPSILON)
    return tf.cast(normalised, values.dtype), mean, variance * count / tf.maximum(count - 1, 1)


@keras.saving.register_keras_serializable(package="nao_tf")
class ConvolutionStep(keras.layers.Layer):
    """ReLU, convolution without bias, batch normalisation.

    Args:
        filters: F.
        height: of the kernel.
        width: of the kernel.
        stride: of the convolution, in both directions.
        separable: depthwise, then pointwise.
        dilation: distance between the kernel's pixels.
        relu: whether the ReLU is there; the first convolution of a network has none.
        initializer: of the kernels.
        moving: see `Normalisation`.

    Attributes:
        kernel: `[height, width, C, F]`, or of a separable one `[height, width, C, 1]`.
        pointwise: `[1, 1, C, F]`, of a separable one only.
    """

    def __init__(
        self,
        filters,
        height=1,
        width=1,
        stride=1,
        separable=False,
        dilation=1,
        relu=True,
        initializer=None,
        moving=True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters, self.height, self.width, self.stride = filters, height, width, stride
        self.separable, self.dilation, self.relu = separable, dilation, relu
        self.initializer, self.moving = initializer or "he_normal", moving
        self.normalisation = Normalisation(moving, dtype=self.dtype_policy)

    def build(self, input_shape):
        """Makes the weights for `[B, H, W, C]`."""
        channels = input_shape[-1]
        initializer = keras.initializers.get(self.initializer)
        outputs = 1 if self.separable else self.filters
        self.kernel = self.add_weight(
            name="kernel", shape=[self.height, self.width, channels, outputs], initializer=initializer
        )
        if self.separable:
            self.pointwise = self.add_weight(
                name="pointwise",
                shape=[1, 1, channels, self.filters],
                initializer=keras.initializers.get(self.initializer),
            )
        self.normalisation.build((*input_shape[:-1], self.filters))
        self.built = True

    def call(self, values, training=False):
        """`[B, H, W, C]` to `[B, H / stride, W / stride, F]`."""
        if self.relu:
            values = rectify(values)
        kernel = tf.convert_to_tensor(self.kernel)
        if self.separable:
            values = convolve_depthwise(values, kernel, self.stride, self.dilation)
            values = convolve(values, tf.convert_to_tensor(self.pointwise))
        else:
            values = convolve(values, kernel, self.stride)
        return self.normalisation(values, training=training)

    def compute_output_shape(self, values_shape):
        """Of `[B, H, W, C]`."""
        return _strided(values_shape, self.stride, self.filters)

    def get_config(self):
        """Plain JSON values."""
        names = ("filters", "height", "width", "stride", "separable", "dilation", "relu", "initializer", "moving")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="nao_tf")
class FactorisedReduction(keras.layers.Layer):
    """Halves an image and keeps its information: ReLU, two pointwise convolutions, the second one pixel further, side
    by side, batch normalisation (authors' code).

    Args:
        filters: F, half of them from either convolution.
        initializer: of the kernels.
        moving: see `Normalisation`.

    Attributes:
        kernels: `[1, 1, C, F / 2]` each.
    """

    def __init__(self, filters, initializer=None, moving=True, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.initializer, self.moving = filters, initializer or "he_normal", moving
        self.normalisation = Normalisation(moving, dtype=self.dtype_policy)

    def build(self, input_shape):
        """Makes the weights for `[B, H, W, C]`."""
        first = self.filters // 2
        self.kernels = [
            self.add_weight(
                name=f"kernel_{shift}",
                shape=[1, 1, input_shape[-1], share],
                initializer=keras.initializers.get(self.initializer),
            )
            for shift, share in enumerate((first, self.filters - first))
        ]
        self.normalisation.build((*input_shape[:-1], self.filters))
        self.built = True

    def call(self, values, training=False):
        """`[B, H, W, C]` to `[B, H / 2, W / 2, F]`."""
        # One convolution of squares of two, zeros in three of their corners, is faster than to take every second pixel.
        corners = [
            tf.pad(tf.convert_to_tensor(kernel), [[shift, 1 - shift], [shift, 1 - shift], [0, 0], [0, 0]])
            for shift, kernel in enumerate(self.kernels)
        ]
        return self.normalisation(convolve(rectify(values), tf.concat(corners, -1), 2), training=training)

    def compute_output_shape(self, values_shape):
        """Of `[B, H, W, C]`."""
        return _strided(values_shape, 2, self.filters)

    def get_config(self):
        """Plain JSON values."""
        names = ("filters", "initializer", "moving")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="nao_tf")
class Operation(keras.layers.Layer):
    """What a branch does to a node.

    Args:
        operation: a name of `architecture.convolutional`.
        filters: F, the channels of the node and of what comes out.
        stride: 2 where a reduction cell reads its input.
        factorised: whether an identity with a stride is a factorised reduction (authors' weight-sharing code) or a
            pointwise convolution (their code without).
        initializer: of the kernels.
    """

    def __init__(self, operation, filters, stride=1, factorised=False, initializer=None, **kwargs):
        super().__init__(**kwargs)
        self.operation, self.filters, self.stride, self.factorised = operation, filters, stride, factorised
        self.initializer = initializer
        self.steps = []
        common = {"initializer": initializer, "dtype": self.dtype_policy}
        if operation == IDENTITY and stride > 1:
            if factorised:
                self.steps = [FactorisedReduction(filters, **common)]
            else:
                self.steps = [ConvolutionStep(filters, stride=stride, **common)]
        elif operation in CONVOLUTIONS:
            self.steps = [
                ConvolutionStep(
                    filters, step.height, step.width, stride if at == 0 else 1, step.separable, step.dilation, **common
                )
                for at, step in enumerate(CONVOLUTIONS[operation])
            ]
        elif operation not in POOLINGS and operation not in (IDENTITY, ZERO):
            known = ", ".join((ZERO, IDENTITY, *CONVOLUTIONS, *POOLINGS))
            raise ValueError(f"operation {operation!r}; known are {known}")

    @property
    def droppable(self) -> bool:
        """Whether drop-path may drop it: everything but an identity (authors' code)."""
        return self.operation != IDENTITY

    def build(self, input_shape):
        """Makes the weights for `[B, H, W, F]`."""
        shape = input_shape
        for step in self.steps:
            step.build(shape)
            shape = step.compute_output_shape(shape)
        self.built = True

    def call(self, values, training=False):
        """`[B, H, W, F]` to `[B, H / stride, W / stride, F]`."""
        if self.operation == ZERO:
            return tf.zeros_like(values[:, :: self.stride, :: self.stride])
        if self.operation in POOLINGS:
            return pool(values, POOLINGS[self.operation], self.stride)
        for step in self.steps:
            values = step(values, training=training)
        return values

    def compute_output_shape(self, values_shape):
        """Of `[B, H, W, F]`."""
        return _strided(values_shape, self.stride, self.filters)

    def get_config(self):
        """Plain JSON values."""
        names = ("operation", "filters", "stride", "factorised", "initializer")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _strided(shape, stride, channels):
    batch, *sizes, _ = shape
    return (batch, *(None if size is None else -(-size // stride) for size in sizes), channels)
