"""--help and --version as a user asks for them."""

import functools
import importlib.metadata
import re
import shlex
import subprocess
import sys

import programs
import pytest
from programs import ROOT, program

import nao_tf
from nao_tf.cli import evaluate, report, search, train
from nao_tf.cli.help import MOST_USED

USAGES = {
    "nao_search": search.USAGE,
    "nao_train": train.USAGE,
    "nao_eval": evaluate.USAGE,
    "nao_report": report.USAGE,
}


@functools.cache
def help_of(name, *more):
    done = programs.run_forked(*program(name), "--help", *more)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


def groups(text):
    """The flags of each group."""
    found = {}
    for heading, rows in re.findall(r"^(\w[\w ]*):\n((?:  .*\n?)+)", text, re.MULTILINE):
        found[heading] = re.findall(r"^  --(?:\[no\])?(\w+)", rows, re.MULTILINE)
    return found


@pytest.mark.parametrize("name", USAGES)
def test_help_has_examples_and_the_most_used_flags_first(name):
    text = help_of(name)
    assert max(map(len, text.splitlines())) <= 110 and "Examples:" in text  # examples are not broken
    listed = groups(text)
    first = list(listed).index(MOST_USED)
    assert [*listed][: first + 1] == ["Examples", MOST_USED] and listed[MOST_USED] == [*USAGES[name].most_used]
    flags = [flag for group in listed.values() for flag in group]
    assert len(flags) == len(set(flags)) and {"version", *USAGES[name].most_used} <= set(flags)


@pytest.mark.parametrize("name", USAGES)
def test_examples_have_flags_that_the_program_has(name):
    known = {flag for group in groups(help_of(name)).values() for flag in group}
    assert len(USAGES[name].examples) == 2
    for command in USAGES[name].examples:
        given = [word.removeprefix("--").partition("=")[0] for word in shlex.split(command) if word.startswith("--")]
        assert given and set(given) <= known, command


def test_help_of_a_task_leaves_the_flags_of_others_out():
    everything, of_task = help_of("nao_search"), help_of("nao_search", "--task=ptb")
    listed, few = ({flag for group in groups(text).values() for flag in group} for text in (everything, of_task))
    for flag, there in (("units", True), ("cutout", False), ("score_column", False), ("strategy", True)):
        assert flag in listed and (flag in few) == there, flag
    assert "[ptb, wikitext2, text]" in everything


@pytest.mark.parametrize("name", USAGES)
def test_every_program_tells_its_version(name):
    done = programs.run_forked(*program(name), "--version", "--no_such_flag")
    assert done.returncode == 0 and not done.stderr, done.stderr
    tensorflow = importlib.metadata.version("tensorflow")
    assert done.stdout.startswith(f"nao_tf {nao_tf.__version__} (TensorFlow {tensorflow}, Keras ")
    assert len(done.stdout.splitlines()) == 1


def test_help_loads_nothing_that_computes():
    script = f"""
import sys
sys.argv = ["bin/nao_search", "--help"]
sys.path.insert(0, {str(ROOT)!r})
from nao_tf.cli.bootstrap import start
try:
    start("search")
except SystemExit as end:
    assert end.code == 0
heavy = [name for name in ("tensorflow", "keras", "scipy", "matplotlib", "rich") if name in sys.modules]
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and MOST_USED in done.stdout, done.stderr


def test_what_comes_after_two_dashes_asks_for_nothing():
    done = programs.run_forked(*program("nao_eval"), "--", "--help")
    assert done.returncode == 1 and "unexpected argument '--help'" in done.stderr
