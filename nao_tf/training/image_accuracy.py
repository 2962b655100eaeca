"""Loss and accuracy of a classifier on fixed images.

Letters: B images, H height, W width, C channels, K classes.
"""

import dataclasses
import math
from collections.abc import Callable

import tensorflow as tf

from nao_tf.architecture import Architecture
from nao_tf.data.image_batches import evaluation_batches
from nao_tf.data.images import Part
from nao_tf.errors import DivergedError


@dataclasses.dataclass(frozen=True)
class ClassifierQuality:
    """How good a classifier is on some images.

    Attributes:
        loss: mean negative log likelihood of the classes, in nats an image.
        accuracy: share of the images whose most probable class is theirs.
    """

    loss: float
    accuracy: float


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
        self._count = len(part)
        self.program = tf.function(self._totals, autograph=False)

    def _totals(self, values):
        images, labels, weights = self._batches

        def step(index, loss, correct):
            logits = tf.cast(self._logits(images[index], values), tf.float32)  # [B, K]
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


def finite(quality: ClassifierQuality) -> ClassifierQuality:
    """The quality, unless its loss is not a number: raises DivergedError."""
    if not math.isfinite(quality.loss):
        raise DivergedError(f"validation loss is {quality.loss}")
    return quality
