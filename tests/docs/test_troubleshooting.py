"""Every mistake in docs/troubleshooting.md ends with the line that stands there."""

import csv
import errno
import gzip
import json
import os
import pathlib
import re
import shlex
import socket
import subprocess
import sys

import filelock
import pytest
from absl import flags as absl_flags

from nao_tf.cli import main, search, train
from tests.data.image_files import classes

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
PROGRAMS = {"bin/nao_search": search, "bin/nao_train": train}
VARIES = {"PROCESS": r"\d+", "TIME": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"}  # placeholders in the page

# heading -> the blocks of its section: commands, then the line that they end with
SECTIONS = {
    section.partition("\n")[0]: re.findall(r"((?:^    \$ .*\n)+)    (.*)", section, re.MULTILINE)
    for section in PAGE.split("\n## ")[1:]
}
BLOCKS = [
    (heading, number, [line.strip() for line in commands.splitlines()], message)
    for heading, blocks in SECTIONS.items()
    for number, (commands, message) in enumerate(blocks)
]
REQUEST = "A request of the wrong shape to a server"


# ---- what lies there, and what happened before


def texts(folder, *, encoding="utf-8", count=400):
    folder.mkdir()
    for part in ("train", "valid", "test"):
        (folder / f"{part}.txt").write_bytes(("the café is open\nthe cat sat on the mat\n" * count).encode(encoding))


def pictures_without_parts(here, run, monkeypatch):
    classes(here / "pictures" / "garden", ("rose", "tulip"))


def two_folders(here, run, monkeypatch):
    (here / "corpora").mkdir()
    texts(here / "corpora" / "ptb")
    (here / "pictures").mkdir()


def no_texts(here, run, monkeypatch):
    texts(here / "latin", encoding="latin-1")
    texts(here / "packed")
    path = here / "packed" / "train.txt"
    path.write_bytes(gzip.compress(path.read_bytes()))


def small_data(here, run, monkeypatch):
    texts(here / "notes")
    classes(here / "pets", count=20, size=32)


def table(here, run=None, monkeypatch=None):
    rows = [(depth, width, (depth * width) % 7 / 10) for depth in (2, 4, 8) for width in (16, 32, 64)]
    with open(here / "nets.csv", "w", newline="") as file:
        csv.writer(file).writerows([("depth", "width", "accuracy"), *rows])


def another_process(here, run, monkeypatch):
    table(here)
    work = here / "runs" / "table"
    work.mkdir(parents=True)
    lock = filelock.FileLock(work / ".lock", thread_local=False)
    lock.acquire()
    owner = {"process": 4711, "host": socket.gethostname(), "since": "2026-11-26 20:16:00"}
    (work / ".lock_owner").write_text(json.dumps(owner))
    return lock  # kept until the test is done


def a_line_by_hand(here, run, monkeypatch):
    table(here)
    [command] = SECTIONS["A line of the pool that was changed by hand"][0][0].split("\n")[:-1]
    assert run(command.strip()) == ""
    pool = here / "runs" / "table" / "pool.jsonl"
    lines = pool.read_text().splitlines()
    lines[1] = re.sub(r'"score": [\d.]+', '"score": 0.99', lines[1])
    pool.write_text("\n".join(lines) + "\n")


def no_room_and_no_permission(here, run, monkeypatch):
    table(here)
    to_disk, make = os.fsync, os.mkdir

    def full(descriptor):
        if os.readlink(f"/proc/self/fd/{descriptor}").endswith("pool.jsonl"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        to_disk(descriptor)

    def refused(path, *arguments, **options):
        if os.fspath(path).startswith("archive"):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(path))
        make(path, *arguments, **options)

    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(os, "mkdir", refused)  # root may write everywhere, so permissions alone prove nothing
    make(here / "archive")


def nothing(here, run, monkeypatch):
    """The command alone is the mistake."""


BEFORE = {
    "The folder is not where the command looks": two_folders,
    "A folder of pictures with one class": pictures_without_parts,
    "A text that is not UTF-8": no_texts,
    "A column that the table does not have": table,
    "A flag of another task": nothing,
    "Other flags in an old work directory": table,
    "Two runs in one work directory": another_process,
    "A line of the pool that was changed by hand": a_line_by_hand,
    "An architecture of the wrong length": small_data,
    "Training batches that are larger than the data": small_data,
    "A disk that is full, a folder that is read-only": no_room_and_no_permission,
}


# ---- running


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs a command line of a program in this process and in an empty folder; returns the error, "" for none."""
    define = absl_flags.DEFINE_flag

    def started(command):
        prompt, program, *arguments = shlex.split(command)
        assert prompt == "$"
        values = absl_flags.FlagValues()
        with monkeypatch.context() as patch:
            patch.setattr(absl_flags, "FLAGS", values)
            patch.setattr(
                absl_flags, "DEFINE_flag", lambda flag, module_name: define(flag, values, module_name=module_name)
            )
            patch.setattr(main.app, "run", lambda program, flags_parser: program(flags_parser(sys.argv)))
            patch.setattr(main.logging, "set_verbosity", lambda level: None)
            for module in PROGRAMS.values():
                patch.setattr(module, "load_tensorflow", lambda **named: None)  # all mistakes are told without it
            patch.setattr(sys, "argv", [program, *arguments])
            capsys.readouterr()
            try:
                PROGRAMS[program].run()
            except SystemExit as end:
                assert end.code == 1
                return capsys.readouterr().err
        return ""

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "none"))
    return started


def pattern(message):
    """What a line of the page stands for, as a regular expression."""
    return re.sub("|".join(VARIES), lambda word: VARIES[word[0]], re.escape(message))


def test_every_section_is_checked_and_there_are_ten():
    assert {*SECTIONS} == {*BEFORE, REQUEST} and len(SECTIONS) >= 10
    assert all(SECTIONS.values())


@pytest.mark.parametrize(
    ("heading", "number", "commands", "message"),
    [pytest.param(*block, id=f"{block[0]}-{block[1]}") for block in BLOCKS if block[0] != REQUEST],
)
def test_the_command_ends_with_the_line(heading, number, commands, message, tmp_path, run, monkeypatch):
    kept = BEFORE[heading](tmp_path, run, monkeypatch)
    *earlier, last = commands
    for command in earlier:
        assert run(command) == ""
    said = run(last)
    *told, line = said.splitlines()
    assert re.fullmatch(pattern(message), line), said
    assert all(re.match(r"\[ +0\.\d s\] table", earlier) for earlier in told)  # the line about the data at most
    del kept


def test_a_server_answers_a_wrong_request_with_the_line():
    [(command, message)] = SECTIONS[REQUEST]
    assert "classify" in command
    script = """
import numpy as np, tensorflow as tf
from nao_tf.serving.checked_inputs import received
takes = tf.TensorSpec([None, 32, 32, 3], tf.float32, name="images")
traced = tf.function(lambda images: received(images, takes), input_signature=[tf.TensorSpec(None, tf.float32)])
try:
    traced(np.zeros([32, 32, 3], np.float32))
except tf.errors.InvalidArgumentError as error:
    print(error.message)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert message in done.stdout, done.stdout + done.stderr
