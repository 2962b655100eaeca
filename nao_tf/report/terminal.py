"""A run on a terminal: log lines, and one line of progress that is written over."""

from __future__ import annotations

import dataclasses
import itertools
import math
import pathlib
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from nao_tf.observer import Epoch, Observer
from nao_tf.report.run_log import NAME as RUN_LOG
from nao_tf.report.run_log import RunLog
from nao_tf.search.evaluator import CHILD
from nao_tf.search.pool import Evaluation, Pool
from nao_tf.search.settings import SCORE
from nao_tf.search.strategy import Predictor
from nao_tf.study.result import Result
from nao_tf.study.work_directory import MAIN_POOL
from nao_tf.tasks.sizes import size_text
from nao_tf.tasks.task import Task

QUICK = 0.5  # seconds of an evaluation below which not each has a log line
LINES = 10  # log lines of a search whose evaluations are quick
WIDTH, PREFIX = 80, len("[    0.0 s] ")  # columns of a terminal, and those that a log line begins with
PROGRESS_SECONDS = 1.0  # between two lasting lines of progress
NOTICE = "NOTICE: "  # begins a line about what may surprise
LONGEST_FRONT = 10  # rows of the table of a front
STEPS = 1000  # training steps of a final model between two log lines


class Terminal:
    """Lines for people, on standard error.

    Args:
        stream: where they go.
        run_log: a file that gets every lasting line; none.
        quiet: whether only notices are shown.
        verbose: whether progress has lasting lines too, at most one a second.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        run_log: RunLog | None = None,
        quiet: bool = False,
        verbose: bool = False,
    ):
        self._stream = stream or sys.stderr
        self._start = time.monotonic()
        self._status = ""
        self._run_log, self._quiet, self._verbose = run_log, quiet, verbose
        self._told_progress = -math.inf  # when progress last had a lasting line

    def log(self, text: str) -> None:
        """A lasting line, with the seconds since the program began."""
        failed = None if self._run_log is None else self._run_log.write(text)
        for line in (text, *([] if failed is None else [f"{NOTICE}{failed}"])):
            if not self._quiet or line.startswith(NOTICE):
                self._show(line)

    def with_seconds(self, line: str) -> str:
        """A line behind the seconds since the program began."""
        return f"[{time.monotonic() - self._start:7.1f} s] {line}"

    def state(self, stage: str, rate: Rate, *, best: str = "") -> None:
        """What is going on, for terminals that have a display of it.

        Args:
            stage: of the run.
            rate: how far it is.
            best: the best so far.
        """

    def status(self, text: str) -> None:
        """The line of progress; shown on a terminal only, unless the terminal is verbose."""
        if self._verbose:
            if time.monotonic() - self._told_progress >= PROGRESS_SECONDS:
                self._told_progress = time.monotonic()
                self.log(text)
        elif self._stream.isatty() and not self._quiet:
            self._clear()
            self._status = text
            print(text, end="\r", file=self._stream, flush=True)

    def close(self) -> None:
        """The end of what `state` shows, for terminals that have a display of it."""

    def sentence(self, text: str) -> None:
        """A lasting line that is broken where it is longer than a terminal is wide, as long as words allow."""
        for line in textwrap.wrap(text, WIDTH - PREFIX, subsequent_indent="  ", break_long_words=False):
            self.log(line)

    def curves(self, curves: Mapping[str, Sequence[float]], *, unit: str) -> None:
        """A table with a column for each curve, which may be of different lengths, and a row for each point.

        Args:
            curves: each by its name.
            unit: what the points are counted in, from 1.
        """
        if curves:
            self.log(f"{unit:>5s}" + "".join(f"  {name:>10s}" for name in curves))
        for point, values in enumerate(itertools.zip_longest(*curves.values()), 1):
            cells = ("" if value is None else f"{value:.2f}" for value in values)
            self.log(f"{point:5d}" + "".join(f"  {cell:>10s}" for cell in cells))

    def _show(self, line: str) -> None:
        """A lasting line on the screen."""
        self._clear()
        print(self.with_seconds(line), file=self._stream, flush=True)

    def _clear(self):
        if self._status:
            print(" " * len(self._status), end="\r", file=self._stream)
            self._status = ""


class Rate:
    """How fast work goes and how long the rest will take.

    Args:
        total: pieces of work in all; None where nobody knows.
        done: pieces that were done before this process began.
    """

    def __init__(self, total: float | None, done: float = 0):
        self.total, self.done, self._before, self._start = total, done, done, time.monotonic()

    def step(self, done: float | None = None) -> None:
        """One more piece is done, or `done` in all."""
        self.done = self.done + 1 if done is None else done

    @property
    def seconds_each(self) -> float:
        """Mean seconds of a piece, of those that this process did."""
        return (time.monotonic() - self._start) / max(1, self.done - self._before)

    def __str__(self) -> str:
        each = self.seconds_each
        pace = f"{each:.1f} s each" if each >= 0.5 else f"{1 / max(each, 1e-9):.1f} a second"
        if self.total is None:
            return f"{self.done}, {pace}"
        left = self.seconds_each * max(0, self.total - self.done)
        remaining = f"{left / 60:.1f} min" if left >= 90 else f"{left:.0f} s"
        return f"{self.done}/{self.total}, {pace}, {remaining} left"


def _done(pool: Pool) -> float:
    """How much of its budget a search has used: members, or on a ladder the cost."""
    return round(pool.cost, 2) if pool.rungs else len(pool)


class TerminalObserver(Observer):
    """Shows a run of a task on a terminal.

    Args:
        task: of the run.
        work: the work directory.
        terminal: where the lines go.
    """

    def __init__(self, task: Task, work: pathlib.Path, *, terminal: Terminal | None = None):
        self.task, self.work, self.terminal = task, work, terminal or Terminal()
        self._search, self._training = Rate(0), Rate(0)
        self._label = ""
        self._logged: float = 0

    def notice(self, text: str) -> None:
        """See `Observer`."""
        self.terminal.log(text)

    def search(self, strategy: str, pool: Pool, *, budget: float | None) -> None:
        """See `Observer`."""
        self._search, self._logged = Rate(budget, _done(pool)), _done(pool)
        self.terminal.state(f"search, {strategy}", self._search)
        if len(pool):
            name = strategy if pool.path is None else pool.path.name
            self.terminal.log(f"{name}: {len(pool)} architectures are evaluated already")

    def evaluation(self, strategy: str, evaluation: Evaluation, *, pool: Pool) -> None:
        """See `Observer`; quick evaluations, as of a table, get a log line now and then."""
        metric, total = self.task.metric, self._search.total
        done = _done(pool)
        self._search.step(done)
        self.terminal.state(f"search, {strategy}", self._search, best=self._best(pool))
        score = f"failed: {evaluation.reason}" if evaluation.score is None else metric.text(evaluation.score)
        best = "" if pool.best is None or pool.best.score is None else f", best {metric.text(pool.best.score)}"
        origin = evaluation.candidate.origin
        if pool.rungs:
            origin += f", {pool.rungs[evaluation.candidate.rung].name}"
        line = f"{strategy}, architecture {evaluation.id} ({origin}): {metric.words} {score}{best}; {self._search}"
        quick = self._search.seconds_each < QUICK
        often = done - self._logged >= (done if total is None else total) / LINES
        if not quick or often or (total is not None and done >= total):
            self._logged = done
            self.terminal.log(line)
        else:
            self.terminal.status(line)

    def _best(self, pool) -> str:
        """The best member of a pool, for people."""
        best = pool.best
        if best is None or best.score is None:
            return ""
        text = best.candidate.architecture.text
        return f"best {self.task.metric.words} {self.task.metric.text(best.score)}, architecture {best.id}: {text}"

    def predictor(self, round: int | None, predictor: Predictor) -> None:  # type: ignore[override]
        """See `Observer`."""
        if predictor.quality is not None:
            of = "the whole pool" if round is None else f"round {round}"
            figures = dataclasses.asdict(predictor.quality).items()
            quality = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in figures if value is not None)
            line = f"controller of {of}, on architectures it has not seen: {quality}"
            if round is None or self._search.seconds_each >= QUICK:
                self.terminal.log(line)
            else:
                self.terminal.status(line)

    def training(self, label: str, step: int, *, loss: float, steps: int | None = None) -> None:
        """See `Observer`."""
        if label == CHILD:
            self.terminal.status(f"training step {step}, loss {loss:.3f}; {self._search}")
            return
        if label != self._label:
            self._label, self._training = label, Rate(steps or step, step)
        self._training.step(step)
        self.terminal.state(f"training, {label}", self._training)
        line = f"{label}: training loss {loss:.3f}; {self._training}"
        if step % STEPS == 0:
            self.terminal.log(line)
        else:
            self.terminal.status(line)

    def epoch(self, label: str, epoch: Epoch) -> None:
        """See `Observer`."""
        which = f"{label}, epoch {epoch.number}, step {epoch.step}"
        if epoch.value is None:
            self.terminal.log(f"{which}: diverged; going on from the best weights")
            return
        of = " of averaged weights" if epoch.averaged else ""
        metric = self.task.final_metric
        figures = f"{metric.text(epoch.value)}, best {metric.text(epoch.best)}"
        self.terminal.log(f"{which}: {epoch.metric.replace('_', ' ')}{of} {figures}")
        if epoch.ending:
            self.terminal.log(
                f"{label}: nothing gained for long; from the best weights the learning rate falls to its end in "
                f"{epoch.ending:,} steps"
            )

    def _front(self, content: Mapping[str, Any]) -> None:
        """A table of what no other surpasses in all objectives, where there are several."""
        rows = content.get("front")
        if rows is None:
            return
        sizes = [name for name in content["objectives"] if name != SCORE]
        metric, final = self.task.metric, self.task.final_metric
        trained = f"final_{final.name}" if final.name == metric.name else final.name
        names = ["id", metric.words, *(name.replace("_", " ") for name in sizes)]
        lines = [
            [str(row["id"]), metric.text(row["score"]), *(size_text(name, row[name]) for name in sizes)] for row in rows
        ]
        if self.task.seeds_differ:  # rows of a table are trained already
            names.append(f"final {final.words}")
            for line, row in zip(lines, rows, strict=True):
                line.append(final.text(row[trained]) if trained in row else "not trained")
        del lines[LONGEST_FRONT:]
        widths = [max(map(len, column)) for column in zip(names, *lines, strict=True)]
        self.terminal.log(f"front of {', '.join(content['objectives'])}: what nothing found surpasses in all of them")
        for line in (names, *lines):
            self.terminal.log("  ".join(f"{cell:>{width}s}" for cell, width in zip(line, widths, strict=True)))
        if len(rows) > LONGEST_FRONT:
            self.terminal.log(f"and {len(rows) - LONGEST_FRONT} more with lower scores, see result.json")

    def result(self, result: Result) -> None:  # type: ignore[override]
        """See `Observer`: the best of the search, the winner, and how it compares."""
        self.terminal.close()  # nothing goes on any more
        log, task, metric = self.terminal.log, result.task, result.task.metric
        content = result.to_json()
        name = task.noun
        written = ["result.json", *([MAIN_POOL] if result.pool else [])]
        if result.pool is not None:
            name = f"found {task.noun}"
            log(f"{content['dataset']}; {len(content['top'])} best of {len(result.pool)} architectures:")
            for row in content["top"]:
                score = metric.text(row["score"])
                log(f"  {row['id']:4d} {row['origin']:9s} {metric.words} {score:>8s}  {row['text']}")
            log(f"winner: architecture {content['best']['id']}, {content['best']['text']}")
        self._front(content)
        found: dict[str, Any] = {key: content[key] for key in ("evaluations", "cost", "best") if key in content}
        rows: dict[str, Mapping[str, Any]] = {name: {**result.test, **found}, **result.baselines}
        for name, figures in rows.items():
            failed = f"failed: {figures['failed']}" if "failed" in figures else None
            log(f"{name:10s}  {failed or task.figures_text(figures)}")
        able = {name: figures for name, figures in rows.items() if "failed" not in figures}
        self.terminal.curves(task.curves(able), unit="epoch")
        for sentence in result.words:
            self.terminal.sentence(sentence)
        written += [name for name in ("export/child/1", "tensorboard", RUN_LOG) if (self.work / name).exists()]
        log(f"{self.work}: {', '.join(written)}")
