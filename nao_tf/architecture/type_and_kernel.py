"""The 60-token form of convolutional cells (authors' vocabulary): a branch is node, type of operation and kernel."""

from collections.abc import Sequence

from nao_tf.architecture.cells import BRANCHES, CELLS, IDENTITY, INPUTS, NODES, Numbering, branch_description
from nao_tf.architecture.tokens import START_TOKEN, TokenForm

TOKENS_PER_BRANCH = 3
PARTS = ("input", "type of operation", "kernel of operation")

# Identity has kernel 1x1.
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


def type_and_kernel(operation: str) -> tuple[int, int]:
    """The tokens of an operation: its type and its kernel."""
    if operation == IDENTITY:
        return TYPES[IDENTITY], KERNELS["1x1"]
    name, kernel = operation.rsplit(" ", 1)
    return TYPES[name], KERNELS[kernel]


class TypeAndKernelForm(TokenForm):
    """Three tokens a branch; only pairs of type and kernel that the space has can be written. V = 21.

    Args:
        name: the space's, for errors.
        numbering: the space's operations, all of which have a type and a kernel.
    """

    def __init__(self, name: str, numbering: Numbering):
        branches = len(CELLS) * NODES * BRANCHES
        super().__init__(name, length=branches * TOKENS_PER_BRANCH, vocabulary_size=max(KERNELS.values()) + 1)
        self._pairs = {
            number: type_and_kernel(operation)
            for number, operation in enumerate(numbering.words)
            if number >= numbering.first_searched
        }
        self._number_of = {pair: number for number, pair in self._pairs.items()}

    def tokens(self, values: Sequence[int]) -> tuple[int, ...]:
        """The integers of an architecture as tokens, `[60]`."""
        return tuple(
            token
            for source, operation in zip(values[0::2], values[1::2], strict=True)
            for token in (START_TOKEN + 1 + source, *self._pairs[operation])
        )

    def legal(self, prefix: Sequence[int]) -> tuple[int, ...]:
        """The tokens that may follow: nodes, then types that the space has, then kernels that this type has."""
        branch, part = divmod(len(prefix), TOKENS_PER_BRANCH)
        if part == 0:
            earlier = INPUTS + branch // BRANCHES % NODES
            return tuple(range(START_TOKEN + 1, START_TOKEN + 1 + earlier))
        if part == 1:
            return tuple(sorted({type for type, _ in self._number_of}))
        return tuple(sorted(kernel for type, kernel in self._number_of if type == prefix[-1]))

    def description(self, index: int) -> str:
        """What the token at a position says, for errors."""
        branch, part = divmod(index, TOKENS_PER_BRANCH)
        return branch_description(branch, PARTS[part])

    def _decode(self, tokens):
        values = []
        for at in range(0, len(tokens), TOKENS_PER_BRANCH):
            source, *pair = tokens[at : at + TOKENS_PER_BRANCH]
            values += [source - START_TOKEN - 1, self._number_of[tuple(pair)]]
        return tuple(values)
