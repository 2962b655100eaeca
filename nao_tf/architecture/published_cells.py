"""Published pairs of convolutional cells: those that the authors found, and those that they compare with."""

import functools

from nao_tf.architecture.cells import OPERATIONS, SPACES, Cell, cells_from
from nao_tf.architecture.space import Architecture, SearchSpace
from nao_tf.architecture.tokens import START_TOKEN
from nao_tf.architecture.type_and_kernel import type_and_kernel

# Published architectures (authors' files), each as it was published: integers, or tokens of type and kernel.
PUBLISHED_INTEGERS = {
    # searched without weight sharing, as the paper's network
    "NAONet": (
        "nao",
        "0 7 1 15 2 8 1 7 0 6 1 7 0 8 4 7 1 5 0 7 0 7 1 13 0 6 0 14 1 9 0 10 0 14 2 6 1 11 0 7",
    ),
    # as published for PyTorch: node 5 of its reduction cell reads its inputs the other way round
    "NAONet-A": (
        "nao",
        "0 7 1 15 2 8 1 7 0 6 1 7 0 8 4 7 1 5 0 7 0 7 1 13 0 6 0 14 0 9 1 10 0 14 2 6 1 11 0 7",
    ),
    # searched with weight sharing, in TensorFlow
    "NAO-WS": (
        "enas",
        "0 1 0 4 2 2 1 3 1 0 2 0 2 3 1 3 1 2 0 4 1 1 0 3 2 3 2 3 1 0 0 1 0 4 2 4 2 3 2 3",
    ),
    # the same, for PyTorch
    "NAONet-B": (
        "enas",
        "0 1 0 2 0 1 2 2 1 3 0 2 4 0 1 3 2 1 0 3 1 1 1 0 2 1 2 4 1 0 2 3 3 1 2 2 0 2 0 2",
    ),
    "NAONet-V2": (
        "enas",
        "1 1 0 1 2 4 0 0 0 0 2 1 0 0 0 2 0 3 0 0 0 2 0 2 2 2 1 0 0 0 0 1 0 0 0 3 0 0 0 1",
    ),
}
# Reference cells that the authors shipped for comparison, in their tokens. (Their NASNet-A also names its loose ends:
# node 1 of the normal cell among them, which a node reads.)
PUBLISHED_TOKENS = {
    "AmoebaNet-B": (
        "1 8 16 2 7 14 2 12 16 2 9 14 2 9 14 1 8 16 4 7 14 4 9 14 2 11 16 6 9 14 "
        "1 12 15 1 12 16 3 10 17 3 12 16 3 7 14 2 9 16 4 11 16 5 9 14 5 7 14 2 8 16"
    ),
    "NASNet-A": (
        "2 8 16 2 7 14 1 8 16 2 8 17 2 11 16 1 7 14 1 11 16 1 11 16 1 8 17 1 8 16 "
        "1 8 18 2 8 17 2 12 16 1 8 18 2 11 16 1 8 17 2 12 16 3 8 16 3 11 16 4 7 14"
    ),
    "ENAS": (
        "1 11 16 1 8 16 1 7 14 1 8 17 1 7 14 2 8 17 2 8 16 1 8 17 1 11 16 2 8 17 "
        "2 8 16 2 8 16 1 12 16 1 11 16 2 8 17 4 8 17 2 8 16 1 7 14 1 12 16 2 8 17"
    ),
}


@functools.cache
def published_cells() -> dict[str, tuple[Cell, Cell]]:
    """The normal and the reduction cell of every published architecture."""
    cells = {}
    for name, (space, text) in PUBLISHED_INTEGERS.items():
        numbers = [int(number) for number in text.split()]
        words = SPACES[space].words
        operations = (words[number] for number in numbers[1::2])
        cells[name] = cells_from(zip(numbers[0::2], operations, strict=True))
    operation_of = {type_and_kernel(operation): operation for operation in OPERATIONS}
    for name, text in PUBLISHED_TOKENS.items():
        tokens = [int(token) for token in text.split()]
        sources = (token - START_TOKEN - 1 for token in tokens[0::3])
        operations = (operation_of[pair] for pair in zip(tokens[1::3], tokens[2::3], strict=True))
        cells[name] = cells_from(zip(sources, operations, strict=True))
    return cells


@functools.cache
def _canonical(space: SearchSpace) -> dict[tuple[int, ...], str]:
    """The published architectures of a space: canonical integers -> name."""
    return {tuple(space.canonicalise(values)): name for name, values in space.published.items()}


def published_name(architecture: Architecture) -> str | None:
    """The name that an architecture was published by, however it is written; None if it was not."""
    return _canonical(architecture.space).get(architecture.canonical.values)
