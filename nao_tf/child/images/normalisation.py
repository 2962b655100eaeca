"""Batch normalisation over images and pixels (Ioffe and Szegedy, 2015).

TensorFlow's fused operation is called directly. `keras.layers.BatchNormalization(synchronized=True)` does not use it:
with it a training step of the cpu preset takes 1.26 times the processor's time (docs/decisions.md).

Letters: B images, H height, W width, F channels.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping

import keras
import tensorflow as tf

from nao_tf.child.images.weights import Weight

MOMENTUM = 0.9  # of the moving averages (authors' code)
EPSILON = 1e-5  # added to variances (authors' code)


def normalise_by_batch(
    values: tf.Tensor, scale: tf.Tensor, *, offset: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Batch normalisation with the statistics of these values.

    Args:
        values: `[B, H, W, F]`.
        scale: `[F]`.
        offset: `[F]`.

    Returns:
        The normalised values `[B, H, W, F]`, and the mean `[F]` and the unbiased variance `[F]` of each channel.
    """
    return tf.compat.v1.nn.fused_batch_norm(values, scale, offset, epsilon=EPSILON, is_training=True)


def normalise(values: tf.Tensor, variables: Mapping[str, keras.Variable], *, training: bool) -> tf.Tensor:
    """Batch normalisation with moving averages; across all devices of a `tf.distribute` strategy.

    Args:
        values: `[B, H, W, F]`.
        variables: `scale`, `offset`, `moving_mean` and `moving_variance`, `[F]` each.
        training: whether to take the statistics of the batch and to move the averages, or to take the averages.
    """
    scale, offset, moving_mean, moving_variance = (
        variables[name] for name in ("scale", "offset", "moving_mean", "moving_variance")
    )
    scale, offset = tf.convert_to_tensor(scale), tf.convert_to_tensor(offset)
    if not training:
        mean, variance = tf.convert_to_tensor(moving_mean), tf.convert_to_tensor(moving_variance)
        normalised, _, _ = tf.compat.v1.nn.fused_batch_norm(
            values, scale, offset, mean, variance, epsilon=EPSILON, is_training=False
        )
        return normalised
    replica = tf.distribute.get_replica_context()
    if replica is not None and replica.num_replicas_in_sync > 1:
        normalised, mean, variance = _normalise_across(replica, values, scale=scale, offset=offset)
    else:
        normalised, mean, variance = normalise_by_batch(values, scale, offset=offset)
    moving_mean.assign(MOMENTUM * moving_mean + (1 - MOMENTUM) * mean)
    moving_variance.assign(MOMENTUM * moving_variance + (1 - MOMENTUM) * variance)
    return normalised


def _normalise_across(replica, values, *, scale, offset):
    """`normalise_by_batch` with the statistics of the batches of all devices."""
    wide = tf.cast(values, scale.dtype)
    sums = tf.stack([tf.reduce_mean(wide, [0, 1, 2]), tf.reduce_mean(tf.square(wide), [0, 1, 2])])  # [2, F]
    mean, square = tf.unstack(replica.all_reduce(tf.distribute.ReduceOp.MEAN, sums))
    variance = square - tf.square(mean)
    count = tf.cast(tf.size(values) // tf.shape(values)[-1] * replica.num_replicas_in_sync, variance.dtype)
    normalised = tf.nn.batch_normalization(wide, mean, variance, offset, scale, EPSILON)
    return tf.cast(normalised, values.dtype), mean, variance * count / tf.maximum(count - 1, 1)


@dataclasses.dataclass(frozen=True)
class Normalisation:
    """A batch normalisation of an operation. To the operation it is a function of values `[B, H, W, F]`.

    Attributes:
        name: by which the operation reads it.
        channels: F.
    """

    name: str
    channels: int

    @property
    def weights(self) -> tuple[Weight, ...]:
        """What is learned, and what a row of a table holds: scale and offset, `[F]` each."""
        return (
            Weight(self._named("scale"), (self.channels,), start="ones", wide=True),
            Weight(self._named("offset"), (self.channels,), start="zeros", wide=True),
        )

    def _named(self, quantity: str) -> str:
        return f"{self.name}_{quantity}"

    def create(self, layer: keras.layers.Layer, *, initializer: object, moving: bool) -> dict[str, keras.Variable]:
        """Adds the variables to a layer.

        Args:
            layer: that owns them.
            initializer: not used; see `Weight`.
            moving: whether there are moving averages. Without them the normalisation always takes the statistics of
                the batch, as in a child whose weights many architectures share.

        Returns:
            The variables, by their names.
        """
        variables: dict[str, keras.Variable] = {}
        for weight in self.weights:
            variables |= weight.create(layer, initializer=initializer, moving=moving)
        for quantity, start in {"moving_mean": "zeros", "moving_variance": "ones"}.items() if moving else ():
            name = self._named(quantity)
            variables[name] = layer.add_weight(
                name=name,
                shape=(self.channels,),
                initializer=start,
                trainable=False,
                autocast=False,
                aggregation="mean",
            )
        return variables

    def from_variables(
        self, variables: Mapping[str, keras.Variable], *, training: bool
    ) -> Callable[[tf.Tensor], tf.Tensor]:
        """The normalisation with the variables that `create` added."""
        quantities = ("scale", "offset", "moving_mean", "moving_variance")
        own = {name: variables[self._named(name)] for name in quantities if self._named(name) in variables}
        if "moving_mean" not in own:
            return self.from_row({self._named(name): tf.convert_to_tensor(own[name]) for name in own})
        return functools.partial(normalise, variables=own, training=training)

    def from_row(
        self, pieces: Mapping[str, tf.Tensor], *, dtype: tf.DType | None = None
    ) -> Callable[[tf.Tensor], tf.Tensor]:
        """The normalisation by the statistics of the batch, with the scale and the offset of a row."""
        scale, offset = pieces[self._named("scale")], pieces[self._named("offset")]
        return lambda values: normalise_by_batch(values, scale, offset=offset)[0]
