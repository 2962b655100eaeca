"""The hand-made network that the cells of a search are compared with: a residual network (He et al., 2016).

Letters: B images, H height, W width, C channels, K classes.
"""

import itertools
from collections.abc import Sequence

import keras
import tensorflow as tf

from nao_tf.child.images.layers import ConvolutionStep
from nao_tf.child.images.macro import DEFAULT_STEM, stem_of
from nao_tf.child.images.size import STAGES, Size, size_of_residual


@keras.saving.register_keras_serializable(package="nao_tf")
class ResidualNetwork(keras.layers.Layer):
    """The network that its authors made for CIFAR-10, without its last layer.

    A convolution 3x3, or the three of stride 2 that cells for ImageNet begin with, then three stages of blocks of two
    convolutions 3x3 whose input is added to their output. Each stage is half as high and wide and twice as deep as the
    one before. Where a block changes the size, the added input goes through a pointwise convolution. With 3 blocks a
    stage it has 20 layers.

    Args:
        width: channels of the first stage.
        blocks: of each stage.
        stem: a key of `STEMS`.

    Attributes:
        relu_before_pooling: see `Network`, as the next two.
        bias: whether the last layer of the classifier has one.
        head: None; it has no auxiliary head.
    """

    relu_before_pooling = True
    bias = True
    head = None

    def __init__(self, width: int, blocks: int, *, stem: str = DEFAULT_STEM, **kwargs):
        super().__init__(**kwargs)
        self.width, self.blocks, self.stem_name = width, blocks, stem

    def attach_head(self, make: object) -> None:
        """Raises ValueError: there is no place for an auxiliary head."""
        raise ValueError("a residual network has no auxiliary head")

    def build(self, input_shape):
        """Makes the weights for images `[B, H, W, C]`."""
        shape, policy = input_shape, self.dtype_policy
        *before, last = stem_of(self.stem_name).convolutions
        self.before = []
        for each in before:
            channels, relu = each.channels(self.width), bool(self.before)
            layer = ConvolutionStep(channels, height=3, width=3, stride=each.stride, relu=relu, dtype=policy)
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
            self.before.append(layer)
        self.stem = ConvolutionStep(self.width, height=3, width=3, stride=last.stride, relu=bool(before), dtype=policy)
        self.stem.build(shape)
        shape = self.stem.compute_output_shape(shape)
        self.first, self.second, self.shortcuts = [], [], {}
        for block in range(STAGES * self.blocks):
            stage, within = divmod(block, self.blocks)
            width, stride = self.width * 2**stage, 2 if stage and not within else 1
            first = ConvolutionStep(width, height=3, width=3, stride=stride, dtype=policy)
            second = ConvolutionStep(width, height=3, width=3, dtype=policy)
            first.build(shape)
            if stride > 1:
                shortcut = ConvolutionStep(width, stride=stride, dtype=policy)
                shortcut.build(shape)
                self.shortcuts[str(block)] = shortcut
            shape = first.compute_output_shape(shape)
            second.build(shape)
            self.first.append(first)
            self.second.append(second)
        self._features_shape = shape
        self.built = True

    def features(
        self,
        values: tf.Tensor,
        *,
        training: bool = False,
        seed: tf.Tensor | None = None,
        progress: tf.Tensor | float = 1.0,
    ) -> tuple[tf.Tensor, None]:
        """See `Network`; nothing is random in it."""
        for layer in (*self.before, self.stem):
            values = layer(values, training=training)  # [B, H, W, C]
        for block, (first, second) in enumerate(zip(self.first, self.second, strict=True)):
            shortcut = self.shortcuts.get(str(block))
            added = values if shortcut is None else shortcut(values, training=training)
            values = added + second(first(values, training=training), training=training)
        return values, None

    def call(self, values, training=False):
        """The last block's output, of images `[B, H, W, C]` around 0."""
        return self.features(values, training=training)[0]

    def size(self, image_shape: Sequence[int], classes: int) -> Size:
        """Its size and that of a last layer."""
        return size_of_residual(self.width, self.blocks, image_shape=image_shape, classes=classes, stem=self.stem_name)

    def compute_output_shape(self, input_shape):
        """Of images `[B, H, W, C]` as those that it was built for."""
        return (input_shape[0], *self._features_shape[1:])

    def get_config(self):
        """Plain JSON values."""
        return {**super().get_config(), "width": self.width, "blocks": self.blocks, "stem": self.stem_name}


def width_of_equal_size(parameters: int, *, blocks: int, channels: int, classes: int, stem: str = DEFAULT_STEM) -> int:
    """The width whose parameters come closest to a number; from 16 on a multiple of 4, as a person would choose.

    On the CPU a training step of width 25 takes 1.8 times as long as one of width 24: to be trained for as many seconds
    at such a width would be no fair comparison. Of narrow networks every width is one, or the sizes would not be equal.

    Args:
        parameters: to come close to.
        blocks: of each stage.
        channels: of the images.
        classes: K.
        stem: a key of `STEMS`.
    """

    def distance(width):
        size = size_of_residual(width, blocks, image_shape=(1, 1, channels), classes=classes, stem=stem)
        return abs(size.parameters - parameters)

    widths = itertools.pairwise(itertools.chain(range(1, 16), itertools.count(16, 4)))
    return next(narrow for narrow, wide in widths if distance(narrow) <= distance(wide))
