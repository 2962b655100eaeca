import csv
import gzip
import itertools
import pathlib

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from nao_tf.architecture import CategoricalSpace, NasBench201Space, Subset
from nao_tf.data.table import read_decision_table, read_table
from nao_tf.errors import InputError

SPACE = NasBench201Space()
HEADER = "arch,seen,told\n"
CELL = "|none~0|+|none~0|none~1|+|none~0|none~1|skip_connect~2|"


def read(path, content=None, columns=("seen", "told")):
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, SPACE, score_column=columns[0], test_column=columns[1])


def test_every_different_cell_has_the_row_of_its_canonical_spelling(invented_table, invented_score):
    table = read(invented_table)
    assert (table.lines, len(table.rows)) == (15_625, 6_466)
    for values in [(0, 0, 0, 0, 0, 0), (3, 3, 3, 3, 3, 3), (1, 0, 0, 4, 3, 0), (4, 2, 1, 0, 3, 1)]:
        row = table.row(SPACE.architecture(values))
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
    assert table.row(SPACE.architecture(members[0])).architecture.values == members[1] > members[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"is empty; it takes a header with the columns arch, seen, told"),
        ("arch,seen\n", r"no column 'told'; it has arch, seen"),
        ("cell,seen,told\n", r"no column 'arch'; it has cell, seen, told"),
        ("arch;seen;told\n", r"it has arch;seen;told; its columns are separated by ';': save it with commas"),
        ("arch,seen,told,seen\n", r"has 2 columns 'seen'; which one is meant\?"),
        ("arch,params,seen,told,params\n", r"has 2 columns 'params'; which one is meant\?"),
        (f"arch,params_M,seen,told\n{CELL},1e303,1,2\n", r"line 2: column 'params_M' is '1e303'; .* from 0 to 1e\+09"),
        (f"arch,params,seen,told\n{CELL},-1,1,2\n", r"line 2: column 'params' is '-1'; .* from 0 to 1e\+15"),
        (f"{HEADER}{CELL},94.3%,2\n", r"line 2: column 'seen' is '94.3%'; it takes a number"),
        (f"{HEADER}{CELL},1_000,2\n", r"line 2: column 'seen' is '1_000'; it takes a number"),
        (f"{HEADER}{'1' * 5_000} 0 0 0 0 0,1,2\n", r"line 2: .* a number of 5000 digits is not allowed"),
        (b"PK\x03\x04\x00\x00", r"is no CSV file but a zip file, as .xlsx, .docx and .npz are; save it as CSV"),
        (gzip.compress(HEADER.encode(), mtime=0), r"is no CSV file but a gzip file; unpack it"),
        (b"PAR1\x15\x04", r"is no CSV file but a Parquet file; save it as CSV"),
        (b" <!DOCTYPE html>", r"is no CSV file but a web page; look whether its download failed"),
        (HEADER.encode("utf-16-le"), r"broken.csv: not text: byte 0 at 1 .line 1., as in UTF-16 without"),
        (HEADER.encode("utf-16")[:-1], r"broken.csv: not UTF-16, as its byte-order mark says"),
        (f"{HEADER}{CELL},1,2\n{CELL[:-1]}~,1,2\n", r"line 3: node 3 is .* it takes 3 edges"),
        (f"{HEADER}|pool~0|+|none~0|none~1|+|none~0|none~1|none~2|,1,2", r"line 2: edge 0 of node 1: 'pool~0'"),
        (f"{HEADER}{CELL},1,2\n\n{CELL},1,2\n", r"line 4: .* stands in line 2 already"),
        (f"{HEADER}{CELL},high,2\n", r"line 2: column 'seen' is 'high'; it takes a number"),
        (f"{HEADER}{CELL},1,\n", r"line 2: column 'told' is empty"),
        (f"{HEADER}{CELL},nan,2\n", r"line 2: column 'seen' is 'nan'; it takes a finite number"),
        (f"{HEADER}{CELL},1\n", r"line 2: 2 fields; the header has 3"),
        (f'{HEADER}"{CELL},1,2\n', r"line 2: unexpected end of data"),
        (f"{HEADER}{CELL},1,2\nn\xf6,1,2\n".encode("latin-1"), r"broken.csv: not UTF-8 at byte 76 .line 3, 0xf6."),
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


# ---- tables of decisions

MACRO = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "nasbench_macro" / "cifar10.csv"
SMALL = """kernel,width,norm,params,flops,accuracy,mean
5,16,batch,1000,7,90,89
3,16,batch,900,6,88,88.5
10,8,layer,2e3,5,91.5,91
"""


def decision_table(path, content, **named):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    named = {"decisions": ["kernel", "width", "norm"], "score_column": "accuracy", **named}
    return read_decision_table(path, **named)


def test_columns_become_decisions(tmp_path):
    table = decision_table(tmp_path / "t.csv", SMALL, test_column="mean")
    assert isinstance(table.space, Subset)  # three of 3 * 2 * 2 combinations
    whole = CategoricalSpace("table", {"kernel": ("3", "5", "10"), "width": ("8", "16"), "norm": ("batch", "layer")})
    assert table.space.space == whole
    rows = {row.architecture.text: (row.score, row.test, row.parameters, row.line) for row in table.rows.values()}
    assert rows == {
        "kernel=5, width=16, norm=batch": (90, 89, 1000, 2),
        "kernel=3, width=16, norm=batch": (88, 88.5, 900, 3),
        "kernel=10, width=8, norm=layer": (91.5, 91, 2000, 4),
    }
    assert table.best.line == 4 and table.lines == 3 and table.higher_is_better
    absent = table.space.parse("kernel=5, width=8, norm=batch")
    assert not table.space.allows(absent)
    with pytest.raises(InputError, match=r"t.csv has no row of kernel=5, width=8, norm=batch$"):
        table.row(absent)


def test_the_order_of_rows_changes_nothing(tmp_path):
    header, *lines = SMALL.splitlines()
    spaces, rows = [], []
    for order in itertools.permutations(lines):
        table = decision_table(tmp_path / "t.csv", "\n".join([header, *order]))
        spaces.append(table.space)
        rows.append({cell.values: row.score for cell, row in table.rows.items()})
    assert all(space == spaces[0] for space in spaces) and all(row == rows[0] for row in rows)


def test_a_complete_table_is_a_whole_space(tmp_path):
    lines = [f"{a},{b},{a * b}" for a in (1, 2) for b in (0.5, 0.25, 100)]
    table = decision_table(
        tmp_path / "t.csv", "\n".join(["a,b,score", *lines]), decisions=["a", "b"], score_column="score"
    )
    assert table.space == CategoricalSpace("table", {"a": ("1", "2"), "b": ("0.25", "0.5", "100")})
    assert table.best.test is None and table.test_column is None and table.best.architecture.values == (1, 2)


def test_numbers_are_compared_as_numbers_and_words_as_words(tmp_path):
    content = "rate,name,score\n.5,b,1\n0.50,B,2\n1e-3,10,3\n10,9,4\n2.0,nan,5\n+2,b,6\n"
    table = decision_table(tmp_path / "t.csv", content, decisions=["rate", "name"], score_column="score")
    assert table.space.space.decisions == {"rate": ("0.001", "0.5", "2", "10"), "name": ("10", "9", "B", "b", "nan")}
    assert [row.score for row in table.rows.values()] == [1, 2, 3, 4, 5, 6]
    digits = "10000000000000000001,10000000000000000002"  # more digits than a float keeps: two words
    content = "id,score\n" + "".join(f"{word},1\n" for word in digits.split(","))
    assert decision_table(tmp_path / "t.csv", content, decisions=["id"], score_column="score").space.size == 2


def test_lower_may_be_better(tmp_path):
    content = "a,b,val_error\n0,0,5\n0,1,3\n1,0,3\n1,1,9\n"
    named = {"decisions": ["a", "b"], "score_column": "val_error"}
    higher = decision_table(tmp_path / "t.csv", content, **named)
    lower = decision_table(tmp_path / "t.csv", content, lower_is_better=True, **named)
    assert (higher.best.line, lower.best.line) == (5, 3)
    assert higher.warnings == ["higher val_error counts as better; if lower is better, give --lower_is_better"]
    assert lower.warnings == []


@pytest.mark.parametrize(
    ("column", "warned"),
    [("testLoss", True), ("top1_err", True), ("validation perplexity", True), ("RMSE", True), ("errors2", True)]
    + [("latency_ms", True), ("WER", True), ("trainingCost", True)]
    + [("accuracy", False), ("c10_val_200ep", False), ("preferred", False), ("glossary", False), ("costume", False)],
)
def test_the_name_of_a_column_may_speak_against_the_direction(column, warned, tmp_path):
    table = decision_table(tmp_path / "t.csv", f"a,{column}\n0,5\n1,3\n", decisions=["a"], score_column=column)
    assert table.warnings == (
        [f"higher {column} counts as better; if lower is better, give --lower_is_better"] if warned else []
    )


@pytest.mark.parametrize(
    ("column", "warned"), [("val_acc", True), ("Accuracy", True), ("err_of_acc", False), ("x", False)]
)
def test_the_name_of_a_column_may_speak_for_higher(column, warned, tmp_path):
    content = f"a,{column}\n0,5\n1,3\n"
    table = decision_table(tmp_path / "t.csv", content, decisions=["a"], score_column=column, lower_is_better=True)
    assert table.warnings == (
        [f"lower {column} counts as better; if higher is, leave --lower_is_better out"] if warned else []
    )


def test_scores_that_tell_nothing_are_told(tmp_path):
    named = {"decisions": ["a"], "score_column": "s", "test_column": "s"}
    assert decision_table(tmp_path / "t.csv", "a,s\n0,5\n1,5.0\n", **named).warnings == [
        "s is 5 in every row; there is nothing to search for",
        "s is the score and the test as well, so the test says nothing new",
    ]


@pytest.mark.parametrize("first", ["sep=,", '"sep=,"', "SEP=,"])
@pytest.mark.parametrize(("encoding", "end"), [("utf-8-sig", "\r\n"), ("utf-8", "\n"), ("utf-16", "\r")])
def test_the_line_that_excel_reads_is_no_row(first, encoding, end, tmp_path):
    content = end.join([first, *SMALL.splitlines()]).encode(encoding)
    table = decision_table(tmp_path / "t.csv", content)
    assert [row.line for row in table.rows.values()] == [3, 4, 5]
    header = f"{first.replace(',', ';')}{end}kernel;width".encode(encoding)
    with pytest.raises(InputError, match="line 1 says that its columns are separated by ';'; save it with commas"):
        decision_table(tmp_path / "t.csv", header)


HEAD = "kernel,width,norm,accuracy\n"


@pytest.mark.parametrize(
    ("content", "named", "message"),
    [
        ("", {}, r"broken.csv is empty; it takes a header with the columns kernel, width, norm, accuracy"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", {}, r"broken.csv is no CSV file but a PNG picture"),
        (
            "kernel;width;norm;accuracy\n3;8;b;1\n",
            {},
            r"no column 'kernel'; .* columns are separated by ';': save it with",
        ),
        ("kernel,norm,accuracy\n3,b,1\n", {}, r"broken.csv has no column 'width'; it has kernel, norm, accuracy"),
        ('"ker\nnel",width\n', {}, r"broken.csv has no column 'kernel'; it has ker nel, width"),
        (HEAD, {"decisions": ["kernel", "norm", "kernel"]}, r"column 'kernel' is given twice as a decision"),
        ("kernel,width,norm,accuracy,width\n", {}, r"broken.csv has 2 columns 'width'; which one is meant\?"),
        (HEAD, {"decisions": ["kernel", "accuracy"]}, r"column 'accuracy' cannot be a decision and the score as well"),
        (HEAD, {"test_column": "norm"}, r"column 'norm' cannot be a decision and the test as well"),
        (HEAD + "3,8,b,high\n5,16,c,1\n", {}, r"broken.csv line 2: column 'accuracy' is 'high'; it takes a number"),
        (HEAD + "3,8,b,1\n5,16,c,inf\n", {}, r"broken.csv line 3: column 'accuracy' is 'inf'; .* finite number"),
        (
            HEAD + '3,8,b,1\n5,9,c,"9,5"\n',
            {},
            r"column 'accuracy' is '9,5'; it takes a number with a point before the decimals",
        ),
        (HEAD + "3,8,b,1\n5, ,c,1\n", {}, r"broken.csv line 3: decision 'width' is empty"),
        (
            HEAD + "3,8,b,1\n5,16,c,1\n3.0,8,b,2\n",
            {},
            r"line 4: kernel=3, width=8, norm=b stands in line 2 already; leave one of them",
        ),
        (HEAD, {}, r"broken.csv has too few rows, 0; a search needs at least 2 different architectures"),
        (HEAD + "3,8,b,1\n", {}, r"broken.csv has too few rows, 1; a search needs at least 2 different architectures"),
        (HEAD + "3,8,b,1\n5,8,c,1\n", {}, r"decision 'width' is '8' in every row; leave it out"),
        (HEAD, {"decisions": []}, r"the names of the columns that are decisions; none is given"),
        (HEAD + '"3\n4",8,b,1\n5,16,c,1\n', {}, r"'kernel' has the word '3\\n4'; a word is one printable line"),
        ("a=b,accuracy\n1,1\n2,2\n", {"decisions": ["a=b"]}, r"decision 'a=b'; a name is one printable line"),
        (
            "a,params,accuracy\n0,1e303,1\n1,5,2\n",
            {"decisions": ["a"]},
            r"broken.csv line 2: column 'params' is '1e303'; it takes a number from 0 to 1e\+15",
        ),
        (
            "a,flops,accuracy\n" + "".join(f"{number % 2},{number},1\n" for number in range(2_500)),
            {"decisions": ["a", "flops"]},
            r"decision 'flops' has 2,500 different values; .* may have 2,000: is it a measurement\?",
        ),
    ],
)
def test_a_broken_table_of_decisions_is_one_clear_line(content, named, message, tmp_path):
    with pytest.raises(InputError, match=message) as raised:
        decision_table(tmp_path / "broken.csv", content, **named)
    assert "\n" not in str(raised.value)


cells = st.sampled_from(["", "a", "1", "1.0", "-2e9", "nan", "1e999", '"', '"x', " ", "9" * 400]) | st.text(max_size=5)
tables = st.lists(st.lists(cells, min_size=3, max_size=4).map(",".join), max_size=8).map("\n".join)


@hypothesis.settings(
    max_examples=100,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(
    content=(st.just("a,b,s,params\n") | st.just("a,b,s\n")).flatmap(lambda head: tables.map(head.__add__)) | tables,
    encoding=st.sampled_from(["utf-8", "utf-16", "latin-1"]),
)
def test_any_file_is_a_table_or_one_clear_line(content, encoding, tmp_path):
    content = content.encode(encoding, "surrogatepass" if encoding != "latin-1" else "replace")
    try:
        table = decision_table(tmp_path / "t.csv", content, decisions=["a", "b"], score_column="s")
    except InputError as error:
        assert "t.csv" in str(error) and "\n" not in str(error)
    else:
        for architecture, row in table.rows.items():
            assert table.space.parse(architecture.text) == architecture and np.isfinite(row.score)


def test_a_table_of_decisions_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.csv cannot be read: No such file"):
        read_decision_table(tmp_path / "nowhere.csv", decisions=["a"], score_column="b")


def test_a_decision_named_like_the_parameters_is_a_decision(tmp_path):
    table = decision_table(tmp_path / "t.csv", "params,s\nfew,1\nmany,2\n", decisions=["params"], score_column="s")
    assert [row.parameters for row in table.rows.values()] == [None, None]


def test_the_real_table_of_macro_architectures():
    if not MACRO.exists():
        pytest.skip(f"{MACRO} is not there")
    decisions = [f"layer{number}" for number in range(1, 9)]
    table = read_decision_table(MACRO, decisions=decisions, score_column="acc_run1", test_column="acc_mean")
    assert table.lines == len(table.rows) == table.space.size == 3**8
    assert isinstance(table.space, CategoricalSpace)
    best = table.best
    assert best.architecture.text == ", ".join(
        f"{name}={word}" for name, word in zip(decisions, "22212220", strict=True)
    )
    assert (round(best.score, 2), round(best.test, 2)) == (93.28, 93.13)
    with open(MACRO, newline="") as file:
        for number, fields in enumerate(csv.DictReader(file)):
            if number % 100 == 0:
                row = table.row(table.space.parse(" ".join(fields[name] for name in decisions)))
                assert row.score == float(fields["acc_run1"]) and row.parameters == int(fields["params"])
    assert table.space.sample(np.random.default_rng(0)) in table.rows


@pytest.mark.parametrize(
    "written", ["１２.5", "٣", "1_000", "1e400", "-inf", "nan", "0x1", "12,5", "1.2.3", "9" * 5_000 + "x"]
)
def test_numbers_of_other_kinds_are_one_line_of_a_length_to_read(written, tmp_path):
    content = f'a,b,s\n1,2,3\n2,1,"{written}"\n'
    with pytest.raises(InputError, match=r"t\.csv line 3: column 's' is ") as caught:
        decision_table(tmp_path / "t.csv", content.encode(), decisions=["a", "b"], score_column="s")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "header, said",
    [("a,a,b,s", "2 columns 'a'"), ("a,b,s,s", "2 columns 's'"), ("a,b", "no column 's'"), ("a;b;s", "by ';'"),
     ("a|b|s", "by '.'"), (",b,s", "no column 'a'"), ("A,b,s", "is 'A' meant"), ('"a\nx",b,s', "no column 'a'"),
     ("a\tb\ts", "separated by tabs"), ("# net", "that is line 1, which should be the header"),
     ("0,1,2", "it has 0, 1, 2; that is line 1"), (",".join(f"x{n}" for n in range(99)), "x19, … .99 columns")],
)  # fmt: skip
def test_headers_that_are_not_clear_are_one_line(header, said, tmp_path):
    row = header.translate(str.maketrans("abAxs", "12123", '"\n'))
    with pytest.raises(InputError, match=said) as caught:
        decision_table(tmp_path / "t.csv", f"{header}\n{row}\n".encode(), decisions=["a", "b"], score_column="s")
    assert "\n" not in str(caught.value)
