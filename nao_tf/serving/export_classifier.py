"""SavedModels of image classifiers, for programs without this package.

Letters: B images, H height, W width, C channels, K classes.
"""

import os
from collections.abc import Sequence

import keras
import tensorflow as tf

from nao_tf.child.images.classifier import Classifier
from nao_tf.files import replacing
from nao_tf.serving import checked_inputs, decoded_images, saved_model, stored_weights


def export_classifier(
    model: Classifier,
    class_names: Sequence[str],
    *,
    directory: os.PathLike[str] | str,
    centre: float | None = None,
    weights: str = stored_weights.DEFAULT,
) -> None:
    """Writes an image classifier with the names of its classes.

    Signature `classify`, also `serving_default`: `images` uint8 `[B, H, W, C]`, any B, unscaled, 0 to 255 ->
    `probabilities` float32 `[B, K]`, `labels` string `[B]`, the name of the most probable class, and `classes` int32
    `[B]`, its number. The normalisation of the training images is part of the model.

    Signature `classify_bytes`: `image_bytes` string `[B]`, the contents of JPEG, PNG, GIF or BMP files of any size ->
    the same as `classify`, of the pictures as `decoded_images.decode` reads them. A model of other channels than 1 or 3
    is without it, since no picture has them.

    Signature `names`: `classes` int32 `[B]` -> `labels` string `[B]`.

    A request of other shapes, with numbers that are no classes, or with bytes that are no picture is answered with an
    error that says so (`serving.checked_inputs`). No rows are answered with no rows.

    Args:
        model: a classifier of `nao_tf.child.images` with its weights.
        class_names: K names.
        directory: of the SavedModel; its name is the version that a server sees. A folder of that name is replaced when
            the new one is complete.
        centre: of a model that was trained on crops: what `classify_bytes` cuts out of a picture, see
            `decoded_images.decode`.
        weights: their storage format, a name of `stored_weights.FORMATS`; what is computed is not changed by it. An
            auxiliary head is left out.

    Raises:
        ValueError: the names are not as many as the model's classes, or there is no such format of weights.
    """
    if len(class_names) != model.classes:
        raise ValueError(f"{len(class_names)} names of classes; the model has {model.classes}")
    names = tf.constant([str(name) for name in class_names])  # [K]
    only_trained = {id(variable) for variable in ([] if model.head is None else model.head.variables)}
    served = [variable for variable in model.variables if id(variable) not in only_trained]
    stored = stored_weights.StoredWeights(served, [], weights=weights)

    images_spec = tf.TensorSpec([None, *model.image_shape], tf.uint8, "images")
    bytes_spec = tf.TensorSpec([None], tf.string, "image_bytes")
    classes_spec = tf.TensorSpec([None], tf.int32, "classes")

    def classified(images):
        rows = tf.shape(images)[0]  # B
        # Convolutions of oneDNN refuse a batch of no images, so that becomes one image, whose answer is cut off
        none = tf.zeros([tf.cast(rows == 0, tf.int32), *model.image_shape])
        images = tf.concat([tf.cast(images, tf.float32), none], 0)
        with stored.scope():
            logits = tf.cast(model.logits(images)[0], tf.float32)[:rows]  # [B, K]
        classes = tf.argmax(logits, -1, tf.int32)  # [B]
        return {"probabilities": tf.nn.softmax(logits), "labels": tf.gather(names, classes), "classes": classes}

    def classify(images):
        return classified(checked_inputs.received(images, images_spec))

    def classify_bytes(image_bytes):
        image_bytes = checked_inputs.received(image_bytes, bytes_spec)
        shape = model.image_shape
        return classified(decoded_images.decode(image_bytes, "image_bytes", image_shape=shape, centre=centre))

    def name(classes):
        classes = checked_inputs.received(classes, classes_spec)
        return {
            "labels": tf.gather(names, checked_inputs.in_range(classes, "classes", lowest=0, highest=model.classes - 1))
        }

    archive = keras.export.ExportArchive()
    archive.track(stored.trackable)
    archive.add_endpoint("classify", classify, [images_spec])
    if model.image_shape[-1] in decoded_images.CHANNELS:
        archive.add_endpoint("classify_bytes", classify_bytes, [bytes_spec])
    archive.add_endpoint("names", name, [classes_spec])
    with replacing(directory) as temporary:
        saved_model.write(archive, temporary)
