"""Crops and changes of colour against Pillow's, one picture at a time."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance

from nao_tf.data.image_crops import (
    centre_image,
    change_colours,
    decode,
    random_window,
    resized,
    training_image,
)

GENERATOR = np.random.default_rng(0)


def photograph(height, width, seed=0):
    """A smooth picture."""
    y, x = np.mgrid[:height, :width]
    waves = np.random.default_rng(seed).uniform(0.02, 0.2, [2, 3])
    return (127 * (1 + np.sin(waves[0] * x[..., None] + waves[1] * y[..., None] + seed))).astype(np.uint8)


def encoded(pixels, kind="JPEG", **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return tf.constant(file.getvalue())


def seed(number):
    return tf.constant([7, number], tf.int64)


@pytest.mark.parametrize("height, width", [(300, 200), (90, 120), (20, 500)])
def test_pictures_are_resized_as_pillow_does_it(height, width):
    pixels = photograph(height, width)
    expected = np.asarray(Image.fromarray(pixels).resize((64, 64), Image.Resampling.BILINEAR), np.float32)
    assert np.abs(resized(tf.constant(pixels), 64) - expected).max() <= 2


@pytest.mark.parametrize("height, width", [(300, 400), (500, 257)])
def test_the_middle_is_what_is_left_of_the_resized_picture(height, width):
    pixels = photograph(height, width)
    scale = 256 / min(height, width)
    whole = Image.fromarray(pixels).resize((int(width * scale), int(height * scale)), Image.Resampling.BILINEAR)
    left, top = (round((side - 224) / 2) for side in whole.size)
    expected = np.asarray(whole.crop((left, top, left + 224, top + 224)), int)
    found = centre_image(encoded(pixels, "PNG"), size=224)
    assert found.dtype == tf.uint8 and np.abs(found.numpy().astype(int) - expected).max() <= 2


def test_windows_are_drawn_by_area_and_proportions():
    sides = tf.constant([300, 400])
    draw = tf.function(lambda number: random_window(sides, tf.stack([tf.constant(1, tf.int64), number]), smallest=0.08))
    windows = np.array([draw(tf.constant(number, tf.int64)) for number in range(400)])
    top, left, height, width = windows.T
    assert (top >= 0).all() and (left >= 0).all() and (top + height <= 300).all() and (left + width <= 400).all()
    shares, ratios = height * width / 120_000, width / height
    assert 0.075 < shares.min() < 0.12 and shares.max() > 0.9 and 0.4 < shares.mean() < 0.54
    assert 0.73 < ratios.min() < 0.8 and 1.25 < ratios.max() < 1.36
    assert len(set(map(tuple, windows))) > 390
    assert (top == 0).any() and (top + height == 300).any()


@pytest.mark.parametrize("sides, expected", [((10, 1000), (0, 493, 10, 13)), ((1000, 10), (493, 0, 13, 10))])
def test_where_no_window_fits_it_is_the_largest_in_the_middle(sides, expected):
    assert tuple(random_window(tf.constant(sides), seed(0), smallest=0.9).numpy()) == expected


def test_only_the_crop_of_a_jpeg_file_is_decoded_and_it_is_the_crop_of_the_picture():
    content = encoded(photograph(120, 160), quality=95)
    for number in range(4):
        top, left, height, width = random_window(tf.constant([120, 160]), seed(number), smallest=0.2).numpy()
        crop = decode(content)[top : top + height, left : left + width]
        expected = tf.round(resized(crop, 32)).numpy().astype(int)
        found = training_image(content, seed(number), size=32, smallest=0.2, jitter=0.0, mirrored=False)
        assert np.abs(found.numpy().astype(int) - expected).max() <= 1


def test_every_other_image_is_mirrored():
    content = encoded(photograph(50, 60), "PNG")
    plain, mirrored = (
        np.array([
            training_image(content, seed(number), size=16, smallest=1.0, jitter=0.0, mirrored=each)
            for number in range(30)
        ])
        for each in (False, True)
    )  # fmt: skip
    turned = [
        (one[:, ::-1] == other).all() and (one != other).any() for one, other in zip(plain, mirrored, strict=True)
    ]
    same = [(one == other).all() for one, other in zip(plain, mirrored, strict=True)]
    assert all(one != other for one, other in zip(turned, same, strict=True)) and 8 < sum(turned) < 22


def test_a_turned_photograph_is_upright():
    pixels = photograph(40, 60)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(np.rot90(pixels), "JPEG", quality=95, exif=exif)  # held upright, the camera lay on its side
    assert np.abs(decode(turned).numpy().astype(int) - pixels).mean() < 3
    found = training_image(turned, seed(1), size=16, smallest=1.0, jitter=0.0, mirrored=False)
    expected = training_image(encoded(pixels, "PNG"), seed(1), size=16, smallest=1.0, jitter=0.0, mirrored=False)
    assert np.abs(found.numpy().astype(int) - expected.numpy()).mean() < 3


def test_colours_are_changed_as_pillow_does_it():
    pixels = photograph(32, 32).astype(np.float32)
    strength, seen = 0.4, set()
    for number in range(6):
        found = change_colours(tf.constant(pixels), seed(number), strength=strength).numpy()
        draws = tf.random.stateless_uniform([3], [7 * 8 + 4, number], 0.6, 1.4).numpy()
        turn = float(tf.random.stateless_uniform([], [7 * 8 + 5, number], -0.2, 0.2))
        order = np.argsort(tf.random.stateless_uniform([4], [7 * 8 + 6, number]).numpy())
        image = Image.fromarray(pixels.astype(np.uint8))
        for change in order:
            if change == 3:
                hue, saturation, value = (np.asarray(band) for band in image.convert("HSV").split())
                hue = (hue.astype(int) + round(turn * 255)).astype(np.uint8)
                bands = [Image.fromarray(band) for band in (hue, saturation, value)]
                image = Image.merge("HSV", bands).convert("RGB")
            else:
                kind = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)[change]
                image = kind(image).enhance(float(draws[change]))
        seen.add(tuple(order))
        assert np.abs(found - np.asarray(image, np.float32)).mean() < 3
    assert len(seen) > 2 and np.abs(found - pixels).mean() > 3
