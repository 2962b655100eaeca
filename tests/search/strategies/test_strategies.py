"""The contract of all strategies."""

import dataclasses
import itertools
import subprocess
import sys

import numpy as np
import pytest
from searches import SPACE, Judge, make, run, strings

from nao_tf.architecture import NasBench201Space, Position, SearchSpace
from nao_tf.controller.quality import kendall_tau
from nao_tf.search import strategies, strategy
from nao_tf.search.pool import Candidate, Pool
from nao_tf.search.strategies import STRATEGIES, StrategyEntry, register
from nao_tf.search.strategy import Strategy
from nao_tf.testing import StrategyContract

every_strategy = pytest.mark.parametrize("name", STRATEGIES)
LEARNING = [name for name in STRATEGIES if name != "random"]


def contract_of(name):
    """The shipped contract, on a strategy of the table with small settings."""

    class Contract(StrategyContract):
        def make_strategy(self, space, seed):
            return make(name, seed, space)

    return Contract


TestNao, TestRandom, TestEvolution, TestReinforce, TestLocal, TestMlp = map(
    contract_of, ("nao", "random", "evolution", "reinforce", "local", "mlp")
)


def test_every_strategy_keeps_the_contract():
    assert set(STRATEGIES) == {"nao", "random", "evolution", "reinforce", "local", "mlp"}


@pytest.mark.parametrize("name", [name for name in LEARNING if name != "nao"])  # its controller is tested as such
def test_learning_beats_chance(name):
    def best(name):
        pools = [run(name, seed=seed, budget=150, proposals=STRATEGIES[name].proposals) for seed in range(3)]
        return np.mean([pool.ranked[0].score for pool in pools])

    assert best(name) > best("random") + 1 / 11


class Lopsided(SearchSpace):
    """Of 4,096 spellings 16 are computations of their own; all others are two: a sample is hardly ever a rare one."""

    def __init__(self):
        super().__init__("lopsided", [Position(f"choice {at}", "choice", tuple("0123456789abcdef")) for at in range(3)])

    def canonicalise(self, values):
        first, second, _ = values
        return (1, 0, 0) if first else (0, 1, 0) if second else tuple(values)


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name != "nao"])  # it draws what is left as they do
def test_what_chance_hardly_ever_draws_is_evaluated_too(name, tmp_path):
    def search_on(path, budget):
        judge = Judge(lambda architecture: sum(architecture.values))
        return run(name, path, judge, space=Lopsided(), budget=budget, initial=4, proposals=3)

    pool = search_on(tmp_path / "pool", 40)
    assert sorted(strings(pool)) == sorted(Lopsided().canonical_strings()) and len(pool) == 18
    search_on(tmp_path / "later", 9)
    search_on(tmp_path / "later", 40)
    assert (tmp_path / "later").read_bytes() == (tmp_path / "pool").read_bytes()


def test_a_space_that_cannot_be_listed_is_not(monkeypatch):
    monkeypatch.setattr(strategy, "LARGEST_ENUMERATED", 4_095)
    monkeypatch.setattr(Lopsided, "strings", None)
    pool = run("random", judge=Judge(lambda architecture: 1), space=Lopsided(), budget=40, initial=4, proposals=3)
    assert {(1, 0, 0), (0, 1, 0)} < set(strings(pool)) and len(pool) < 18  # it ends, with some of them


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
    one, other = entry.make(SPACE, 1), entry.make(SPACE, 1, **entry.settings)
    for key, settings in entry.settings.items():
        assert getattr(one, key) == getattr(other, key) == settings
        if key == "prior":
            assert settings is None  # it is read from a file, frozen too
            continue
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(settings, dataclasses.fields(settings)[0].name, None)


def test_a_strategy_of_ones_own_is_a_row():
    class First(Strategy):
        def ask(self, pool, round, count):
            values = (
                values for values in self.space.canonical_strings() if self.space.architecture(values) not in pool
            )
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
        assert strings(pool) == list(itertools.islice(space.canonical_strings(), 7))
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
    assert (
        strategy.ask(Pool(None, SPACE, metric="score", higher_is_better=True), 0, 4) == [one, other]
        and strategy.duplicates == 2
    )


def test_only_strategies_that_need_tensorflow_load_it_and_only_when_asked(invented_table):
    script = """
import sys
from nao_tf.cli import search
from nao_tf.architecture import NasBench201Space, Position, SearchSpace
from nao_tf.search.strategies import STRATEGIES
from nao_tf.tasks.table import TableEvaluator
from nao_tf.data.table import read_table
from nao_tf.search.loop import Rounds, search as run
from nao_tf.search.pool import Pool
space = NasBench201Space()
strategies = {name: entry.make(space, 1) for name, entry in STRATEGIES.items()}
table = read_table(sys.argv[1], space, score_column="seen", test_column="told")
for name, strategy in strategies.items():
    if not STRATEGIES[name].needs_tensorflow:
        pool = Pool(None, space, metric="seen", higher_is_better=True)
        run(strategy, TableEvaluator(table), pool=pool, rounds=Rounds(budget=12, initial=6, proposals=3))
        assert len(pool) == 12
assert "tensorflow" not in sys.modules and "keras" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script, invented_table], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
