"""A space of anyone's categories: independent decisions, each among a few words."""

import csv
import re
from collections.abc import Mapping, Sequence

from nao_tf.architecture.position import ArchitectureError, Position
from nao_tf.architecture.space import Architecture, SearchSpace, integers_in, shown, unquoted

MOST_NAMED = 20  # words that an error message lists


class CategoricalSpace(SearchSpace):
    """Decisions that do not depend on each other: an integer each, the number of the chosen word.

    Every decision has its own block of the controller's vocabulary. The readable form is "width=32, kernel=3x3"; items
    with a comma or a quote in them are quoted as in a CSV file.

    Args:
        name: of the space.
        decisions: the words of each decision, in the order of their numbers.

    Raises:
        ValueError: no decisions, a decision without words or with one twice, or names that cannot be read back.
    """

    def __init__(self, name: str, decisions: Mapping[str, Sequence[str]]):
        if not decisions:
            raise ValueError(f"space {name} of no decisions; at least one")
        for decision, words in decisions.items():
            if "=" in decision or not _is_plain(decision):
                raise ValueError(f"decision {decision!r}; a name is one printable line without '=' or blanks around it")
            if not words or len(set(words)) < len(words):
                raise ValueError(f"decision {decision!r} has the words {_listed(words)}; at least one, all different")
            for word in words:
                if not _is_plain(word):
                    raise ValueError(f"decision {decision!r} has the word {word!r}; a word is one printable line")
        self.decisions = {decision: tuple(words) for decision, words in decisions.items()}
        super().__init__(
            name,
            [Position(description=decision, kind=decision, words=words) for decision, words in self.decisions.items()],
        )

    def text(self, values: Sequence[int]) -> str:
        """Readable form, "width=32, kernel=3x3"."""
        chosen = zip(self.decisions.items(), values, strict=True)
        return ", ".join(_quoted(f"{decision}={words[value]}") for (decision, words), value in chosen)

    def parse(self, text: str) -> Architecture:
        """Reads an architecture: its decisions by name, in any order, its integers, or its words in order.

        Words that are numbers could be integers: numbers in brackets, or with blanks between them, are integers if they
        can be; numbers with commas between them that could be either are refused.

        Raises:
            ArchitectureError: none of these, or either of two; the message names the decision and its words.
        """
        text = text.strip()
        try:
            return self._parse(text)
        except ArchitectureError:
            if unquoted(text) == text:
                raise
            return self._parse(unquoted(text))

    def _parse(self, text: str) -> Architecture:
        items = _items(text)
        if any("=" in item and item.partition("=")[0].strip() in self.decisions for item in items):
            return self._from_names(items)
        numbers = integers_in(text)
        if not numbers:
            return self.from_words(items)
        if re.search(r"[\[(]", text):
            return self.architecture(numbers)
        as_integers = _read(self.architecture, numbers)
        as_words = _read(self.from_words, items if "," in text else text.split())
        if "," in text and as_integers and as_words and as_integers != as_words:
            raise ArchitectureError(
                f"{shown(text)} could be {as_words.text} or the integers of {as_integers.text}; write one of these"
            )
        return as_integers or as_words or self.architecture(numbers)  # the last one raises

    def _from_names(self, items):
        """The architecture of items "decision=word"."""
        chosen: dict[str, str] = {}
        for item in items:
            decision, equals, word = (part.strip() for part in item.partition("="))
            if not equals or decision not in self.decisions:
                raise ArchitectureError(
                    f"{shown(item)} is no decision of {self.name}; decisions are {_listed(list(self.decisions))}"
                )
            if decision in chosen:
                raise ArchitectureError(f"decision {decision!r} is given twice")
            chosen[decision] = word
        missing = [decision for decision in self.decisions if decision not in chosen]
        if missing:
            raise ArchitectureError(f"no word for {_listed(missing)}; {self.name} takes all {len(self.decisions)}")
        return self.from_words([chosen[decision] for decision in self.decisions])

    def decisions_of(self, values: Sequence[int]) -> dict[str, str]:
        """The word of each decision of an architecture's integers."""
        return {name: words[value] for (name, words), value in zip(self.decisions.items(), values, strict=True)}

    def from_words(self, words: Sequence[str]) -> Architecture:
        """The architecture with these words, one a decision. Raises ArchitectureError, naming the decision."""
        if len(words) != len(self.decisions):
            raise ArchitectureError(
                f"architecture of {len(words)} words; {self.name} takes {len(self.decisions)}: "
                f"{_listed([f'{decision}=…' for decision in self.decisions])}"
            )
        for word, (decision, known) in zip(words, self.decisions.items(), strict=True):
            if word not in known:
                raise ArchitectureError(
                    f"decision {decision!r}: {shown(word)} is not allowed; allowed are {_listed(known)}"
                )
        return self.architecture(
            [known.index(word) for word, known in zip(words, self.decisions.values(), strict=True)]
        )


def _read(reader, parts):
    """The architecture that a reader makes of the parts; None if they are none."""
    try:
        return reader(parts)
    except ArchitectureError:
        return None


def _is_plain(word):
    """Whether a name or word can be written in one line and read back."""
    return bool(word) and word == word.strip() and word.isprintable()


def _listed(words):
    """Words for an error message."""
    more = f", … ({len(words):,} in all)" if len(words) > MOST_NAMED else ""
    return ", ".join(words[:MOST_NAMED]) + more


def _quoted(item):
    """An item of the readable form, in quotes if it holds what separates items."""
    if "," in item or '"' in item:
        return '"' + item.replace('"', '""') + '"'
    return item


def _items(text):
    """The items of a text with commas between them, quotes taken off. Raises ArchitectureError."""
    try:
        rows = list(csv.reader([text], skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise ArchitectureError(f"{shown(text)} is no architecture: {error}") from None
    return [item.strip() for row in rows for item in row]
