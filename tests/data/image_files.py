"""Folders of pictures for tests."""

import numpy as np
from PIL import Image


def draw(folder, count, *, size=8, width=None, suffix="png", first=0, seed=0):
    """Writes `count` different pictures; equal arguments give equal pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng([seed, *folder.name.encode("utf-8", "surrogateescape")])
    for number in range(first, first + count):
        pixels = generator.integers(0, 256, [size, width or size, 3]).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.{suffix}")


def classes(folder, names=("cat", "dog"), count=5, **options):
    """Writes `count` pictures of every class."""
    for name in names:
        draw(folder / name, count, **options)
    return folder
