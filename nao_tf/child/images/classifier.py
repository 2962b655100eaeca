"""The image classifier around a network: images in, log probabilities of the classes out.

What all networks share is here: images as numbers around 0, cutout, global average pooling, dropout and the last layer.
The network between them is a `CellNetwork`, a `SharedNetwork` or a `ResidualNetwork`.

Letters: B images, H height, W width, C channels, h and w of the network's output, K classes.
"""

import functools
from collections.abc import Sequence
from typing import Any, Protocol

import keras
import tensorflow as tf

from nao_tf.child import regularisation
from nao_tf.child.images.auxiliary_head import AuxiliaryHead
from nao_tf.child.images.size import Size


class Network(Protocol):
    """The middle of a classifier; a `keras.layers.Layer`.

    Attributes:
        relu_before_pooling: whether a ReLU stands before the global pooling.
        bias: whether the last layer of the classifier has one.
        head: the auxiliary head, None without one.
        dtype_policy: of its layers and of the classifier's.
    """

    relu_before_pooling: bool
    bias: bool
    head: AuxiliaryHead | None
    dtype_policy: keras.DTypePolicy

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Makes the weights for images `[B, H, W, C]`."""

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """`[B, h, w, C]`."""

    def attach_head(self, make: Any) -> None:
        """Makes `build` put an auxiliary head in its place. Raises ValueError where there is no place."""

    def features(self, values: tf.Tensor, **options: Any) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Runs the network.

        Args:
            values: images `[B, H, W, C]`, around 0.
            options: `training`: whether batch statistics are taken and the auxiliary head runs; `seed`: `[2]` int32, of
                the random numbers of this step, None drops nothing; `progress`: share of the training that is over;
                and what else the network takes.

        Returns:
            The output `[B, h, w, C]`, and the auxiliary head's logits `[B, K]`, None where it did not run.
        """

    def size(self, image_shape: Sequence[int], classes: int, **options: Any) -> Size:
        """Its size and that of a last layer of K classes, without an auxiliary head."""


def standardise(
    images: tf.Tensor, mean: Sequence[float], *, deviation: Sequence[float], dtype: tf.DType | str
) -> tf.Tensor:
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
class Classifier(keras.Model):
    """Images in, log probabilities of the classes out.

    The classifier has the precision of its network.

    Args:
        network: without its weights; the classifier builds it.
        classes: K.
        image_shape: `[H, W, C]`.
        mean: of each channel of the training images, on the scale 0 to 1; None for 0.5.
        deviation: of each channel, likewise.
        dropout: share of the features before the last layer that is dropped in training.
        cutout: size of the square that is cut out of a training image, in pixels; 0 for none.
        auxiliary: whether there is an auxiliary head, used in training only.

    Raises:
        ValueError: the network has no place for an auxiliary head.
    """

    def __init__(
        self,
        network: Network,
        *,
        classes: int,
        image_shape: Sequence[int],
        mean: Sequence[float] | None = None,
        deviation: Sequence[float] | None = None,
        dropout: float = 0.0,
        cutout: int = 0,
        auxiliary: bool = False,
        **kwargs,
    ):
        super().__init__(**{"dtype": network.dtype_policy, **kwargs})
        self.network, self.classes = network, classes
        self.image_shape = [int(size) for size in image_shape]
        channels = self.image_shape[-1]
        self.mean = [float(value) for value in (mean or [0.5] * channels)]
        self.deviation = [float(value) for value in (deviation or [0.5] * channels)]
        self.dropout, self.cutout, self.auxiliary = dropout, cutout, auxiliary
        if auxiliary:
            network.attach_head(functools.partial(AuxiliaryHead, classes))

    def build(self, input_shape=None):
        """Makes the weights; needs no shape."""
        shape = (None, *self.image_shape)
        self.network.build(shape)
        features = self.network.compute_output_shape(shape)
        self.dense = keras.layers.Dense(self.classes, use_bias=self.network.bias, dtype=self.dtype_policy)
        self.dense.build((None, features[-1]))
        self.built = True

    @property
    def head(self) -> AuxiliaryHead | None:
        """The auxiliary head, None without one."""
        return self.network.head

    def size(self, **options: Any) -> Size:
        """Trainable parameters and multiply-adds, without an auxiliary head.

        Args:
            options: of a `SharedNetwork`, `architecture`: the one whose share is counted.
        """
        return self.network.size(self.image_shape, self.classes, **options)

    def logits(
        self,
        images: tf.Tensor,
        *,
        training: bool = False,
        seed: tf.Tensor | None = None,
        progress: tf.Tensor | float = 1.0,
        **options: Any,
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Unnormalised log probabilities.

        Args:
            images: `[B, H, W, C]`, 0 to 255.
            training: whether batch statistics are taken and the auxiliary head runs.
            seed: `[2]` int32, of this step's random numbers; None drops nothing.
            progress: share of the training that is over, 0 to 1; drop-path grows with it.
            options: what else the network takes; a `SharedNetwork` `architecture` and `chosen`.

        Returns:
            Logits `[B, K]` and those of the auxiliary head, None where it did not run.
        """
        values = standardise(images, self.mean, deviation=self.deviation, dtype=self.compute_dtype)  # [B, H, W, C]
        if seed is not None:
            values = regularisation.cutout(values, self.cutout, seed=seed, salt=regularisation.CUTOUT)
        values, auxiliary = self.network.features(
            values, training=training, seed=seed, progress=progress, **options
        )  # [B, h, w, C]
        values = tf.nn.relu(values) if self.network.relu_before_pooling else values
        features = tf.reduce_mean(values, [1, 2])  # [B, C]
        if seed is not None:
            kept = regularisation.mask(
                tf.shape(features), self.dropout, seed=seed, salt=regularisation.DROPOUT, dtype=features.dtype
            )
            features = features if kept is None else features * kept
        return self.dense(features), auxiliary  # [B, K]

    def call(self, images, architecture=None, training=False):
        """Log probabilities `[B, K]` of images `[B, H, W, C]`, uint8 or float, 0 to 255; nothing is dropped.

        Args:
            images: the images.
            architecture: its integers, `[40]` int32; of a `SharedNetwork` only.
            training: whether the statistics of the batch are taken; training itself goes through `logits`.
        """
        options = {} if architecture is None else {"architecture": architecture}
        return tf.nn.log_softmax(tf.cast(self.logits(images, training=training, **options)[0], tf.float32))

    def compute_output_shape(self, input_shape):
        """`[B, H, W, C]` to `[B, K]`."""
        return (input_shape[0], self.classes)

    def get_config(self):
        """Plain JSON values."""
        network = keras.saving.serialize_keras_object(self.network)
        network.pop("build_config", None)  # the classifier builds it, with its auxiliary head
        names = ("classes", "dropout", "cutout", "auxiliary")
        return {
            "name": self.name,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
            "network": network,
            "image_shape": list(self.image_shape),
            "mean": list(self.mean),
            "deviation": list(self.deviation),
            **{name: getattr(self, name) for name in names},
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The classifier of `get_config`."""
        network = keras.saving.deserialize_keras_object(config["network"], custom_objects)
        dtype = keras.saving.deserialize_keras_object(config["dtype"])
        return cls(**{**config, "network": network, "dtype": dtype})
