import io
import pathlib
import types

import pytest

from nao_tf.observer import Epoch
from nao_tf.report import terminal
from nao_tf.report.run_log import RunLog
from nao_tf.report.terminal import Rate, Terminal, TerminalObserver
from nao_tf.tasks.task import Metric


class Tty(io.StringIO):
    def isatty(self):
        return True


def test_progress_shows_on_a_terminal_only():
    plain, tty = io.StringIO(), Tty()
    for stream in (plain, tty):
        shown = Terminal(stream)
        shown.status("step 1")
        shown.log("done")
    assert "step 1" not in plain.getvalue() and plain.getvalue().endswith("done\n")
    assert "step 1\r" in tty.getvalue() and tty.getvalue().endswith("done\n")


def test_a_status_is_wiped_before_what_follows():
    tty = Tty()
    shown = Terminal(tty)
    shown.status("a long line of progress")
    shown.status("short")
    assert " " * len("a long line of progress") + "\rshort\r" in tty.getvalue()


def test_rate_counts_only_what_this_process_did(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    rate = Rate(total=10, done=4)
    now[0] += 6
    rate.step()
    rate.step()
    assert str(rate) == "6/10, 3.0 s each, 12 s left"
    now[0] += 600
    rate.step(7)
    assert "13.5 min left" not in str(rate) and "202.0 s each, 10.1 min left" in str(rate)


def test_curves_of_different_lengths_stand_side_by_side():
    stream = io.StringIO()
    Terminal(stream).curves({"cell": [9.5, 8.25], "lstm": [9.75, 8.5, 8.0]}, unit="epoch")
    lines = [line.split("] ")[1] for line in stream.getvalue().splitlines()]
    assert lines == [
        "epoch        cell        lstm",
        "    1        9.50        9.75",
        "    2        8.25        8.50",
        "    3                    8.00",
    ]


def test_an_epoch_has_the_figures_of_its_task_and_says_where_the_end_begins():
    stream = io.StringIO()
    task = types.SimpleNamespace(final_metric=Metric("validation_accuracy", higher_is_better=True))
    observer = TerminalObserver(task, pathlib.Path("work"), terminal=Terminal(stream))
    observer.epoch("final", Epoch(3, 120, "validation_accuracy", value=0.8, best=0.8125, ending=1_040))
    observer.epoch("final", Epoch(4, 160, "validation_accuracy", value=0.825, best=0.825))
    assert [line.split("] ")[1] for line in stream.getvalue().splitlines()] == [
        "final, epoch 3, step 120: validation accuracy 0.8000, best 0.8125",
        "final: nothing gained for long; from the best weights the learning rate falls to its end in 1,040 steps",
        "final, epoch 4, step 160: validation accuracy 0.8250, best 0.8250",
    ]


def test_no_curves_are_no_table():
    stream = io.StringIO()
    Terminal(stream).curves({}, unit="epoch")
    assert stream.getvalue() == ""


def test_sentences_are_broken_at_eighty_columns():
    stream = io.StringIO()
    text = "better than the best of random search, 104.54 ± 1.20 (chance 0.4 %, Welch's t-test, 3 seeds each)"
    Terminal(stream).sentence(text)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2 and all(len(line) <= 80 for line in lines)
    assert " ".join(line.split("] ")[1].strip() for line in lines) == text and "]   " in lines[1]


@pytest.mark.parametrize(
    ("loudness", "told"),
    [
        ({}, ["began", "NOTICE: odd", "done"]),
        ({"quiet": True}, ["NOTICE: odd"]),
        ({"verbose": True}, ["began", "step 1", "NOTICE: odd", "done"]),
    ],
)
def test_quiet_terminals_tell_less_and_verbose_ones_more_than_the_log(loudness, told, tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    tty, path = Tty(), tmp_path / "run.log"
    shown = Terminal(tty, run_log=RunLog(path), **loudness)
    shown.log("began")
    for step in (1, 2):  # within a second
        shown.status(f"step {step}")
    shown.log("NOTICE: odd")
    shown.log("done")
    assert [line.split("] ")[1] for line in tty.getvalue().splitlines() if "] " in line] == told
    kept = [line.split(" ", 2)[2] for line in path.read_text().splitlines()]
    assert kept == (told if len(told) > 1 else ["began", "NOTICE: odd", "done"])


def test_a_log_that_cannot_be_written_is_told_even_where_it_is_quiet(tmp_path):
    stream = io.StringIO()
    shown = Terminal(stream, run_log=RunLog(pathlib.Path(tmp_path / "none" / "run.log")), quiet=True)
    shown.log("began")
    shown.log("done")
    [line] = stream.getvalue().splitlines()
    assert "NOTICE: " in line and "run.log cannot be written" in line and line.endswith("the run goes on without it")
