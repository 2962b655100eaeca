import numpy as np
from searches import SPACE, Judge, make, run

from nao_tf.architecture import NasBench201Space
from nao_tf.search.strategies.mlp import one_hot


def test_one_hot_has_a_bit_for_each_word_of_each_position():
    strings = [(0, 1, 0, 3, 2, 0, *[0] * 16), (0, 2, 1, 1, 0, 1, *[0] * 16)]
    features = one_hot(SPACE, strings)
    assert features.shape == (2, sum(range(1, 12)) + 11 * 4) and features.sum() == 2 * 22
    widths = [len(position.words) for position in SPACE.positions]
    decoded = [tuple(int(np.argmax(part)) for part in np.split(row, np.cumsum(widths)[:-1])) for row in features]
    assert decoded == strings


def test_it_proposes_the_best_scored_of_all_unknown_architectures():
    space = NasBench201Space()
    judge = Judge(lambda architecture: architecture.values.count(3))
    pool = run("mlp", judge=judge, space=space, budget=30, initial=30)
    strategy = make("mlp", space=space)
    proposed = strategy.ask(pool, 1, 5)
    unknown = [cell for cell in map(space.architecture, space.canonical_strings()) if cell not in pool]
    scores = strategy._fit(pool, 1).predict(unknown).mean
    best = np.argsort(-scores)[:5]
    assert [candidate.architecture for candidate in proposed] == [unknown[index] for index in best]
    np.testing.assert_allclose([candidate.predicted for candidate in proposed], scores[best], rtol=1e-4)
    assert {candidate.origin for candidate in proposed} == {"predictor"}


def test_where_a_space_is_too_large_it_scores_a_sample_and_mutants_of_the_best():
    pool = run("mlp", budget=30, initial=30)
    strategy = make("mlp", mlp={"sample": 0, "mutants": 40, "parents": 2})
    best = [evaluation.candidate.architecture for evaluation in pool.ranked[:2]]
    generator = np.random.default_rng(0)
    for candidate in strategy.ask(pool, 1, 5):
        neighbours = [neighbour for parent in best for neighbour in SPACE.neighbours(parent, generator)]
        assert candidate.architecture in neighbours
    assert SPACE.size > 1_000_000


def test_failed_and_equal_scores_are_learnt_without_a_scale():
    predictions = []
    for factor in (1, 1e6):  # ranks have no scale
        judge = Judge(lambda architecture, f=factor: f * (architecture.values[1] % 2), fails=lambda number: number == 3)
        pool = run("mlp", judge=judge, budget=20, initial=20)
        architectures = [evaluation.candidate.architecture for evaluation in pool.evaluations]
        predictions.append(make("mlp").predictor(pool).predict(architectures))
    for one, other in zip(*predictions, strict=True):  # mean and spread
        np.testing.assert_array_equal(one, other)
