"""The initial weights of the controller, drawn from its seed.

Every weight has a seed of its own, made of the model's seed and the weight's name, so that the same seed gives the same
weights whatever was drawn before in the process. The leading dimension of a weight, the members of the ensemble, takes
no part in its fans.
"""

from __future__ import annotations

import math
import zlib

import keras

SCHEMES = ("glorot", "authors")


def weight_seed(seed: int, name: str) -> int:
    """The seed of the weight `name` of a model with `seed`."""
    return zlib.crc32(f"{seed}/{name}".encode()) & 0x7FFFFFFF


def matrix(scheme: str, fan_in: int, fan_out: int, seed: int, name: str, authors_limit: float | None = None):
    """The initialiser of a matrix `[E, fan_in, fan_out]`.

    Args:
        scheme: `glorot`, uniform within sqrt(6 / (fan_in + fan_out)); or `authors`, uniform within `authors_limit`.
        fan_in: rows of the matrix.
        fan_out: columns of the matrix.
        seed: the model's seed.
        name: the weight's name, unique in the model.
        authors_limit: 1 / sqrt(fan_in) when not given: the default of the framework that the authors' code uses.

    Raises:
        ValueError: an unknown scheme.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"initialisation {scheme!r}; known are {', '.join(SCHEMES)}")
    if scheme == "glorot":
        limit = math.sqrt(6 / (fan_in + fan_out))
    else:
        limit = 1 / math.sqrt(fan_in) if authors_limit is None else authors_limit
    return keras.initializers.RandomUniform(-limit, limit, seed=weight_seed(seed, name))


def embedding(scheme: str, seed: int, name: str):
    """The initialiser of a token embedding `[E, V, D]`: uniform within 0.1, or standard normal (authors' code)."""
    if scheme not in SCHEMES:
        raise ValueError(f"initialisation {scheme!r}; known are {', '.join(SCHEMES)}")
    if scheme == "glorot":
        return keras.initializers.RandomUniform(-0.1, 0.1, seed=weight_seed(seed, name))
    return keras.initializers.RandomNormal(0.0, 1.0, seed=weight_seed(seed, name))
