"""Paths as people give them."""

import os

import pytest
from absl import flags as absl_flags

from nao_tf import files
from nao_tf.cli import flags
from nao_tf.errors import InputError


@pytest.fixture
def given(monkeypatch):
    """Parses a command line of a search; the flags are gone afterwards."""
    values, define = absl_flags.FlagValues(), absl_flags.DEFINE_flag
    monkeypatch.setattr(absl_flags, "FLAGS", values)
    monkeypatch.setattr(
        absl_flags, "DEFINE_flag", lambda flag, module_name: define(flag, values, module_name=module_name)
    )
    flags.define_task()
    flags.define("work_dir", "the directory")
    flags.define("seed", "the seed", default=1)
    for name in ("architecture", "minutes", "fidelity"):
        flags.define(name, f"the {name}")
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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--units=16", "--set=final.units=17"], "--units and --set final.units"),
        (["--set=final.units=16", "--set= final.units = 17"], "--set final.units and --set final.units"),
    ],
)
def test_a_value_that_is_given_twice_is_refused(arguments, said, given):
    given("--task=ptb", *arguments)
    with pytest.raises(InputError, match=f"{said} say the same thing; give one of them"):
        flags.settings()


@pytest.mark.parametrize(
    "arguments", [["--epochs=2", "--set=final.steps=3"], ["--set=epochs=2", "--steps=3"], ["--layers=6", "--stack=2"]]
)
def test_values_that_decide_the_same_are_refused(arguments, given):
    given("--task=cifar10", *arguments)
    with pytest.raises(InputError, match="say the same thing; give one of them"):
        flags.settings()


def test_a_value_that_a_flag_sets_besides_its_own_may_differ(given):
    given("--task=cifar10", "--batch_size=8", "--set=score.batch_size=4")
    assert (flags.settings().final.batch_size, flags.settings().score.batch_size) == (8, 4)


@pytest.mark.parametrize(
    ("argument", "said"),
    [("--seed=1e3", "'1e3' is not a whole number"), ("--seed=", "'' is not a whole number"),
     ("--download=maybe", "'maybe' is not true or false"), ("--seed=0x", "'0x' is not a whole number")],
)  # fmt: skip
def test_values_of_other_types_are_named(argument, said, given):
    with pytest.raises(absl_flags.Error, match=said):
        given(argument)


def test_true_and_false_as_people_write_them(given):
    for argument, value in (("--download", True), ("--nodownload", False), ("--download=false", False)):
        given("--task=ptb", argument)
        assert flags.settings().data.download is value


@pytest.mark.parametrize("seed", ["-1", "4294967296", "1" * 40])
def test_seeds_out_of_range_are_one_line(seed, given):
    given(f"--seed={seed}")
    with pytest.raises(InputError, match="at most 4294967295"):
        flags.seed()


@pytest.mark.parametrize(
    "argument",
    [b"--data_dir=te\xe9t", b"--table=\xff.csv", b"--set=data.directory=\xa4/b", b"--data_dir=caf\xc3\xa9"],
)
def test_a_flagfile_keeps_the_bytes_of_names(argument, given, tmp_path):
    given(os.fsdecode(argument))
    files.write_text(tmp_path / "flags.txt", flags.flagfile())
    assert (tmp_path / "flags.txt").read_bytes() == argument + b"\n"


@pytest.mark.parametrize(
    ("arguments", "steps"),
    [
        (["--task=text"], (0, 0)),
        (["--task=text", "--steps=23886"], (0, 23_886)),
        (["--task=text", "--set=score.steps=500", "--set=final.steps=7"], (500, 7)),
        (["--task=text", "--weight_sharing", "--search_steps=9"], (9, 0)),
        (["--task=text", "--preset=paper"], (20_400, 1_728_000)),
        (["--task=images"], (0, 0)),
        (["--task=images", "--steps=2500", "--search_steps=300"], (300, 2_500)),
        (["--task=ptb"], (500, 5_308)),
        (["--task=wikitext2"], (500, 5_308)),
        (["--task=cifar10"], (300, 2_500)),
        (["--task=imagenet"], (300, 1_000)),
    ],
)
def test_lengths_are_open_for_own_data_where_none_are_given(arguments, steps, given):
    given(*arguments)
    settings = flags.settings()
    assert (settings.score.steps, settings.final.steps) == steps


@pytest.mark.parametrize(
    ("arguments", "ladder"),
    [
        (["--task=ptb"], ((250, 1000), 50)),
        (["--task=ptb", "--budget=30"], ((250, 1000), 30)),
        (["--task=ptb", "--rungs=125,500", "--minutes=5"], ((125, 500), 50)),  # refused by the study
        (["--task=ptb", "--rungs="], ((), 100)),
        (["--task=ptb", "--search_steps=300"], ((), 100)),
        (["--task=ptb", "--set=score.steps=300", "--budget=30"], ((), 30)),
        (["--task=ptb", "--minutes=5"], ((), 100)),
        (["--task=ptb", "--fidelity=auto"], ((), 100)),
        (["--task=ptb", "--weight_sharing"], ((), 100)),
        (["--task=text"], ((), 100)),
        (["--task=ptb", "--preset=paper"], ((), 2400)),
    ],
)
def test_the_ladder_of_a_preset_gives_way_to_a_length_that_is_given(arguments, ladder, given):
    given(*arguments)
    settings = flags.settings()
    assert (settings.rungs, settings.budget) == ladder


def test_no_length_is_refused_where_there_is_nothing_to_fit(given):
    given("--task=ptb", "--steps=0")
    with pytest.raises(InputError, match="--steps=0: steps is 0; it must be a whole number of at least 1"):
        flags.settings()
