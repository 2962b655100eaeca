"""The token form of a search space: how the controller reads and writes an architecture.

Letters: T tokens of an architecture, V words of the vocabulary.
"""

import abc
import functools
from collections.abc import Callable, Sequence

import numpy as np

from nao_tf.architecture.position import ArchitectureError, Position

START_TOKEN = 0  # the start of sequence; never a token of an architecture


class TokenForm(abc.ABC):
    """Translates the integers of an architecture into tokens and back.

    Which tokens are legal may depend on how many tokens precede and on the last of them, on nothing else: the decoder
    masks with `grammar`, a tensor of fixed size, inside compiled code.

    Args:
        name: the space's, for errors.
        length: T.
        vocabulary_size: V, the start of sequence among them.
    """

    def __init__(self, name: str, *, length: int, vocabulary_size: int):
        self.name, self.length, self.vocabulary_size = name, length, vocabulary_size

    @abc.abstractmethod
    def tokens(self, values: Sequence[int]) -> tuple[int, ...]:
        """The integers of an architecture as tokens, `[T]`."""

    @abc.abstractmethod
    def legal(self, prefix: Sequence[int]) -> tuple[int, ...]:
        """The tokens that may follow the tokens `prefix`, in ascending order."""

    @abc.abstractmethod
    def description(self, index: int) -> str:
        """What the token at a position says, for errors."""

    @abc.abstractmethod
    def _decode(self, tokens: Sequence[int]) -> tuple[int, ...]:
        """The integers of tokens that are legal."""

    def integers(self, tokens: Sequence[int]) -> tuple[int, ...]:
        """The integers of a string of tokens. Raises ArchitectureError, naming the position."""
        if len(tokens) != self.length:
            raise ArchitectureError(f"{len(tokens)} tokens; {self.name} takes {self.length}")
        string = [int(token) for token in tokens]
        previous = START_TOKEN
        for index, token in enumerate(string):
            if not (0 <= token < self.vocabulary_size and self.grammar[index, previous, token]):
                allowed = np.flatnonzero(self.grammar[index, previous])
                raise ArchitectureError(
                    f"token position {index} ({self.description(index)}): {token} is not allowed; "
                    f"allowed are {', '.join(map(str, allowed))}"
                )
            previous = token
        return self._decode(string)

    @functools.cached_property
    def grammar(self) -> np.ndarray:
        """Which token may follow which at every position: bool `[T, V, V]`, indexed by position, last token, token.

        The decoder masks with it, so everything it writes is an architecture. Built from `legal` by following one
        prefix for each reachable last token, which is why legality may look no further back.
        """
        length, size = self.length, self.vocabulary_size
        grammar = np.zeros([length, size, size], bool)  # [T, V, V]
        reached: dict[int, tuple[int, ...]] = {START_TOKEN: ()}
        for position in range(length):
            following: dict[int, tuple[int, ...]] = {}
            for last, prefix in reached.items():
                for token in self.legal(prefix):
                    grammar[position, last, token] = True
                    following.setdefault(token, (*prefix, token))
            reached = following
        return grammar


class IntegerForm(TokenForm):
    """One token an integer; every kind of position has its own block of the vocabulary, after the start of sequence.

    In the recurrent space 1..11 are predecessors and 12..15 activations.

    Args:
        name: the space's, for errors.
        positions: of the space.
        choices: the legal integers after a prefix of integers (`SearchSpace.choices`).
    """

    def __init__(
        self, name: str, positions: Sequence[Position], *, choices: Callable[[Sequence[int]], tuple[int, ...]]
    ):
        widths: dict[str, int] = {}
        for position in positions:
            widths[position.kind] = max(widths.get(position.kind, 0), len(position.words))
        first_of_kind, next_token = {}, START_TOKEN + 1
        for kind, width in widths.items():
            first_of_kind[kind] = next_token
            next_token += width
        super().__init__(name, length=len(positions), vocabulary_size=next_token)
        self._positions, self._choices = tuple(positions), choices
        self._first = [first_of_kind[position.kind] for position in positions]  # token of integer 0, by position

    def tokens(self, values: Sequence[int]) -> tuple[int, ...]:
        """The integers of an architecture as tokens, `[T]`."""
        return tuple(first + value for first, value in zip(self._first, values, strict=True))

    def legal(self, prefix: Sequence[int]) -> tuple[int, ...]:
        """The tokens that may follow the tokens `prefix`, in ascending order."""
        first = self._first[len(prefix)]
        return tuple(first + value for value in self._choices(self._decode(prefix)))

    def description(self, index: int) -> str:
        """What the token at a position says, for errors."""
        return self._positions[index].description

    def _decode(self, tokens):
        return tuple(token - first for first, token in zip(self._first, tokens, strict=False))  # it may be a prefix
