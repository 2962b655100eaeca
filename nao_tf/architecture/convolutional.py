"""The spaces of convolutional cells (NAO, section 3.1): a normal and a reduction cell, searched together.

An architecture is 40 integers, 20 of the normal cell and 20 of the reduction cell, `input operation input operation` a
node, where input 0 is node 1 (see `cells.py`). The numbers of operations are those that the authors published for each
space.
"""

import re
from collections.abc import Sequence

import numpy as np

from nao_tf.architecture.cells import (
    BRANCHES,
    CELLS,
    INPUTS,
    NODES,
    SPACES,
    Cell,
    Numbering,
    branch_description,
    cells_from,
)
from nao_tf.architecture.position import ArchitectureError, Position
from nao_tf.architecture.published_cells import published_cells
from nao_tf.architecture.space import (
    Architecture,
    SearchSpace,
    integers_in,
    is_of_another_tool,
    shown,
    unquoted,
    words_in,
)
from nao_tf.architecture.tokens import START_TOKEN
from nao_tf.architecture.type_and_kernel import TOKENS_PER_BRANCH, TypeAndKernelForm

# The authors' names of the types of operations; `parse` reads both.
_ALIASES = {
    "sep conv": "separable conv",
    "dil sep conv": "dilated separable conv",
    "avg pool": "average pooling",
    "max pool": "max pooling",
    "min pool": "min pooling",
}


class ConvolutionalSpace(SearchSpace):
    """Pairs of a normal and a reduction cell: 40 integers.

    | name | operations | tokens | vocabulary |
    |---|---|---|---|
    | `nao` | 11, the paper's | 60 | 21 |
    | `enas` | 5, of the searches with weight sharing | 40 | 12 |
    | `nao_v2` | 10, of NAO-V2 | 40 | 17 |
    | `nao19` | 19, all that the authors' tools know | 60 | 21 |
    | any other | `operations` | 40 | 7 and the operations |

    A branch is two tokens, node and operation, or three, node, type and kernel (`TypeAndKernelForm`). The encoder reads
    a branch a step. The two branches of a node may be swapped, so each architecture has up to 2^10 spellings; the
    canonical one has them sorted.

    Args:
        name: a key of `SPACES`; with `operations`, any other name.
        operations: the operations of an own space, in the order of their numbers; names as `child.images` has them.

    Attributes:
        numbering: the operations and their numbers.
        operations: those that are searched.

    Raises:
        ValueError: an unknown name without operations, a known name with operations, or names of operations that are
            not distinct or cannot be read back.
    """

    def __init__(self, name: str = "nao", *, operations: Sequence[str] | None = None):
        self.numbering = _numbering(name, operations)
        self.operations = self.numbering.searched
        positions = []
        for branch in range(len(CELLS) * NODES * BRANCHES):
            earlier = tuple(f"node {index + 1}" for index in range(INPUTS + branch // BRANCHES % NODES))
            for kind, words in (("input", earlier), ("operation", self.numbering.words)):
                positions.append(Position(description=branch_description(branch, kind), kind=kind, words=words))
        super().__init__(
            name,
            positions,
            tokens_per_encoder_step=TOKENS_PER_BRANCH if self.numbering.type_and_kernel else 2,
            token_form=TypeAndKernelForm(name, self.numbering) if self.numbering.type_and_kernel else None,
        )
        for published, cells in published_cells().items():
            if all(branch.operation in self.operations for cell in cells for node in cell.nodes for branch in node):
                self.published[published] = self.encode(cells)

    # ---- cells

    def cells_of(self, values: Sequence[int]) -> tuple[Cell, Cell]:
        """The normal and the reduction cell of an architecture's integers."""
        operations = (self.numbering.words[number] for number in values[1::2])
        return cells_from(zip(values[0::2], operations, strict=True))

    def encode(self, cells: Sequence[Cell]) -> tuple[int, ...]:
        """The integers of a normal and a reduction cell.

        Raises:
            ArchitectureError: the space does not have one of the operations.
        """
        values: list[int] = []
        for branch in (branch for cell in cells for node in cell.nodes for branch in node):
            if branch.operation not in self.operations:
                raise ArchitectureError(
                    f"{branch.operation!r} is no operation of the space {self.name}; "
                    f"operations are {', '.join(self.operations)}"
                )
            number = self.numbering.first_searched + self.operations.index(branch.operation)
            values += [branch.source, number]
        return tuple(values)

    def convert(self, architecture: Architecture) -> Architecture:
        """The same cells in this space.

        Raises:
            ArchitectureError: it is no pair of cells, or this space does not have all of its operations.
        """
        if not isinstance(architecture.space, ConvolutionalSpace):
            raise ArchitectureError(f"an architecture of {architecture.space.name} is no pair of convolutional cells")
        return self.architecture(self.encode(architecture.space.cells_of(architecture.values)))

    # ---- what is legal

    def choices(self, prefix: Sequence[int]) -> tuple[int, ...]:
        """The legal integers after `prefix`: earlier nodes, or the operations that are searched."""
        position = self.positions[len(prefix)]
        first = self.numbering.first_searched if position.kind == "operation" else 0
        return tuple(range(first, len(position.words)))

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

    # ---- text

    def parse(self, text: str) -> Architecture:
        """Reads an architecture: its integers, its tokens, its readable form, or a published name.

        60 numbers are tokens. 40 numbers are tokens if no operation is below 7 and no node is 0.

        Raises:
            ArchitectureError: none of these; the message names the position and what is allowed there.
        """
        text = unquoted(text)
        numbers = integers_in(text)
        if len(numbers) == self.token_length and (len(numbers) != len(self.positions) or _are_tokens(numbers)):
            return self.from_tokens(numbers)
        if not numbers and "," in text and not is_of_another_tool(text):
            text = ", ".join(self._word(word) for word in words_in(text))
        return super().parse(text)

    def _word(self, word):
        """The word as the space has it: "sep_conv_3x3" is "separable conv 3x3"."""
        if word in self.operations:
            return word
        word = " ".join(word.replace("_", " ").split())
        for alias, name in _ALIASES.items():
            if re.match(rf"{alias}\b", word):
                return name + word[len(alias) :]
        return word


def _numbering(name, operations):
    if operations is None:
        if name not in SPACES:
            raise ValueError(f"space of cells {name!r}; known are {', '.join(SPACES)}")
        return SPACES[name]
    words = tuple(operations)
    if name in SPACES:
        raise ValueError(f"{name!r} is a space with operations of its own; give another name")
    if not words or len(set(words)) < len(words):
        raise ValueError(f"operations {', '.join(words) or 'none'}; at least one, and all different")
    for word in words:
        if not word or word != word.strip() or "," in word or not word.isprintable():
            raise ValueError(f"operation {word!r}; a name is one printable line without commas or blanks around it")
    return Numbering(words)


def parse_cells(text: str, space: ConvolutionalSpace) -> Architecture:
    """Reads an architecture of `space` or, if it is none, of the first published space that it is one of.

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
        if is_of_another_tool(text) or not re.search(r"[\d,]{2}|\d\s", text):
            raise ArchitectureError(
                f"{shown(text.strip())} is no architecture: give {len(space.positions)} integers, the readable form, "
                f"or a name ({', '.join(published_cells())})"
            ) from None
        raise error


def _are_tokens(numbers):
    return min(numbers[0::2]) > START_TOKEN and min(numbers[1::2]) > NODES + 1
