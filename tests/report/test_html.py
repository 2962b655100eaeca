"""The report as a page: what it says is what the files say, and nothing in it is anybody's markup."""

import base64
import hashlib
import html.parser
import json
import re
import shutil

import pytest
from made_runs import decision_run, table_run

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

from nao_tf.report.html import duration, report, write_report  # noqa: E402
from nao_tf.report.run import read_run  # noqa: E402
from nao_tf.study.audit import Agreement  # noqa: E402
from nao_tf.study.fidelity import Fidelity, Length  # noqa: E402

VOID = {"meta", "link", "br", "input"}
EVIL = "</td><script>alert(1)</script><img src=x onerror=alert(2)>"


class Page(html.parser.HTMLParser):
    """Reads a page: every tag has its end, and links lead somewhere."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.addresses, self.scripts, self.texts = [], [], [], [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [attributes["id"]] if "id" in attributes else []
        for name in ("href", "src", "xlink:href"):
            if attributes.get(name, "").startswith("#"):
                self.links.append(attributes[name][1:])
            elif name in attributes:
                self.addresses.append(attributes[name])
        assert not [name for name in attributes if name.startswith("on")]
        assert tag != "svg" or attributes.get("aria-label")

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        (self.scripts if self.open and self.open[-1] == "script" else self.texts).append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def checked(text):
    """The page, after what holds for every report was found to hold."""
    page = Page(text)
    assert len(page.ids) == len(set(page.ids)) and set(page.links) <= set(page.ids)
    assert page.addresses == ["data:,"]  # the icon; nothing is fetched
    assert len(page.scripts) == 1
    digest = base64.b64encode(hashlib.sha256(page.scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text and "default-src 'none'" in text
    return page


@pytest.fixture(scope="module")
def work(invented_table, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "table"
    table_run(invented_table, path, baselines=("random", "local"))
    (path / "flags.txt").write_text(f"--task=nasbench201\n--table={invented_table}\n--baselines=random,local\n")
    return path


def test_a_report_answers_who_won_how_well_and_how_to_go_on(work, tmp_path):
    write_report([read_run(work)], tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    page, result = checked(text), json.loads((work / "result.json").read_text())
    best = result["best"]
    assert f"Architecture {best['id']} of 30" in page.text and best["text"] in page.text
    assert " ".join(map(str, best["architecture"])) in page.text and f"{best['score']:.5g}" in page.text
    for name in ("random", "local"):
        assert f"{name} ({result['baselines'][name]['told']:.5g})" in page.text
    assert f"is {result['test']['told']:.5g}: " in page.text and "no spread" in page.text
    assert f"bin/nao_search --flagfile={work / 'flags.txt'} --work_dir={work} --budget=60" in page.text
    assert "no model to serve" in page.text and "no error bars" not in page.text
    for section in ("What was searched", "Is it better?", "Progress", "Why", "Size", "Where the time went", "Go on"):
        assert section in page.text
    assert "The ladder" not in page.text and "The ascent" not in page.text
    assert text.count('class="drawing"') == 1 + 6 and text.count("<title>architecture ") > 30
    assert len(text) < 1_000_000


def test_verdict_audit_and_ladder_are_shown_where_there_are_some(work, tmp_path):
    copy = shutil.copytree(work, tmp_path / "copy")
    result = json.loads((copy / "result.json").read_text())
    result["verdict"] = {
        "metric": "told", "test": "Welch's t-test", "words": ["It is better than random, of that we are sure."],
        "winner": {"values": [50.0, 51.0, 52.0]},
        "rivals": {"random": {"values": [40.0, 41.0], "words": "sure", "outcome": "better"}},
    }  # fmt: skip
    result["audit"] = {"words": ["Scores repeat themselves well."]}
    lengths = (Length(125, None, Agreement(12)), Length(500, 7.5, Agreement(12, 0.61, (0.2, 0.8), 0.004)))
    result["fidelity"] = Fidelity(12, lengths, 13_500, (500,)).to_json()
    (copy / "result.json").write_text(json.dumps(result))
    page = checked(report([read_run(copy)]))
    assert "How long children must train" in page.text and "500, chosen 7.5 0.61 0.20 to 0.80 4.88" in page.text
    assert page.text.count("of that we are sure") == 2 and "Scores repeat themselves well." in page.text
    assert "several seeds of every network" in page.text and "no spread" not in page.text
    rows = [
        {"id": id, "architecture": [id], "text": f"a={id}", "score": score, "rung": rung, "cost": cost}
        for id, score, rung, cost in [(0, 5.0, "100", 0.1), (1, 4.0, "100", 0.1), (2, 1.0, "100", 0.1),
                                      (1, 3.0, "900", 1.0), (2, 3.5, "900", 1.0)]
    ]  # fmt: skip
    page = checked(report([read_run(decision_run(tmp_path / "ladder", rows))]))
    assert "The ladder" in page.text and re.search(r"100 3 0\.3 -1\.00 2 900 2 2 – –", page.text)


def test_a_model_that_has_learnt_nothing_is_told_as_such_and_compared_with_nobody(work, tmp_path):
    copy = shutil.copytree(work, tmp_path / "copy")
    result = json.loads((copy / "result.json").read_text())
    result["baselines"]["random"] = {"failed": "it is a guess", "learnt_nothing": "it is a guess", "told": 99_999.0}
    (copy / "result.json").write_text(json.dumps(result))
    text = report([read_run(copy)])
    assert "random failed: it is a guess" in checked(text).text and "random: 99999" not in text
    result["test"] = {"learnt_nothing": "the winner is a guess", **result["test"]}
    (copy / "result.json").write_text(json.dumps(result))
    page = checked(report([read_run(copy)]))
    assert "the winner is a guess" in page.text and f"is {result['test']['told']:.5g}: " not in page.text


def test_nothing_that_is_data_becomes_markup(tmp_path):
    rows = [
        {"id": id, "architecture": [id % 2, id % 3], "text": f'"{EVIL}={id % 2}", b={id % 3}', "score": float(id),
         "origin": EVIL, "parent": None if id == 0 else 0, "round": id}
        for id in range(6)
    ]  # fmt: skip
    rows.append({"id": 6, "architecture": [1, 1], "text": "x", "score": None, "status": "failed", "reason": EVIL})
    test = {EVIL: 1.5, "perplexity": 3.0}
    result = {
        "dataset": EVIL, "source": EVIL, "best": {"architecture": [1, 2]}, "test": test, "versions": {EVIL: EVIL},
        "baselines": {EVIL: {"failed": EVIL}, "other": {"perplexity": 2.0, "x_by_epoch": [1.0, 2.0]}},
        "finalists": [{"id": 1, "text": EVIL, "validation": 1.0}, {"id": 2, "text": EVIL, EVIL: 3}],
        "predictor": {EVIL: 0.5}, "audit": {"words": [EVIL]},
    }  # fmt: skip
    run = decision_run(tmp_path / "a <b> & 'c'", rows, result=result, strategy=EVIL, space=EVIL, seed=EVIL)
    (run / "timings.jsonl").write_text(json.dumps({"stage": EVIL, "seconds": 3}) + "\n")
    (run / "flags.txt").write_text(f"--table={EVIL}\n")
    for text in (report([read_run(run)]), report([read_run(run), read_run(run)])):
        checked(text)
        assert "alert(1)</script>" not in text and "<img" not in text and EVIL not in text
        assert text.count("&lt;script&gt;alert(1)") > 10


def test_several_runs_stand_side_by_side_and_their_differences_are_named(work, invented_table, tmp_path):
    table_run(invented_table, tmp_path / "other", strategy="local", baselines=(), budget=20)
    page = checked(report([read_run(work), read_run(tmp_path / "other")]))
    assert "2 runs side by side" in page.text and 'strategy: "evolution", now "local"' in page.text
    assert "evolution: in the first alone" in page.text and "now null" not in page.text
    assert "Progress of all runs" in page.text and "have not the same data" not in page.text
    assert {"run1-commands", "run2-commands"} <= set(page.ids)


def test_a_run_under_way_says_so(work, tmp_path):
    copy = shutil.copytree(work, tmp_path / "copy")
    (copy / "result.json").unlink()
    page = checked(report([read_run(copy)]))
    assert "still under way" in page.text and "It has not been compared yet" in page.text
    assert f"--flagfile={copy / 'flags.txt'} --work_dir={copy}" in page.text


@pytest.mark.parametrize("seconds, text", [(1.04, "1.0 s"), (41, "41 s"), (600, "10 min"), (7200, "2.0 h"),
                                           (None, "unknown")])  # fmt: skip
def test_durations_are_told_for_people(seconds, text):
    assert duration(seconds) == text
