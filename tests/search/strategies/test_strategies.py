"""The contract of all strategies."""

import dataclasses
import itertools
import subprocess
import sys

import numpy as np
import pytest
from searches import SPACE, Judge, make, relus, run, strings

from nao_tf.architecture import NasBench201Space, Position, SearchSpace
from nao_tf.controller.quality import kendall_tau
from nao_tf.search import strategies
from nao_tf.search.pool import Candidate, Pool
from nao_tf.search.strategies import STRATEGIES, StrategyEntry, register
from nao_tf.search.strategy import Strategy

every_strategy = pytest.mark.parametrize("name", STRATEGIES)
LEARNING = [name for name in STRATEGIES if name != "random"]


@every_strategy
def test_equal_seeds_write_equal_files(name, tmp_path):
    run(name, tmp_path / "a"), run(name, tmp_path / "b"), run(name, tmp_path / "c", seed=2)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()


@every_strategy
@pytest.mark.parametrize("stop_after", [5, 12, 23, 33])  # in the random start, after it, in a round, after a round
def test_a_stopped_search_ends_as_an_undisturbed_one(name, stop_after, tmp_path):
    run(name, tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        run(name, tmp_path / "b", Judge(stop_after=stop_after))
    rest = Judge()
    run(name, tmp_path / "b", rest)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert rest.calls == 40 - stop_after


@every_strategy
def test_any_size_of_round_fills_the_budget(name):
    for initial, proposals in ((12, 28), (1, 13), (10, 1) if name != "nao" else (33, 5)):  # nao trains every round
        pool = run(name, initial=initial, proposals=proposals)
        assert len(pool) == len(set(strings(pool))) == 40
        assert [evaluation.round for evaluation in pool.evaluations[: initial + 1]] == [0] * initial + [1]


@every_strategy
def test_a_bound_of_the_space_is_kept(name):
    few = SPACE.within(lambda values: values[1::2].count(1) / 2, "two relus")  # where more would score higher
    cells = strings(run(name, space=few))
    assert len(cells) == len(set(cells)) == 40 and max(values[1::2].count(1) for values in cells) == 2


@every_strategy
def test_failed_evaluations_do_not_stop_a_search(name):
    pool = run(name, judge=Judge(fails=lambda number: number % 3 == 1))
    assert len(pool) == 40 and sum(evaluation.score is None for evaluation in pool.evaluations) == 13
    run(name, judge=Judge(fails=lambda number: number in (0, 1)), initial=2)  # a random start without any score


@pytest.mark.parametrize("name", LEARNING)
def test_a_score_that_falls_is_minimised(name):
    falling = run(name, judge=Judge(lambda architecture: -relus(architecture)), maximise=False)
    assert strings(falling) == strings(run(name))


@pytest.mark.parametrize("name", [name for name in LEARNING if name != "nao"])  # its controller is tested as such
def test_learning_beats_chance(name):
    def best(name):
        pools = [run(name, seed=seed, budget=150, proposals=STRATEGIES[name].proposals) for seed in range(3)]
        return np.mean([pool.ranked[0].score for pool in pools])

    assert best(name) > best("random") + 1 / 11


@every_strategy
def test_a_space_that_comes_to_an_end_ends_the_search(name):
    words = ("a", "b", "c")
    space = SearchSpace("small", [Position(f"choice {index}", "choice", words) for index in range(3)])
    pool = run(name, judge=Judge(lambda architecture: sum(architecture.values)), space=space)
    assert sorted(strings(pool)) == sorted(space.strings())


@every_strategy
def test_a_space_with_symmetries_is_searched_without_repetition(name):
    space = NasBench201Space("computation")
    pool = run(name, judge=Judge(lambda architecture: architecture.values.count(3)), space=space)
    assert len({space.canonicalise(values) for values in strings(pool)}) == 40


@pytest.mark.parametrize("name", ["nao", "mlp"])
def test_predictors_order_what_they_have_learnt(name):
    pool = run("random", budget=40, initial=40)
    predictor = make(name).predictor(pool)
    mean, spread = predictor.predict([evaluation.candidate.architecture for evaluation in pool.evaluations])
    assert mean.shape == spread.shape == (40,) and np.all(spread >= 0) and np.any(spread > 0)
    assert kendall_tau([evaluation.score for evaluation in pool.evaluations], mean) > 0.3


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name not in ("nao", "mlp")])
def test_the_others_predict_nothing(name):
    assert make(name).predictor(run("random", budget=5, initial=5)) is None


@every_strategy
def test_settings_are_frozen_and_given_by_their_names(name):
    entry = STRATEGIES[name]
    assert all(dataclasses.is_dataclass(settings) for settings in entry.settings.values())
    one, other = entry.make(SPACE, 1), entry.make(SPACE, 1, **entry.settings)
    for key, settings in entry.settings.items():
        assert getattr(one, key) == getattr(other, key) == settings
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(settings, dataclasses.fields(settings)[0].name, None)


def test_a_strategy_of_ones_own_is_a_row():
    class First(Strategy):
        def ask(self, pool, round, count):
            values = (values for values in self.space.cells() if self.space.architecture(values) not in pool)
            return [
                Candidate(self.space.architecture(value), "given")
                for value, _ in zip(values, range(count), strict=False)
            ]

    with pytest.raises(ValueError, match="'nao' is there already"):
        register("nao", StrategyEntry(First, initial=1, proposals=1))
    register("first", StrategyEntry(First, initial=3, proposals=2))
    try:
        space = NasBench201Space()
        pool = run("first", judge=Judge(lambda architecture: architecture.values[-1]), space=space, budget=7)
        assert strings(pool) == list(itertools.islice(space.cells(), 7))
    finally:
        del strategies._entries["first"]


def test_duplicates_are_counted():
    class Stubborn(Strategy):
        def ask(self, pool, round, count):
            taken = set()
            return [cell for cell in cells if self.is_new(cell, pool, taken=taken)]

    generator = np.random.default_rng(0)
    one, other = SPACE.sample(generator), SPACE.sample(generator)
    cells = [one, one, other, one]
    strategy = Stubborn(SPACE, 1)
    assert strategy.ask(Pool(None, SPACE, "score", True), 0, 4) == [one, other] and strategy.duplicates == 2


def test_only_strategies_that_need_tensorflow_load_it_and_only_when_asked(invented_table):
    script = """
import sys
from nao_tf.cli import search
from nao_tf.architecture import NasBench201Space
from nao_tf.search.strategies import STRATEGIES
from nao_tf.search.table_evaluator import TableEvaluator
from nao_tf.data.table import read_table
from nao_tf.search.loop import search as run
from nao_tf.search.pool import Pool
space = NasBench201Space()
strategies = {name: entry.make(space, 1) for name, entry in STRATEGIES.items()}
table = read_table(sys.argv[1], space, "seen", "told")
for name, strategy in strategies.items():
    if not STRATEGIES[name].needs_tensorflow:
        run(strategy, TableEvaluator(table), Pool(None, space, "seen", True), 12, 6, 3)
assert "tensorflow" not in sys.modules and "keras" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script, invented_table], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
