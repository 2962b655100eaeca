"""What an architecture is: a value out of a search space, and the contract that every search space keeps.

An architecture is a string of integers, one for each `Position` of its space. For the controller it is written as
tokens: every kind of position has a block of the vocabulary of its own, behind token 0, the start of sequence (in the
recurrent space 1..11 are predecessors and 12..15 activations). Nothing here imports TensorFlow.

Letters: T tokens of an architecture, V words of the vocabulary.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

START_TOKEN = 0  # the start of sequence; never a token of an architecture
SAMPLES_WITHIN = 100  # random architectures that may break a bound before one is made smaller step by step
STEPS_WITHIN = 2_000  # of that


class ArchitectureError(ValueError):
    """A string that is no architecture of the space; the message says which position is wrong and what is allowed."""


@dataclasses.dataclass(frozen=True)
class Position:
    """One integer of an architecture.

    Attributes:
        description: what the integer says, as error messages name it ("predecessor of node 3").
        kind: positions of one kind share a block of the vocabulary ("predecessor").
        words: the readable word of every legal value; the values are 0..len(words) - 1.
    """

    description: str
    kind: str
    words: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Architecture:
    """An architecture: frozen, hashable and valid by construction.

    Two architectures are equal when their integers are; `canonical` tells whether they compute the same.

    Attributes:
        space: the space it belongs to.
        values: its integers, one for each position of the space.

    Raises:
        ArchitectureError: the integers are no architecture of the space.
    """

    space: SearchSpace
    values: tuple[int, ...]

    def __post_init__(self):
        object.__setattr__(self, "values", tuple(int(value) for value in self.values))
        self.space.check(self.values)

    @functools.cached_property
    def canonical(self) -> Architecture:
        """The one spelling that all architectures with the same computation share."""
        return Architecture(self.space, self.space.canonicalise(self.values))

    @property
    def tokens(self) -> tuple[int, ...]:
        """The integers as tokens of the controller, `[T]`."""
        return self.space.tokens(self.values)

    @property
    def text(self) -> str:
        """Readable form: "node 0, relu, node 1, tanh, …"; what `SearchSpace.parse` reads."""
        return self.space.text(self.values)

    def __str__(self) -> str:
        return " ".join(map(str, self.values))


class SearchSpace:
    """A search space: which strings of integers are architectures, how they read, and which of them are the same.

    A space with the same choices whatever was chosen before is made of its positions alone. Subclasses override
    `choices` (legal values that depend on the prefix), `canonicalise` and `symmetry` (several spellings of one
    computation), `tokens`, `integers` and `legal_tokens` (a token form with other than one token an integer), or `text`
    and `parse` (a notation of its own).

    Args:
        name: the name that pools and reports give it.
        positions: what each integer means.
        tokens_per_encoder_step: how many neighbouring tokens the encoder reads as one step (authors' code).
        published: named architectures, by their integers.
    """

    def __init__(
        self,
        name: str,
        positions: Sequence[Position],
        tokens_per_encoder_step: int = 1,
        published: Mapping[str, Sequence[int]] | None = None,
    ):
        self.name = name
        self.positions = tuple(positions)
        self.tokens_per_encoder_step = tokens_per_encoder_step
        self.published = dict(published or {})
        self._excess: Callable[[Sequence[int]], float] | None = None
        self._bound = ""
        widths: dict[str, int] = {}
        for position in self.positions:
            widths[position.kind] = max(widths.get(position.kind, 0), len(position.words))
        self._first_token, next_token = {}, START_TOKEN + 1
        for kind, width in widths.items():
            self._first_token[kind] = next_token
            next_token += width
        self._vocabulary_size = next_token

    def __eq__(self, other):
        return isinstance(other, SearchSpace) and (self.name, self.positions) == (other.name, other.positions)

    def __hash__(self):
        return hash(self.name)  # quick: every look-up in a pool hashes the space

    def __repr__(self):
        return f"{type(self).__name__}(name={self.name!r})"

    # ---- sizes

    @property
    def token_length(self) -> int:
        """T, the tokens of an architecture."""
        return len(self.positions)

    @property
    def vocabulary_size(self) -> int:
        """V, the words of the controller's vocabulary, the start of sequence among them."""
        return self._vocabulary_size

    @functools.cached_property
    def size(self) -> int:
        """How many strings of integers are architectures, every spelling counted."""
        ways: dict[int | None, tuple[tuple[int, ...], int]] = {None: ((), 1)}  # by last integer: a prefix, how many
        for _ in self.positions:
            following: dict[int | None, tuple[tuple[int, ...], int]] = {}
            for prefix, count in ways.values():
                for value in self.choices(prefix):
                    known = following[value][1] if value in following else 0
                    following[value] = ((*prefix, value), known + count)
            ways = following
        return sum(count for _, count in ways.values())

    def strings(self) -> Iterator[tuple[int, ...]]:
        """The integers of every architecture, every spelling, in lexicographic order: `size` of them."""
        return self._strings(())

    def _strings(self, prefix):
        if len(prefix) == len(self.positions):
            yield prefix
            return
        for value in self.choices(prefix):
            yield from self._strings((*prefix, value))

    def cells(self) -> Iterator[tuple[int, ...]]:
        """The canonical integers of every different computation, in lexicographic order."""
        return (values for values in self.strings() if self.canonicalise(values) == values)

    # ---- what is legal

    def choices(self, prefix: Sequence[int]) -> tuple[int, ...]:
        """The legal integers behind `prefix`; may depend on its length and its last integer."""
        return tuple(range(len(self.positions[len(prefix)].words)))

    def check(self, values: Sequence[int]) -> None:
        """Raises ArchitectureError, naming the position, unless `values` is an architecture of this space."""
        if len(values) != len(self.positions):
            raise ArchitectureError(
                f"architecture of {len(values)} integers; {self.name} takes {len(self.positions)} "
                f"({self.positions[0].description}, {self.positions[1 % len(self.positions)].description}, …)"
            )
        for index, value in enumerate(values):
            allowed = self.choices(values[:index])
            if value not in allowed:
                raise ArchitectureError(
                    f"architecture position {index} ({self.positions[index].description}): {value} is not allowed; "
                    f"allowed are {', '.join(map(str, allowed))}"
                )

    def architecture(self, values: Sequence[int]) -> Architecture:
        """The architecture with these integers. Raises ArchitectureError."""
        return Architecture(self, tuple(values))

    # ---- bounds

    def within(self, excess: Callable[[Sequence[int]], float], bound: str) -> SearchSpace:
        """This space, and a search proposes only what keeps a bound; what is legal and how it is written stay.

        `sample`, `mutate` and `neighbours` keep it, and strategies ask `allows` of what comes to them in other ways.

        Args:
            excess: how large an architecture is, from its integers, in shares of the bound; above 1 it is too large.
            bound: its name, for errors.
        """
        bounded = copy.copy(self)
        bounded._excess, bounded._bound = excess, bound
        return bounded

    def allows(self, architecture: Architecture) -> bool:
        """Whether an architecture keeps the bound; without one, always."""
        return self._excess is None or self._excess(architecture.values) <= 1

    # ---- sampling

    def sample(self, generator: np.random.Generator) -> Architecture:
        """A random architecture, in canonical form: every integer uniform over its legal values.

        With a bound, uniform among those that keep it; where they are rare, a random one that was made smaller.

        Raises:
            ArchitectureError: none was found that keeps the bound.
        """
        smallest = self.complete((), generator).canonical
        if self.allows(smallest):
            return smallest
        for _ in range(SAMPLES_WITHIN):
            other = self.complete((), generator).canonical
            if self.allows(other):
                return other
            smallest = min(smallest, other, key=self._excess_of)
        return self._shrunk(smallest, generator)

    def _excess_of(self, architecture):
        return self._excess(architecture.values)

    def _shrunk(self, architecture, generator):
        """Walks from an architecture to ones that are no larger, until one keeps the bound."""
        size = self._excess_of(architecture)
        for _ in range(STEPS_WITHIN):
            other = self._change(architecture, int(generator.choice(self._mutable(architecture))), generator).canonical
            if self._excess_of(other) <= size:
                architecture, size = other, self._excess_of(other)
            if size <= 1:
                return architecture
        raise ArchitectureError(
            f"no architecture of {self.name} keeps {self._bound}; the smallest "
            f"that was found is {size:.3g} times as large"
        )

    def _mutable(self, architecture):
        """The positions at which another integer is legal."""
        return [index for index in range(len(self.positions)) if len(self.choices(architecture.values[:index])) > 1]

    def complete(self, prefix: Sequence[int], generator: np.random.Generator) -> Architecture:
        """`prefix` with random legal integers behind it."""
        values = list(prefix)
        while len(values) < len(self.positions):
            values.append(int(generator.choice(self.choices(values))))
        return self.architecture(values)

    def mutate(self, architecture: Architecture, generator: np.random.Generator) -> Architecture:
        """Another computation that differs in one integer, or in what that one makes illegal; in canonical form.

        Raises:
            ValueError: no other computation was found: the space holds only one, or only one that keeps the bound.
        """
        mutable = self._mutable(architecture)
        for _ in range(100 if mutable else 0):  # a changed integer may spell the same computation
            mutant = self._change(architecture, int(generator.choice(mutable)), generator).canonical
            if mutant != architecture.canonical and self.allows(mutant):
                return mutant
        raise ValueError(f"no mutation of {architecture} is another computation of {self.name}")

    def neighbours(self, architecture: Architecture, generator: np.random.Generator) -> list[Architecture]:
        """Every other computation that changing one integer leads to, in random order, each once, in canonical form.

        Integers that the change makes illegal are drawn anew.
        """
        values = architecture.values
        changes = [
            (index, value)
            for index in range(len(values))
            for value in self.choices(values[:index])
            if value != values[index]
        ]
        found = {
            self._with(architecture, *changes[at], generator).canonical: None
            for at in generator.permutation(len(changes))
        }
        found.pop(architecture.canonical, None)
        return [neighbour for neighbour in found if self.allows(neighbour)]

    def _change(self, architecture, index, generator) -> Architecture:
        others = [value for value in self.choices(architecture.values[:index]) if value != architecture.values[index]]
        return self._with(architecture, index, int(generator.choice(others)), generator)

    def _with(self, architecture, index, value, generator) -> Architecture:
        values = list(architecture.values)
        values[index] = value
        for later in range(index + 1, len(values)):
            allowed = self.choices(values[:later])
            if values[later] not in allowed:
                values[later] = int(generator.choice(allowed))
        return self.architecture(values)

    # ---- spellings of the same computation

    def canonicalise(self, values: Sequence[int]) -> tuple[int, ...]:
        """The one spelling of all that compute the same; without symmetries the integers themselves."""
        return tuple(values)

    def symmetry(self, values: Sequence[int], generator: np.random.Generator) -> tuple[int, ...]:
        """A random spelling of the same computation, to augment the controller's training (NAO, section 3.2)."""
        return tuple(values)

    # ---- tokens

    def tokens(self, values: Sequence[int]) -> tuple[int, ...]:
        """The integers as tokens, `[T]`."""
        return tuple(
            self._first_token[position.kind] + value for position, value in zip(self.positions, values, strict=True)
        )

    def integers(self, tokens: Sequence[int]) -> tuple[int, ...]:
        """The integers of a string of tokens. Raises ArchitectureError, naming the position."""
        if len(tokens) != self.token_length:
            raise ArchitectureError(f"{len(tokens)} tokens; {self.name} takes {self.token_length}")
        values: list[int] = []
        for index, (position, token) in enumerate(zip(self.positions, tokens, strict=True)):
            first = self._first_token[position.kind]
            allowed = self.choices(values)
            if int(token) - first not in allowed:
                raise ArchitectureError(
                    f"token position {index} ({position.description}): {token} is not allowed; "
                    f"allowed are {', '.join(str(first + value) for value in allowed)}"
                )
            values.append(int(token) - first)
        return tuple(values)

    def from_tokens(self, tokens: Sequence[int]) -> Architecture:
        """The architecture that the controller wrote. Raises ArchitectureError."""
        return self.architecture(self.integers(tokens))

    def legal_tokens(self, prefix: Sequence[int]) -> tuple[int, ...]:
        """The tokens that may follow the tokens `prefix`; may depend on its length and its last token only."""
        values = [
            token - self._first_token[position.kind]
            for position, token in zip(self.positions, prefix, strict=False)  # the prefix may be shorter
        ]
        first = self._first_token[self.positions[len(prefix)].kind]
        return tuple(first + value for value in self.choices(values))

    @functools.cached_property
    def grammar(self) -> np.ndarray:
        """Which token may follow which at every position: bool `[T, V, V]`, indexed by position, last token, token.

        The decoder masks with it, compiled, so everything it writes is an architecture. Built from `legal_tokens` by
        following one prefix for each reachable last token, which is why legality may look no further back.
        """
        length, size = self.token_length, self.vocabulary_size
        grammar = np.zeros([length, size, size], bool)  # [T, V, V]
        reached: dict[int, tuple[int, ...]] = {START_TOKEN: ()}
        for position in range(length):
            following: dict[int, tuple[int, ...]] = {}
            for last, prefix in reached.items():
                for token in self.legal_tokens(prefix):
                    grammar[position, last, token] = True
                    following.setdefault(token, (*prefix, token))
            reached = following
        return grammar

    # ---- text

    def text(self, values: Sequence[int]) -> str:
        """Readable form: the words of the integers, "node 0, relu, node 1, tanh, …"."""
        return ", ".join(position.words[value] for position, value in zip(self.positions, values, strict=True))

    def parse(self, text: str) -> Architecture:
        """Reads an architecture as people write it: its integers, its readable form, or a published name.

        Raises:
            ArchitectureError: neither; the message names the position and what is allowed there.
        """
        text = text.strip()
        if text in self.published:
            return self.architecture(self.published[text])
        if re.fullmatch(r"[\d\s,|]+", text):
            return self.architecture([int(number) for number in re.findall(r"\d+", text)])
        words = [word.strip() for word in text.split(",")]
        if len(words) == 1:
            names = ", ".join(self.published) or "none"
            raise ArchitectureError(
                f"{text!r} is no architecture: give {len(self.positions)} integers, the readable form, "
                f"or a name ({names})"
            )
        if len(words) != len(self.positions):
            raise ArchitectureError(f"architecture of {len(words)} words; {self.name} takes {len(self.positions)}")
        values: list[int] = []
        for index, (position, word) in enumerate(zip(self.positions, words, strict=True)):
            allowed = {position.words[value]: value for value in self.choices(values)}
            if word not in allowed:
                raise ArchitectureError(
                    f"architecture position {index} ({position.description}): {word!r} is not allowed; "
                    f"allowed are {', '.join(allowed)}"
                )
            values.append(allowed[word])
        return self.architecture(values)
