"""Encoded pictures inside an exported graph: bytes of files in, the pixels that a classifier takes out.

Letters: B images, H height, W width, C channels.
"""

from collections.abc import Sequence

import tensorflow as tf

from nao_tf.data import image_crops
from nao_tf.data.orientation import JPEG, orientation_of, upright
from nao_tf.serving import checked_inputs

CHANNELS = (1, 3)  # that files are decoded to
# The first bytes of what TensorFlow decodes: PNG, JPEG, GIF, BMP
_BEGINNINGS = (b"\x89PNG\r\n\x1a\n", JPEG, b"GIF8", b"BM")


def decode(image_bytes: tf.Tensor, name: str, *, image_shape: Sequence[int], centre: float | None = None) -> tf.Tensor:
    """Pictures as `nao_tf.data.images` reads them from a folder: decoded, brought to H x W by area, rounded; or the
    square in the middle of each as `nao_tf.data.image_crops` makes it.

    The pixels of JPEG, PNG, BMP and GIF (its first frame) files are those of that loader exactly, where the file has no
    transparency, no palette of a BMP and no more than 8 bits. JPEG files are turned as their Exif orientation tells.

    Args:
        image_bytes: the contents of files, string `[B]`.
        name: of the input, for errors.
        image_shape: H, W and C, one of `CHANNELS`.
        centre: share of the shorter side that the square in the middle has; None for the whole picture.

    Returns:
        uint8 `[B, H, W, C]`. A row that does not begin as a picture ends the request with an error that names the row;
        a damaged picture with the error of its decoder, which tells the number of its bytes.
    """
    height, width, channels = image_shape
    longest = max(map(len, _BEGINNINGS))
    beginnings = tf.strings.substr(image_bytes, 0, longest)  # [B]
    known = [tf.strings.substr(beginnings, 0, len(beginning)) == beginning for beginning in _BEGINNINGS]
    rows = tf.where(~tf.reduce_any(known, axis=0))[:1, 0]  # [0 or 1]
    message = [f"{name} has no picture in row", rows, "; it takes the bytes of JPEG, PNG, GIF or BMP files"]
    image_bytes = checked_inputs.required(image_bytes, tf.size(rows) == 0, message=message)

    def decode_one(content):
        image = tf.io.decode_image(content, channels, expand_animations=False)  # [h, w, C]
        image = upright(image, orientation_of(content))
        if centre is not None:
            return tf.cast(tf.round(image_crops.centre(image, size=height, share=centre)), tf.uint8)
        image = tf.image.resize(image, [height, width], "area")  # [H, W, C] float32; unchanged where it has that size
        return tf.cast(tf.round(image), tf.uint8)

    specification = tf.TensorSpec([height, width, channels], tf.uint8)
    return tf.map_fn(decode_one, image_bytes, fn_output_signature=specification)  # [B, H, W, C]
