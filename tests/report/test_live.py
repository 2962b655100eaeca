"""The display on a terminal, as the escape sequences that rich writes."""

import io
import re

import pytest

rich_console = pytest.importorskip("rich.console")

from nao_tf.report import live, terminal  # noqa: E402
from nao_tf.report.live import LiveTerminal  # noqa: E402
from nao_tf.report.run_log import RunLog  # noqa: E402
from nao_tf.report.terminal import Rate  # noqa: E402

SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def now(monkeypatch):
    """The clock, which goes on by hand."""
    now = [100.0]
    for module in (live, terminal):
        monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def shown(tmp_path, now):
    stream = io.StringIO()
    options = {"force_terminal": True, "width": 80, "height": 24, "color_system": None, "legacy_windows": False}
    console = rich_console.Console(file=stream, **options)
    return LiveTerminal(console, run_log=RunLog(tmp_path / "run.log")), stream


def plain(stream):
    return SEQUENCE.sub("", stream.getvalue())


def test_the_display_tells_stage_progress_and_the_best(shown, now):
    screen, stream = shown
    rate = Rate(10, 4)
    now[0] += 6
    rate.step(6)
    screen.state("search, nao", rate, best="best validation perplexity 120.00, architecture 3: " + "tanh " * 40)
    now[0] += 1
    screen.status("training step 20, loss 5.1")
    drawn = plain(stream)
    assert "search, nao" in drawn and "6/10, 3.0 s each, 12 s left" in drawn
    assert "best validation perplexity 120.00, architecture 3: tanh" in drawn and "training step 20, loss 5.1" in drawn
    assert all(len(line) <= 80 for line in re.split(r"[\r\n]+", drawn))


def test_lasting_lines_stand_above_the_display_and_in_the_log(shown, now, tmp_path):
    screen, stream = shown
    screen.log("before it is drawn [1, 2]")
    screen.state("search, nao", Rate(10))
    screen.log("a long line with [brackets] " + "x" * 100)
    screen.close()
    now[0] += 9
    screen.status("not drawn any more")
    screen.log("afterwards")
    lines = [line.strip() for line in re.split(r"[\r\n]+", plain(stream))]
    for line in ("[    0.0 s] before it is drawn [1, 2]", "[    0.0 s] a long line with [brackets] " + "x" * 100,
                 "[    9.0 s] afterwards"):  # fmt: skip
        assert line in lines, lines
    assert "not drawn" not in plain(stream)
    kept = [line.split(" ", 2)[2] for line in (tmp_path / "run.log").read_text().splitlines()]
    assert kept == ["before it is drawn [1, 2]", "a long line with [brackets] " + "x" * 100, "afterwards"]


def test_the_cursor_is_left_as_it_was(shown):
    screen, stream = shown
    screen.state("search, nao", Rate(10))
    screen.close()
    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")


def test_it_is_drawn_a_few_times_a_second(shown, now):
    screen, stream = shown
    screen.state("search, nao", Rate(10))
    before = stream.getvalue()
    for step in range(100):
        screen.status(f"step {step}")
    assert stream.getvalue() == before
    screen.state("training, lstm", Rate(5))  # another stage shows at once, and so does the end of one
    assert "training, lstm" in plain(stream) and "0/5" in plain(stream)
    screen.state("training, lstm", Rate(5, 5))
    assert "5/5" in plain(stream)
    now[0] += 1
    screen.status("step 100")
    assert "step 100" in plain(stream)
