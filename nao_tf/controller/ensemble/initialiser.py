"""The initial weights of the controller, drawn from its seed.

Every weight has a seed of its own, made of the model's seed and the weight's name, so that the same seed gives the same
weights whatever was drawn before in the process. The leading dimension of a weight, the members of the ensemble, takes
no part in its fans.

Letters: E members of the ensemble, V vocabulary, D width of an embedding.
"""

import dataclasses
import math
import zlib

import keras


@dataclasses.dataclass(frozen=True)
class Initialiser:
    """The initialisers of the weights of one part of a model.

    Attributes:
        scheme: `glorot`, or `authors`: the distributions of the authors' code.
        seed: the model's seed.
        part: the name of the part.
    """

    scheme: str
    seed: int
    part: str

    def matrix(
        self, name: str, shape: tuple[int, int], *, authors_limit: float | None = None
    ) -> keras.initializers.Initializer:
        """The initialiser of a matrix `[E, rows, columns]`.

        Args:
            name: the weight's name, unique in the part.
            shape: rows and columns.
            authors_limit: the authors' code draws uniformly within it; 1 / sqrt(rows) where not given, the default of
                its framework.

        Returns:
            Uniform within sqrt(6 / (rows + columns)) (`glorot`), or within `authors_limit`.
        """
        rows, columns = shape
        if self.scheme == "glorot":
            limit = math.sqrt(6 / (rows + columns))
        else:
            limit = 1 / math.sqrt(rows) if authors_limit is None else authors_limit
        return keras.initializers.RandomUniform(-limit, limit, seed=self._seed_of(name))

    def embedding(self, name: str) -> keras.initializers.Initializer:
        """The initialiser of a token embedding `[E, V, D]`: uniform within 0.1, or standard normal (authors' code)."""
        if self.scheme == "glorot":
            return keras.initializers.RandomUniform(-0.1, 0.1, seed=self._seed_of(name))
        return keras.initializers.RandomNormal(0.0, 1.0, seed=self._seed_of(name))

    def _seed_of(self, name):
        return zlib.crc32(f"{self.seed}/{self.part}/{name}".encode()) & 0x7FFFFFFF
