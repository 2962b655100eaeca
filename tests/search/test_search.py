import math

import numpy as np
import pytest

from nao_tf.architecture import RecurrentSpace
from nao_tf.errors import InputError
from nao_tf.search.loop import FailingError, Rounds, search
from nao_tf.search.pool import Candidate, Evaluation, Pool
from nao_tf.search.strategies.random import RandomSearch
from nao_tf.testing.strategies import Judge

SPACE = RecurrentSpace()


def run(path, evaluator=None, seed=1, budget=23):
    pool = Pool(path, SPACE, metric="relus", higher_is_better=True)
    rounds = Rounds(budget=budget, initial=10, proposals=5)
    search(RandomSearch(SPACE, seed), evaluator or Judge(), pool=pool, rounds=rounds)
    return pool


@pytest.mark.parametrize("stop_after", [0, 3, 10, 17])
def test_a_search_that_is_killed_while_it_writes_ends_as_an_undisturbed_one(tmp_path, stop_after):
    run(tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "b", Judge(stop_after=stop_after))
    if (tmp_path / "b").exists():
        with open(tmp_path / "b", "ab") as file:
            file.write(b'{"id": 99, "archi')  # killed while writing
    rest = Judge()
    run(tmp_path / "b", rest)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert rest.calls == 23 - stop_after


def test_a_finished_search_evaluates_nothing(tmp_path):
    run(tmp_path / "a")
    again = Judge()
    pool = run(tmp_path / "a", again)
    assert again.calls == 0 and len(pool) == 23
    scores = [evaluation.score for evaluation in pool.ranked]
    assert scores == sorted(scores, reverse=True)


def test_pool_holds_a_computation_once(tmp_path):
    pool, generator = run(tmp_path / "a"), np.random.default_rng(0)
    for evaluation in pool.evaluations:
        architecture = evaluation.candidate.architecture
        assert SPACE.architecture(SPACE.symmetry(architecture.values, generator)) in pool
    assert len({evaluation.candidate.architecture.canonical for evaluation in pool.evaluations}) == len(pool)


def test_a_search_whose_first_evaluations_all_fail_stops(tmp_path):
    with pytest.raises(FailingError, match="first 5 evaluations all failed; the last: no luck"):
        run(tmp_path / "a", Judge(fails=lambda number: True))
    assert len((tmp_path / "a").read_text().splitlines()) == 5


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_what_failed_is_an_example_of_the_worst(higher_is_better, tmp_path):
    generator = np.random.default_rng(0)
    pool = Pool(None, SPACE, metric="score", higher_is_better=higher_is_better)
    scores = [3.0, None, 1.0, math.inf, 2.0]
    for id, score in enumerate(scores):
        pool.append(Evaluation(id, Candidate(SPACE.sample(generator), "random"), 0, score, 1))
    architectures, goodness = pool.examples()
    ids = [pool.id_of(architecture) for architecture in architectures]
    assert ids == ([0, 4, 2, 1, 3] if higher_is_better else [2, 4, 0, 1, 3])
    assert np.all(np.diff(goodness[:4]) < 0) and goodness[3] == goodness[4] and np.all(np.isfinite(goodness))


def test_of_a_very_large_pool_the_best_and_some_of_all_ranks_are_examples(monkeypatch):
    monkeypatch.setattr("nao_tf.search.pool.MOST_EXAMPLES", 8)
    generator = np.random.default_rng(0)
    pool = Pool(None, SPACE, metric="score", higher_is_better=True)
    for id in range(24):
        pool.append(Evaluation(id, Candidate(SPACE.sample(generator), "random"), 0, None if id < 2 else float(id), 1))
    architectures, goodness = pool.examples()
    ids = [pool.id_of(architecture) for architecture in architectures]
    assert ids[:4] == [23, 22, 21, 20] and len(set(ids)) == 8  # half of them the best
    assert ids[4] == 19 and ids[-1] in (0, 1)  # the others from the next to a failed one
    assert np.all(np.diff(goodness) < 0) and goodness[:4].tolist() == [23, 22, 21, 20]


def test_a_foreign_pool_is_one_clear_error_and_stays_as_it_is(tmp_path):
    (tmp_path / "a").write_text("hello\n")
    with pytest.raises(InputError, match="line 1"):
        run(tmp_path / "a")
    assert (tmp_path / "a").read_text() == "hello\n"
