"""What every strategy keeps, whatever it does."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from nao_tf.architecture import (
    Architecture,
    Bounded,
    Constraint,
    NasBench201Space,
    Position,
    RecurrentSpace,
    SearchSpace,
)
from nao_tf.observer import Observer
from nao_tf.search.evaluator import Evaluator, Outcome
from nao_tf.search.loop import Rounds, search
from nao_tf.search.pool import Candidate, Pool
from nao_tf.search.strategy import Strategy

SPACE = RecurrentSpace()
BUDGET = 40


def relus(architecture: Architecture) -> float:
    """The share of relus in a recurrent cell."""
    return architecture.values[1::2].count(1) / 11


class Judge(Evaluator):
    """Scores by a function, checks what it is asked for, and can be killed or fail.

    Args:
        score: of an architecture.
        stop_after: evaluations after which the program is killed.
        fails: whether the evaluation with a number, from 0, fails.
    """

    def __init__(
        self,
        score: Callable[[Architecture], float] = relus,
        *,
        stop_after: int | None = None,
        fails: Callable[[int], bool] = lambda number: False,
    ):
        self.score, self.stop_after, self.fails, self.calls = score, stop_after, fails, 0

    def evaluate(
        self, architectures: Sequence[Architecture], *, round: int, done: int = 0, observer: Observer | None = None
    ) -> Iterator[Outcome]:
        """See `Evaluator`."""
        assert len(set(architectures)) == len(architectures), "an architecture was proposed twice"
        for architecture in architectures[done:]:
            assert architecture == architecture.canonical, f"{architecture} is not in canonical form"
            if self.calls == self.stop_after:
                raise KeyboardInterrupt
            self.calls += 1
            failed = self.fails(self.calls - 1)
            yield Outcome(None if failed else self.score(architecture), 1, "no luck" if failed else None)


class StrategyContract:
    """Inherit, override `make_strategy`, and name the class `Test…`."""

    def make_strategy(self, space: SearchSpace, seed: int) -> Strategy:
        """The strategy under test, small enough that a search of 40 evaluations takes a second or two."""
        raise NotImplementedError

    def run(
        self,
        path: pathlib.Path | None = None,
        *,
        judge: Judge | None = None,
        seed: int = 1,
        budget: int = BUDGET,
        initial: int = 12,
        proposals: int = 7,
        space: SearchSpace = SPACE,
        maximise: bool = True,
    ) -> Pool:
        """The pool of a search that is made anew, or goes on with the file at `path`."""
        pool = Pool(path, space, metric="score", higher_is_better=maximise)
        rounds = Rounds(budget=budget, initial=initial, proposals=proposals)
        search(self.make_strategy(space, seed), judge or Judge(), pool=pool, rounds=rounds)
        return pool

    def test_equal_seeds_give_equal_pools(self, tmp_path: pathlib.Path) -> None:
        """Everything random depends on the seed."""
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            self.run(tmp_path / name, seed=seed)
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()

    def test_a_stopped_search_ends_as_an_undisturbed_one(self, tmp_path: pathlib.Path) -> None:
        """The pool is the whole state: stops in the first round, after it, in a later round, after one."""
        self.run(tmp_path / "whole")
        for stop_after in (5, 12, 23, 33):
            path = tmp_path / str(stop_after)
            try:
                self.run(path, judge=Judge(stop_after=stop_after))
            except KeyboardInterrupt:
                pass
            rest = Judge()
            self.run(path, judge=rest)
            assert path.read_bytes() == (tmp_path / "whole").read_bytes()
            assert rest.calls == BUDGET - stop_after

    def test_a_larger_budget_later_gives_the_pool_that_it_would_have_given_at_once(
        self, tmp_path: pathlib.Path
    ) -> None:
        """Also where the smaller budget ended within a round."""
        self.run(tmp_path / "at once")
        for budget in (8, 19, 23):
            path = tmp_path / str(budget)
            self.run(path, budget=budget)
            smaller = path.read_bytes()
            self.run(path)
            assert path.read_bytes() == (tmp_path / "at once").read_bytes()
            assert path.read_bytes().startswith(smaller) and smaller.count(b"\n") == budget

    def test_any_size_of_round_fills_the_budget(self) -> None:
        """Rounds are as large as the search says."""
        for initial, proposals in ((12, 28), (1, 13), (33, 5)):
            pool = self.run(initial=initial, proposals=proposals)
            strings = [evaluation.candidate.architecture.values for evaluation in pool.evaluations]
            assert len(strings) == len(set(strings)) == BUDGET
            rounds = [evaluation.round for evaluation in pool.evaluations]
            assert rounds[: initial + 1] == [0] * initial + [1]

    def test_what_a_search_may_not_propose_is_not_proposed(self) -> None:
        """A bound is kept even where the architectures beyond it would score higher."""
        bound = Constraint(lambda architecture: architecture.values[1::2].count(1) / 2, "two relus")
        pool = self.run(space=Bounded(SPACE, bound))
        counts = [evaluation.candidate.architecture.values[1::2].count(1) for evaluation in pool.evaluations]
        assert len(counts) == BUDGET and max(counts) <= 2

    def test_failed_evaluations_disturb_nothing(self) -> None:
        """Failures are members of the pool like others; a first round without any score is survived."""
        pool = self.run(judge=Judge(fails=lambda number: number % 3 == 1))
        assert len(pool) == BUDGET and sum(member.score is None for member in pool.evaluations) == 13
        assert len(self.run(judge=Judge(fails=lambda number: number in (0, 1)), initial=2)) == BUDGET

    def test_a_score_that_is_better_when_lower_leads_to_the_same_architectures(self) -> None:
        """The direction is the pool's."""
        falling = self.run(judge=Judge(lambda architecture: -relus(architecture)), maximise=False)
        assert _strings(falling) == _strings(self.run())

    def test_a_space_that_is_spent_ends_the_search(self) -> None:
        """Every architecture was evaluated once."""
        words = ("a", "b", "c")
        space = SearchSpace("small", [Position(f"choice {index}", "choice", words) for index in range(3)])
        pool = self.run(judge=Judge(lambda architecture: sum(architecture.values)), space=space)
        assert sorted(_strings(pool)) == sorted(space.strings())

    def test_one_computation_is_evaluated_once(self) -> None:
        """In a space where architectures have several spellings."""
        space = NasBench201Space()
        pool = self.run(judge=Judge(lambda architecture: architecture.values.count(3)), space=space)
        assert len({space.canonicalise(values) for values in _strings(pool)}) == BUDGET

    def test_ask_depends_on_pool_round_and_seed_alone(self) -> None:
        """Two objects, one of them asked before, give the same candidates."""
        pool = self.run(budget=19)
        used, new = self.make_strategy(SPACE, 1), self.make_strategy(SPACE, 1)
        used.ask(pool.before(1), 1, 7)
        first: list[Candidate] = used.ask(pool, 2, 7)
        assert first == new.ask(pool, 2, 7) and len(first) == 7
        assert all(candidate.architecture not in pool for candidate in first)

    def test_the_predictor_ranks(self) -> None:
        """Where a strategy has one: finite scores, one for each architecture, and better than chance on the pool."""
        pool = self.run()
        predictor = self.make_strategy(SPACE, 1).predictor(pool)
        if predictor is None:
            return
        members = [evaluation.candidate.architecture for evaluation in pool.evaluations]
        predicted = np.asarray(predictor.predict(members).mean)
        assert predicted.shape == (len(members),) and np.all(np.isfinite(predicted))
        scores = np.array([relus(architecture) for architecture in members])
        above = np.sign(scores[:, None] - scores) * np.sign(predicted[:, None] - predicted)
        assert above.sum() > 0


def _strings(pool):
    return [evaluation.candidate.architecture.values for evaluation in pool.evaluations]
