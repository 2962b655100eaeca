"""What an architecture is: a value of a search space, and the contract that every search space keeps.

An architecture is a string of integers, one for each `Position` of its space; its token form is what the controller
reads and writes. Nothing here imports TensorFlow.

Letters: N architectures, T tokens of an architecture, V words of the vocabulary.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from nao_tf.architecture.position import ArchitectureError, Position
from nao_tf.architecture.tokens import IntegerForm, TokenForm

MUTATIONS = 100  # changed integers that may spell the same computation before mutation gives up
LONGEST_INTEGER = 9  # digits; no space has as many words at a position
LONGEST_SHOWN = 200  # characters of what was given, in an error message
QUOTES = ("''", '""', "``", "‘’", "“”", "„“", "«»")
BRACKETS = ("[]", "()")


@dataclasses.dataclass(frozen=True)
class Architecture:
    """An architecture: frozen, hashable and valid by construction.

    Two architectures are equal when their integers are; two that compute the same have equal `canonical`.

    Attributes:
        space: the space it belongs to.
        values: its integers, one for each position of the space.

    Raises:
        ArchitectureError: the integers are no architecture of the space.
    """

    space: SearchSpace
    values: tuple[int, ...]

    def __post_init__(self):
        object.__setattr__(self, "values", tuple(map(int, self.values)))
        self.space.check(self.values)

    @property
    def canonical(self) -> Architecture:
        """The one spelling that all architectures with the same computation share."""
        values = self._canonical_values
        return self if values == self.values else Architecture(self.space, values)

    @functools.cached_property
    def _canonical_values(self) -> tuple[int, ...]:
        return self.space.canonicalise(self.values)

    @property
    def tokens(self) -> tuple[int, ...]:
        """The integers as tokens of the controller, `[T]`."""
        return self.space.tokens(self.values)

    @property
    def text(self) -> str:
        """Readable form, "node 0, relu, node 1, tanh, …", which `SearchSpace.parse` reads."""
        return self.space.text(self.values)

    def __str__(self) -> str:
        return " ".join(map(str, self.values))


class SearchSpace:
    """A search space: which strings of integers are architectures, how they read, and which of them are the same.

    A space whose choices are the same whatever was chosen before is made of its positions alone. Subclasses override

    * `choices`, where an integer's legal values depend on what precedes it. They may depend on the length of the prefix
      and on its last integer, on nothing else: the decoder masks with the space's grammar, a tensor `[T, V, V]` that
      knows no more of the past. (So a space such as NAS-Bench-101's, where a cell's number of edges is bounded, cannot
      be written with one integer an edge.)
    * `canonicalise` and `symmetry`, where several spellings mean one computation;
    * `text` and `parse`, for a notation of its own.

    A space with other than one token an integer is given its `TokenForm`.

    Args:
        name: its name in pools and reports.
        positions: what each integer means.
        tokens_per_encoder_step: how many neighbouring tokens the encoder reads as one step (authors' code).
        published: named architectures, by their integers.
        token_form: None for one token an integer.
    """

    def __init__(
        self,
        name: str,
        positions: Sequence[Position],
        *,
        tokens_per_encoder_step: int = 1,
        published: Mapping[str, Sequence[int]] | None = None,
        token_form: TokenForm | None = None,
    ):
        self.name = name
        self.positions = tuple(positions)
        self.tokens_per_encoder_step = tokens_per_encoder_step
        self.published = dict(published or {})
        self.token_form = token_form or IntegerForm(name, self.positions, choices=self.choices)

    def __eq__(self, other):
        return type(self) is type(other) and (self.name, self.positions) == (other.name, other.positions)

    def __hash__(self):
        return hash(self.name)  # quick: every look-up in a pool hashes the space

    def __repr__(self):
        return f"{type(self).__name__}(name={self.name!r})"

    # ---- sizes

    @functools.cached_property
    def _widths(self) -> tuple[int, ...]:
        return tuple(len(position.words) for position in self.positions)

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

    def canonical_strings(self) -> Iterator[tuple[int, ...]]:
        """The canonical integers of every different computation, in lexicographic order."""
        return (values for values in self.strings() if self.canonicalise(values) == values)

    # ---- what is legal

    def choices(self, prefix: Sequence[int]) -> tuple[int, ...]:
        """The legal integers after `prefix`, ascending; may depend on its length and its last integer only."""
        return tuple(range(len(self.positions[len(prefix)].words)))

    def check(self, values: Sequence[int]) -> None:
        """Raises ArchitectureError, naming the position, unless `values` is an architecture of this space."""
        if len(values) != len(self.positions):
            first = ", ".join(position.description for position in self.positions[:2])
            dots = ", …" if len(self.positions) > 2 else ""
            raise ArchitectureError(
                f"architecture of {len(values)} integers; {self.name} takes {len(self.positions)} ({first}{dots})"
            )
        if type(self).choices is SearchSpace.choices and all(map(_is_below, values, self._widths)):
            return  # quick: pools of many thousand lines are read
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

    # ---- what a search may propose

    def allows(self, architecture: Architecture) -> bool:
        """Whether a search may propose an architecture: any one, unless the search is restricted (`constraint.py`)."""
        return True

    def sample(self, generator: np.random.Generator) -> Architecture:
        """A random architecture, in canonical form: every integer uniform over its legal values."""
        return self.complete((), generator).canonical

    def complete(self, prefix: Sequence[int], generator: np.random.Generator) -> Architecture:
        """`prefix` followed by random legal integers."""
        values = list(prefix)
        while len(values) < len(self.positions):
            values.append(int(generator.choice(self.choices(values))))
        return self.architecture(values)

    def change(self, architecture: Architecture, generator: np.random.Generator) -> Architecture:
        """`architecture` with one integer changed, at random, and with it what the change makes illegal; canonical.

        It may be another spelling of the same computation.
        """
        values = architecture.values
        mutable = [index for index in range(len(values)) if len(self.choices(values[:index])) > 1]
        if not mutable:
            return architecture.canonical
        index = int(generator.choice(mutable))
        others = [value for value in self.choices(values[:index]) if value != values[index]]
        return self._with(architecture, index, value=int(generator.choice(others)), generator=generator).canonical

    def mutate(self, architecture: Architecture, generator: np.random.Generator) -> Architecture:
        """Another computation that differs in one integer, or in what that one makes illegal; in canonical form.

        Raises:
            ValueError: no other computation was found.
        """
        for _ in range(MUTATIONS):
            mutant = self.change(architecture, generator)
            if mutant != architecture.canonical:
                return mutant
        raise ValueError(f"no mutation of {architecture} is another computation of {self.name}")

    def neighbours(self, architecture: Architecture, generator: np.random.Generator) -> list[Architecture]:
        """Every other computation that changing one integer leads to, in random order, each once, in canonical form.

        Integers that the change makes illegal are drawn again.
        """
        values = architecture.values
        changes = [
            (index, value)
            for index in range(len(values))
            for value in self.choices(values[:index])
            if value != values[index]
        ]
        neighbours: dict[Architecture, None] = {}
        for number in generator.permutation(len(changes)):
            index, value = changes[number]
            neighbours[self._with(architecture, index, value=value, generator=generator).canonical] = None
        neighbours.pop(architecture.canonical, None)
        return list(neighbours)

    def _with(self, architecture, index, *, value, generator) -> Architecture:
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

    @property
    def token_length(self) -> int:
        """T, the tokens of an architecture."""
        return self.token_form.length

    @property
    def vocabulary_size(self) -> int:
        """V, the words of the controller's vocabulary, the start of sequence among them."""
        return self.token_form.vocabulary_size

    @property
    def grammar(self) -> np.ndarray:
        """Which token may follow which at every position: bool `[T, V, V]`, indexed by position, last token, token."""
        return self.token_form.grammar

    def tokens(self, values: Sequence[int]) -> tuple[int, ...]:
        """The integers as tokens, `[T]`."""
        return self.token_form.tokens(values)

    def token_array(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """The tokens of architectures, int32 `[N, T]`. Raises ValueError for none and for those of another space."""
        if not len(architectures):
            raise ValueError("no architectures; at least one")
        for architecture in architectures:
            if architecture.space != self:
                raise ValueError(f"architecture {architecture} of space {architecture.space.name!r}, not {self.name!r}")
        return np.array([architecture.tokens for architecture in architectures], np.int32)

    def from_tokens(self, tokens: Sequence[int]) -> Architecture:
        """The architecture that the controller wrote. Raises ArchitectureError."""
        return self.architecture(self.token_form.integers(tokens))

    def legal_tokens(self, prefix: Sequence[int]) -> tuple[int, ...]:
        """The tokens that may follow the tokens `prefix`; depends on its length and its last token only."""
        return self.token_form.legal(prefix)

    # ---- text

    def text(self, values: Sequence[int]) -> str:
        """Readable form: the words of the integers, "node 0, relu, node 1, tanh, …"."""
        return ", ".join([position.words[value] for position, value in zip(self.positions, values, strict=True)])

    def parse(self, text: str) -> Architecture:
        """Reads an architecture as people write it: its integers, its readable form, or a published name.

        A name may be written in any case, and with any or no mark between its words: `nao_ws` is `NAO-WS`.

        Raises:
            ArchitectureError: none of these; the message names the position and what is allowed there.
        """
        text = unquoted(text)
        named = {_name_key(name): values for name, values in self.published.items()}.get(_name_key(text))
        if named is not None:
            return self.architecture(named)
        numbers = integers_in(text)
        if numbers:
            return self.architecture(numbers)
        words = words_in(text)
        if len(words) > 1 and (len(words) == len(self.positions) or not is_of_another_tool(text)):
            return self.from_words(words)
        names = ", ".join(self.published) or "none"
        raise ArchitectureError(
            f"{shown(text)} is no architecture: give {len(self.positions)} integers, the readable form, "
            f"or a name ({names})"
        )

    def from_words(self, words: Sequence[str]) -> Architecture:
        """The architecture with these words, one a position. Raises ArchitectureError, naming the position."""
        if len(words) != len(self.positions):
            raise ArchitectureError(f"architecture of {len(words)} words; {self.name} takes {len(self.positions)}")
        values: list[int] = []
        for index, (position, word) in enumerate(zip(self.positions, words, strict=True)):
            allowed = {position.words[value]: value for value in self.choices(values)}
            if word not in allowed:
                raise ArchitectureError(
                    f"architecture position {index} ({position.description}): {shown(word)} is not allowed; "
                    f"allowed are {', '.join(allowed)}"
                )
            values.append(allowed[word])
        return self.architecture(values)


def _name_key(name):
    return re.sub(r"[\W_]+", "", name.casefold())


def unquoted(text: str) -> str:
    """`text` without the blanks and the pairs of quotes around it."""
    return _without(QUOTES, text)


def _without(pairs, text):
    """`text` without the pairs of marks around it; marks within it tell that those around are not of one pair."""
    text = text.strip()
    while len(text) > 1 and text[0] + text[-1] in pairs and not {text[0], text[-1]} & set(text[1:-1]):
        text = text[1:-1].strip()
    return text


def words_in(text: str) -> list[str]:
    """The words of a readable form, with commas between them; brackets around all and quotes around each may be there.

    Line ends and several blanks are one blank: a long form may have been broken into lines.
    """
    text = _without(BRACKETS, text)
    words = [" ".join(unquoted(word).split()) for word in text.split(",")]
    return words[:-1] if len(words) > 1 and not words[-1] else words  # a comma after the last one


def is_of_another_tool(text: str) -> bool:
    """Whether a text has the form of another tool's architectures: a call such as Genotype(…), a dictionary."""
    return bool(re.match(r"\s*[A-Za-z_][\w.]*\s*\(|\s*\{", text))


def shown(text: str) -> str:
    """A text in quotes, in one line, short enough for an error message."""
    return repr(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…")


def integers_in(text: str) -> list[int]:
    """The integers of a text that holds nothing else: blanks, commas, bars, brackets between them; [] for other texts.

    Raises:
        ArchitectureError: a number is longer than any position of any space takes.
    """
    if not re.fullmatch(r"[0-9\s,|()\[\]]+", text):
        return []
    numbers = re.findall(r"[0-9]+", text)
    longest = max(numbers, key=len, default="")
    if len(longest) > LONGEST_INTEGER:
        raise ArchitectureError(
            f"architecture position {numbers.index(longest)}: a number of {len(longest)} digits is not allowed"
        )
    return [int(number) for number in numbers]


def _is_below(value, width) -> bool:
    """Whether a value is one of the first `width` numbers from 0 on."""
    return 0 <= value < width
