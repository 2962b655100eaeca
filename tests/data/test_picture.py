"""Pictures as Pillow decodes them: formats, modes, transparency, orientation, damage."""

import collections
import io
import pathlib
import struct
import zlib

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image, ImageOps

from nao_tf.data import picture
from nao_tf.data.picture import read_picture
from nao_tf.errors import InputError

HERE = pathlib.Path("here.png")
LOSSLESS = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "BMP": ("1", "L", "P", "RGB"),
    "GIF": ("1", "L", "P", "RGB"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"),
    "WEBP": ("L", "RGB", "RGBA"),
    "PPM": ("1", "L", "RGB"),
    "TGA": ("L", "LA", "P", "RGB", "RGBA"),
    "PCX": ("1", "L", "P", "RGB"),
    "ICO": ("RGB", "RGBA"),
    "JPEG2000": ("L", "LA", "RGB", "RGBA"),
    "QOI": ("RGB", "RGBA"),
    "SGI": ("L", "RGB", "RGBA"),
}
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, [64, 64, 3]).astype(np.uint8))
KINDS = [(kind, mode) for kind, modes in LOSSLESS.items() for mode in modes]


def drawn(mode, width, height, seed):
    generator = np.random.default_rng(seed)
    if mode == "I;16":
        return Image.fromarray(generator.integers(0, 2**16, [height, width]).astype(np.uint16))
    values = generator.integers(0, 256, [height, width, 4]).astype(np.uint8)
    image = Image.fromarray(values)
    return image.convert("RGB").quantize(7) if mode == "P" else image.convert(mode)


def encoded(image, kind, **options):
    file = io.BytesIO()
    lossless = {"WEBP": {"lossless": True, "exact": True}, "ICO": {"sizes": [image.size]}}
    image.save(file, kind, **{**lossless.get(kind, {}), **options})
    return file.getvalue()


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(KINDS), st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**31))
def test_all_formats_are_read_as_pillow_reads_them(kind, width, height, seed):
    form, mode = kind
    content = encoded(drawn(mode, width, height, seed), form)
    found = read_picture(HERE, content)
    with Image.open(io.BytesIO(content)) as image:
        if image.mode == "I;16":
            expected = np.repeat((np.asarray(image) // 256)[..., None], 3, -1)
        elif image.has_transparency_data:
            values = np.asarray(image.convert("RGBA")).astype(float)
            share = values[..., 3:] / 255
            expected = values[..., :3] * share + 255 * (1 - share)
        else:
            expected = np.asarray(image.convert("RGB"))
    assert found.shape == (image.height, image.width, 3) and found.dtype == np.uint8
    np.testing.assert_allclose(found.astype(float), expected, atol=1 if image.has_transparency_data else 0)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 95}])
def test_jpeg(mode, options):
    y, x = np.mgrid[:37, :51]
    image = Image.fromarray(np.stack([5 * x, 6 * y, 255 - 5 * x], -1).astype(np.uint8)).convert(mode)
    content = encoded(image, "JPEG", **options)
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    difference = np.abs(read_picture(HERE, content) - expected)
    assert difference.max() <= 8 and difference.mean() < 2


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_their_exif_says(form, orientation):
    image = Image.new("RGB", (32, 16), (255, 0, 0))
    image.paste((0, 0, 255), (16, 0, 32, 16))
    image.paste((0, 255, 0), (0, 0, 16, 8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"subsampling": 0} if form == "JPEG" else {}
    content = encoded(image, form, exif=exif, **options)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")).astype(int)
    found = read_picture(HERE, content)
    assert found.shape == expected.shape == ((16, 32, 3) if orientation < 5 else (32, 16, 3))
    assert np.abs(found - expected).max() <= 6


def test_transparent_pixels_show_white():
    clear = Image.new("RGBA", (2, 1), (200, 0, 0, 0))
    clear.putpixel((1, 0), (200, 0, 0, 255))
    assert read_picture(HERE, encoded(clear, "PNG")).tolist() == [[[255, 255, 255], [200, 0, 0]]]
    keyed = Image.new("RGB", (2, 1), (200, 0, 0))
    keyed.putpixel((1, 0), (1, 2, 3))
    assert read_picture(HERE, encoded(keyed, "PNG", transparency=(200, 0, 0)))[0].tolist() == [[255] * 3, [1, 2, 3]]
    palette = keyed.quantize(2)
    index = palette.getpixel((0, 0))
    for form in ("PNG", "GIF"):
        found = read_picture(HERE, encoded(palette, form, transparency=index))
        assert found[0].tolist() == [[255] * 3, [1, 2, 3]]


def test_the_first_frame_counts():
    frames = [Image.new("RGB", (4, 4), colour) for colour in ((200, 40, 90), (0, 255, 0))]
    for form in ("GIF", "PNG", "TIFF"):
        content = encoded(frames[0], form, save_all=True, append_images=frames[1:])
        assert read_picture(HERE, content)[0, 0].tolist() == [200, 40, 90]


@pytest.mark.parametrize("form", ["GIF", "PNG", "TIFF", "WEBP"])
def test_what_is_not_read_is_counted(form):
    oddities = collections.Counter()
    frames = [NOISE.resize((9, 9)), NOISE.resize((9, 9)).rotate(90)]
    read_picture(HERE, encoded(frames[0], form), oddities=oddities)
    assert not oddities
    read_picture(HERE, encoded(frames[0], form, save_all=True, append_images=frames[1:]), oddities=oddities)
    assert oddities == {"with several frames, of which the first is read": 1}
    if form != "GIF":
        frames[0].putalpha(100)
        read_picture(HERE, encoded(frames[0], form), oddities=oddities)
        assert oddities["transparent, on white"] == 1
    if form in ("PNG", "TIFF"):
        read_picture(HERE, encoded(drawn("I;16", 9, 9, 0), form), oddities=oddities)
        assert oddities["of 16 bits, of which the upper 8 are read"] == 1


def test_the_content_tells_the_format_not_the_suffix(tmp_path):
    path = tmp_path / "x.jpg"
    path.write_bytes(encoded(Image.new("RGB", (3, 2), (9, 8, 7)), "WEBP", lossless=True))
    assert read_picture(path).tolist() == [[[9, 8, 7]] * 3] * 2


def huge_png():
    """The head of a PNG of 60,000 x 60,000 pixels."""
    head = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 10) + b"IDAT" + bytes(10)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "the file is empty"),
        (b"no image", "not an image; give files of PNG, JPEG, WEBP, GIF, BMP, TIFF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "not an image but a HEIC picture; save it as JPEG or PNG"),
        (b'<?xml version="1.0"?><svg/>', "not an image but SVG or other XML; save it as JPEG or PNG"),
        (b"%PDF-1.4\n", "not an image but a PDF; save it as JPEG or PNG"),
        (b"\n<!DOCTYPE html><html>", "not an image but a web page; look whether its download failed"),
        (b"version https://git-lfs.github.com/spec/v1\n", "but a pointer of Git LFS; fetch it with git lfs pull"),
        (b"\x93NUMPY\x01\0", "not an image but a NumPy array"),
        (b"II*\0\x08\0\0\0", "not an image; give files of"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
        (encoded(NOISE, "JPEG", quality=95)[:-1500], "damaged or cut off"),
        (encoded(NOISE, "PNG")[:-1500], "damaged or cut off"),
        (encoded(NOISE, "BMP")[:-1500], "damaged or cut off"),
        (encoded(NOISE, "WEBP")[:-1500], "not an image|damaged or cut off"),
        (huge_png(), "more than 178,956,970 pixels"),
        (encoded(Image.new("F", (4, 4)), "TIFF"), r"32 bits or with a sign \(mode F\)"),
        (encoded(Image.new("I", (4, 4)), "TIFF"), r"32 bits or with a sign \(mode I\)"),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else "",
)
def test_what_cannot_be_read_is_one_line_with_the_file(content, match):
    with pytest.raises(InputError, match=match) as error:
        read_picture(pathlib.Path("some\nwhere.png"), content)
    assert len(str(error.value).splitlines()) == 1 and r"some\nwhere.png: " in str(error.value)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["PNG", "GIF", "BMP", "TIFF", "WEBP", "JPEG"]), st.integers(0, 2**31), st.integers(1, 20))
def test_damaged_files_raise_nothing_else(form, seed, changes):
    content = bytearray(encoded(NOISE.resize((16, 16)), form))
    generator = np.random.default_rng(seed)
    for place in generator.integers(0, len(content), changes):
        content[place] = generator.integers(0, 256)
    try:
        assert read_picture(HERE, bytes(content)).dtype == np.uint8
    except InputError as error:
        assert len(str(error).splitlines()) == 1


def test_every_format_is_one_that_pillow_opens():
    Image.init()
    assert set(picture.FORMATS) <= set(Image.OPEN)
    assert {suffix for suffix in picture.SUFFIXES} <= set(Image.registered_extensions())
