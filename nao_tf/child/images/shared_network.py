"""The network of a search: one program for all architectures (ENAS's and NAO's weight sharing).

The architecture is data, see `SharedCell`. Every normalisation takes the statistics of its batch, in evaluation too:
moving averages over many architectures would be those of none. Whoever compares architectures gives all of them the
same batches.

Letters: B images, H height, W width, C channels, F filters, K classes, P numbers of a table's row.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf

from nao_tf.architecture import Architecture
from nao_tf.child.images.cell import cells_of
from nao_tf.child.images.cell_stack import CellStack
from nao_tf.child.images.macro import DEFAULT_STEM
from nao_tf.child.images.shared_cell import SharedCell
from nao_tf.child.images.size import Size, size_of_shared_cells


@keras.saving.register_keras_serializable(package="nao_tf")
class SharedNetwork(CellStack):
    """A stem and cells whose architecture is data.

    Args:
        operations: keys of `OPERATIONS`, in the order of their numbers.
        filters: F, of the cells before the first reduction; each reduction doubles it.
        layers: normal cells; two reduction cells are added.
        stem: a key of `STEMS`.
        first: the number of the first operation.
        per_input: see `SharedCell`.
    """

    moving = False

    def __init__(
        self,
        operations: Sequence[str],
        filters: int,
        *,
        layers: int,
        stem: str = DEFAULT_STEM,
        first: int = 0,
        per_input: bool = True,
        **kwargs,
    ):
        super().__init__(filters, layers=layers, stem=stem, **kwargs)
        self.operations, self.first, self.per_input = tuple(operations), first, per_input

    def make_cell(self, filters: int, *, reduction: bool) -> SharedCell:
        """See `CellStack`."""
        return SharedCell(
            self.operations,
            filters,
            first=self.first,
            reduction=reduction,
            per_input=self.per_input,
            dtype=self.dtype_policy,
        )

    @property
    def tables(self) -> list[keras.Variable]:
        """The tables of all cells; every other trainable weight is used by every architecture."""
        return [cell.table for cell in self.cells]

    def rows(self, architecture: tf.Tensor) -> list[tf.Tensor]:
        """For every cell the rows of its table that an architecture `[40]` int32 uses: `[branches]` int32 each."""
        return [cell.rows(part) for cell, part in zip(self.cells, self._parts(architecture), strict=True)]

    def _parts(self, architecture):
        halves = tf.split(architecture, 2)  # normal, reduction
        return [halves[int(cell.reduction)] for cell in self.cells]

    def features(
        self,
        values: tf.Tensor,
        *,
        architecture: tf.Tensor,
        training: bool = False,
        seed: tf.Tensor | None = None,
        progress: tf.Tensor | float = 1.0,
        chosen: Sequence[tf.Tensor] | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """See `Network`; no branch is dropped.

        Args:
            values: images `[B, H, W, C]`, around 0.
            architecture: its integers, `[40]` int32.
            training: whether the auxiliary head runs.
            seed: not used.
            progress: not used.
            chosen: for every cell the table's rows of the architecture, `[branches, P]`; taken from the tables when
                None.
        """
        parts = self._parts(architecture)
        rows = [None] * len(parts) if chosen is None else chosen
        arguments = [{"architecture": part, "chosen": row} for part, row in zip(parts, rows, strict=True)]
        return self.run(values, arguments, training=training)

    def call(self, values, architecture):
        """The last cell's output, of images `[B, H, W, C]` around 0 and an architecture `[40]` int32."""
        return self.features(values, architecture=architecture)[0]

    def size(self, image_shape: Sequence[int], classes: int, *, architecture: Architecture) -> Size:
        """The size of what an architecture uses and of a last layer, without an auxiliary head."""
        return size_of_shared_cells(
            cells_of(architecture),
            image_shape,
            classes=classes,
            filters=self.filters,
            layers=self.layer_count,
            stem=self.stem_name,
        )

    def get_config(self):
        """Plain JSON values."""
        own = {"operations": list(self.operations), "first": self.first, "per_input": self.per_input}
        return {**super().get_config(), **own}
