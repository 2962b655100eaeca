"""What the training steps of image classifiers share: batches, losses, gradients.

Letters: B images, H height, W width, C channels, K classes.
"""

from collections.abc import Iterator, Sequence

import tensorflow as tf

from nao_tf.data.image_batches import training_batches
from nao_tf.data.image_streams import stream_batches
from nao_tf.data.imagenet import StreamedImages
from nao_tf.data.images import ImageData
from nao_tf.training.image_settings import ImageTraining


def batches_of(data: ImageData, settings: ImageTraining, *, seed: int, steps: int, first: int = 0) -> Iterator:
    """Augmented training batches, from step `first` on: step, images and labels."""
    if isinstance(data, StreamedImages):
        return stream_batches(
            data.train,
            settings.batch_size,
            size=data.image_size,
            seed=seed,
            steps=steps,
            first=first,
            smallest=settings.smallest_crop,
            jitter=settings.color_jitter,
            mirrored=data.mirrored,
        )
    return iter(
        training_batches(
            data.train,
            settings.batch_size,
            seed=seed,
            steps=steps,
            first=first,
            shift=settings.shift,
            mirrored=data.mirrored,
            policy=settings.autoaugment,
        )
    )


def loss_of(
    labels: tf.Tensor, logits: tf.Tensor, *, auxiliary: tf.Tensor | None, weight: float, smoothing: float = 0.0
) -> tuple[tf.Tensor, tf.Tensor]:
    """What is minimised, and the loss that is reported, in nats an image.

    Args:
        labels: `[B]`.
        logits: `[B, K]`.
        auxiliary: of the auxiliary head, `[B, K]`; None without one.
        weight: of its loss.
        smoothing: share of the target that all classes have alike (Szegedy et al., 2016).

    Returns:
        The mean loss with that of the auxiliary head, and the mean negative log likelihood of the labels without.
    """

    def mean(logits):
        logits = tf.cast(logits, tf.float32)
        loss = likelihood = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        if smoothing:
            loss = (1 - smoothing) * likelihood - smoothing * tf.reduce_mean(tf.nn.log_softmax(logits))
        return loss, likelihood

    loss, likelihood = mean(logits)
    return loss if auxiliary is None else loss + weight * mean(auxiliary)[0], likelihood


def as_tensors(gradients: Sequence[tf.Tensor | tf.IndexedSlices]) -> list[tf.Tensor]:
    """Gradients as dense tensors."""
    return [tf.convert_to_tensor(gradient) for gradient in gradients]
