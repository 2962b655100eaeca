"""The words of a language model, and their ids."""

import dataclasses
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from types import MappingProxyType
from typing import Self

import numpy as np

from nao_tf.errors import InputError

END_OF_SENTENCE = "<eos>"  # ends every line, as in the published recipes for both corpora
UNKNOWN = "<unk>"  # the Penn Treebank's and WikiText's own word for words outside the vocabulary


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Words in the order of their ids: `words[id]` is the word of `id`.

    Raises:
        InputError: a word occurs twice, or `<eos>` is missing.
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        """Checks that ids and words map one to one."""
        if len(self.ids) != len(self.words):
            word, count = Counter(self.words).most_common(1)[0]
            raise InputError(f"vocabulary: the word {word!r} occurs {count} times; every word must occur once")
        if END_OF_SENTENCE not in self.ids:
            raise InputError(f"vocabulary: {END_OF_SENTENCE} is missing; it ends every line")

    def __len__(self) -> int:
        """The number of words, `<eos>` and `<unk>` included."""
        return len(self.words)

    @classmethod
    def in_order_of_appearance(cls, lines: Iterable[str]) -> Self:
        """All words of `lines`, `<eos>` included, in the order in which they first occur.

        Source: the dictionary of the authors' code (and of the usual language-model examples before it).
        """
        words: dict[str, None] = {}
        for line in lines:
            words.update(dict.fromkeys(line.split()))
            words.setdefault(END_OF_SENTENCE)
        return cls(tuple(words))

    @classmethod
    def by_frequency(cls, lines: Iterable[str], *, size: int | None = None, minimum_count: int = 1) -> Self:
        """`<eos>`, `<unk>`, then the words of `lines`, the most frequent first, ties in order of appearance.

        Args:
            lines: of the training text.
            size: the most words, `<eos>` and `<unk>` included; no limit when not given.
            minimum_count: the fewest occurrences of a word.

        Raises:
            InputError: `size` leaves no room for a word, or `minimum_count` is less than one.
        """
        special = (END_OF_SENTENCE, UNKNOWN)
        if size is not None and size <= len(special):
            raise InputError(
                f"vocabulary_size is {size}; at least {len(special) + 1} is needed ({', '.join(special)} and one word)"
            )
        if minimum_count < 1:
            raise InputError(f"minimum_count is {minimum_count}; at least 1 is needed")
        counts: Counter[str] = Counter()
        for line in lines:
            counts.update(line.split())
        words = [  # most_common sorts stably, so ties stay in order of appearance
            word for word, count in counts.most_common() if count >= minimum_count and word not in special
        ]
        return cls(special + tuple(words if size is None else words[: size - len(special)]))

    def __getstate__(self) -> dict[str, object]:
        return {"words": self.words}  # what is derived is made again in another process

    @cached_property
    def ids(self) -> MappingProxyType[str, int]:
        """Word -> id."""
        return MappingProxyType({word: identity for identity, word in enumerate(self.words)})

    @property
    def unknown_id(self) -> int | None:
        """The id of `<unk>`; None when the vocabulary has no such word."""
        return self.ids.get(UNKNOWN)

    @property
    def end_of_sentence_id(self) -> int:
        """The id of `<eos>`."""
        return self.ids[END_OF_SENTENCE]

    def encode(self, lines: Iterable[str], source: str) -> np.ndarray:
        """The ids of the words of `lines`, with `<eos>` after each line, empty lines too.

        Args:
            lines: text whose words are separated by white space.
            source: the name of the text in errors, usually its file.

        Returns:
            int32 `[N]`, N tokens.

        Raises:
            InputError: a word is outside the vocabulary, and the vocabulary has no `<unk>` to stand for it.
        """
        ids = dict(self.ids)  # a plain dictionary is faster than its read-only view
        unknown, end = self.unknown_id, self.end_of_sentence_id
        tokens: list[int | None] = []
        for line in lines:
            tokens.extend([ids.get(word, unknown) for word in line.split()])
            tokens.append(end)
        if unknown is None and None in tokens:
            words = (word for line in lines for word in line.split())
            outside = next(word for word in words if word not in ids)
            raise InputError(
                f"{source}: the word {outside!r} is not in the vocabulary of {len(self)} words,"
                f" and the vocabulary has no {UNKNOWN}; give text of known words only"
            )
        return np.asarray(tokens, dtype=np.int32)  # [N]

    def decode(self, tokens: Iterable[int]) -> list[str]:
        """The words of ids, one string an id.

        Raises:
            InputError: an id outside the vocabulary.
        """
        words = []
        for token in tokens:
            if not 0 <= token < len(self):
                raise InputError(f"id {token} is outside the vocabulary; ids are 0 to {len(self) - 1}")
            words.append(self.words[token])
        return words
