"""The embedded sample: the documentation that comes with every Python, as a corpus for language models.

The Penn Treebank may not be shipped with this project, and a demonstration needs real English. The standard library of
the running Python holds some 300,000 words of it: the docstrings, and the language reference of `pydoc_data.topics`.
Both are read from the `.py` sources with `ast`; nothing is imported, so nothing is executed. The same Python gives the
same corpus; another version gives a slightly different one, which is why `origin` names the version.

The form is the Penn Treebank's: one sentence a line, lower case, no punctuation, numbers as `N`.
"""

import ast
import os
import pathlib
import platform
import re
import sysconfig
from collections.abc import Iterator

from nao_tf.errors import InputError

NAME = "python-docs"

VOCABULARY_SIZE = 10_000  # the size of the Penn Treebank's dictionary (Mikolov et al. 2010)
# Rarer words cannot be learned. They leave 2% of the training text and 4% of the other parts as <unk>.
MINIMUM_COUNT = 3

# Every twentieth block validates and the one after it tests: 90 / 5 / 5, near the Penn Treebank's 86 / 7 / 8.
PARTS_OF_BLOCKS = ("train",) * 18 + ("valid", "test")
WORDS_OF_A_BLOCK = 500  # long enough for context across sentences, short enough that all parts cover all subjects

# Tests and tables (no prose), and installed packages (the corpus would differ between machines).
SKIPPED_FOLDERS = frozenset(
    {"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__", "encodings", "lib2to3"}
)
TOPICS = "pydoc_data/topics.py"  # the language reference: one dictionary of long texts, not docstrings

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|[0-9]+(?:\.[0-9]+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?:;])\s+")
_PARAGRAPH_END = re.compile(r"\n\s*\n")
_FEWEST_WORDS = 3  # shorter pieces are headings, argument names and ends of code, not sentences


def origin() -> str:
    """One line about the origin of the text."""
    return f"docstrings and language reference of the standard library of Python {platform.python_version()}"


def lines(library: pathlib.Path | None = None) -> dict[str, list[str]]:
    """The sentences of the documentation, in the parts `train`, `valid` and `test`.

    No sentence occurs twice (much documentation is copied from class to class), so no two parts share a sentence.

    Args:
        library: the folder of the `.py` sources; the running Python's standard library when not given.

    Returns:
        Part -> sentences; a sentence is its words separated by single spaces.

    Raises:
        InputError: the folder holds no documentation (some distributions ship compiled files only).
    """
    library = pathlib.Path(sysconfig.get_paths()["stdlib"]) if library is None else library
    parts: dict[str, list[str]] = {part: [] for part in dict.fromkeys(PARTS_OF_BLOCKS)}
    blocks = 0
    for block in _blocks(library):
        parts[PARTS_OF_BLOCKS[blocks % len(PARTS_OF_BLOCKS)]].extend(block)
        blocks += 1
    if blocks < len(PARTS_OF_BLOCKS):
        raise InputError(
            f"{library}: this Python has too little documentation in its standard library for the sample {NAME}"
            f" ({blocks} blocks of {WORDS_OF_A_BLOCK} words, {len(PARTS_OF_BLOCKS)} needed);"
            " give a folder of texts with --data_dir"
        )
    return parts


def documents(library: pathlib.Path) -> Iterator[str]:
    """The texts of the sources below `library`: every docstring, every paragraph of the language reference.

    The order is that of the files' paths and, in a file, of their lines.
    """
    for path in _sources(library):
        tree = ast.parse(path.read_bytes())
        if path.relative_to(library).as_posix() == TOPICS:
            yield from _topics(tree)
        else:
            yield from _docstrings(tree)


def sentences(paragraph: str) -> list[str]:
    """The sentences of one paragraph in the corpus's form: lower case, no punctuation, numbers as `N`."""
    result = []
    for sentence in _SENTENCE_END.split(paragraph):
        words = ["N" if word[0].isdigit() else word for word in _WORD.findall(sentence.lower())]
        if len(words) >= _FEWEST_WORDS:
            result.append(" ".join(words))
    return result


def _blocks(library: pathlib.Path) -> Iterator[list[str]]:
    """Consecutive whole documents, gathered until they have enough words; repeated sentences are left out."""
    seen: set[str] = set()
    block: list[str] = []
    words = 0
    for document in documents(library):
        for paragraph in _PARAGRAPH_END.split(document):
            english = paragraph.partition(">>>")[0]  # the rest is an example at the prompt: code and its output
            for sentence in sentences(english):
                if sentence not in seen:
                    seen.add(sentence)
                    block.append(sentence)
                    words += sentence.count(" ") + 1
        if words >= WORDS_OF_A_BLOCK:
            yield block
            block, words = [], 0
    if block:
        yield block


def _sources(library: pathlib.Path) -> list[pathlib.Path]:
    paths: list[pathlib.Path] = []
    for folder, folders, files in os.walk(library):
        folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]  # prunes the walk
        paths.extend(pathlib.Path(folder, name) for name in files if name.endswith(".py"))
    return sorted(paths, key=lambda path: path.relative_to(library).as_posix())


def _docstrings(tree: ast.Module) -> Iterator[str]:
    # A walk of statements only: docstrings are never inside expressions, which are most of the nodes.
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield text
        inner = [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr)]
        waiting.extend(reversed(inner))


def _topics(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for value in node.values:
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield from _PARAGRAPH_END.split(value.value)
