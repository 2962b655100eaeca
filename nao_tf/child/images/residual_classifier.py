"""The hand-made network that found cells are compared with: a residual network (He et al., 2016).

Letters: B images, H height, W width, C channels, K classes.
"""

from __future__ import annotations

import itertools

import keras
import tensorflow as tf

from nao_tf.child import regularisation
from nao_tf.child.images.cell_classifier import CUTOUT, DROPOUT, standardise
from nao_tf.child.images.operations import ConvolutionStep

STAGES = 3  # each half as high and wide and twice as deep as the one before


@keras.saving.register_keras_serializable(package="nao_tf")
class ResidualClassifier(keras.Model):
    """Images in, log probabilities of the classes out; the network that its authors made for CIFAR-10.

    A convolution 3x3, then three stages of blocks of two convolutions 3x3 whose input is added to their output, global
    average pooling and a dense layer. Where a block changes the size, the added input goes through a pointwise
    convolution. With 3 blocks a stage it has 20 layers.

    Args:
        classes: K.
        width: channels of the first stage.
        blocks: of each stage.
        image_shape: `[H, W, C]`.
        mean, deviation: of each channel of the training images, on the scale 0 to 1.
        dropout: share of the features before the last layer that is dropped in training.
        cutout: size of the square that is cut out of a training image, in pixels.
    """

    def __init__(self, classes, width, blocks, image_shape, mean=None, deviation=None, dropout=0.0, cutout=0, **kwargs):
        super().__init__(**kwargs)
        self.classes, self.width, self.blocks = classes, width, blocks
        self.image_shape = [int(size) for size in image_shape]
        channels = self.image_shape[-1]
        self.mean = [float(value) for value in (mean or [0.5] * channels)]
        self.deviation = [float(value) for value in (deviation or [0.5] * channels)]
        self.dropout, self.cutout = dropout, cutout

    def build(self, input_shape=None):
        """Makes the weights; needs no shape."""
        shape, policy = (None, *self.image_shape), self.dtype_policy
        self.stem = ConvolutionStep(self.width, 3, 3, relu=False, dtype=policy)
        self.stem.build(shape)
        shape = self.stem.compute_output_shape(shape)
        self.first, self.second, self.shortcuts = [], [], {}
        for block in range(STAGES * self.blocks):
            stage, within = divmod(block, self.blocks)
            width, stride = self.width * 2**stage, 2 if stage and not within else 1
            first, second = (
                ConvolutionStep(width, 3, 3, stride, dtype=policy),
                ConvolutionStep(width, 3, 3, dtype=policy),
            )
            first.build(shape)
            if stride > 1:
                shortcut = ConvolutionStep(width, stride=stride, dtype=policy)
                shortcut.build(shape)
                self.shortcuts[str(block)] = shortcut
            shape = first.compute_output_shape(shape)
            second.build(shape)
            self.first.append(first)
            self.second.append(second)
        self.dense = keras.layers.Dense(self.classes, dtype=policy)
        self.dense.build((None, shape[-1]))
        self.built = True

    def logits(self, images, training=False, seed=None, progress=1.0):
        """Unnormalised log probabilities `[B, K]`, and None; arguments as for `ImageClassifier.logits`."""
        values = standardise(images, self.mean, self.deviation, self.compute_dtype)
        if seed is not None:
            values = regularisation.cutout(values, self.cutout, seed, CUTOUT)
        values = self.stem(values, training=training)
        for block, (first, second) in enumerate(zip(self.first, self.second, strict=True)):
            shortcut = self.shortcuts.get(str(block))
            added = values if shortcut is None else shortcut(values, training=training)
            values = added + second(first(values, training=training), training=training)
        features = tf.reduce_mean(tf.nn.relu(values), [1, 2])  # [B, C]
        if seed is not None:
            kept = regularisation.mask(tf.shape(features), self.dropout, seed, DROPOUT, features.dtype)
            features = features if kept is None else features * kept
        return self.dense(features), None

    def call(self, images, training=False):
        """Log probabilities `[B, K]` of images `[B, H, W, C]`, 0 to 255; nothing is dropped."""
        return tf.nn.log_softmax(tf.cast(self.logits(images, training)[0], tf.float32))

    def compute_output_shape(self, input_shape):
        """`[B, H, W, C]` to `[B, K]`."""
        return (input_shape[0], self.classes)

    def get_config(self):
        """Plain JSON values."""
        names = ("classes", "width", "blocks", "dropout", "cutout")
        return {
            "name": self.name,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
            "image_shape": list(self.image_shape),
            "mean": list(self.mean),
            "deviation": list(self.deviation),
            **{name: getattr(self, name) for name in names},
        }


def parameters(width: int, blocks: int, channels: int, classes: int) -> int:
    """Trainable parameters of a residual network."""
    total = 9 * channels * width + 2 * width
    older = width
    for stage in range(STAGES):
        newer = width * 2**stage
        total += 9 * older * newer + (2 * blocks - 1) * 9 * newer * newer + 2 * blocks * 2 * newer
        total += older * newer + 2 * newer if stage else 0
        older = newer
    return total + (older + 1) * classes


def width_of_equal_size(wanted: int, blocks: int, channels: int, classes: int) -> int:
    """The width whose parameters come closest to `wanted`; from 16 on one that a hand would choose, a multiple of 4.

    On the CPU a training step of width 25 takes 1.8 times as long as one of width 24: to be trained for as many seconds
    at such a width would be no fair comparison. Of narrow networks every width is one, or the sizes would not be equal.
    """

    def distance(width):
        return abs(parameters(width, blocks, channels, classes) - wanted)

    widths = itertools.pairwise(itertools.chain(range(1, 16), itertools.count(16, 4)))
    return next(narrow for narrow, wide in widths if distance(narrow) <= distance(wide))
