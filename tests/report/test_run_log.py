import errno
import os
import re

import pytest

from nao_tf.report import run_log
from nao_tf.report.run_log import RunLog

LINE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d "


def test_every_line_has_the_date_and_the_time(tmp_path):
    log = RunLog(tmp_path / "run.log")
    assert log.write("first") is None and log.write("of two\nlines, and \udce9") is None
    first, second = (tmp_path / "run.log").read_text().splitlines()
    assert re.fullmatch(LINE + "first", first) and re.fullmatch(LINE + r"of two lines, and \\udce9", second)


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"", b""), (b"whole\n", b"whole\n"), (b"cut sho", b"cut sho\n"), (b"\0\xff\n\xfe", b"\0\xff\n\xfe\n")],
)
def test_what_is_there_is_added_to(before, after, tmp_path):
    path = tmp_path / "run.log"
    path.write_bytes(before)
    assert RunLog(path).write("more") is None
    assert path.read_bytes().startswith(after) and re.fullmatch(
        LINE + "more\n", path.read_bytes()[len(after) :].decode()
    )


def test_a_file_that_cannot_be_written_is_given_up_with_one_line(tmp_path):
    log = RunLog(tmp_path / "no such folder" / "run.log")
    said = log.write("first")
    assert said.startswith(f"{log.path} cannot be written (No such file or directory)") and "\n" not in said
    assert log.write("second") is None and not log.path.exists()


def test_a_disk_that_fills_up_is_told_once(tmp_path, monkeypatch):
    class Full:
        def write(self, line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(run_log, "_opened", lambda path: Full())
    log = RunLog(tmp_path / "run.log")
    assert "No space left on device" in log.write("first") and log.write("second") is None
