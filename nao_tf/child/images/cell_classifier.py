"""The image classifier around a pair of cells (NAO, section 3.1; details from the authors' code).

Stem, cells, global average pooling, dropout, softmax; in training also an auxiliary head. With `layers` normal cells
there are two reduction cells, at a third and two thirds of the way: N normal, reduction, N normal, reduction, N normal
for layers = 3 N.

Letters: B images, H height, W width, C channels, K classes, F filters.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from nao_tf.architecture.cells import BRANCHES
from nao_tf.child import regularisation
from nao_tf.child.images.cell import INITIALIZERS, ConvolutionalCell, macro_of
from nao_tf.child.images.operations import ConvolutionStep

STEM = 3  # the stem has so many times the filters of the first cell (authors' code)
CUTOUT, DROPOUT, DROP_PATH = range(3)  # salts: what tells the random numbers of one step apart


def reductions(layers: int) -> list[bool]:
    """For every cell whether it is a reduction cell: `layers` normal ones and two reductions among them."""
    return [index in (layers // 3, 2 * (layers // 3) + 1) for index in range(layers + 2)]


def standardise(images, mean, deviation, dtype):
    """Images of 0 to 255 as numbers around 0.

    Args:
        images: `[B, H, W, C]`, uint8 or float.
        mean: of each channel, on the scale 0 to 1.
        deviation: of each channel, on the scale 0 to 1.
        dtype: of the result.
    """
    mean, deviation = (tf.constant(values, tf.float32) for values in (mean, deviation))
    return tf.cast((tf.cast(images, tf.float32) / 255 - mean) / deviation, dtype)


@keras.saving.register_keras_serializable(package="nao_tf")
class AuxiliaryHead(keras.layers.Layer):
    """A second classifier in the middle of the network, so that gradients reach its beginning (Szegedy et al., 2015).

    ReLU, average pooling 5x5 with stride 3, a pointwise convolution to 128 channels, a convolution of the whole image
    to 768, a dense layer (authors' code). On images of less than 5 pixels the pooling takes all there are.

    Args:
        classes: K.
        bias: whether the dense layer has one.
        initializer: of the kernels.
        moving: see `Normalisation`.
    """

    def __init__(self, classes, bias=True, initializer=None, moving=True, **kwargs):
        super().__init__(**kwargs)
        self.classes, self.bias, self.initializer, self.moving = classes, bias, initializer, moving

    def build(self, input_shape):
        """Makes the weights for `[B, H, W, C]`; H and W must be known."""
        _, height, width, _ = input_shape
        self._pool = [min(5, height), min(5, width)]
        sizes = [(size - pool) // 3 + 1 for size, pool in zip((height, width), self._pool, strict=True)]
        common = {"initializer": self.initializer, "moving": self.moving, "dtype": self.dtype_policy}
        self.narrow = ConvolutionStep(128, relu=False, **common)
        self.narrow.build((None, *sizes, input_shape[-1]))
        # The convolution of the whole image is a dense layer over its pixels.
        self.whole = ConvolutionStep(768, relu=False, **common)
        self.whole.build((None, 1, 1, 128 * sizes[0] * sizes[1]))
        self.dense = keras.layers.Dense(self.classes, use_bias=self.bias, dtype=self.dtype_policy)
        self.dense.build((None, 768))
        self._pixels = sizes[0] * sizes[1]
        self.built = True

    def call(self, values, training=False):
        """`[B, H, W, C]` to logits `[B, K]`."""
        values = tf.nn.avg_pool2d(tf.nn.relu(values), self._pool, 3, "VALID")
        values = tf.nn.relu(self.narrow(values, training=training))  # [B, h, w, 128]
        values = tf.reshape(values, [-1, 1, 1, 128 * self._pixels])
        values = tf.nn.relu(self.whole(values, training=training))  # [B, 1, 1, 768]
        return self.dense(values[:, 0, 0])

    def compute_output_shape(self, values_shape):
        """Of `[B, H, W, C]`."""
        return (values_shape[0], self.classes)

    def get_config(self):
        """Plain JSON values."""
        names = ("classes", "bias", "initializer", "moving")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="nao_tf")
class ImageClassifier(keras.Model):
    """Images in, log probabilities of the classes out.

    Args:
        cells: nodes of the normal and of the reduction cell, as `ConvolutionalCell` takes them.
        classes: K.
        filters: F, of the cells before the first reduction; each reduction doubles it.
        layers: normal cells.
        image_shape: `[H, W, C]`.
        macro: a key of `cell.MACROS`.
        mean: of each channel of the training images, on the scale 0 to 1; as numbers.
        deviation: of each channel, likewise.
        dropout: share of the features before the last layer that is dropped in training.
        drop_path: share of the branches that is dropped at the last cell at the end of training; less before.
        cutout: size of the square that is cut out of a training image, in pixels; 0 for none.
        auxiliary: whether there is an auxiliary head, used in training only.
    """

    def __init__(
        self,
        cells,
        classes,
        filters,
        layers,
        image_shape,
        macro="nao",
        mean=None,
        deviation=None,
        dropout=0.0,
        drop_path=0.0,
        cutout=0,
        auxiliary=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.nodes = [[[list(branch) for branch in node] for node in nodes] for nodes in cells]
        self.classes, self.filters, self.layer_count = classes, filters, layers
        self.image_shape, self.macro = [int(size) for size in image_shape], macro
        channels = self.image_shape[-1]
        self.mean = [float(value) for value in (mean or [0.5] * channels)]
        self.deviation = [float(value) for value in (deviation or [0.5] * channels)]
        self.dropout, self.drop_path, self.cutout, self.auxiliary = dropout, drop_path, cutout, auxiliary

    def build(self, input_shape=None):
        """Makes the weights; needs no shape."""
        structure = macro_of(self.macro)
        initializer, policy = INITIALIZERS[structure.initializer], self.dtype_policy
        self.stem = ConvolutionStep(STEM * self.filters, 3, 3, relu=False, initializer=initializer, dtype=policy)
        shape = (None, *self.image_shape)
        self.stem.build(shape)
        older = newer = self.stem.compute_output_shape(shape)
        self.cells, filters = [], self.filters
        plan = reductions(self.layer_count)
        head_after = max(index for index, reduction in enumerate(plan) if reduction) + 1
        for index, reduction in enumerate(plan):
            filters *= 2 if reduction else 1
            cell = ConvolutionalCell(self.nodes[int(reduction)], filters, reduction, self.macro, dtype=policy)
            cell.build(older, newer)
            self.cells.append(cell)
            older, newer = newer, cell.compute_output_shape(older, newer)
            if index == head_after and self.auxiliary:
                self.head = AuxiliaryHead(self.classes, structure.bias, initializer, dtype=policy)
                self.head.build(newer)
        self._head_after = head_after if self.auxiliary else None
        self.dense = keras.layers.Dense(self.classes, use_bias=structure.bias, dtype=policy)
        self.dense.build((None, newer[-1]))
        self.built = True

    def logits(self, images, training=False, seed=None, progress=1.0):
        """Unnormalised log probabilities.

        Args:
            images: `[B, H, W, C]`, 0 to 255.
            training: whether batch statistics are taken and the auxiliary head runs.
            seed: `[2]` int32, of this step's random numbers; None drops nothing.
            progress: share of the training that is over, 0 to 1; drop-path grows with it.

        Returns:
            Logits `[B, K]` and those of the auxiliary head, None where it did not run.
        """
        values = standardise(images, self.mean, self.deviation, self.compute_dtype)
        masks = [None] * len(self.cells)
        if seed is not None:
            values = regularisation.cutout(values, self.cutout, seed, CUTOUT)
            if self.drop_path:
                # deeper cells and later steps drop more (Zoph et al., 2018)
                depth = tf.range(1, len(self.cells) + 1, dtype=tf.float32) / len(self.cells)
                keep = 1 - self.drop_path * tf.cast(progress, tf.float32) * depth  # [cells]
                branches = BRANCHES * len(self.nodes[0])
                masks = tf.unstack(regularisation.path_masks(keep, branches, tf.shape(images)[0], seed, DROP_PATH))
        older = newer = self.stem(values, training=training)
        auxiliary = None
        for index, cell in enumerate(self.cells):
            older, newer = newer, cell(older, newer, training=training, masks=masks[index])
            if training and index == self._head_after:
                auxiliary = self.head(newer, training=True)
        features = tf.reduce_mean(tf.nn.relu(newer), [1, 2])  # [B, C]
        if seed is not None:
            kept = regularisation.mask(tf.shape(features), self.dropout, seed, DROPOUT, features.dtype)
            features = features if kept is None else features * kept
        return self.dense(features), auxiliary

    def call(self, images, training=False):
        """Log probabilities `[B, K]` of images `[B, H, W, C]`, uint8 or float, 0 to 255; nothing is dropped.

        With `training` the statistics of the batch are taken; training itself goes through `logits`.
        """
        return tf.nn.log_softmax(tf.cast(self.logits(images, training)[0], tf.float32))

    def compute_output_shape(self, input_shape):
        """`[B, H, W, C]` to `[B, K]`."""
        return (input_shape[0], self.classes)

    def get_config(self):
        """Plain JSON values."""
        names = ("classes filters macro dropout drop_path cutout auxiliary").split()
        return {
            "name": self.name,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
            "cells": [[[list(branch) for branch in node] for node in nodes] for nodes in self.nodes],
            "layers": self.layer_count,
            "image_shape": list(self.image_shape),
            "mean": list(self.mean),
            "deviation": list(self.deviation),
            **{name: getattr(self, name) for name in names},
        }
