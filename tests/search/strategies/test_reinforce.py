import numpy as np
import pytest
from searches import SPACE, Judge, relus, run

from nao_tf.search.pool import Pool
from nao_tf.search.strategies.reinforce import Reinforce, ReinforceSettings


def test_the_policy_is_a_function_of_the_pool():
    pool = run("reinforce", budget=40)
    running = Reinforce(SPACE, 1)
    for round in range(1, 6):
        running.ask(pool.before(round), round, 7)
    anew = Reinforce(SPACE, 1)
    for name, weight in running.policy(pool, 5).weights.items():
        np.testing.assert_array_equal(weight, anew.policy(pool, 5).weights[name])


def test_another_pool_is_learnt_from_the_beginning():
    one = run("reinforce", budget=40)
    other = run("reinforce", judge=Judge(lambda architecture: -relus(architecture)), budget=40)
    strategy = Reinforce(SPACE, 1)
    strategy.policy(one, 5)
    expected = Reinforce(SPACE, 1).policy(other, 5).weights["kernel"]
    np.testing.assert_array_equal(strategy.policy(other, 5).weights["kernel"], expected)
    # and an earlier round than the one that was learnt
    expected = Reinforce(SPACE, 1).policy(other, 2).weights["kernel"]
    np.testing.assert_array_equal(strategy.policy(other, 2).weights["kernel"], expected)


def test_samples_that_the_pool_holds_already_teach_too():
    pool = run("reinforce", budget=60, initial=10, proposals=5)
    policy = Reinforce(SPACE, 1).policy(pool, 11)
    tokens = np.array([evaluation.candidate.architecture.tokens for evaluation in pool.evaluations])
    likelihood = policy.log_probabilities(tokens)
    scores = np.array([evaluation.score for evaluation in pool.evaluations])
    assert np.corrcoef(likelihood, scores)[0, 1] > 0.2


def test_members_of_another_origin_teach_too():
    pool = run("random", budget=30)  # a user's own architectures
    untaught = Reinforce(SPACE, 1).policy(Pool(None, SPACE, metric="score", higher_is_better=True), 1)
    taught = Reinforce(SPACE, 1).policy(pool, 3)
    assert not np.array_equal(untaught.weights["kernel"], taught.weights["kernel"])


@pytest.mark.parametrize(
    ("values", "message"),
    [({"batch_size": 0}, "batch_size 0; at least 1"), ({"baseline_decay": 1.0}, "baseline_decay 1.0; at least 0")],
)
def test_wrong_settings_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        ReinforceSettings(**values)
