"""Tables of architectures that were trained before: CSV files with a row for each and a column for each figure.

A search on a table costs no training, so strategies can be compared on many seeds. There are two kinds: tables of the
architectures of a known space, in a column `arch`, as NAS-Bench-201 (Dong and Yang, ICLR 2020); and tables whose
columns are decisions, numbers or words, which make a space of their own.
"""

import csv
import dataclasses
import difflib
import hashlib
import io
import math
import os
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence

from nao_tf.architecture import Architecture, ArchitectureError, CategoricalSpace, SearchSpace, Subset
from nao_tf.data.formats import instead_of_table
from nao_tf.data.lines import decoded
from nao_tf.errors import InputError

ARCHITECTURE_COLUMN = "arch"
SIZE_COLUMNS = {  # optional columns of sizes -> their units; of several of a size the first that has a value counts
    "parameters": {"params": 1.0, "params_M": 1e6},
    "flops": {"flops": 1.0, "flops_M": 1e6},
    "latency_ms": {"latency_ms": 1.0, "latency_s": 1e3},
}
MOST_PARAMETERS = 1e15
LONGEST_SHOWN = 100  # characters of a field in an error message
MOST_WORDS = 2_000  # different values of all decisions; the controller's grammar holds their number squared
WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
MOST_NAMED = 20  # columns in an error message
MOST_COMPARED = 1_000  # columns whose names are compared with a missing one
# Words in the name of a column.
LOWER_IS_BETTER = re.compile(
    r"[a-z]*(err(or)?s?|loss(es)?|perplexity)|ppl|nll|rmse|mse|mae|mape|wer|cer|fid|latency|seconds|cost|energy"
)
HIGHER_IS_BETTER = re.compile(r"acc|accuracy|precision|recall|auc|auroc|bleu|rouge|iou|miou|reward|psnr|ssim")
_SEPARATOR_LINE = re.compile(r"\"?sep=(.)\"?[\r\n]", re.IGNORECASE)
_COMMAS = "save it with commas between columns and points before decimals"


@dataclasses.dataclass(frozen=True)
class Row:
    """One trained architecture.

    Attributes:
        architecture: as the table spells it.
        score: the figure that a search sees, usually a validation accuracy.
        test: the figure that it does not see; None if the table has no such column.
        parameters: trainable parameters; None if the table does not have them.
        line: its line of the file, from 1.
        lower: the figures of cheaper trainings, in the order of `ArchitectureTable.lower_columns`.
        sizes: those that were asked for, by their names in `SIZE_COLUMNS`.
    """

    architecture: Architecture
    score: float
    test: float | None
    parameters: int | None
    line: int
    lower: tuple[float, ...] = ()
    sizes: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class ArchitectureTable:
    """Architectures of a space with their figures.

    If the table has several spellings of one computation, each trained on its own, the first of them in lexicographic
    order of the integers stands for all: the canonical one, if the table has it. So an evaluation is one training, its
    score and its test figure are of the same network, and a computation is evaluated once.

    Attributes:
        path: of the file.
        space: what a search may propose, exactly the architectures with a row.
        score_column: the column of `Row.score`.
        test_column: the column of `Row.test`; None without.
        higher_is_better: whether the best score is the highest.
        rows: of every canonical architecture the row that stands for it.
        lines: the number of rows of the file.
        fingerprint: SHA-256 of the file, hexadecimal.
        lower_columns: of `Row.lower`.
    """

    path: pathlib.Path
    space: SearchSpace
    score_column: str
    test_column: str | None
    higher_is_better: bool
    rows: Mapping[Architecture, Row]
    lines: int
    fingerprint: str
    lower_columns: tuple[str, ...] = ()

    def row(self, architecture: Architecture) -> Row:
        """The row that stands for an architecture, in any spelling. Raises InputError if the table has none."""
        row = self.rows.get(architecture.canonical)
        if row is None:
            raise InputError(f"table {self.path} has no row of {architecture.text}")
        return row

    @property
    def best(self) -> Row:
        """The row with the best score; the first in the file of several."""
        sign = 1 if self.higher_is_better else -1
        return max(self.rows.values(), key=lambda row: (sign * row.score, -row.line))

    @property
    def warnings(self) -> list[str]:
        """A line for each thing that speaks against the table or the direction of the search."""
        words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", self.score_column)]
        lower = any(LOWER_IS_BETTER.fullmatch(word) for word in words)
        higher = any(HIGHER_IS_BETTER.fullmatch(word) for word in words)
        warnings = []
        if self.higher_is_better and lower:
            warnings.append(f"higher {self.score_column} counts as better; if lower is better, give --lower_is_better")
        if not self.higher_is_better and higher and not lower:
            warnings.append(f"lower {self.score_column} counts as better; if higher is, leave --lower_is_better out")
        scores = {row.score for row in self.rows.values()}
        if len(scores) == 1:
            warnings.append(f"{self.score_column} is {scores.pop():g} in every row; there is nothing to search for")
        if self.score_column == self.test_column:
            warnings.append(f"{self.score_column} is the score and the test as well, so the test says nothing new")
        return warnings


def read_table(
    path: os.PathLike | str,
    space: SearchSpace,
    *,
    score_column: str,
    test_column: str | None = None,
    lower_is_better: bool = False,
    lower_columns: Sequence[str] = (),
    sizes: Sequence[str] = (),
) -> ArchitectureTable:
    """Reads a table of all architectures of a space.

    Args:
        path: of a CSV file with a header, in UTF-8, or in UTF-16 with a byte-order mark. Its
            column `arch` holds architectures as `space.parse` reads them.
        space: of the architectures.
        score_column: the column that a search sees.
        test_column: the column that it does not see.
        lower_is_better: whether the best score is the lowest.
        lower_columns: scores of cheaper trainings, the cheapest first.
        sizes: names in `SIZE_COLUMNS` of sizes that every row must have.

    Raises:
        InputError: there is no such file or column, a row is broken, or an architecture of the space is missing.
    """
    path = pathlib.Path(path)
    content = _read(path)
    rows: dict[Architecture, Row] = {}
    line_of: dict[Architecture, int] = {}
    columns = [ARCHITECTURE_COLUMN, *_distinct(score_column, test_column, lower_columns)]
    for line, fields in _rows(path, content, columns=columns, sizes=sizes):
        try:
            architecture = space.parse(fields[ARCHITECTURE_COLUMN])
            row = _row(
                architecture, fields, line=line, columns=(score_column, test_column), lower=lower_columns, sizes=sizes
            )
            if row.architecture in line_of:
                raise ValueError(
                    f"{row.architecture.text} stands in line {line_of[row.architecture]} already; leave one"
                )
        except (ArchitectureError, ValueError) as error:
            raise InputError(f"table {path} line {line}: {error}") from error
        line_of[row.architecture] = line
        known = rows.get(row.architecture.canonical)
        if known is None or row.architecture.values < known.architecture.values:
            rows[row.architecture.canonical] = row
    missing = [cell for cell in map(space.architecture, space.canonical_strings()) if cell not in rows]
    if missing:
        raise InputError(
            f"table {path} lacks {len(missing):,} of the {len(missing) + len(rows):,} different architectures of "
            f"{space.name}, {missing[0].text} for one; a search needs them all"
        )
    return ArchitectureTable(
        path=path,
        space=space,
        score_column=score_column,
        test_column=test_column,
        higher_is_better=not lower_is_better,
        rows=rows,
        lines=len(line_of),
        fingerprint=hashlib.sha256(content).hexdigest(),
        lower_columns=tuple(lower_columns),
    )


def read_decision_table(
    path: os.PathLike | str,
    *,
    decisions: Sequence[str],
    score_column: str,
    test_column: str | None = None,
    lower_is_better: bool = False,
    lower_columns: Sequence[str] = (),
    sizes: Sequence[str] = (),
) -> ArchitectureTable:
    """Reads a table whose columns are decisions.

    The space is a `CategoricalSpace` of the columns' values. If all values of a column are numbers they are compared as
    numbers, "0.50" and ".5" being one, and numbered in ascending order; other values are words, numbered in
    alphabetical order. So the order of the file's rows changes nothing. Combinations without a row are never proposed:
    the space of an incomplete table is a `Subset`.

    Args:
        path: of a CSV file with a header, in UTF-8, or in UTF-16 with a byte-order mark.
        decisions: the columns that are decisions; other columns are ignored.
        score_column: the column that a search sees.
        test_column: the column that it does not see.
        lower_is_better: whether the best score is the lowest.
        lower_columns: scores of cheaper trainings, the cheapest first.
        sizes: names in `SIZE_COLUMNS` of sizes that every row must have.

    Raises:
        InputError: there is no such file or column, the decisions are none, or a row is broken or twice there.
    """
    path = pathlib.Path(path)
    decisions = list(decisions)
    _check_roles(
        decisions,
        {"score": score_column, "test": test_column, **{f"score of rung {name!r}": name for name in lower_columns}},
    )
    content = _read(path)
    columns = [*decisions, *_distinct(score_column, test_column, lower_columns)]
    lines = list(_rows(path, content, columns=columns, sizes=sizes))
    for line, fields in lines:
        for decision in decisions:
            if not fields[decision].strip():
                raise InputError(f"table {path} line {line}: decision {decision!r} is empty")
    if len(lines) < 2:
        raise InputError(
            f"table {path} has too few rows, {len(lines)}; a search needs at least 2 different architectures"
        )
    words = {decision: _words([fields[decision] for _, fields in lines]) for decision in decisions}
    space = _decision_space(path, words)
    rows: dict[Architecture, Row] = {}
    for line, fields in lines:
        architecture = space.from_words([words[decision][fields[decision].strip()] for decision in decisions])
        if architecture in rows:
            raise InputError(
                f"table {path} line {line}: {architecture.text} stands in line {rows[architecture].line} already; "
                "leave one of them"
            )
        try:
            used = {column: value for column, value in fields.items() if column not in decisions}
            rows[architecture] = _row(
                architecture, used, line=line, columns=(score_column, test_column), lower=lower_columns, sizes=sizes
            )
        except ValueError as error:
            raise InputError(f"table {path} line {line}: {error}") from error
    return ArchitectureTable(
        path=path,
        space=space if len(rows) == space.size else Subset(space, rows),
        score_column=score_column,
        test_column=test_column,
        higher_is_better=not lower_is_better,
        rows=rows,
        lines=len(rows),
        fingerprint=hashlib.sha256(content).hexdigest(),
        lower_columns=tuple(lower_columns),
    )


def _distinct(score_column, test_column, lower_columns) -> list[str]:
    """The columns of the figures, each once."""
    return list(dict.fromkeys([score_column, *([test_column] if test_column else []), *lower_columns]))


def _check_roles(decisions, figures):
    """Raises InputError unless every column has one role."""
    if not decisions:
        raise InputError("a table of decisions takes the names of the columns that are decisions; none is given")
    for decision in decisions:
        if decisions.count(decision) > 1:
            raise InputError(f"column {decision!r} is given twice as a decision")
        for role, column in figures.items():
            if column == decision:
                raise InputError(f"column {decision!r} cannot be a decision and the {role} as well")


def _words(values: Sequence[str]) -> dict[str, str]:
    """Value as written -> word of the space, in the order of the words' numbers."""
    written = sorted({value.strip() for value in values})
    numbers = [_number_or_none(value) for value in written]
    if any(number is None for number in numbers):
        return {value: value for value in written}
    in_order = sorted(zip(numbers, written, strict=True))
    return {value: repr(number) for number, value in in_order}


def _number_or_none(written):
    """The number that is written, whole if it can be; None if it is none or has more digits than are kept."""
    if WHOLE_NUMBER.fullmatch(written):
        return int(written)
    number = float(written) if NUMBER.fullmatch(written) else math.nan
    if not math.isfinite(number) or (abs(number) >= 2**53 and number.is_integer()):
        return None
    return int(number) if number.is_integer() else number


def _decision_space(path, words) -> CategoricalSpace:
    """The space of all combinations of the columns' values. Raises InputError."""
    distinct = {decision: list(dict.fromkeys(of_column.values())) for decision, of_column in words.items()}
    for decision, of_column in distinct.items():
        if len(of_column) == 1:
            raise InputError(f"table {path}: decision {decision!r} is {of_column[0]!r} in every row; leave it out")
    if sum(map(len, distinct.values())) > MOST_WORDS:
        widest = max(distinct, key=lambda decision: len(distinct[decision]))
        raise InputError(
            f"table {path}: decision {widest!r} has {len(distinct[widest]):,} different values; all decisions together "
            f"may have {MOST_WORDS:,}: is it a measurement?"
        )
    try:
        return CategoricalSpace("table", distinct)
    except ValueError as error:
        raise InputError(f"table {path}: {error}") from error


def _row(architecture, fields, *, line, columns, lower, sizes) -> Row:
    """The row of an architecture; `columns` are of score and test, `lower` of cheaper scores. Raises ValueError."""
    score_column, test_column = columns
    return Row(
        architecture=architecture,
        score=_number(fields, score_column),
        test=_number(fields, test_column) if test_column else None,
        parameters=_parameters(fields),
        line=line,
        lower=tuple(_number(fields, column) for column in lower),
        sizes={name: _size(fields, name) for name in sizes},
    )


def _size(fields, name) -> float:
    """A size that is asked for, from the first column that has it. Raises ValueError."""
    there = [column for column in SIZE_COLUMNS[name] if column in fields]
    column = next((column for column in there if fields[column].strip()), there[0] if there else None)
    if column is None:
        raise ValueError(f"its column of {name} is a decision")
    size = _number(fields, column)
    if size < 0:
        raise ValueError(f"column {column!r} is {_shown(fields[column].strip())}; it takes a number from 0 on")
    return SIZE_COLUMNS[name][column] * size


def _parameters(fields) -> int | None:
    """Trainable parameters, from the first column that has them. Raises ValueError."""
    for column, unit in SIZE_COLUMNS["parameters"].items():
        if fields.get(column, "").strip():
            parameters = unit * _number(fields, column)
            if not 0 <= parameters <= MOST_PARAMETERS:
                raise ValueError(
                    f"column {column!r} is {_shown(fields[column].strip())}; "
                    f"it takes a number from 0 to {MOST_PARAMETERS / unit:g}"
                )
            return round(parameters)
    return None


def _read(path) -> bytes:
    """The content of a file. Raises InputError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"table {path} cannot be read: {error.strerror}") from error


def _rows(path, content, *, columns, sizes) -> Iterator[tuple[int, dict[str, str]]]:
    """Yields line number and fields, by column, of every row that is not empty. Raises InputError."""
    other = instead_of_table(content)
    if other is not None:
        raise InputError(f"table {path} is no CSV file{other}")
    text = decoded(content, f"table {path}")
    separator = _SEPARATOR_LINE.match(text)
    if separator and separator[1] != ",":
        raise InputError(
            f"table {path} line 1 says that its columns are separated by {_named(separator[1])}; {_COMMAS}"
        )
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    if separator:  # what Excel writes for itself is no row
        next(reader)
    header: list[str] | None = None
    try:
        for fields in reader:
            if not any(field.strip() for field in fields):
                continue
            if header is None:
                header = [field.strip() for field in fields]
                _check_header(path, header, columns, line=reader.line_num, sizes=sizes)
            elif len(fields) != len(header):
                raise InputError(
                    f"table {path} line {reader.line_num}: {len(fields)} fields; the header has {len(header)}"
                )
            else:
                yield reader.line_num, dict(zip(header, fields, strict=True))
    except csv.Error as error:
        raise InputError(f"table {path} line {reader.line_num}: {error}") from error
    if header is None:
        raise InputError(f"table {path} is empty; it takes a header with the columns {', '.join(columns)}")


def _check_header(path, header, columns, *, line, sizes):
    """Raises InputError unless the header has every column once, and one for every size."""
    for column in columns:
        if column not in header:
            raise InputError(
                f"table {path} has no column {column!r}; it has {_listed(header)}{_hint(header, column, line)}"
            )
    for name in sizes:
        if not any(column in header for column in SIZE_COLUMNS[name]):
            raise InputError(
                f"table {path} has no column of {name}, {' or '.join(SIZE_COLUMNS[name])}; it has {_listed(header)}"
            )
    of_sizes = [column for name in ("parameters", *sizes) for column in SIZE_COLUMNS[name]]
    for column in dict.fromkeys((*columns, *of_sizes)):
        if header.count(column) > 1:
            raise InputError(f"table {path} has {header.count(column)} columns {column!r}; which one is meant?")


def _named(separator) -> str:
    return "tabs" if separator == "\t" else repr(separator)


def _listed(header) -> str:
    """The names of columns in one line, those of a wide table in part."""
    names = [" ".join(name.split())[:LONGEST_SHOWN] for name in header]
    more = f", … ({len(names):,} columns)" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _hint(header, column, line) -> str:
    """What may be wrong with a header that lacks a column."""
    separator = re.search(r"[;\t|]", header[0]) if len(header) == 1 else None
    if separator:
        return f"; its columns are separated by {_named(separator[0])}: {_COMMAS}"
    for key in (str.casefold, lambda name: re.sub(r"[\W_]+", "", name.casefold())):
        alike = [name for name in header if key(name) == key(column)]
        if alike:
            return f"; is {alike[0]!r} meant?"
    if len(header) == 1 or header[0].startswith("#") or all(_number_or_none(name) is not None for name in header):
        return f"; that is line {line}, which should be the header"
    close = difflib.get_close_matches(column, header[:MOST_COMPARED], 1, cutoff=0.75)
    return f"; is {close[0]!r} meant?" if close else ""


def _number(fields, column) -> float:
    """The number in a field. Raises ValueError."""
    written = fields[column].strip()
    if not written:
        raise ValueError(f"column {column!r} is empty; it takes a number")
    try:
        # Python's 1_000 is no number of a table, nor are the digits of other scripts
        number = float(written.replace("_", "?") if written.isascii() else "?")
    except ValueError:
        comma = " with a point before the decimals" if re.fullmatch(r"[+-]?[0-9]+,[0-9]+", written) else ""
        raise ValueError(f"column {column!r} is {_shown(written)}; it takes a number{comma}") from None
    if not math.isfinite(number):
        raise ValueError(f"column {column!r} is {_shown(written)}; it takes a finite number")
    return number


def _shown(written) -> str:
    """What a field holds in quotes, in one line that is short enough for an error message."""
    return repr(written if len(written) <= LONGEST_SHOWN else written[:LONGEST_SHOWN] + "…")
