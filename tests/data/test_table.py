import csv

import pytest

from nao_tf.architecture import NasBench201Space
from nao_tf.data.table import read_table
from nao_tf.errors import InputError

SPACE = NasBench201Space()
HEADER = "arch,seen,told\n"
CELL = "|none~0|+|none~0|none~1|+|none~0|none~1|skip_connect~2|"


def read(path, content=None, columns=("seen", "told")):
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, SPACE, *columns)


def test_every_different_cell_has_the_row_of_its_canonical_spelling(invented_table, invented_score):
    table = read(invented_table)
    assert (table.lines, len(table.rows)) == (15_625, 6_466)
    for values in [(0, 0, 0, 0, 0, 0), (3, 3, 3, 3, 3, 3), (1, 0, 0, 4, 3, 0), (4, 2, 1, 0, 3, 1)]:
        row = table[SPACE.architecture(values)]
        assert row.architecture.values == SPACE.canonicalise(values)
        assert row.score == pytest.approx(invented_score(row.architecture.values), abs=1e-4)
        assert row.parameters == sum(row.architecture.values) * 100_000
    assert table.best.score == max(row.score for row in table.rows.values())


def test_another_order_of_rows_and_columns_is_the_same_table(invented_table, tmp_path):
    with open(invented_table, newline="") as file:
        rows = list(csv.DictReader(file))
    with open(tmp_path / "other.csv", "w", newline="", encoding="utf-8-sig") as file:  # as spreadsheets write
        writer = csv.DictWriter(file, ["told", "seen", "note", "arch"], extrasaction="ignore", restval="a, b")
        writer.writeheader()
        writer.writerows(reversed(rows))
    one, other = read(invented_table), read(tmp_path / "other.csv")
    assert {cell: (row.score, row.test) for cell, row in one.rows.items()} == {
        cell: (row.score, row.test) for cell, row in other.rows.items()
    }
    assert other.best.parameters is None and one.best.architecture == other.best.architecture
    assert one.fingerprint != other.fingerprint


def test_without_the_canonical_spelling_the_first_other_stands_for_the_class(invented_table, tmp_path):
    members = [cell for cell in SPACE.strings() if SPACE.canonicalise(cell) == (0, 0, 0, 0, 0, 1)]
    canonical = SPACE.text(members[0])
    lines = [line for line in invented_table.read_text().splitlines() if not line.startswith(canonical)]
    table = read(tmp_path / "table.csv", "\n".join(lines))
    assert table[SPACE.architecture(members[0])].architecture.values == members[1] > members[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"is empty; it takes a header with the columns arch, seen, told"),
        ("arch,seen\n", r"no column 'told'; it has arch, seen"),
        ("cell,seen,told\n", r"no column 'arch'; it has cell, seen, told"),
        (f"{HEADER}{CELL},1,2\n{CELL[:-1]}~,1,2\n", r"line 3: node 3 is .* it takes 3 edges"),
        (f"{HEADER}|pool~0|+|none~0|none~1|+|none~0|none~1|none~2|,1,2", r"line 2: edge 0 of node 1: 'pool~0'"),
        (f"{HEADER}{CELL},1,2\n\n{CELL},1,2\n", r"line 4: .* stands in line 2 already"),
        (f"{HEADER}{CELL},high,2\n", r"line 2: column 'seen' is 'high'; it takes a number"),
        (f"{HEADER}{CELL},1,\n", r"line 2: column 'told' is empty"),
        (f"{HEADER}{CELL},nan,2\n", r"line 2: column 'seen' is 'nan'; it takes a finite number"),
        (f"{HEADER}{CELL},1\n", r"line 2: 2 fields; the header has 3"),
        (f'{HEADER}"{CELL},1,2\n', r"line 2: unexpected end of data"),
        (f"{HEADER}{CELL},1,2\nn\xf6,1,2\n".encode("latin-1"), r"line 3 is not UTF-8"),
        (f"{HEADER}{CELL},1,2\n", r"lacks 6,465 of the 6,466 different architectures .* \|none~0\|\+.* for one"),
    ],
)
def test_a_broken_table_is_one_clear_line(content, message, tmp_path):
    with pytest.raises(InputError, match=message) as raised:
        read(tmp_path / "broken.csv", content)
    assert "broken.csv" in str(raised.value) and "\n" not in str(raised.value)


def test_no_file_and_no_column(tmp_path, invented_table):
    with pytest.raises(InputError, match=r"nowhere.csv cannot be read: No such file"):
        read(tmp_path / "nowhere.csv")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read(tmp_path)
    with pytest.raises(InputError, match="no column 'accuracy'; it has arch, params_M, seen, told"):
        read(invented_table, columns=("accuracy", "told"))


def test_the_real_table(real_table):
    table = read(real_table, columns=("c10_val_200ep", "c10_test_200ep"))
    assert (table.lines, len(table.rows)) == (15_625, 6_466)
    with open(real_table, newline="") as file:
        rows = {SPACE.parse(row["arch"]): row for row in csv.DictReader(file)}
    for cell, row in table.rows.items():
        assert row.score == float(rows[cell]["c10_val_200ep"]) and row.test == float(rows[cell]["c10_test_200ep"])
    assert table.best.score == max(float(row["c10_val_200ep"]) for row in rows.values())
