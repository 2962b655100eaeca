"""What each integer of an architecture means, and the error for integers that mean nothing."""

import dataclasses


class ArchitectureError(ValueError):
    """A string that is no architecture of the space; the message says which position is wrong and what is allowed."""


@dataclasses.dataclass(frozen=True)
class Position:
    """One integer of an architecture.

    Attributes:
        description: what the integer says, as error messages name it ("predecessor of node 3").
        kind: positions of one kind share a block of the vocabulary ("predecessor").
        words: the readable word of every value that can be legal; the values are 0..len(words) - 1.
    """

    description: str
    kind: str
    words: tuple[str, ...]
