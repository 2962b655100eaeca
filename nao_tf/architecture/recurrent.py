"""The space of recurrent cells (NAO, section 3.1): eleven nodes, each reading one earlier node."""

from collections.abc import Sequence

import numpy as np

from nao_tf.architecture.position import ArchitectureError, Position
from nao_tf.architecture.space import Architecture, SearchSpace

NODES = 11  # searched nodes, after the implicit node 0

# The two repositories of the authors number the last two activations differently, so that a string of integers is
# ambiguous unless its numbering is known (authors' code).
NUMBERINGS = {
    "nao_ws": ("tanh", "relu", "sigmoid", "identity"),  # NAO-WS and its vocabulary; the one used here
    "nao": ("tanh", "relu", "identity", "sigmoid"),  # NAO without weight sharing
}

# Published cells as (predecessor, activation) pairs, free of any numbering (authors' code).
PUBLISHED_CELLS = {
    "NAO": (
        "0 relu, 0 relu, 1 relu, 3 tanh, 4 relu, 4 relu, 5 relu, 1 relu, 7 relu, 1 relu, 1 identity"
    ),  # searched without weight sharing
    "NAO-WS": (
        "0 relu, 1 relu, 2 sigmoid, 1 sigmoid, 4 relu, 4 relu, 4 relu, 7 relu, 8 sigmoid, 1 tanh, 4 relu"
    ),  # searched with weight sharing
    "ENAS": (
        "0 tanh, 1 tanh, 1 relu, 3 tanh, 3 tanh, 3 relu, 4 relu, 7 relu, 8 relu, 8 relu, 8 relu"
    ),  # the genotype shipped for comparison
}


class RecurrentSpace(SearchSpace):
    """Recurrent cells: 22 integers `predecessor activation` x 11; 22 tokens out of 16 words.

    The cell's output is the mean of its nodes and each node reads exactly one earlier node, so a cell is a tree rooted
    at node 0, and two cells that differ in the numbering of the nodes only are the same one.

    Args:
        numbering: which activation each number means, a key of `NUMBERINGS`.
        nodes: searched nodes after node 0; 11 in the paper.
    """

    def __init__(self, numbering: str = "nao_ws", nodes: int = NODES):
        if numbering not in NUMBERINGS:
            raise ValueError(f"activation numbering {numbering!r}; known are {', '.join(NUMBERINGS)}")
        self.numbering = numbering
        self.nodes = nodes
        self.activations = NUMBERINGS[numbering]
        positions = []
        for node in range(1, nodes + 1):
            earlier = tuple(f"node {index}" for index in range(node))
            for kind, words in (("predecessor", earlier), ("activation", self.activations)):
                positions.append(Position(description=f"{kind} of node {node}", kind=kind, words=words))
        super().__init__(
            "rnn" if numbering == "nao_ws" else f"rnn:{numbering}",
            positions,
            tokens_per_encoder_step=2,  # authors' weight-sharing code: 22 tokens, 11 encoder steps
            published={name: self._integers_of(cell) for name, cell in PUBLISHED_CELLS.items()}
            if nodes == NODES
            else {},
        )

    def _integers_of(self, cell: str) -> tuple[int, ...]:
        values: list[int] = []
        for pair in cell.split(", "):
            predecessor, activation = pair.split()
            values += [int(predecessor), self.activations.index(activation)]
        return tuple(values)

    def convert(self, architecture: Architecture) -> Architecture:
        """The same cell in the numbering of this space, whichever numbering `architecture` has.

        Raises:
            ArchitectureError: it is no recurrent cell, or one of another number of nodes.
        """
        if not isinstance(architecture.space, RecurrentSpace):
            raise ArchitectureError(f"an architecture of {architecture.space.name} is no recurrent cell")
        names = architecture.space.activations
        values = list(architecture.values)
        values[1::2] = [self.activations.index(names[value]) for value in values[1::2]]
        return self.architecture(values)

    def canonicalise(self, values: Sequence[int]) -> tuple[int, ...]:
        """Nodes renumbered in preorder of the tree, children sorted by the subtrees below them."""
        children = _children(values)
        keys: list[tuple] = [()] * len(children)  # of a node: its activation, then the keys of what is below it
        for node in range(len(children) - 1, -1, -1):  # children have larger numbers
            below = children[node]
            if len(below) > 1:
                below.sort(key=keys.__getitem__)
            keys[node] = (values[2 * node - 1], *map(keys.__getitem__, below)) if node else ()
        renumbered: list[int] = []
        open_nodes = [(child, 0) for child in reversed(children[0])]  # with the new numbers of what they read
        while open_nodes:
            node, predecessor = open_nodes.pop()
            renumbered += (predecessor, values[2 * node - 1])
            below = children[node]
            if below:
                number = len(renumbered) // 2
                open_nodes += [(child, number) for child in reversed(below)]
        return tuple(renumbered)

    def symmetry(self, values: Sequence[int], generator: np.random.Generator) -> tuple[int, ...]:
        """The same tree with its nodes numbered in another order, uniform over the choices of each next node."""
        children = _children(values)
        number = {0: 0}
        renumbered: list[int] = []
        open_nodes = list(children[0])
        while open_nodes:
            node = open_nodes.pop(int(generator.integers(len(open_nodes))))
            number[node] = len(number)
            renumbered += [number[values[2 * node - 2]], values[2 * node - 1]]
            open_nodes.extend(children[node])
        return tuple(renumbered)


def _children(values: Sequence[int]) -> list[list[int]]:
    children: list[list[int]] = [[] for _ in range(len(values) // 2 + 1)]
    for node, predecessor in enumerate(values[0::2], start=1):
        children[predecessor].append(node)
    return children
