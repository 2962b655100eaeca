"""How the values of the recurrent cell lie in memory while it runs: sequences first, or units first.

With units first the kernel is the left side of every product, `[2 U, U] [U, B]`. XLA's products on the CPU are faster
so with large kernels: at 850 units the whole loop with its gradient takes a fifth less; at 64 to 200 units it
takes up to a quarter more (measured: BUILD.md, "Final language models").

Letters: T time steps, B sequences, U units, V a kernel's columns.
"""

import dataclasses
import typing

import tensorflow as tf

UNITS_FIRST_FROM = 256  # units


@dataclasses.dataclass(frozen=True)
class Layout:
    """One of the two layouts; `[B, U]` below stands for `[U, B]` where units come first.

    Attributes:
        units_first: whether a node is `[U, B]`, else `[B, U]`.
    """

    units_first: bool

    @classmethod
    def of(cls, units: int) -> typing.Self:
        """The faster layout for a number of units."""
        return cls(units >= UNITS_FIRST_FROM)

    def turn(self, values: tf.Tensor) -> tf.Tensor:
        """Values or kernels `[…, B, U]` in this layout, or back from it."""
        if not self.units_first:
            return values
        last = values.shape.rank - 1
        return tf.transpose(values, [*range(last - 1), last, last - 1])

    def shape(self, batch: int | None, units: int) -> list[int | None]:
        """The shape of `[B, U]` in this layout."""
        return [units, batch] if self.units_first else [batch, units]

    def product(self, values: tf.Tensor, turned_kernel: tf.Tensor) -> tf.Tensor:
        """`[B, U]` times a kernel `[U, V]` that went through `turn`: `[B, V]`."""
        return tf.matmul(turned_kernel, values) if self.units_first else tf.matmul(values, turned_kernel)

    def halves(self, product: tf.Tensor) -> list[tf.Tensor]:
        """`[B, 2 U]` as two of `[B, U]`."""
        return tf.split(product, 2, 0 if self.units_first else -1)

    def join(self, gate: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
        """Two of `[B, U]` as `[B, 2 U]`."""
        return tf.concat([gate, value], 0 if self.units_first else -1)

    def kernel_gradient(self, values: tf.Tensor, products: tf.Tensor) -> tf.Tensor:
        """The gradient `[U, V]` of a kernel, from its operands `[T, B, U]` and its products' gradients `[T, B, V]`."""
        if self.units_first:
            return tf.einsum("tub,tvb->uv", values, products)
        values, products = (tf.reshape(of, [-1, of.shape[-1]]) for of in (values, products))  # [T B, U], [T B, V]
        return tf.matmul(values, products, transpose_a=True)
