"""A run on a terminal as one display that stays at its foot: the stage, how far it is, the best so far.

Only a person's terminal has it; everywhere else there are plain lines, see `terminal`.
"""

from __future__ import annotations

import atexit
import time
from typing import Any

from nao_tf.report.run_log import RunLog
from nao_tf.report.terminal import Rate, Terminal

BAR = 24  # characters
SECONDS = 0.2  # between two drawings


class LiveTerminal(Terminal):
    """Lines for people above a display of what is going on.

    It is drawn when there is something new, without a thread of its own, so that processes can be forked.

    Args:
        console: a `rich.console.Console`; None: standard error.
        run_log: see `Terminal`.
    """

    def __init__(self, console: Any = None, *, run_log: RunLog | None = None):
        from rich.console import Console
        from rich.live import Live

        if console is None:
            console = Console(stderr=True)
        self._console = console
        super().__init__(console.file, run_log=run_log)
        self._stage, self._rate, self._best, self._detail = "", Rate(None), "", ""
        self._drawn = 0.0
        self._live = Live(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._closed = False

    def state(self, stage: str, rate: Rate, *, best: str = "") -> None:
        """See `Terminal`."""
        new, done = stage != self._stage, rate.total is not None and rate.done >= rate.total
        if new:
            self._detail = ""
        self._stage, self._rate, self._best = stage, rate, best
        self._draw(at_once=new or done)

    def status(self, text: str) -> None:
        """See `Terminal`; the line stands in the display."""
        self._detail = text
        self._draw()

    def close(self) -> None:
        """Wipes the display; lines that follow are plain."""
        if self._live.is_started:
            self._live.stop()
        self._closed = True

    def _show(self, line: str) -> None:
        from rich.text import Text

        if self._closed or not self._live.is_started:
            super()._show(line)
            return
        self._console.print(Text(self.with_seconds(line)), soft_wrap=True)

    def _draw(self, *, at_once=False):
        """The display anew, unless that was a moment ago."""
        now = time.monotonic()
        if self._closed or (now - self._drawn < SECONDS and not at_once):
            return
        self._drawn = now
        if not self._live.is_started:
            self._live.start()
            self._console.show_cursor(True)  # a run that is killed leaves it as it was
            atexit.register(self.close)
        self._live.update(self._display(), refresh=True)

    def _display(self) -> Any:
        """What is drawn: at most three lines."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        first = Table.grid(padding=(0, 1))
        cells: list[Any] = [Text(self._stage, style="bold", no_wrap=True)]
        if self._rate.total:
            cells.append(ProgressBar(total=self._rate.total, completed=self._rate.done, width=BAR))
        first.add_row(*cells, Text(str(self._rate), no_wrap=True, overflow="ellipsis"))
        rest = [text for text in (self._best, self._detail) if text]
        return Group(first, *(Text(text, style="dim", no_wrap=True, overflow="ellipsis") for text in rest))
