"""How a camera was held, read and undone within TensorFlow's graph (Exif 2.3, section 4.6).

Letters: B images, h and w height and width of a file's picture, C channels.
"""

import tensorflow as tf

JPEG = b"\xff\xd8\xff"  # the first bytes of a file
# Of a JPEG file's Exif segment: how it begins, in which first bytes it is looked for, the size of a field of its
# directory, the most fields that are read, and the number of the field that tells the orientation
_EXIF, _EXIF_WITHIN, _FIELD, _MOST_FIELDS, _ORIENTATION = b"Exif\0\0", 1 << 16, 12, 500, 0x0112


def is_jpeg(content: tf.Tensor) -> tf.Tensor:
    """Whether the content of a file, a string scalar, begins as that of a JPEG file."""
    return tf.strings.substr(content, 0, len(JPEG)) == JPEG


def upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """A picture `[h, w, C]` as its camera was held; orientations 5 to 8 exchange h and w (Exif 2.3, section 4.6.4)."""
    image = tf.cond(orientation >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    image = tf.cond(_one_of(orientation, (2, 3, 6, 7)), lambda: tf.reverse(image, [1]), lambda: image)
    return tf.cond(_one_of(orientation, (3, 4, 7, 8)), lambda: tf.reverse(image, [0]), lambda: image)


def _one_of(number, numbers):
    return tf.reduce_any(number == tf.constant(numbers, number.dtype))


def orientation_of(content: tf.Tensor) -> tf.Tensor:
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
    known = is_jpeg(content) & (tf.size(first) > 0)
    return tf.where(known, tf.concat([told, [1]], 0)[0], 1)
