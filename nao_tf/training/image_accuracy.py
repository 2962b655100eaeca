"""Loss and accuracy of a classifier on fixed images.

Letters: B images, H height, W width, C channels, K classes.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from nao_tf.architecture import Architecture
from nao_tf.data.image_batches import evaluation_batches, reader
from nao_tf.data.image_streams import evaluation_stream
from nao_tf.data.imagenet import Streamed, StreamedImages
from nao_tf.data.images import ImageData, Part
from nao_tf.errors import DivergedError

TOP = 5  # classes of ImageNet's second figure


@dataclasses.dataclass(frozen=True)
class ClassifierQuality:
    """How good a classifier is on some images.

    Attributes:
        loss: mean negative log likelihood of the classes, in nats an image.
        accuracy: share of the images whose most probable class is theirs.
        top_5: share of the images whose class is among the five most probable ones; None where it is not measured.
    """

    loss: float
    accuracy: float
    top_5: float | None = None


class ImageAccuracy:
    """Accuracy and loss of a classifier on fixed images: every image once, always in the same batches.

    Args:
        logits: called with images `[B, H, W, C]` and the integers of an architecture; returns `[B, K]`.
        part: the images.
        batch_size: B.

    Attributes:
        program: the evaluation; one serves all architectures.
    """

    def __init__(self, logits: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], part: Part, *, batch_size: int):
        self._logits = logits
        self._batches = tuple(tf.constant(array) for array in evaluation_batches(part, batch_size))
        self._read = reader(part.images)
        self._count = len(part)
        self.program = tf.function(self._totals, autograph=False)

    def _totals(self, values):
        images, labels, weights = self._batches  # the indices of images

        def step(index, loss, correct):
            logits = tf.cast(self._logits(self._read(images[index]), values), tf.float32)  # [B, K]
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels[index], logits)  # [B]
            hits = tf.cast(tf.equal(tf.argmax(logits, -1, tf.int32), labels[index]), tf.float32)  # [B]
            weight = weights[index]
            return index + 1, loss + tf.reduce_sum(weight * losses), correct + tf.reduce_sum(weight * hits)

        loop = [0, tf.zeros([]), tf.zeros([])]
        # Two batches at a time: within one, operations wait for each other and leave processors idle.
        _, loss, correct = tf.while_loop(lambda index, *_: index < images.shape[0], step, loop, parallel_iterations=2)
        return loss, correct

    def __call__(self, architecture: Architecture | None = None) -> ClassifierQuality:
        """The quality with the weights as they are; without an architecture that of a model for one network."""
        values = architecture.values if architecture else ()
        loss, correct = self.program(tf.constant(values, tf.int32))
        return ClassifierQuality(loss=float(loss) / self._count, accuracy=float(correct) / self._count)


class StreamAccuracy:
    """Accuracy, top-5 accuracy and loss of a classifier on pictures that are read when they are needed.

    Every picture counts once, always in the same batches.

    Args:
        logits: called with images `[B, H, W, C]` and the integers of an architecture; returns `[B, K]`.
        part: the pictures.
        size: their height and width.
        batch_size: B.

    Attributes:
        program: the evaluation of a batch; one serves all architectures.
    """

    def __init__(
        self,
        logits: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
        part: Streamed,
        *,
        size: int,
        batch_size: int,
    ):
        self._logits = logits
        self._part, self._size, self._batch_size = part, size, batch_size
        self.program = tf.function(self._totals, autograph=False)

    def _totals(self, images, labels, weights, values):
        logits = tf.cast(self._logits(images, values), tf.float32)  # [B, K]
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)  # [B]
        hits = tf.equal(tf.argmax(logits, -1, tf.int32), labels)  # [B]
        among = tf.math.in_top_k(labels, logits, min(TOP, logits.shape[-1]))  # [B]
        return tf.stack([tf.reduce_sum(weights * tf.cast(each, tf.float32)) for each in (losses, hits, among)])

    def __call__(self, architecture: Architecture | None = None) -> ClassifierQuality:
        """The quality with the weights as they are; without an architecture that of a model for one network.

        Raises:
            InputError: a file is no picture; the message names it.
        """
        values = tf.constant(architecture.values if architecture else (), tf.int32)
        total = np.zeros(3)
        for images, labels, weights in evaluation_stream(self._part, self._batch_size, size=self._size):
            total += self.program(images, labels, weights, values).numpy()
        loss, accuracy, top_5 = (total / len(self._part)).tolist()
        return ClassifierQuality(loss=loss, accuracy=accuracy, top_5=top_5)


def quality_of(
    logits: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], data: ImageData, *, part: Part | Streamed, batch_size: int
) -> ImageAccuracy | StreamAccuracy:
    """What measures a classifier on a part of a data set.

    Args:
        logits: see `ImageAccuracy`.
        data: that the part is of.
        part: images.
        batch_size: B.
    """
    if isinstance(data, StreamedImages):
        return StreamAccuracy(logits, part, size=data.image_size, batch_size=batch_size)  # type: ignore[arg-type]
    return ImageAccuracy(logits, part, batch_size=batch_size)  # type: ignore[arg-type]


def finite(quality: ClassifierQuality) -> ClassifierQuality:
    """The quality, unless its loss is not a number: raises DivergedError."""
    if not math.isfinite(quality.loss):
        raise DivergedError(f"validation loss is {quality.loss}")
    return quality
