"""The embedded sample of images: scikit-learn's handwritten digits, see README.md beside this file."""

import gzip
import pathlib

import numpy as np

NAME = "digits"
ORIGIN = "scikit-learn's digits, 1,797 handwritten digits of 8 x 8 pixels (UCI, CC BY 4.0), embedded"
SIZE = 8
_BRIGHTEST = 16  # of the published pixels
_FILE = pathlib.Path(__file__).with_name("digits.csv.gz")


def read() -> tuple[np.ndarray, np.ndarray]:
    """All images, uint8 `[1797, 8, 8, 1]` from 0 to 255, and their classes, int32 `[1797]`."""
    with gzip.open(_FILE, "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.int32)  # [images, 64 + 1]
    images = np.rint(table[:, :-1] * (255 / _BRIGHTEST)).astype(np.uint8)
    return images.reshape(-1, SIZE, SIZE, 1), table[:, -1]
