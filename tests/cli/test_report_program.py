"""bin/nao_report as a user runs it, and what it makes of texts."""

import csv
import html
import io
import json
import re
import shlex
import sys
from xml.etree import ElementTree

import pytest
from PIL import Image
from programs import ROOT, program, run

from nao_tf.architecture import ArchitectureError
from nao_tf.cli import report
from nao_tf.cli.report import read
from nao_tf.errors import InputError

PROGRAM = program("nao_report")


@pytest.mark.parametrize(
    "text, task, space",
    [
        ("NAONet", None, "nao"),
        ("NAO", None, "rnn"),
        ("NAO-WS", "wikitext2", "rnn"),
        ("NAO-WS", "images", "enas"),
        ("0 1 0 1 2 2 3 3 0 1 0 1 2 2 3 3 0 1 0 1 2 2", None, "rnn"),
        ("3 3 3 1 3 2", None, "nasbench201"),
        ("|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|none~2|", None, "nasbench201"),
        ("depth=4, width=32", None, "decisions"),
        ("depth=4, width=32", "table", "decisions"),
    ],
)
def test_architectures_are_read_as_what_they_can_only_be(text, task, space):
    assert read(text, task).space.name == space


def test_what_could_be_two_things_or_is_none_is_refused():
    with pytest.raises(InputError, match="--task=ptb or --task=cifar10"):
        read("NAO-WS", None)
    with pytest.raises(InputError, match="is none of a recurrent cell"):
        read("no such name", None)
    with pytest.raises(ArchitectureError, match="rnn takes 22"):
        read("1 2 3", "ptb")
    with pytest.raises(ArchitectureError, match="no list of decisions"):
        read("depth=4, =3", "table")
    with pytest.raises(ArchitectureError, match="twice"):
        read("depth=4, depth=8", "table")


def test_drawings_as_svg_and_png_and_wrong_ones_in_one_line(tmp_path):
    done = run(*PROGRAM, "--architecture=NAO", f"--draw={tmp_path / 'cell.svg'}")
    assert done.returncode == 0 and not done.stderr and not done.stdout
    tree = ElementTree.fromstring((tmp_path / "cell.svg").read_text())
    assert tree.find("{http://www.w3.org/2000/svg}title").text == "NAO"
    done = run(*PROGRAM, "--architecture=3 3 3 1 3 2", "--title=best", f"--draw={tmp_path / 'cell.png'}")
    assert done.returncode == 0 and Image.open(io.BytesIO((tmp_path / "cell.png").read_bytes())).width > 200
    done = run(*PROGRAM, "--architecture=NAO", f"--draw={tmp_path / 'cell.gif'}")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and ".png" in done.stderr
    assert not (tmp_path / "cell.gif").exists()


def test_a_search_leaves_a_report_whose_commands_work(invented_table, tmp_path):
    pytest.importorskip("jinja2")
    pytest.importorskip("matplotlib")
    work = tmp_path / "a run"
    columns = ["--score_column=seen", "--test_column=told", f"--table={invented_table}"]
    small = ["--strategy=evolution", "--baselines=random", "--budget=15", "--initial=8", f"--csv={tmp_path / 'a.csv'}"]
    done = run(*program("nao_search"), "--task=nasbench201", *columns, *small, f"--work_dir={work}")
    assert done.returncode == 0 and f"report: {work / 'report.html'}" in done.stderr.splitlines()[-1]
    assert (tmp_path / "a.csv").read_text().count("\n") == 31
    text = html.unescape(re.sub("</?span>", "", (work / "report.html").read_text()))  # a word of a command is a span
    command = re.search(r"bin/nao_search .*--budget=30", text)[0]
    (work / "report.html").unlink()
    done = run(sys.executable, *shlex.split(command), "--noreport", cwd=ROOT)
    assert done.returncode == 0 and len((work / "pool.jsonl").read_text().splitlines()) == 30
    assert not (work / "report.html").exists()
    done = run(*PROGRAM, f"--work_dir={work}", work, f"--output={tmp_path / 'both.html'}")
    assert done.returncode == 0 and done.stdout == f"{tmp_path / 'both.html'}\n"
    assert "2 runs side by side" in (tmp_path / "both.html").read_text()
    done = run(*PROGRAM, f"--work_dir={work}", f"--draw={tmp_path / 'winner.svg'}")
    winner = json.loads((work / "result.json").read_text())["best"]["text"]
    assert done.returncode == 0 and winner in (tmp_path / "winner.svg").read_text()
    done = run(*PROGRAM, f"--work_dir={work}", f"--csv={tmp_path / 'pool.csv'}")
    assert done.returncode == 0 and not done.stdout and not done.stderr
    rows = list(csv.DictReader(io.StringIO((tmp_path / "pool.csv").read_text())))
    pools = {name: (work / name).read_text().splitlines() for name in ("pool.jsonl", "pool_random.jsonl")}
    assert len(rows) == sum(map(len, pools.values())) and {row["strategy"] for row in rows} == {"evolution", "random"}
    for row, line in zip(rows, map(json.loads, (line for lines in pools.values() for line in lines)), strict=True):
        assert (row["text"], float(row["score"]), int(row["round"])) == (line["text"], line["score"], line["round"])
        assert row["architecture"].split() == list(map(str, line["architecture"]))
    done = run(*PROGRAM, f"--work_dir={work}", work, "--csv=a.csv")
    assert done.returncode == 1 and "--csv is a table of one run" in done.stderr and done.stderr.count("\n") == 1
    done = run(*PROGRAM, f"--work_dir={work}", "--optuna=study.db")
    assert done.returncode == 1 and "sqlite:///study.db" in done.stderr and done.stderr.count("\n") == 1
    done = run(*PROGRAM, f"--work_dir={work}", f"--optuna=sqlite:///{tmp_path / 'study.db'}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "a run-evolution\na run-random\n", "")
    done = run(*PROGRAM, tmp_path)
    assert done.returncode == 1 and "no work directory" in done.stderr and len(done.stderr.splitlines()) == 1


def test_without_the_libraries_a_run_says_how_to_get_the_report(monkeypatch, tmp_path):
    monkeypatch.setattr(report, "missing_libraries", lambda: "jinja2")
    said = []
    report.write_after(tmp_path, said.append)
    assert len(said) == 1 and "jinja2" in said[0] and "pip install" in said[0] and not list(tmp_path.iterdir())


def test_without_optuna_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(report.optuna_study, "is_installed", lambda: False)
    with pytest.raises(InputError, match="--optuna takes optuna: pip install"):
        report.write_optuna([], "sqlite:///study.db")
