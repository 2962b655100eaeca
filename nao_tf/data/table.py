"""Tables of architectures that were trained before: a CSV file with an `arch` column and a column for each figure.

NAS-Bench-201 (Dong and Yang, ICLR 2020) is such a table. A search on it costs no training, so strategies can be
compared on many seeds.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import math
import os
import pathlib
from collections.abc import Mapping

from nao_tf.architecture import Architecture, ArchitectureError, SearchSpace
from nao_tf.errors import InputError

ARCHITECTURE_COLUMN = "arch"
PARAMETERS_COLUMN = "params_M"  # trainable parameters in millions; read where it is there


@dataclasses.dataclass(frozen=True)
class Row:
    """One trained architecture.

    Attributes:
        architecture: as the table spells it.
        score: what a search sees, usually a validation accuracy; higher is better.
        test: what it does not see.
        parameters: trainable parameters; None where the table does not tell.
        line: where it stands in the file, from 1.
    """

    architecture: Architecture
    score: float
    test: float
    parameters: int | None
    line: int


@dataclasses.dataclass(frozen=True)
class ArchitectureTable:
    """Every architecture of a space with its figures.

    Where the table has several spellings of one computation, each trained for itself, the first of them in
    lexicographic order of the integers stands for all: the canonical one, if the table has it. So an evaluation is one
    training, its score and its test figure are of the same network, and a computation is evaluated once.

    Attributes:
        path: of the file.
        space: of the architectures.
        score_column: what `Row.score` is.
        test_column: what `Row.test` is.
        rows: of every canonical architecture the row that stands for it.
        lines: how many rows the file has.
        fingerprint: SHA-256 of the file, hexadecimal.
    """

    path: pathlib.Path
    space: SearchSpace
    score_column: str
    test_column: str
    rows: Mapping[Architecture, Row]
    lines: int
    fingerprint: str

    def __getitem__(self, architecture: Architecture) -> Row:
        return self.rows[architecture.canonical]

    @property
    def best(self) -> Row:
        """The row with the highest score; the first in the file of several."""
        return max(self.rows.values(), key=lambda row: (row.score, -row.line))


def read_table(path: os.PathLike, space: SearchSpace, score_column: str, test_column: str) -> ArchitectureTable:
    """Reads a table.

    Args:
        path: of a CSV file in UTF-8 with a header. Its column `arch` holds architectures as `space.parse` reads them.
        space: of the architectures.
        score_column: the column that a search sees.
        test_column: the column that it does not see.

    Raises:
        InputError: there is no such file or column, a row is broken, or an architecture of the space is missing.
    """
    path = pathlib.Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"table {path} cannot be read: {error.strerror}") from error
    chosen: dict[Architecture, Row] = {}
    line_of: dict[Architecture, int] = {}
    for line, fields in _rows(path, content, (ARCHITECTURE_COLUMN, score_column, test_column)):
        try:
            architecture = space.parse(fields[ARCHITECTURE_COLUMN])
            row = Row(
                architecture,
                _number(fields, score_column),
                _number(fields, test_column),
                round(1e6 * _number(fields, PARAMETERS_COLUMN)) if PARAMETERS_COLUMN in fields else None,
                line,
            )
            if architecture in line_of:
                raise ValueError(f"{architecture.text} stands in line {line_of[architecture]} already")
        except (ArchitectureError, ValueError) as error:
            raise InputError(f"table {path} line {line}: {error}") from error
        line_of[architecture] = line
        known = chosen.get(architecture.canonical)
        if known is None or architecture.values < known.architecture.values:
            chosen[architecture.canonical] = row
    missing = [cell for cell in map(space.architecture, space.cells()) if cell not in chosen]
    if missing:
        raise InputError(
            f"table {path} lacks {len(missing):,} of the {len(missing) + len(chosen):,} different architectures of "
            f"{space.name}, {missing[0].text} for one; a search needs them all"
        )
    fingerprint = hashlib.sha256(content).hexdigest()
    return ArchitectureTable(path, space, score_column, test_column, chosen, len(line_of), fingerprint)


def _rows(path, content, columns):
    """Yields line number and fields, by column, of every row that is not empty. Raises InputError."""
    try:
        text = content.decode("utf-8-sig")  # spreadsheets write a mark in front
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"table {path} line {line} is not UTF-8 text") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    try:
        for fields in reader:
            if not any(field.strip() for field in fields):
                continue
            if header is None:
                header = [field.strip() for field in fields]
                for column in columns:
                    if column not in header:
                        raise InputError(f"table {path} has no column {column!r}; it has {', '.join(header)}")
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


def _number(fields, column) -> float:
    """The number in a field. Raises ValueError."""
    written = fields[column].strip()
    if not written:
        raise ValueError(f"column {column!r} is empty; it takes a number")
    try:
        number = float(written)
    except ValueError:
        raise ValueError(f"column {column!r} is {written!r}; it takes a number") from None
    if not math.isfinite(number):
        raise ValueError(f"column {column!r} is {written!r}; it takes a finite number")
    return number
