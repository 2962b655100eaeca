"""Convolutional cells (NAO, section 3.1): nodes, branches, operations, and the published spaces of operations.

A cell has two inputs and five computed nodes; a node is the sum of two branches, and a branch applies an operation to
an earlier node. Nodes are numbered as in the authors' files: node 1 is the output of the cell before the previous one,
node 2 that of the previous cell, nodes 3 to 7 are computed.
"""

import dataclasses
from collections.abc import Iterable, Mapping

NODES = 5  # computed nodes of a cell
INPUTS = 2  # inputs of a cell, numbered before its nodes
BRANCHES = 2  # branches of a node
CELLS = ("normal", "reduction")
CELL_LENGTH = NODES * BRANCHES * 2  # integers of a cell

ZERO = "zero"  # no connection; NAO-V2 only
IDENTITY = "identity"

# The 19 operations that the authors' tools know; all 19 were searched for the paper's rebuttal.
OPERATIONS = (
    IDENTITY,
    *(f"separable conv {kernel}" for kernel in ("3x3", "5x5", "7x7")),
    *(f"average pooling {kernel}" for kernel in ("2x2", "3x3", "5x5")),
    *(f"max pooling {kernel}" for kernel in ("2x2", "3x3", "5x5", "7x7")),
    "min pooling 2x2",
    *(f"conv {kernel}" for kernel in ("1x1", "3x3", "1x3+3x1", "1x7+7x1")),
    *(f"dilated separable conv {kernel}" for kernel in ("3x3", "5x5", "7x7")),
)

# Operations of the weight-sharing searches, in the order of the published strings (ENAS's micro space).
_ENAS = ("separable conv 3x3", "separable conv 5x5", "average pooling 3x3", "max pooling 3x3", IDENTITY)
# The search without weight sharing: numbers 5 to 15, after those of the space above, as in the published strings.
_NAO = (
    IDENTITY,
    *(f"conv {kernel}" for kernel in ("1x1", "3x3", "1x3+3x1", "1x7+7x1")),
    *(f"max pooling {kernel}" for kernel in ("2x2", "3x3", "5x5")),
    *(f"average pooling {kernel}" for kernel in ("2x2", "3x3", "5x5")),
)
# The larger space of NAO-V2 (authors' code).
_NAO_V2 = (
    ZERO,
    IDENTITY,
    *(f"separable conv {kernel}" for kernel in ("3x3", "5x5", "7x7")),
    *(f"dilated separable conv {kernel}" for kernel in ("3x3", "5x5", "7x7")),
    "average pooling 3x3",
    "max pooling 3x3",
)


@dataclasses.dataclass(frozen=True)
class Numbering:
    """The operations of a space and their numbers.

    Attributes:
        words: the operation of every number from 0.
        first_searched: the smallest number that is searched; published strings of `nao` skip the numbers of `enas`.
        type_and_kernel: whether the controller writes an operation as two tokens, a type and a kernel.
    """

    words: tuple[str, ...]
    first_searched: int = 0
    type_and_kernel: bool = False

    @property
    def searched(self) -> tuple[str, ...]:
        """The operations that are searched, in the order of their numbers."""
        return self.words[self.first_searched :]


SPACES: Mapping[str, Numbering] = {
    "nao": Numbering((*_ENAS, *_NAO), first_searched=len(_ENAS), type_and_kernel=True),
    "enas": Numbering(_ENAS),
    "nao_v2": Numbering(_NAO_V2),
    "nao19": Numbering(OPERATIONS, type_and_kernel=True),
}


@dataclasses.dataclass(frozen=True)
class Branch:
    """One branch of a node.

    Attributes:
        source: the node that it reads; 0 and 1 are the cell's inputs, 2 to 6 its computed nodes.
        operation: the name of its operation.
    """

    source: int
    operation: str


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell: its computed nodes, each a pair of branches that are added."""

    nodes: tuple[tuple[Branch, ...], ...]

    @property
    def loose_ends(self) -> tuple[int, ...]:
        """The nodes that no node reads, inputs included; the cell's output is their concatenation."""
        read = {branch.source for node in self.nodes for branch in node}
        return tuple(state for state in range(INPUTS + len(self.nodes)) if state not in read)


def cells_from(branches: Iterable[tuple[int, str]]) -> tuple[Cell, Cell]:
    """The normal and the reduction cell whose branches, (source, operation), are given in order."""
    parts = [Branch(source, operation) for source, operation in branches]
    nodes = [tuple(parts[at : at + BRANCHES]) for at in range(0, len(parts), BRANCHES)]
    return Cell(tuple(nodes[:NODES])), Cell(tuple(nodes[NODES:]))


def branch_description(branch: int, part: str) -> str:
    """A part of one of the 20 branches of a pair of cells, for errors: "first input of node 3, normal cell"."""
    node, place = divmod(branch, BRANCHES)
    cell, node = divmod(node, NODES)
    return f"{('first', 'second')[place]} {part} of node {node + INPUTS + 1}, {CELLS[cell]} cell"
