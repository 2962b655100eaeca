"""The spaces of convolutional cells (NAO, section 3.1): a normal and a reduction cell, searched together.

A cell has two inputs and five computed nodes; a node is the sum of two branches, and a branch applies an operation to
an earlier node. Nodes are called as in the authors' files: node 1 is the output of the cell before the previous one,
node 2 that of the previous cell, nodes 3 to 7 are computed. An architecture is 40 integers, 20 of the normal cell and
20 of the reduction cell, `input operation input operation` a node, where input 0 is node 1. The numbers of operations
are those that the authors published for each space.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping, Sequence

import numpy as np

from nao_tf.architecture.space import START_TOKEN, Architecture, ArchitectureError, Position, SearchSpace

NODES = 5  # computed nodes of a cell
INPUTS = 2  # inputs of a cell, in front of its nodes
BRANCHES = 2  # branches of a node
CELLS = ("normal", "reduction")
CELL_LENGTH = NODES * BRANCHES * 2  # integers of a cell

ZERO = "zero"  # nothing at all; NAO-V2 only
IDENTITY = "identity"

# Tokens of the form that writes an operation as a type and a kernel (authors' vocabulary). Identity has kernel 1x1.
TYPES = {
    IDENTITY: 7,
    "separable conv": 8,
    "conv": 9,
    "dilated separable conv": 10,
    "average pooling": 11,
    "max pooling": 12,
    "min pooling": 13,
}
KERNELS = {"1x1": 14, "2x2": 15, "3x3": 16, "5x5": 17, "7x7": 18, "1x3+3x1": 19, "1x7+7x1": 20}

# How the authors' files call the types; `parse` reads both.
_ALIASES = {
    "sep conv": "separable conv",
    "dil sep conv": "dilated separable conv",
    "avg pool": "average pooling",
    "max pool": "max pooling",
    "min pool": "min pooling",
}

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
# The search without weight sharing; numbers 5 to 15 behind those of the space above, as in the published strings.
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
class _Choice:
    """The operations of a space: the word of every number, the first number that is searched, and the token form."""

    words: tuple[str, ...]
    first: int = 0
    type_and_kernel: bool = False  # three tokens a branch instead of two


SPACES: Mapping[str, _Choice] = {
    "nao": _Choice((*_ENAS, *_NAO), first=len(_ENAS), type_and_kernel=True),
    "enas": _Choice(_ENAS),
    "nao_v2": _Choice(_NAO_V2),
    "nao19": _Choice(OPERATIONS, type_and_kernel=True),
}


@dataclasses.dataclass(frozen=True)
class Branch:
    """One branch of a node.

    Attributes:
        source: what it reads; 0 and 1 are the cell's inputs, 2 to 6 its nodes.
        operation: the name of what it does.
    """

    source: int
    operation: str


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell: its computed nodes, each a pair of branches that are added."""

    nodes: tuple[tuple[Branch, Branch], ...]

    @property
    def loose_ends(self) -> tuple[int, ...]:
        """What no node reads, inputs included; the cell's output is their concatenation."""
        read = {branch.source for node in self.nodes for branch in node}
        return tuple(state for state in range(INPUTS + len(self.nodes)) if state not in read)


class ConvolutionalSpace(SearchSpace):
    """Pairs of a normal and a reduction cell: 40 integers.

    | name | operations | tokens | vocabulary |
    |---|---|---|---|
    | `nao` | 11, the paper's | 60 | 21 |
    | `enas` | 5, of the searches with weight sharing | 40 | 12 |
    | `nao_v2` | 10, of NAO-V2 | 40 | 17 |
    | `nao19` | 19, all that the authors' tools know | 60 | 21 |

    A branch is two tokens, node and operation, or three, node, type and kernel, of which only pairs that exist can be
    written. The encoder reads a branch a step. The two branches of a node may be swapped, so each architecture has up
    to 2^10 spellings; the canonical one has them sorted.

    Args:
        name: a key of `SPACES`.
    """

    def __init__(self, name: str = "nao"):
        if name not in SPACES:
            raise ValueError(f"space of cells {name!r}; known are {', '.join(SPACES)}")
        choice = SPACES[name]
        self.operations = choice.words[choice.first :]
        self._first_operation, self._type_and_kernel = choice.first, choice.type_and_kernel
        positions = []
        for cell in CELLS:
            for node in range(NODES):
                number, earlier = node + INPUTS + 1, tuple(f"node {index + 1}" for index in range(node + INPUTS))
                for branch in ("first", "second"):
                    positions.append(Position(f"{branch} input of node {number}, {cell} cell", "input", earlier))
                    positions.append(
                        Position(f"{branch} operation of node {number}, {cell} cell", "operation", choice.words)
                    )
        super().__init__(name, positions, tokens_per_encoder_step=3 if choice.type_and_kernel else 2)
        for published, cells in _published().items():
            if all(branch.operation in self.operations for cell in cells for node in cell.nodes for branch in node):
                self.published[published] = self.encode(cells)

    # ---- cells

    def cells_of(self, values: Sequence[int]) -> tuple[Cell, Cell]:
        """The normal and the reduction cell of an architecture's integers."""
        words = self.positions[1].words
        return _cells(
            [(source, words[operation]) for source, operation in zip(values[0::2], values[1::2], strict=True)]
        )

    def encode(self, cells: Sequence[Cell]) -> tuple[int, ...]:
        """The integers of a normal and a reduction cell.

        Raises:
            ArchitectureError: an operation that this space has not.
        """
        values: list[int] = []
        for branch in (branch for cell in cells for node in cell.nodes for branch in node):
            if branch.operation not in self.operations:
                raise ArchitectureError(
                    f"{branch.operation!r} is no operation of the space {self.name}; "
                    f"operations are {', '.join(self.operations)}"
                )
            words = self.positions[1].words
            values += [branch.source, words.index(branch.operation, self._first_operation)]
        return tuple(values)

    def convert(self, architecture: Architecture) -> Architecture:
        """The same cells in this space. Raises ArchitectureError where it has not all of their operations."""
        return self.architecture(self.encode(architecture.space.cells_of(architecture.values)))

    # ---- what is legal

    def choices(self, prefix: Sequence[int]) -> tuple[int, ...]:
        """The legal integers behind `prefix`."""
        position = self.positions[len(prefix)]
        return tuple(range(self._first_operation if position.kind == "operation" else 0, len(position.words)))

    def canonicalise(self, values: Sequence[int]) -> tuple[int, ...]:
        """The branches of every node sorted by input, then by operation."""
        nodes = np.reshape(values, [-1, BRANCHES, 2]).tolist()
        return tuple(integer for node in nodes for branch in sorted(node) for integer in branch)

    def symmetry(self, values: Sequence[int], generator: np.random.Generator) -> tuple[int, ...]:
        """The same cells with the branches of each node in random order (NAO, section 3.2).

        The authors swap one node of each cell; here every spelling is equally likely.
        """
        nodes = np.reshape(values, [-1, BRANCHES, 2])
        swapped = generator.integers(2, size=len(nodes)).astype(bool)
        return tuple(np.where(swapped[:, None, None], nodes[:, ::-1], nodes).ravel().tolist())

    # ---- tokens

    @property
    def token_length(self) -> int:
        """T: 60 with types and kernels, else 40."""
        return len(self.positions) // 2 * self.tokens_per_encoder_step

    @property
    def vocabulary_size(self) -> int:
        """V: 21 with types and kernels, else 7 and the operations."""
        return max(KERNELS.values()) + 1 if self._type_and_kernel else super().vocabulary_size

    def tokens(self, values: Sequence[int]) -> tuple[int, ...]:
        """The integers as tokens, `[T]`."""
        if not self._type_and_kernel:
            return super().tokens(values)
        return tuple(
            token
            for cell in self.cells_of(values)
            for node in cell.nodes
            for branch in node
            for token in (branch.source + START_TOKEN + 1, *_type_and_kernel(branch.operation))
        )

    def integers(self, tokens: Sequence[int]) -> tuple[int, ...]:
        """The integers of a string of tokens. Raises ArchitectureError, naming the position."""
        if not self._type_and_kernel:
            return super().integers(tokens)
        if len(tokens) != self.token_length:
            raise ArchitectureError(f"{len(tokens)} tokens; {self.name} takes {self.token_length}")
        tokens = [int(token) for token in tokens]
        values: list[int] = []
        for index, token in enumerate(tokens):
            allowed = self.legal_tokens(tokens[:index])
            if token not in allowed:
                part = ("input", "type of operation", "kernel of operation")[index % 3]
                description = self.positions[index // 3 * 2].description.replace("input", part)
                raise ArchitectureError(
                    f"token position {index} ({description}): {token} is not allowed; "
                    f"allowed are {', '.join(map(str, allowed))}"
                )
        for at in range(0, len(tokens), 3):
            pair = tuple(tokens[at + 1 : at + 3])
            values += [tokens[at] - START_TOKEN - 1, self._number_of[pair]]
        return tuple(values)

    def legal_tokens(self, prefix: Sequence[int]) -> tuple[int, ...]:
        """The tokens that may follow: nodes, then types that the space has, then kernels that this type has."""
        if not self._type_and_kernel:
            return super().legal_tokens(prefix)
        branch, part = divmod(len(prefix), 3)
        if part == 0:
            return tuple(range(START_TOKEN + 1, START_TOKEN + 1 + len(self.positions[2 * branch].words)))
        if part == 1:
            return tuple(sorted({type for type, _ in self._number_of}))
        return tuple(sorted(kernel for type, kernel in self._number_of if type == prefix[-1]))

    @functools.cached_property
    def _number_of(self) -> dict[tuple[int, int], int]:
        """Number of the operation of every pair of type and kernel."""
        return {_type_and_kernel(name): self._first_operation + at for at, name in enumerate(self.operations)}

    # ---- text

    def parse(self, text: str) -> Architecture:
        """Reads an architecture: its integers, its tokens, its readable form, or a published name.

        Tokens tell themselves from integers: there are 60 of them, or, of 40, no operation is below 7 and no node is 0.

        Raises:
            ArchitectureError: none of these; the message names the position and what is allowed there.
        """
        text = text.strip()
        numbers = [int(number) for number in re.findall(r"\d+", text)] if re.fullmatch(r"[\d\s,|]+", text) else []
        if len(numbers) == self.token_length and (self._type_and_kernel or _are_tokens(numbers)):
            return self.from_tokens(numbers)
        if not numbers and "," in text:
            text = ", ".join(_plain(word) for word in text.split(","))
        return super().parse(text)


def parse_cells(text: str, space: ConvolutionalSpace) -> Architecture:
    """Reads an architecture of `space` or, where it is none, of the first other space that it is one of.

    A published name works whichever space is searched, and so does the string of an architecture whose operations
    another space has. Strings that several spaces could mean are read in `space`.

    Raises:
        ArchitectureError: it is none of any space; the message is that of `space`, and names all published ones.
    """
    try:
        return space.parse(text)
    except ArchitectureError as error:
        for name in SPACES:
            if name != space.name:
                try:
                    return ConvolutionalSpace(name).parse(text)
                except ArchitectureError:
                    continue
        if not re.search(r"[\d,]{2}|\d\s", text):
            raise ArchitectureError(
                f"{text.strip()!r} is no architecture: give {len(space.positions)} integers, the readable form, "
                f"or a name ({', '.join(_published())})"
            ) from None
        raise error


def _are_tokens(numbers):
    return min(numbers[0::2]) > START_TOKEN and min(numbers[1::2]) > NODES + 1


def _plain(word):
    """The word as the spaces have it: "sep_conv_3x3" is "separable conv 3x3"."""
    word = " ".join(word.replace("_", " ").split())
    for alias, name in _ALIASES.items():
        if re.match(rf"{alias}\b", word):
            return name + word[len(alias) :]
    return word


def _type_and_kernel(operation):
    """Type and kernel of an operation as tokens."""
    if operation == IDENTITY:
        return TYPES[IDENTITY], KERNELS["1x1"]
    name, kernel = operation.rsplit(" ", 1)
    return TYPES[name], KERNELS[kernel]


def _cells(branches):
    pairs = [Branch(source, operation) for source, operation in branches]
    nodes = [tuple(pairs[at : at + BRANCHES]) for at in range(0, len(pairs), BRANCHES)]
    return Cell(tuple(nodes[:NODES])), Cell(tuple(nodes[NODES:]))


# Published architectures (authors' files), each as it was published: integers, or tokens of type and kernel.
_PUBLISHED_INTEGERS = {
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
_PUBLISHED_TOKENS = {
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
def _published() -> dict[str, tuple[Cell, Cell]]:
    """The cells of every published architecture."""
    found = {}
    for name, (space, text) in _PUBLISHED_INTEGERS.items():
        numbers = [int(number) for number in text.split()]
        words = SPACES[space].words
        found[name] = _cells([(numbers[at], words[numbers[at + 1]]) for at in range(0, len(numbers), 2)])
    named = {_type_and_kernel(operation): operation for operation in OPERATIONS}
    for name, text in _PUBLISHED_TOKENS.items():
        tokens = [int(token) for token in text.split()]
        found[name] = _cells(
            [(tokens[at] - 1, named[tokens[at + 1], tokens[at + 2]]) for at in range(0, len(tokens), 3)]
        )
    return found
