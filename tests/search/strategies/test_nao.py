"""The order in which NAO takes the proposals of the ascent, and its predictor of a whole pool."""

import dataclasses

import numpy as np
import pytest
from searches import SMALL, SPACE, Judge, make, run

from nao_tf.controller import Controller
from nao_tf.observer import Observer
from nao_tf.search.loop import Rounds, search
from nao_tf.search.pool import Pool
from nao_tf.search.strategies.nao import HELD_OUT, PUBLISHED_ASCENT, AscentSettings


class Listener(Observer):
    """Keeps the predictors of a strategy."""

    def __init__(self):
        self.predictors = []

    def predictor(self, round, predictor):
        self.predictors.append((round, predictor))


def ask(**ascent):
    """The candidates of a round that come from the ascent, the pool that they were asked of, and the controller."""
    pool, listener = run("random", budget=20, initial=20), Listener()
    settings = {"step_sizes": (1, 5, 20), "ascents": 1, **ascent}
    candidates = make("nao", observer=listener, ascent=settings).ask(pool, 1, 12)
    ((round, fitted),) = listener.predictors
    assert round == 1
    return [candidate for candidate in candidates if candidate.origin == "ascent"], pool, fitted


def test_without_exploration_the_predicted_mean_ranks():
    candidates, _, _ = ask(exploration=0.0)
    predicted = [candidate.predicted for candidate in candidates]
    assert len(predicted) > 3 and predicted == sorted(predicted, reverse=True)


def test_with_exploration_the_upper_confidence_bound_ranks():
    candidates, _, fitted = ask(exploration=5.0)
    mean, spread = fitted.predict([candidate.architecture for candidate in candidates])
    np.testing.assert_allclose([candidate.predicted for candidate in candidates], mean, rtol=1e-4)
    assert len(mean) > 3 and np.all(np.diff(mean + 5 * spread) <= 1e-4)
    assert np.any(np.diff(mean) > 1e-4)  # not the order of the means


def test_the_published_order_is_that_of_step_sizes_and_of_the_pool():
    candidates, pool, _ = ask(ranked=False)
    place = {evaluation.id: index for index, evaluation in enumerate(pool.ranked)}
    order = [(candidate.step_size, place[candidate.parent]) for candidate in candidates]
    predicted = [candidate.predicted for candidate in candidates]
    assert len(order) > 3 and order == sorted(order)
    assert predicted != sorted(predicted, reverse=True)


def test_a_share_of_a_round_is_random():
    strategy, pool = (
        make("nao", ascent={"random_share": 0.5, "neighbours_share": 0}),
        run("random", budget=20, initial=20),
    )
    origins = [candidate.origin for candidate in strategy.ask(pool, 1, 8)]
    assert origins == ["ascent"] * 4 + ["random"] * 4


def test_a_share_of_a_round_is_the_most_promising_neighbours_of_the_best():
    pool, listener = run("random", budget=20, initial=20), Listener()
    candidates = make("nao", observer=listener, ascent={"neighbours_share": 0.4, "exploration": 2.0}).ask(pool, 1, 10)
    assert [candidate.origin for candidate in candidates] == ["neighbour"] * 4 + ["ascent"] * 5 + ["random"]
    best, ((_, fitted),) = pool.best, listener.predictors
    neighbours = SPACE.neighbours(best.candidate.architecture, np.random.default_rng(7))
    unknown = [each for each in neighbours if each not in pool]
    mean, spread = fitted.predict(unknown)
    first = sorted(np.argsort(-(mean + 2 * spread))[:4])
    assert {candidate.architecture for candidate in candidates[:4]} == {unknown[index] for index in first}
    assert all(candidate.parent == best.id and candidate.step_size is None for candidate in candidates[:4])


def test_where_all_neighbours_of_the_best_are_known_the_round_is_all_ascents():
    pool = run("random", budget=20, initial=20)
    strategy = make("nao", ascent={"neighbours_share": 1.0, "random_share": 0.0})
    search(strategy, Judge(lambda architecture: 0.0), pool=pool, rounds=Rounds(budget=120, initial=20, proposals=20))
    origins = [evaluation.candidate.origin for evaluation in pool.evaluations[20:]]
    assert origins.index("ascent") == origins.count("neighbour") > 20 and "neighbour" not in origins[-10:]


def test_the_predictor_has_learnt_the_whole_pool():
    pool, listener = run("random", budget=20, initial=20), Listener()
    fitted = make("nao", observer=listener).predictor(pool)
    assert listener.predictors == [(None, fitted)] and fitted.quality.held_out == 20
    again = make("nao").predictor(pool)
    architectures = [evaluation.candidate.architecture for evaluation in pool.evaluations]
    np.testing.assert_array_equal(fitted.predict(architectures), again.predict(architectures))


def test_where_the_settings_hold_nothing_out_a_second_controller_is_judged():
    pool = run("random", budget=20, initial=20)
    fitted = make("nao", controller={"held_out": 0.0}).predictor(pool)
    assert fitted.settings.held_out == 0.0
    settings = dataclasses.replace(SMALL["controller"], held_out=HELD_OUT)
    judged = Controller.fit(SPACE, *pool.examples(), settings=settings, seed=1)
    assert fitted.quality == judged.quality and judged.quality.held_out == 20


@pytest.mark.parametrize("name", ["nao", "mlp"])
def test_a_pool_without_two_scores_has_no_predictor(name):
    assert make(name).predictor(Pool(None, SPACE, metric="score", higher_is_better=True)) is None
    assert make(name).predictor(run("random", budget=1, initial=1)) is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"random_share": 1.5}, "random_share 1.5; 0 to 1"),
        ({"neighbours_share": -0.5}, "neighbours_share -0.5; 0 to 1"),
        ({"starts": 0}, "starts 0; at least 1"),
        ({"ascents": 0}, "ascents 0; at least 1"),
        ({"step_sizes": ()}, "at least one"),
        ({"step_sizes": (1, -1)}, "positive"),
    ],
)
def test_ascents_that_make_no_sense_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        AscentSettings(**values)


def test_the_published_ascent_takes_the_decoder_as_it_comes():
    assert not PUBLISHED_ASCENT.ranked and PUBLISHED_ASCENT.starts == 100 and PUBLISHED_ASCENT.step_sizes[-1] == 30
