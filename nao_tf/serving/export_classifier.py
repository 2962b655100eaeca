"""SavedModels of image classifiers, for programs without this package.

Letters: B images, H height, W width, C channels, K classes.
"""

import os
from collections.abc import Sequence

import keras
import tensorflow as tf

from nao_tf.files import replacing


def export_classifier(model: keras.Model, class_names: Sequence[str], *, directory: os.PathLike[str] | str) -> None:
    """Writes an image classifier with the names of its classes.

    Signature `classify`, also `serving_default`: `images` uint8 `[B, H, W, C]`, any B, unscaled, 0 to 255 ->
    `probabilities` float32 `[B, K]`, `labels` string `[B]`, the name of the most probable class, and `classes` int32
    `[B]`, its number. The normalisation of the training images is part of the model.

    Signature `names`: `classes` int32 `[B]` -> `labels` string `[B]`.

    Args:
        model: a classifier of `nao_tf.child.images` with its weights.
        class_names: K names.
        directory: of the SavedModel; its name is the version that a server sees. A folder of that name is replaced when
            the new one is complete.

    Raises:
        ValueError: the names are not as many as the model's classes.
    """
    if len(class_names) != model.classes:
        raise ValueError(f"{len(class_names)} names of classes; the model has {model.classes}")
    names = tf.constant([str(name) for name in class_names])  # [K]

    def classify(images):
        logits = tf.cast(model.logits(images)[0], tf.float32)  # [B, K]
        classes = tf.argmax(logits, -1, tf.int32)  # [B]
        return {"probabilities": tf.nn.softmax(logits), "labels": tf.gather(names, classes), "classes": classes}

    def name(classes):
        return {"labels": tf.gather(names, classes)}

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("classify", classify, [tf.TensorSpec([None, *model.image_shape], tf.uint8, "images")])
    archive.add_endpoint("names", name, [tf.TensorSpec([None], tf.int32, "classes")])
    with replacing(directory) as temporary:
        archive.write_out(str(temporary), verbose=False)
