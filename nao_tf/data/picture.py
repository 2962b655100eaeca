"""Pictures of any format that Pillow knows, as people see them.

Pillow decodes all of them but the usual JPEG files, those of colours or grey levels. Of these TensorFlow makes pixels,
which differ from Pillow's by about one level of 255: an exported model that decodes JPEG itself uses TensorFlow too,
and work directories belong to the pixels that were read.

Letters: H height, W width.
"""

import collections
import io
import pathlib

import numpy as np

from nao_tf.data.folders import Walk
from nao_tf.data.formats import instead_of_picture
from nao_tf.data.names import in_one_line
from nao_tf.errors import InputError

# Format, as Pillow calls it -> suffixes, in any case. Left out are formats that run another program (EPS), hold no
# pixels (PDF) or that nobody keeps photographs in.
FORMATS = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "AVIF": (".avif", ".avifs"),
    "JPEG2000": (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "DIB": (".dib",),
    "TGA": (".tga",),
    "PCX": (".pcx",),
    "ICO": (".ico",),
    "QOI": (".qoi",),
    "PSD": (".psd",),
    "SGI": (".sgi",),
}
SUFFIXES = tuple(suffix for suffixes in FORMATS.values() for suffix in suffixes)
BACKGROUND = (255, 255, 255)  # of transparent pixels: white, as on paper
MOST_PIXELS = 178_956_970  # H * W; Pillow's own limit: larger ones are taken for an attack
_SIXTEEN = ("I;16", "I;16L", "I;16B", "I;16N")  # Pillow's modes of 16 bits
_ORIENTATION = 0x0112  # the tag of EXIF
_TURNS = {  # orientation -> the name of Pillow's transposition that brings the picture upright
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


def holds_pictures(folder: pathlib.Path) -> bool:
    """Whether a file below a folder has the name of a picture. Raises InputError: a folder cannot be read."""
    return any(path.suffix.lower() in SUFFIXES for path in Walk(folder).files)


def read_picture(
    path: pathlib.Path, content: bytes | None = None, *, oddities: collections.Counter[str] | None = None
) -> np.ndarray:
    """A picture as uint8 `[H, W, 3]`, red, green and blue from 0 to 255.

    The format is told from the content, whatever the suffix. Of several frames the first is read. Palettes and grey
    levels become colours, of 16 bits the upper 8 count, transparent pixels show the white `BACKGROUND`, and a
    photograph is turned as its EXIF orientation says.

    Args:
        path: of the file, for errors too.
        content: of the file, where it is read already.
        oddities: where what of the file is not read, or changed, is counted by its name.

    Raises:
        InputError: the file cannot be read, is no picture, damaged, cut off, larger than `MOST_PIXELS`, or has pixels
            of unknown range.
    """
    from PIL import Image

    name = in_one_line(str(path))
    if content is None:
        content = read_bytes(path)
    if not content:
        raise InputError(f"{name}: not an image, the file is empty; remove it")
    try:
        image = Image.open(io.BytesIO(content), formats=tuple(FORMATS))
    except Image.UnidentifiedImageError as error:
        other = instead_of_picture(content) or f"; give files of {_listed()}"
        raise InputError(f"{name}: not an image{other}") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{name}: more than {MOST_PIXELS:,} pixels; give a smaller picture") from error
    except Exception as error:  # Pillow raises many kinds for damaged files
        raise _damaged(name, error) from error
    with image:
        if image.width * image.height > MOST_PIXELS:
            raise InputError(
                f"{name}: {image.width} x {image.height}, more than {MOST_PIXELS:,} pixels; make it smaller"
            )
        if image.mode == "F" or (image.mode.startswith("I") and not _is_sixteen(image)):
            raise InputError(
                f"{name}: pixels of 32 bits or with a sign (mode {image.mode}), of unknown range; give 8 or 16 bits"
            )
        try:
            if oddities is not None:
                oddities.update(_oddities(image))
            if image.format in ("JPEG", "MPO") and image.mode in ("RGB", "L"):
                colours = Image.fromarray(_decode_jpeg(content))
            else:
                image.load()
                colours = _in_colours(image)
            turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))  # loading has turned TIFF, and removed the tag
            return np.array(colours if turn is None else colours.transpose(Image.Transpose[turn]))
        except Exception as error:
            raise _damaged(name, error) from error


def read_bytes(path: pathlib.Path) -> bytes:
    """The content of a file. Raises InputError: it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{in_one_line(str(path))}: cannot be read ({error.strerror or error})") from error


def _decode_jpeg(content):
    """JPEG as uint8 `[H, W, 3]`."""
    import tensorflow as tf

    return tf.io.decode_image(content, channels=3, expand_animations=False).numpy()


def _oddities(image):
    """What of an opened image is not read, or changed. (The further pictures of MPO are views of the first.)"""
    if image.format != "MPO" and getattr(image, "is_animated", False):
        yield "with several frames, of which the first is read"
    if _is_sixteen(image):
        yield "of 16 bits, of which the upper 8 are read"
    if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema()[0] < 255:
        yield "transparent, on white"


def _is_sixteen(image):
    """Whether grey levels have 16 bits without a sign; Pillow keeps those of PPM in 32."""
    return image.mode in _SIXTEEN or (image.mode == "I" and image.format in ("PPM", "PNG"))


def _in_colours(image):
    """The image in mode RGB."""
    from PIL import Image

    if _is_sixteen(image):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, (*BACKGROUND, 255))
        return Image.alpha_composite(background, image).convert("RGB")
    return image.convert("RGB")


def _damaged(name, error):
    reason = in_one_line(" ".join(str(error).split()))[:200]
    return InputError(f"{name}: the image is damaged or cut off ({reason or type(error).__name__}); give a whole file")


def _listed():
    return ", ".join([*FORMATS][:6])
