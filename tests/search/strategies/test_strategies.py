"""What every strategy keeps, whatever it does."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from searches import SPACE, Judge, options, relus, run, strings

from nao_tf.architecture import Bounded, Constraint, NasBench201Space, Position, SearchSpace
from nao_tf.search.pool import Pool
from nao_tf.search.strategies import STRATEGIES
from nao_tf.search.strategy import Strategy

every_strategy = pytest.mark.parametrize("name", STRATEGIES)
LEARNING = [name for name in STRATEGIES if name != "random"]


@every_strategy
def test_equal_seeds_write_equal_files(name, tmp_path):
    run(name, tmp_path / "a"), run(name, tmp_path / "b"), run(name, tmp_path / "c", seed=2)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()


@every_strategy
@pytest.mark.parametrize("stop_after", [5, 12, 23, 33])  # in the random start, behind it, in a round, behind a round
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
    few = Bounded(
        SPACE, Constraint(lambda cell: cell.values[1::2].count(1) / 2, "two relus")
    )  # where more would score higher
    cells = strings(run(name, space=few))
    assert len(cells) == len(set(cells)) == 40 and max(values[1::2].count(1) for values in cells) == 2


@every_strategy
def test_failed_members_teach_nothing_and_disturb_nothing(name):
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
        found = [run(name, seed=seed, budget=150, proposals=STRATEGIES[name].proposals) for seed in range(3)]
        return np.mean([pool.ranked[0].score for pool in found])

    assert best(name) > best("random") + 1 / 11


@every_strategy
def test_a_space_that_comes_to_an_end_ends_the_search(name):
    words = ("a", "b", "c")
    space = SearchSpace("small", [Position(f"choice {index}", "choice", words) for index in range(3)])
    pool = run(name, judge=Judge(lambda architecture: sum(architecture.values)), space=space)
    assert sorted(strings(pool)) == sorted(space.strings())


@every_strategy
def test_a_space_with_symmetries_is_searched_without_repetition(name):
    space = NasBench201Space()
    pool = run(name, judge=Judge(lambda architecture: architecture.values.count(3)), space=space)
    assert len({space.canonicalise(values) for values in strings(pool)}) == 40


@every_strategy
def test_asking_together_is_asking_one_by_one(name):
    strategies = [STRATEGIES[name].make(SPACE, seed, **options(name)) for seed in (1, 2)]
    pools = [run(name, seed=seed, budget=19) for seed in (1, 2)]
    together = type(strategies[0]).ask_together(strategies, pools, 2, 7)
    alone = [strategy.ask(pool, 2, 7) for strategy, pool in zip(strategies, pools, strict=True)]

    def without_prediction(asked):  # sums are rounded differently in a larger batch, which shows in its last digits
        return [[dataclasses.replace(candidate, predicted=None) for candidate in of_search] for of_search in asked]

    assert without_prediction(together) == without_prediction(alone)
    for one, other in zip(sum(together, []), sum(alone, []), strict=True):
        assert one.predicted == pytest.approx(other.predicted, abs=1e-4)


def test_duplicates_are_counted():
    class Stubborn(Strategy):
        def ask(self, pool, round, count):
            taken = set()
            return [cell for cell in cells if self.is_new(cell, pool, taken)]

    generator = np.random.default_rng(0)
    one, other = SPACE.sample(generator), SPACE.sample(generator)
    cells = [one, one, other, one]
    strategy = Stubborn(SPACE, 1)
    assert strategy.ask(Pool(None, SPACE, "score", True), 0, 4) == [one, other] and strategy.duplicates == 2


def test_only_strategies_that_need_tensorflow_load_it(invented_table):
    script = """
import sys
from nao_tf.cli import search
from nao_tf.architecture import NasBench201Space
from nao_tf.search.strategies import STRATEGIES
for name, entry in STRATEGIES.items():
    if not entry.needs_tensorflow:
        entry.make(NasBench201Space(), 1)
assert "tensorflow" not in sys.modules and "keras" not in sys.modules
STRATEGIES["nao"].make(NasBench201Space(), 1)
assert "tensorflow" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
