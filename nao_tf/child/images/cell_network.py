"""The network of one pair of cells (NAO, section 3.1; details from the authors' code).

Letters: B images, H height, W width, C channels, F filters, K classes.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf

from nao_tf.architecture.cells import BRANCHES, Cell
from nao_tf.child import regularisation
from nao_tf.child.images.cell import ConvolutionalCell, cell_from_lists, cell_to_lists
from nao_tf.child.images.cell_stack import CellStack
from nao_tf.child.images.macro import DEFAULT_STEM, macro_of
from nao_tf.child.images.size import Size, size_of_cells


@keras.saving.register_keras_serializable(package="nao_tf")
class CellNetwork(CellStack):
    """A stem and the cells of one architecture.

    Args:
        cells: the normal and the reduction cell.
        filters: F, of the cells before the first reduction; each reduction doubles it.
        layers: normal cells; two reduction cells are added.
        macro: a key of `MACROS`.
        stem: a key of `STEMS`.
        drop_path: share of the branches that is dropped at the last cell at the end of training; less before.
        drop_identity: whether identities are dropped too.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        filters: int,
        *,
        layers: int,
        macro: str = "nao",
        stem: str = DEFAULT_STEM,
        drop_path: float = 0.0,
        drop_identity: bool = False,
        **kwargs,
    ):
        super().__init__(filters, layers=layers, stem=stem, **kwargs)
        self.pair = tuple(cells)
        self.macro, self.drop_path, self.drop_identity = macro, drop_path, drop_identity
        structure = macro_of(macro)
        self.bias, self.initializer = structure.bias, structure.initializer
        self.auxiliary_after, self.relu_before_pooling = structure.auxiliary_after, structure.relu_before_pooling

    def make_cell(self, filters: int, *, reduction: bool) -> ConvolutionalCell:
        """See `CellStack`."""
        return ConvolutionalCell(
            self.pair[int(reduction)],
            filters,
            reduction=reduction,
            macro=self.macro,
            drop_identity=self.drop_identity,
            dtype=self.dtype_policy,
        )

    def features(
        self,
        values: tf.Tensor,
        *,
        training: bool = False,
        seed: tf.Tensor | None = None,
        progress: tf.Tensor | float = 1.0,
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """See `Network`. With a seed branches are dropped, more of them in deeper cells and in later steps."""
        masks = [None] * len(self.cells)
        if seed is not None and self.drop_path:
            # deeper cells and later steps drop more (Zoph et al., 2018)
            depth = tf.range(1, len(self.cells) + 1, dtype=tf.float32) / len(self.cells)  # [cells]
            keep = 1 - self.drop_path * tf.cast(progress, tf.float32) * depth  # [cells]
            masks = tf.unstack(
                regularisation.path_masks(
                    keep,
                    BRANCHES * len(self.pair[0].nodes),
                    batch=tf.shape(values)[0],
                    seed=seed,
                    salt=regularisation.DROP_PATH,
                )
            )
        return self.run(values, [{"training": training, "masks": mask} for mask in masks], training=training)

    def call(self, values, training=False):
        """The last cell's output, of images `[B, H, W, C]` around 0."""
        return self.features(values, training=training)[0]

    def size(self, image_shape: Sequence[int], classes: int) -> Size:
        """Its size and that of a last layer, without an auxiliary head."""
        return size_of_cells(
            self.pair,
            image_shape,
            classes=classes,
            filters=self.filters,
            layers=self.layer_count,
            macro=self.macro,
            stem=self.stem_name,
        )

    def get_config(self):
        """Plain JSON values."""
        names = ("macro", "drop_path", "drop_identity")
        own = {name: getattr(self, name) for name in names}
        return {**super().get_config(), "cells": [cell_to_lists(cell) for cell in self.pair], **own}

    @classmethod
    def from_config(cls, config):
        """The network of `get_config`."""
        return super().from_config({**config, "cells": [cell_from_lists(nodes) for nodes in config["cells"]]})
