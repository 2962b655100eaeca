"""What the networks of cells have in common: the stem, the sequence of cells, and the place of the auxiliary head.

Letters: B images, H height, W width, C channels, F filters, K classes.
"""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from nao_tf.child.images.auxiliary_head import AuxiliaryHead
from nao_tf.child.images.layers import ConvolutionStep
from nao_tf.child.images.macro import DEFAULT_STEM, auxiliary_place, reductions, stem_of


class CellStack(keras.layers.Layer):
    """Stem and cells; a subclass makes the cells.

    Args:
        filters: F, of the cells before the first reduction; each reduction doubles it.
        layers: normal cells; two reduction cells are added.
        stem: a key of `STEMS`.

    Attributes:
        auxiliary_after: see `Macro`, as the next two.
        relu_before_pooling: read by the classifier.
        bias: whether the last layer of the classifier has one.
        initializer: of the kernels; None for He's normal one.
        moving: whether normalisations have moving averages.
        head: the auxiliary head; None without one.
    """

    auxiliary_after = 1
    relu_before_pooling = True
    bias = True
    initializer: object = None
    moving = True

    def __init__(self, filters: int, *, layers: int, stem: str = DEFAULT_STEM, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.layer_count, self.stem_name = filters, layers, stem
        self.head: AuxiliaryHead | None = None
        self._make_head: Callable[..., AuxiliaryHead] | None = None

    def attach_head(self, make: Callable[..., AuxiliaryHead]) -> None:
        """Makes `build` put an auxiliary head after the second reduction.

        Args:
            make: called with `stride`, `bias`, `initializer`, `moving` and `dtype`.
        """
        self._make_head = make

    def make_cell(self, filters: int, *, reduction: bool) -> keras.layers.Layer:
        """A cell of F filters."""
        raise NotImplementedError

    def build(self, input_shape):
        """Makes the weights for images `[B, H, W, C]`."""
        common = {"initializer": self.initializer, "moving": self.moving, "dtype": self.dtype_policy}
        stem = stem_of(self.stem_name)
        first, *others = (
            ConvolutionStep(
                each.channels(self.filters), height=3, width=3, stride=each.stride, relu=number > 0, **common
            )
            for number, each in enumerate(stem.convolutions)
        )
        self.stem = first
        self.stem.build(input_shape)
        older = newer = self.stem.compute_output_shape(input_shape)
        self.stem_rest = others
        for layer in others:
            layer.build(newer)
            older, newer = newer, layer.compute_output_shape(newer)
        self.cells, filters = [], self.filters
        self._head_after = auxiliary_place(self.layer_count, self.auxiliary_after)
        for index, reduction in enumerate(reductions(self.layer_count)):
            filters *= 2 if reduction else 1
            cell = self.make_cell(filters, reduction=reduction)
            cell.build(older, newer)
            self.cells.append(cell)
            older, newer = newer, cell.compute_output_shape(older, newer)
            if self._make_head is not None and index == self._head_after:
                self.head = self._make_head(stride=stem.auxiliary_stride, bias=self.bias, **common)
                self.head.build(newer)
        self._features_shape = newer
        self.built = True

    def run(
        self, values: tf.Tensor, arguments: Sequence[dict], *, training: bool
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Runs stem, cells and, in training, the auxiliary head.

        Args:
            values: images `[B, H, W, C]`, around 0.
            arguments: of each cell's call, beside its two inputs.
            training: whether the auxiliary head runs.

        Returns:
            The last cell's output `[B, h, w, C]`, and the auxiliary head's logits `[B, K]`, None where it did not run.
        """
        older = newer = self.stem(values, training=training)  # [B, H, W, C]
        for layer in self.stem_rest:
            older, newer = newer, layer(newer, training=training)  # [B, H / 2, W / 2, C]
        auxiliary = None
        for index, (cell, own) in enumerate(zip(self.cells, arguments, strict=True)):
            older, newer = newer, cell(older, newer, **own)
            if training and self.head is not None and index == self._head_after:
                auxiliary = self.head(newer, training=True)
        return newer, auxiliary

    def compute_output_shape(self, input_shape):
        """`[B, h, w, C]`, of images `[B, H, W, C]` as those that it was built for."""
        return (input_shape[0], *self._features_shape[1:])

    def get_config(self):
        """Plain JSON values."""
        own = {"filters": self.filters, "layers": self.layer_count, "stem": self.stem_name}
        return {**super().get_config(), **own}
