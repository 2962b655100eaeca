"""The auxiliary head: a second classifier in the middle of a network, in training only.

Letters: B images, H height, W width, C channels, K classes, h and w sizes after the pooling.
"""

import keras
import tensorflow as tf

from nao_tf.child.images.layers import ConvolutionStep

NARROW, WIDE = 128, 768  # channels of the two convolutions (authors' code)
POOL = 5  # pixels (authors' code)


@keras.saving.register_keras_serializable(package="nao_tf")
class AuxiliaryHead(keras.layers.Layer):
    """A second classifier in the middle of the network, so that gradients reach its beginning (Szegedy et al., 2015).

    ReLU, average pooling 5x5, a pointwise convolution to 128 channels, a convolution of the whole image to 768, a dense
    layer (authors' code). On images of less than 5 pixels the pooling takes all there are.

    Args:
        classes: K.
        stride: of the pooling, in pixels: 3 for CIFAR, 2 for ImageNet (authors' code).
        bias: whether the dense layer has one.
        initializer: of the kernels.
        moving: see `OperationLayer`.
    """

    def __init__(
        self,
        classes: int,
        *,
        stride: int = 3,
        bias: bool = True,
        initializer: object = None,
        moving: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.classes, self.stride = classes, stride
        self.bias, self.initializer, self.moving = bias, initializer, moving

    def build(self, input_shape):
        """Makes the weights for `[B, H, W, C]`; H and W must be known."""
        _, height, width, _ = input_shape
        self._pool = [min(POOL, height), min(POOL, width)]
        sizes = [(size - pool) // self.stride + 1 for size, pool in zip((height, width), self._pool, strict=True)]
        self._pixels = sizes[0] * sizes[1]  # h w
        common = {"initializer": self.initializer, "moving": self.moving, "dtype": self.dtype_policy}
        self.narrow = ConvolutionStep(NARROW, relu=False, **common)
        self.narrow.build((None, *sizes, input_shape[-1]))
        # The convolution of the whole image is a dense layer over its pixels.
        self.whole = ConvolutionStep(WIDE, relu=False, **common)
        self.whole.build((None, 1, 1, NARROW * self._pixels))
        self.dense = keras.layers.Dense(self.classes, use_bias=self.bias, dtype=self.dtype_policy)
        self.dense.build((None, WIDE))
        self.built = True

    def call(self, values, training=False):
        """`[B, H, W, C]` to logits `[B, K]`."""
        values = tf.nn.avg_pool2d(tf.nn.relu(values), self._pool, self.stride, "VALID")  # [B, h, w, C]
        values = tf.nn.relu(self.narrow(values, training=training))  # [B, h, w, 128]
        values = tf.reshape(values, [-1, 1, 1, NARROW * self._pixels])  # [B, 1, 1, 128 h w]
        values = tf.nn.relu(self.whole(values, training=training))  # [B, 1, 1, 768]
        return self.dense(values[:, 0, 0])  # [B, K]

    def compute_output_shape(self, values_shape):
        """Of `[B, H, W, C]`."""
        return (values_shape[0], self.classes)

    def get_config(self):
        """Plain JSON values."""
        names = ("classes", "stride", "bias", "initializer", "moving")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
