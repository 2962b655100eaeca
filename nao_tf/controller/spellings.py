"""The strings that mean one computation: the controller learns several of each architecture and averages over them.

Letters: N architectures, L spellings of each, T tokens.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from nao_tf.architecture import Architecture, SearchSpace


def spellings_of(
    space: SearchSpace,
    architectures: Sequence[Architecture],
    *,
    count: int,
    generators: Iterable[np.random.Generator] | None = None,
) -> np.ndarray:
    """Every architecture in several spellings of the same computation: its own first, the others drawn at random.

    Args:
        space: of the architectures.
        architectures: `[N]`, at least one.
        count: L.
        generators: of the random spellings, one for each architecture. None: what is drawn depends on the architecture
            alone, so that it is always spelled alike.

    Returns:
        Tokens, int32 `[N, L, T]`.

    Raises:
        ValueError: no architecture, or one of another space.
    """
    tokens = np.repeat(space.token_array(architectures)[:, np.newaxis], count, axis=1)  # [N, L, T]
    if count == 1:
        return tokens
    if generators is None:
        generators = (np.random.default_rng(architecture.values) for architecture in architectures)
    for spelled, architecture, generator in zip(tokens, architectures, generators, strict=False):  # may be endless
        for index in range(1, count):
            spelled[index] = space.tokens(space.symmetry(architecture.values, generator))
    return tokens
