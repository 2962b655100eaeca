"""What is NAO's own among the strategies: the order in which it takes what the decoder wrote."""

from searches import SPACE, options, run

from nao_tf.search.strategies import STRATEGIES


def asked(**choices):
    """The candidates of a round, those of ascent, and the pool they were asked of."""
    pool = run("random", budget=20, initial=20)
    strategy = STRATEGIES["nao"].make(SPACE, 1, **{**options("nao"), "step_sizes": (1, 5, 20), "ascents": 1, **choices})
    return [candidate for candidate in strategy.ask(pool, 1, 12) if candidate.origin == "ascent"], pool


def test_the_predictor_ranks_by_the_upper_confidence_bound():
    candidates, _ = asked(exploration=0.0)
    predicted = [candidate.predicted for candidate in candidates]
    assert len(predicted) > 3 and predicted == sorted(predicted, reverse=True)


def test_the_published_order_is_that_of_step_sizes_and_of_the_pool():
    candidates, pool = asked(ranked=False)
    place = {evaluation.id: index for index, evaluation in enumerate(pool.ranked)}
    order = [(candidate.step_size, place[candidate.parent]) for candidate in candidates]
    predicted = [candidate.predicted for candidate in candidates]
    assert len(order) > 3 and order == sorted(order)
    assert predicted != sorted(predicted, reverse=True)
