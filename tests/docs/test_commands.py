"""Every command of the pages is run somewhere, or has arguments that its program takes."""

import argparse
import importlib
import re
import shlex
import sys

import pytest
from absl import flags as absl_flags

from nao_tf.cli import evaluate, flags, report, search, train
from nao_tf.study.study import Study
from tests.docs.page_commands import (
    ANSWER,
    BY,
    COMMAND,
    OTHER_BLOCKS,
    PAGES,
    ROOT,
    RULES,
    all_commands,
    blocks_of,
    commands_of,
    is_of_commands,
    lines_of,
)

PROGRAMS = {"nao_search": search, "nao_train": train, "nao_eval": evaluate, "nao_report": report}
COMMANDS = all_commands()
OF_PROGRAMS = [command for command in COMMANDS if re.match(r"(bin/)?nao_", command.text)]
OF_BENCHMARKS = [command for command in COMMANDS if re.match(r"python (-m )?benchmarks", command.text)]


def named(commands):
    return [pytest.param(command, id=command.place) for command in commands]


def test_commands_are_found_as_they_are_printed():
    page = "Text:\n\n    $ bin/a --x=1   # why\n    {1}\n    python b \\\n        --y\n\n```\nmake c\n```\n\n    {}\n"
    assert [command.text for command in commands_of("p", page)] == ["make c", "bin/a --x=1", "python b --y"]
    assert len(OF_PROGRAMS) > 50 and len(OF_BENCHMARKS) > 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_block_is_of_commands_and_answers_or_of_a_known_other_kind(page):
    for block in blocks_of(page.read_text()):
        if is_of_commands(block):
            assert all(COMMAND.fullmatch(line) or ANSWER.match(line) for line in lines_of(block)), block
        else:
            assert OTHER_BLOCKS.match(block), block


@pytest.mark.parametrize("command", named(COMMANDS))
def test_it_is_known_what_is_done_with_a_command(command):
    assert command.treatment is not None, "give it a rule in tests/docs/page_commands.py"
    if command.treatment.startswith(BY):
        assert (ROOT / command.treatment.removeprefix(BY)).exists()


def test_every_rule_is_of_use():
    assert {command.treatment for command in COMMANDS} == {*RULES.values()}


@pytest.mark.parametrize("command", named(OF_PROGRAMS))
def test_the_program_takes_the_flags(command, monkeypatch):
    program, *arguments = shlex.split(command.text)
    module, values, define = PROGRAMS[program.removeprefix("bin/")], absl_flags.FlagValues(), absl_flags.DEFINE_flag
    monkeypatch.setattr(absl_flags, "FLAGS", values)
    monkeypatch.setattr(
        absl_flags, "DEFINE_flag", lambda flag, module_name: define(flag, values, module_name=module_name)
    )
    monkeypatch.setattr(module, "run_program", lambda *arguments, **options: None)
    monkeypatch.setattr(sys, "argv", [program, *arguments])
    module.run()
    left = values(sys.argv)[1:]
    assert not left or module is report
    if module in (search, train) and "troubleshooting" not in command.page:  # there flags are wrong on purpose
        kind = flags.task_class()
        flags.settings(training=module is train)
        rivals = flags.baselines(kind.default_baselines)
        if module is search:
            Study.rivals_of(kind, rivals, strategy=flags.value("strategy"))
        else:
            Study.rivals_of_training(kind, rivals)


class ParsedError(Exception):
    """Ends a program that has parsed its arguments."""


@pytest.mark.parametrize("command", named(OF_BENCHMARKS))
def test_the_benchmark_takes_the_arguments(command, monkeypatch):
    module, arguments = re.fullmatch(r"python (?:-m )?benchmarks[./](\w+)(?:\.py)?(.*)", command.text).groups()
    parse = argparse.ArgumentParser.parse_args

    def parsed(self, given=None, namespace=None):
        raise ParsedError(parse(self, given, namespace))

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parsed)
    monkeypatch.setattr(sys, "argv", [module, *shlex.split(arguments.replace("LOOP", "rnn_train"))])
    with pytest.raises(ParsedError):
        importlib.import_module(f"benchmarks.{module}").main()
