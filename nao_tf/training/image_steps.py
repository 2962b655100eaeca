"""What the training steps of image classifiers share: batches, losses, gradients.

Letters: B images, H height, W width, C channels, K classes.
"""

from collections.abc import Iterator, Sequence

import tensorflow as tf

from nao_tf.data.image_batches import training_batches
from nao_tf.data.images import ImageData
from nao_tf.training.image_settings import ImageTraining


def batches_of(data: ImageData, settings: ImageTraining, *, seed: int, steps: int, first: int = 0) -> Iterator:
    """Augmented training batches, from step `first` on: step, images and labels."""
    return iter(
        training_batches(
            data.train,
            settings.batch_size,
            seed=seed,
            steps=steps,
            first=first,
            shift=settings.shift,
            mirrored=data.mirrored,
        )
    )


def loss_of(
    labels: tf.Tensor, logits: tf.Tensor, *, auxiliary: tf.Tensor | None, weight: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Loss with that of the auxiliary head, and without, in nats an image."""

    def mean(logits):
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, tf.cast(logits, tf.float32)))

    likelihood = mean(logits)
    return likelihood if auxiliary is None else likelihood + weight * mean(auxiliary), likelihood


def as_tensors(gradients: Sequence[tf.Tensor | tf.IndexedSlices]) -> list[tf.Tensor]:
    """Gradients as dense tensors."""
    return [tf.convert_to_tensor(gradient) for gradient in gradients]
