"""The image classifier of a search: one program for all architectures (ENAS's and NAO's weight sharing).

The architecture is data, see `SharedCell`. Every normalisation takes the statistics of its batch, in evaluation too:
moving averages over many architectures would be those of none. Whoever compares architectures gives all of them the
same batches.

Letters: B images, H height, W width, C channels, F filters, K classes.
"""

from __future__ import annotations

import math

import keras
import numpy as np
import tensorflow as tf

from nao_tf.child import regularisation
from nao_tf.child.images.cell_classifier import CUTOUT, DROPOUT, STEM, AuxiliaryHead, reductions, standardise
from nao_tf.child.images.operations import ConvolutionStep
from nao_tf.child.images.shared_cell import SharedCell, row_width


@keras.saving.register_keras_serializable(package="nao_tf")
class SharedImageClassifier(keras.Model):
    """Images and an architecture in, log probabilities of the classes out.

    Args:
        space: a key of `architecture.convolutional.SPACES`.
        classes: K.
        filters: F, of the cells before the first reduction; each reduction doubles it.
        layers: normal cells; two reduction cells come to them.
        image_shape: `[H, W, C]`.
        per_input: see `SharedCell`.
        mean, deviation: of each channel of the training images, on the scale 0 to 1.
        dropout: share of the features before the last layer that is dropped in training.
        cutout: size of the square that is cut out of a training image, in pixels.
        auxiliary: whether there is an auxiliary head, used in training only.
    """

    def __init__(
        self,
        space,
        classes,
        filters,
        layers,
        image_shape,
        per_input=True,
        mean=None,
        deviation=None,
        dropout=0.0,
        cutout=0,
        auxiliary=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.space, self.classes, self.filters, self.layer_count = space, classes, filters, layers
        self.image_shape, self.per_input = [int(size) for size in image_shape], per_input
        channels = self.image_shape[-1]
        self.mean = [float(value) for value in (mean or [0.5] * channels)]
        self.deviation = [float(value) for value in (deviation or [0.5] * channels)]
        self.dropout, self.cutout, self.auxiliary = dropout, cutout, auxiliary

    def build(self, input_shape=None):
        """Makes the weights; needs no shape."""
        policy, filters = self.dtype_policy, self.filters
        self.stem = ConvolutionStep(STEM * filters, 3, 3, relu=False, moving=False, dtype=policy)
        shape = (None, *self.image_shape)
        self.stem.build(shape)
        older = newer = self.stem.compute_output_shape(shape)
        self.cells = []
        plan = reductions(self.layer_count)
        head_after = max(index for index, reduction in enumerate(plan) if reduction) + 1
        for index, reduction in enumerate(plan):
            filters *= 2 if reduction else 1
            cell = SharedCell(self.space, filters, reduction, self.per_input, dtype=policy)
            cell.build(older, newer)
            self.cells.append(cell)
            older, newer = newer, cell.compute_output_shape(older, newer)
            if index == head_after and self.auxiliary:
                self.head = AuxiliaryHead(self.classes, moving=False, dtype=policy)
                self.head.build(newer)
        self._head_after = head_after if self.auxiliary else None
        self.dense = keras.layers.Dense(self.classes, dtype=policy)
        self.dense.build((None, newer[-1]))
        self.built = True

    @property
    def tables(self) -> list:
        """The tables of all cells; every other trainable weight is used by every architecture."""
        return [cell.table for cell in self.cells]

    def rows(self, architecture):
        """For every cell the rows of its table that an architecture uses: `[branches]` int32 each."""
        return [cell.rows(part) for cell, part in zip(self.cells, self._parts(architecture), strict=True)]

    def _parts(self, architecture):
        halves = tf.split(architecture, 2)  # normal, reduction
        return [halves[int(cell.reduction)] for cell in self.cells]

    def used_parameters(self, values) -> int:
        """Trainable parameters that an architecture uses, whatever else the tables hold."""
        of_tables = {id(table) for table in self.tables}
        dense = [variable for variable in self.trainable_variables if id(variable) not in of_tables]
        total = sum(math.prod(variable.shape) for variable in dense)
        halves = np.split(np.asarray(values), 2)  # normal, reduction
        for cell in self.cells:
            half = halves[int(cell.reduction)]
            total += sum(row_width(cell.operations[number - cell.first], cell.filters) for number in half[1::2])
            total -= len(set(half[0::2].tolist())) * cell.filters**2  # states that are no loose ends have no kernel
        return total

    def logits(self, images, architecture, training=False, seed=None, chosen=None):
        """Unnormalised log probabilities.

        Args:
            images: `[B, H, W, C]`, 0 to 255.
            architecture: its integers, `[40]` int32.
            training: whether the auxiliary head runs.
            seed: `[2]` int32, of this step's random numbers; None drops nothing.
            chosen: for every cell the table's rows of the architecture; taken from the tables when None.

        Returns:
            Logits `[B, K]` and those of the auxiliary head, None where it did not run.
        """
        values = standardise(images, self.mean, self.deviation, self.compute_dtype)
        if seed is not None:
            values = regularisation.cutout(values, self.cutout, seed, CUTOUT)
        older = newer = self.stem(values)
        auxiliary = None
        for index, (cell, part) in enumerate(zip(self.cells, self._parts(architecture), strict=True)):
            rows = None if chosen is None else chosen[index]
            older, newer = newer, cell(older, newer, architecture=part, chosen=rows)
            if training and index == self._head_after:
                auxiliary = self.head(newer)
        features = tf.reduce_mean(tf.nn.relu(newer), [1, 2])  # [B, C]
        if seed is not None:
            kept = regularisation.mask(tf.shape(features), self.dropout, seed, DROPOUT, features.dtype)
            features = features if kept is None else features * kept
        return self.dense(features), auxiliary

    def call(self, images, architecture=None):
        """Log probabilities `[B, K]` of images `[B, H, W, C]`, 0 to 255, under an architecture `[40]` int32."""
        return tf.nn.log_softmax(tf.cast(self.logits(images, architecture)[0], tf.float32))

    def compute_output_shape(self, input_shape):
        """`[B, H, W, C]` to `[B, K]`."""
        return (input_shape[0], self.classes)

    def get_config(self):
        """Plain JSON values."""
        names = "space classes filters per_input dropout cutout auxiliary".split()
        return {
            "name": self.name,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
            "layers": self.layer_count,
            "image_shape": list(self.image_shape),
            "mean": list(self.mean),
            "deviation": list(self.deviation),
            **{name: getattr(self, name) for name in names},
        }
