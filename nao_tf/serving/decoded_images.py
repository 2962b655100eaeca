"""Encoded pictures inside an exported graph: bytes of files in, the pixels that a classifier takes out.

Letters: B images, H height, W width, C channels.
"""

from collections.abc import Sequence

import tensorflow as tf

from nao_tf.serving import checked_inputs

CHANNELS = (1, 3)  # that files are decoded to
# The first bytes of what TensorFlow decodes: PNG, JPEG, GIF, BMP
_JPEG = b"\xff\xd8\xff"
_BEGINNINGS = (b"\x89PNG\r\n\x1a\n", _JPEG, b"GIF8", b"BM")
# Of a JPEG file's Exif segment: how it begins, in which first bytes it is looked for, the size of a field of its
# directory, and the number of the field that tells the orientation (Exif 2.3, section 4.6)
_EXIF, _EXIF_WITHIN, _FIELD, _MOST_FIELDS, _ORIENTATION = b"Exif\0\0", 1 << 16, 12, 500, 0x0112


def decode(image_bytes: tf.Tensor, name: str, *, image_shape: Sequence[int]) -> tf.Tensor:
    """Pictures as `nao_tf.data.images` reads them from a folder: decoded, brought to H x W by area, rounded.

    The pixels of JPEG, PNG, BMP and GIF (its first frame) files are those of that loader exactly, where the file has no
    transparency, no palette of a BMP and no more than 8 bits. JPEG files are turned as their Exif orientation tells.

    Args:
        image_bytes: the contents of files, string `[B]`.
        name: of the input, for errors.
        image_shape: H, W and C, one of `CHANNELS`.

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
        image = _upright(image, _orientation(content))
        image = tf.image.resize(image, [height, width], "area")  # [H, W, C] float32; unchanged where it has that size
        return tf.cast(tf.round(image), tf.uint8)

    specification = tf.TensorSpec([height, width, channels], tf.uint8)
    return tf.map_fn(decode_one, image_bytes, fn_output_signature=specification)  # [B, H, W, C]


def _is_jpeg(content):
    return tf.strings.substr(content, 0, len(_JPEG)) == _JPEG


def _upright(image, orientation):
    """A picture `[h, w, C]` as its camera was held; orientations 5 to 8 exchange h and w (Exif 2.3, section 4.6.4)."""
    image = tf.cond(orientation >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    image = tf.cond(_one_of(orientation, (2, 3, 6, 7)), lambda: tf.reverse(image, [1]), lambda: image)
    return tf.cond(_one_of(orientation, (3, 4, 7, 8)), lambda: tf.reverse(image, [0]), lambda: image)


def _one_of(number, numbers):
    return tf.reduce_any(number == tf.constant(numbers, number.dtype))


def _orientation(content):
    """The orientation that a JPEG file tells in its Exif segment, 1 to 8; 1, upright, where it tells none."""
    start = tf.strings.substr(content, 0, _EXIF_WITHIN)
    codes = tf.cast(tf.io.decode_raw(start, tf.uint8), tf.int64)  # [N]
    count = tf.size(codes, tf.int64)

    def numbers(at, size):
        """The unsigned numbers of `size` bytes at some places, which may be any."""
        places = tf.clip_by_value(at[..., tf.newaxis] + tf.range(size, dtype=tf.int64), 0, count - 1)
        found = tf.gather(codes, places)  # [..., size]
        found = tf.where(little, found, found[..., ::-1])  # the least byte first
        return tf.reduce_sum(found * tf.constant([256**power for power in range(size)], tf.int64), -1)

    length = tf.maximum(count - len(_EXIF) + 1, 0)
    hits = tf.reduce_all([codes[index : length + index] == code for index, code in enumerate(_EXIF)], 0)
    first = tf.where(hits)[:1, 0]  # [0 or 1]
    tiff = tf.concat([first, [0]], 0)[0] + len(_EXIF)  # where the header is, if there is one
    little = tf.gather(codes, tf.minimum(tiff, count - 1)) == ord("I")
    directory = tiff + numbers(tiff + 4, 4)
    fields = directory + 2 + _FIELD * tf.range(tf.minimum(numbers(directory, 2), _MOST_FIELDS))  # [fields]
    told = numbers(fields + 8, 2)  # [fields]
    told = tf.boolean_mask(told, (numbers(fields, 2) == _ORIENTATION) & (told >= 1) & (told <= 8))
    known = _is_jpeg(content) & (tf.size(first) > 0)
    return tf.where(known, tf.concat([told, [1]], 0)[0], 1)
