"""Corpora for language models: from the user's files, from prepared TFDS data, or the embedded sample.

TensorFlow is imported only when TFDS data are read.

Letters: N tokens of a part.
"""

import collections
import dataclasses
import functools
import hashlib
import itertools
import pathlib
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from nao_tf.data import python_docs
from nao_tf.data.lines import read_lines
from nao_tf.data.names import in_one_line
from nao_tf.data.published import FILE_NAMES, PARTS, find_own, find_published, hint_of, published_files
from nao_tf.data.vocabulary import END_OF_SENTENCE, UNKNOWN, Vocabulary
from nao_tf.errors import InputError

_FEWEST_TOKENS = 2  # an input and its target
_FEWEST_WORDS = 2  # with one word there is nothing to predict
_MOST_UNKNOWN = 0.9  # of the training words; a model of <unk> alone has a perplexity near 1 and says nothing
_ADVISED_UNKNOWN = 0.1  # what an error's advice leaves of them
_SENTENCE = 5  # words of a line that is hardly written twice by chance
_MANY_REPEATED = 0.05  # of the lines of a part, in training as well
_LONG_LINE = 1_000  # words of a text in one line that are worth a note
_MARK = "\ufeff"


@dataclasses.dataclass(frozen=True, eq=False)
class Corpus:
    """A text as token ids, in three parts.

    Attributes:
        name: in every output: `ptb`, `wikitext2`, `text` or `python-docs`.
        source: one line about its origin.
        vocabulary: the words of the ids.
        train: int32 `[N]`, the training text.
        valid: int32 `[N]`, the text that architectures are compared on.
        test: int32 `[N]`, the text of the final test.
        notes: facts that a user should know, one line each: files left out, words that training never has, ….
    """

    name: str
    source: str
    vocabulary: Vocabulary
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    notes: tuple[str, ...] = ()

    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) over the vocabulary and the tokens of all parts.

        Equal content has an equal fingerprint, whatever folder or format it is read from: name, source and notes do not
        count.
        """
        digest = hashlib.sha256("\n".join(self.vocabulary.words).encode("utf-8"))
        for tokens in (self.train, self.valid, self.test):
            digest.update(b"\n%d\n" % len(tokens))  # the lengths keep the parts apart
            digest.update(np.ascontiguousarray(tokens, dtype="<i4").data)  # little-endian on every machine
        return digest.hexdigest()


@dataclasses.dataclass(frozen=True)
class _Part:
    """The lines of one part of a corpus, and its name in errors."""

    lines: list[str]
    source: str


@dataclasses.dataclass(frozen=True)
class _Texts:
    """A corpus before it has a vocabulary."""

    name: str
    source: str
    parts: Mapping[str, _Part]
    notes: tuple[str, ...] = ()


def load_corpus(
    task: str,
    data_dir: str | pathlib.Path | None = None,
    *,
    download: bool = False,
    tfds_dir: str | pathlib.Path | None = None,
    vocabulary_size: int | None = None,
    minimum_count: int = 1,
) -> Corpus:
    """Loads the corpus of a task.

    With `data_dir`, that folder is used and nothing else. Without it: prepared TFDS data if there are any; else, with
    `download`, the network; else the embedded sample `python-docs`. `Corpus.name` and `source` say which.

    `ptb` and `wikitext2` have the dictionary of the published recipe: all words of all three parts, in order of
    appearance. `text` (and the sample) have the words of the training part, the most frequent first, and `<unk>` for
    all others. Every line, empty lines too, ends with `<eos>`.

    Args:
        task: `ptb`, `wikitext2` or `text`.
        data_dir: a folder in the published format (`ptb.train.txt`, …; `wiki.train.tokens`, …; `train.txt`, …), for
            `text` also with folders `train`, `valid` and `test` of texts. Names are read in any case, with the usual
            spellings of the parts (`val`, `dev`, …); what else lies there is told in `Corpus.notes`.
        download: whether the network may be used.
        tfds_dir: the folder of prepared TFDS data; `$TFDS_DATA_DIR` or `~/tensorflow_datasets` when not given, as in
            TFDS.
        vocabulary_size: task `text` only: the most words, `<eos>` and `<unk>` included.
        minimum_count: task `text` only: the fewest occurrences of a word in the training part.

    Raises:
        InputError: no such task, folder or file; several files for one part; a file that is empty or not UTF-8; a text
            too small to predict anything; a failed download; a limit of the vocabulary that does not apply, or that
            leaves hardly a word.
    """
    if task in FILE_NAMES and (vocabulary_size is not None or minimum_count != 1):
        raise InputError(f"vocabulary_size and minimum_count are for the task text; {task} has a published dictionary")
    texts = _texts(task, data_dir, download=download, tfds_dir=tfds_dir)
    return _build(texts, vocabulary_size, minimum_count)


def load_lines(
    task: str,
    part: str,
    *,
    data_dir: str | pathlib.Path | None = None,
    download: bool = False,
    tfds_dir: str | pathlib.Path | None = None,
) -> tuple[list[str], str]:
    """The unchanged lines of one part of a corpus, for a model with a vocabulary of its own.

    Args:
        task: see `load_corpus`.
        part: `train`, `valid` or `test`.
        data_dir: see `load_corpus`.
        download: whether the network may be used.
        tfds_dir: see `load_corpus`.

    Returns:
        Lines without their ends, and one line about their origin.

    Raises:
        InputError: no such task, folder or file; a file that is empty or not UTF-8; a failed download.
    """
    text = _texts(task, data_dir, download=download, tfds_dir=tfds_dir).parts[part]
    return text.lines, text.source


def _texts(
    task: str, data_dir: str | pathlib.Path | None, *, download: bool, tfds_dir: str | pathlib.Path | None
) -> _Texts:
    if task not in _TASK_VOCABULARIES:
        raise InputError(f"task is {task!r}; a corpus is one of {', '.join(_TASK_VOCABULARIES)}")
    if data_dir is not None:
        return _from_folder(task, pathlib.Path(data_dir).expanduser())
    if task == "text":
        raise InputError(f"task text needs --data_dir, a folder with {', '.join(f'{part}.txt' for part in PARTS)}")
    return _from_tfds(task, download=download, tfds_dir=tfds_dir) or _from_python_docs()


def _from_folder(task: str, folder: pathlib.Path) -> _Texts:
    if not folder.is_dir():
        reason = "not a folder" if folder.exists() else "no such folder"
        what = "your texts" if task == "text" else f"the files of {task}"
        raise InputError(f"{folder}: {reason}; give the folder that holds {what} with --data_dir")
    if task in FILE_NAMES:
        files = find_published(task, folder)
        paths = {part: ([path], path) for part, path in published_files(task, folder).items()}
    else:
        files = find_own(folder)
        paths = {part: (list(files.paths.get(part, ())), files.folders.get(part, folder)) for part in PARTS}
        for part, (found, place) in paths.items():
            if not found:
                there = "".join(f"; {told}" for told in (hint_of(folder) or files.note,) if told)
                raise InputError(
                    f"{folder}: no text for the part {part!r}; expected {part}.txt or a folder {part} of .txt files"
                    f"{there}"
                )
            paths[part] = (found, place if part in files.folders else found[0])
    for path in (path for found, _ in paths.values() for path in found):
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise InputError(f"{in_one_line(str(path))}: not a file; give a text file")
    parts = {
        part: _Part([line for path in found for line in read_lines(path)], str(source))
        for part, (found, source) in paths.items()
    }
    return _Texts(name=task, source=str(folder), parts=parts, notes=() if files.note is None else (files.note,))


def _from_tfds(task: str, *, download: bool, tfds_dir: str | pathlib.Path | None) -> _Texts | None:
    from nao_tf.data import prepared

    directory = prepared.find(task, tfds_dir)
    if directory is None and download:
        directory = prepared.download(task, tfds_dir)
    if directory is None:
        return None
    title = f"TFDS {task}/{directory.name}"
    parts = {part: _Part(lines, f"{title} {part}") for part, lines in prepared.read(directory).items()}
    return _Texts(name=task, source=f"{title} at {directory}", parts=parts)


_sample = functools.cache(python_docs.lines)  # gathering it takes seconds, and a process may ask for it again


def _from_python_docs() -> _Texts:
    parts = {part: _Part(lines, f"{python_docs.NAME} {part}") for part, lines in _sample().items()}
    return _Texts(name=python_docs.NAME, source=python_docs.origin(), parts=parts)


def _build(texts: _Texts, vocabulary_size: int | None, minimum_count: int) -> Corpus:
    for part in texts.parts.values():
        _check(part)
    train = texts.parts["train"]
    words = {word for line in train.lines for word in line.split()} - {END_OF_SENTENCE}
    if len(words) < _FEWEST_WORDS:
        raise InputError(
            f"{train.source}: only one distinct word ({next(iter(words))!r}); a language model needs at least"
            f" {_FEWEST_WORDS}"
        )
    vocabulary = _VOCABULARIES[texts.name](texts.parts, vocabulary_size, minimum_count)
    _check_vocabulary(vocabulary, train, size=vocabulary_size, minimum_count=minimum_count)
    for name in ("valid", "test"):
        _check_known(texts.parts[name], vocabulary)
    tokens = {part: vocabulary.encode(text.lines, text.source) for part, text in texts.parts.items()}
    notes = [*texts.notes, *_notes_of_lines(texts.parts.values())]
    if texts.name in _TASK_VOCABULARIES:
        notes += _notes_of_repetition(texts.parts)
        notes += _notes_of_words(vocabulary, tokens, published=texts.name in FILE_NAMES)
    return Corpus(name=texts.name, source=texts.source, vocabulary=vocabulary, notes=tuple(notes), **tokens)


def _check_vocabulary(vocabulary: Vocabulary, train: _Part, *, size: int | None, minimum_count: int) -> None:
    """Raises InputError if a limit of the vocabulary left hardly a word of the training text."""
    counts = collections.Counter(word for line in train.lines for word in line.split())
    total = counts.total()
    known = sum(count for word, count in counts.items() if word in vocabulary.ids and word != UNKNOWN)
    if known and known >= (1 - _MOST_UNKNOWN) * total:
        return
    limits = [f"minimum_count={minimum_count:,}"] if minimum_count > 1 else []
    limits += [] if size is None else [f"vocabulary_size={size:,}"]
    unknown = f"{1 - known / total:.0%} of the training words {UNKNOWN}, so there is nothing to learn"
    make = "makes" if len(limits) == 1 else "make"
    kept = 0
    for number, (word, count) in enumerate(counts.most_common(), start=len((END_OF_SENTENCE, UNKNOWN)) + 1):
        kept += count if word != UNKNOWN else 0
        if limits and kept >= (1 - _ADVISED_UNKNOWN) * total:
            raise InputError(
                f"{train.source}: {' and '.join(limits)} {make} {unknown}; with a minimum_count of at most {count:,} "
                f"and a vocabulary_size of at least {number:,}, {kept / total:.0%} of them are kept"
            )
    raise InputError(f"{train.source}: {unknown.replace(UNKNOWN, f'are {UNKNOWN}', 1)}; give a text of words")


def _check_known(part: _Part, vocabulary: Vocabulary) -> None:
    """Raises InputError if a text has no known word: its perplexity would be that of `<unk>` alone."""
    known = vocabulary.ids.keys() - {UNKNOWN, END_OF_SENTENCE}
    if not any(word in known for line in part.lines for word in line.split()):
        example = next(word for line in part.lines for word in line.split())
        raise InputError(
            f"{part.source}: none of its words, such as {in_one_line(example[:40])!r}, is a known word of the training "
            "text; give a text of the same kind"
        )


def _notes_of_lines(parts: Iterable[_Part]) -> list[str]:
    """What is odd about the lines of a text, though it can be learnt."""
    notes = []
    for part in parts:
        marked = sum(line.startswith(_MARK) or f" {_MARK}" in line for line in part.lines)
        if marked:
            notes.append(
                f"{part.source}: {marked:,} line(s) with a byte-order mark inside the text, which makes words of its"
                " own; were files put together?"
            )
        words = len(part.lines[0].split())
        if len(part.lines) == 1 and words >= _LONG_LINE:
            notes.append(f"{part.source}: one line of {words:,} words; lines end at newlines only")
    return notes


def _notes_of_repetition(parts: Mapping[str, _Part]) -> list[str]:
    """Which texts are one text twice, and which share of the lines of validation and test are training lines."""
    notes = []
    for one, other in itertools.combinations(PARTS, 2):
        if parts[one].lines == parts[other].lines:
            notes.append(f"{one} and {other} are the same text")
    lines = {part: [line for line in text.lines if len(line.split()) >= _SENTENCE] for part, text in parts.items()}
    known = set(lines["train"])
    for part in ("valid", "test"):
        repeated = sum(line in known for line in lines[part])
        if repeated and repeated >= _MANY_REPEATED * len(lines[part]) and parts[part].lines != parts["train"].lines:
            share = repeated / len(lines[part])
            notes.append(
                f"{share:.0%} of the lines of {part} with {_SENTENCE} words or more are lines of train as well"
            )
    return notes


def _notes_of_words(vocabulary: Vocabulary, tokens: Mapping[str, np.ndarray], *, published: bool) -> list[str]:
    """Which share of the words of validation and test a model cannot know from training.

    Args:
        vocabulary: of the corpus.
        tokens: part -> int32 `[N]`.
        published: whether `<unk>` is the corpus's own word, which is no fact about the user's text.
    """
    end, unk = vocabulary.end_of_sentence_id, vocabulary.unknown_id
    seen = np.bincount(tokens["train"], minlength=len(vocabulary)) > 0  # [V]
    words = {part: tokens[part][tokens[part] != end] for part in ("valid", "test")}

    def shares(what):  # bool [V], of which words
        of_parts = {part: float(what[ids].mean()) for part, ids in words.items()}
        told = " and ".join(f"{share:.1%} of the words of {part}" for part, share in of_parts.items())
        return told if any(of_parts.values()) else None

    if published:
        told = shares(~seen)
        return [f"words that training never has: {told}; their probability is not learnt"] if told else []
    told = shares(np.arange(len(vocabulary)) == unk)  # of an own vocabulary, all other words are in training
    if told is None:
        return []
    learnt = "" if seen[unk] else ", which training never has, so its probability is not learnt; minimum_count=2 helps"
    return [f"unknown words: {told}; they count as {UNKNOWN}{learnt}"]


def _check(part: _Part) -> None:
    words = sum(len(line.split()) for line in part.lines)
    tokens = words + len(part.lines)  # one <eos> a line
    if tokens < _FEWEST_TOKENS:
        raise InputError(f"{part.source}: {tokens} token(s); at least {_FEWEST_TOKENS} are needed to predict one")
    if not any(set(line.split()) - {END_OF_SENTENCE} for line in part.lines):
        raise InputError(f"{part.source}: no word in {len(part.lines)} lines; give a text of words and white space")


_MakeVocabulary = Callable[[Mapping[str, _Part], int | None, int], Vocabulary]


def _published_dictionary(parts: Mapping[str, _Part], vocabulary_size: int | None, minimum_count: int) -> Vocabulary:
    return Vocabulary.in_order_of_appearance(line for part in PARTS for line in parts[part].lines)


def _own_vocabulary(parts: Mapping[str, _Part], vocabulary_size: int | None, minimum_count: int) -> Vocabulary:
    return Vocabulary.by_frequency(parts["train"].lines, size=vocabulary_size, minimum_count=minimum_count)


def _sample_vocabulary(parts: Mapping[str, _Part], vocabulary_size: int | None, minimum_count: int) -> Vocabulary:
    return Vocabulary.by_frequency(
        parts["train"].lines, size=python_docs.VOCABULARY_SIZE, minimum_count=python_docs.MINIMUM_COUNT
    )


# Corpus -> function that makes its vocabulary. The tasks are these, without the sample.
_TASK_VOCABULARIES: Mapping[str, _MakeVocabulary] = {
    "ptb": _published_dictionary,
    "wikitext2": _published_dictionary,
    "text": _own_vocabulary,
}
_VOCABULARIES: Mapping[str, _MakeVocabulary] = {**_TASK_VOCABULARIES, python_docs.NAME: _sample_vocabulary}
