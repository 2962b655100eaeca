"""Paths as people give them."""

import pytest
from absl import flags as absl_flags

from nao_tf.cli import flags
from nao_tf.errors import InputError


@pytest.fixture
def given(monkeypatch):
    """Parses a command line of a search; the flags are gone afterwards."""
    values = absl_flags.FlagValues()
    monkeypatch.setattr(absl_flags, "FLAGS", values)
    monkeypatch.setattr(absl_flags, "DEFINE_flag", lambda flag, module_name: values.__setitem__(flag.name, flag))
    flags.define_task()
    flags.define("work_dir", "the directory")
    flags.define("seed", "the seed", default=1)
    flags.define("architecture", "the architecture")
    return lambda *arguments: values(["program", *arguments])


def test_the_users_folder_is_meant_in_every_path(given, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    given("--task=nasbench201", "--work_dir=~/run", "--table=~/t.csv")
    assert flags.value("work_dir") == "/home/ada/run" and flags.settings().data.file == "/home/ada/t.csv"


def test_the_users_folder_is_meant_in_paths_of_set(given, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    given("--task=nasbench201", "--set=data.file=~/t.csv", "--set=data.score_column=~x")
    assert flags.settings().data.file == "/home/ada/t.csv" and flags.settings().data.score_column == "~x"


@pytest.mark.parametrize("argument", ["--work_dir=", "--work_dir=~nobody-of-that-name/run"])
def test_paths_that_lead_nowhere_are_one_line(argument, given):
    given(argument)
    with pytest.raises(InputError, match="--work_dir"):
        flags.value("work_dir")


@pytest.mark.parametrize("seed", ["-1", "4294967296", "1" * 40])
def test_seeds_out_of_range_are_one_line(seed, given):
    given(f"--seed={seed}")
    with pytest.raises(InputError, match="at most 4294967295"):
        flags.seed()
