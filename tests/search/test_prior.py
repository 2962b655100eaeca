"""What earlier pools tell a search: how they are read, and that one that does not rank loses its weight."""

import json

import numpy as np
import pytest
from searches import SMALL, SPACE, Judge, make, relus, run

from nao_tf.architecture import NasBench201Space
from nao_tf.controller import Prediction, PredictorQuality, Proposal
from nao_tf.errors import InputError
from nao_tf.search.loop import Rounds, search
from nao_tf.search.pool import Candidate, Evaluation, Pool
from nao_tf.search.prior import MOST, Guided, Prior, _weights
from nao_tf.search.strategies import STRATEGIES


def written(path, scores, *, higher=True, space=SPACE, seed=3):
    """A pool in a file; the architectures of the scores."""
    pool = Pool(path, space, metric="anything", higher_is_better=higher)
    generator = np.random.default_rng(seed)
    for id, score in enumerate(scores):
        pool.append(Evaluation(id, Candidate(space.sample(generator), "random"), 0, score, None))
    return [evaluation.candidate.architecture for evaluation in pool.evaluations]


def test_a_pool_is_read_by_its_ranks_and_left_alone(tmp_path):
    path = tmp_path / "pool.jsonl"
    members = written(path, [3.0, None, 7.0, 5.0, 5.0], higher=False)
    with path.open("ab") as file:
        file.write(b'{"id": 5, "architec')  # of a run that is under way, or was killed
    before = path.read_bytes()
    prior = Prior.read([path], SPACE)
    assert list(prior.goodness) == [members[index] for index in (0, 3, 4, 2)]
    assert list(prior.goodness.values()) == [1.0, 0.5, 0.5, 0.0]
    assert path.read_bytes() == before


def test_members_of_several_pools_have_the_mean_of_their_ranks(tmp_path):
    members = written(tmp_path / "one", [1.0, 2.0, 3.0])
    assert written(tmp_path / "other", [30.0, 10.0, 20.0]) == members
    both = Prior.read([tmp_path / "one", tmp_path / "other"], SPACE)
    assert both.goodness == {members[0]: 0.5, members[1]: 0.25, members[2]: 0.75}
    assert both.digest != Prior.read([tmp_path / "one"], SPACE).digest


def test_on_a_ladder_the_dearest_score_counts(tmp_path):
    path = tmp_path / "pool.jsonl"
    members = written(path, [1.0, 2.0])
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        del row["check"]
    lines = [{**rows[0], "rung": "a", "cost": 0.1}, {**rows[1], "rung": "a", "cost": 0.1}]
    lines.append({**rows[0], "rung": "b", "cost": 1.0, "score": 9.0})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert list(Prior.read([path], SPACE).goodness) == members


def test_of_a_large_pool_members_of_all_ranks_are_kept(tmp_path):
    written(tmp_path / "pool", [float(score) for score in range(MOST + 500)])
    ranks = list(Prior.read([tmp_path / "pool"], SPACE).goodness.values())
    assert len(ranks) == MOST and ranks[0] == 1.0 and ranks[-1] == 0.0 and 0.4 < ranks[MOST // 2] < 0.6


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no such file"),
        (b"", "0 members with a score; at least two that differ"),
        (b"arch,score\n", "line 1 is none of a pool"),
        (b'{"architecture": [1, 2], "score": 1.0}\n', "does not say whether higher is better"),
        (b'{"architecture": [99], "score": 1.0, "higher_is_better": true}\n', "line 1 is none of a pool of"),
        (b'{"architecture": ["a"], "score": 1.0, "higher_is_better": true}\n', "not made of whole numbers"),
        (b'{"architecture": [1], "score": "good", "higher_is_better": true}\n', "its score is no number"),
    ],
)
def test_what_is_no_pool_is_named(content, said, tmp_path):
    if content is not None:
        (tmp_path / "pool").write_bytes(content)
    with pytest.raises(InputError, match=said):
        Prior.read([tmp_path / "pool"], SPACE)
    with pytest.raises(InputError, match="--prior"):
        Prior.read([tmp_path], SPACE)


def test_a_line_that_was_changed_by_hand_is_named(tmp_path):
    written(tmp_path / "pool", [1.0, 2.0])
    content = (tmp_path / "pool").read_bytes()
    (tmp_path / "pool").write_bytes(content.replace(b'"score": 2.0', b'"score": 9.0'))
    with pytest.raises(InputError, match="--prior=.*line 2 is none of a pool of .*: it was changed by hand"):
        Prior.read([tmp_path / "pool"], SPACE)


def test_a_pool_of_another_space_is_named(tmp_path):
    written(tmp_path / "pool", [1.0, 2.0], space=NasBench201Space())
    with pytest.raises(InputError, match=f"none of a pool of {SPACE.name}"):
        Prior.read([tmp_path / "pool"], SPACE)


class Known:
    """A controller that knows a score of every architecture, and was judged on architectures that it did not see."""

    def __init__(self, score, *, tau, proposals=()):
        self.score, self.proposals, self.asked = score, list(proposals), []
        self.quality = PredictorQuality(held_out=20, pairwise_accuracy=None, kendall_tau=tau, hamming_distance=None)

    def predict(self, architectures):
        self.asked += architectures
        mean = np.array([self.score(architecture) for architecture in architectures])
        return Prediction(mean, np.full(len(mean), 0.1))

    def propose(self, starts, step_sizes, *, ascents=1, exploration=0.0):
        return [Proposal(each, starts[0], 2.0, 0.0, 0.0) for each in self.proposals]


def noise(architecture):
    return float(np.random.default_rng(architecture.values).normal())


def guided(pool_size, *, prior_score, tmp_path, own_tau=0.3):
    """What is told of a pool by a controller that knows little and a prior."""
    members = written(tmp_path / "prior", [prior_score(each) for each in architectures(200, seed=9)], seed=9)
    pool = Pool(None, SPACE, metric="score", higher_is_better=True)
    for id, member in enumerate(architectures(pool_size, seed=4)):
        pool.append(Evaluation(id, Candidate(member, "random"), 0, float(relus(member)) + 0.001 * noise(member), None))
    own = Known(lambda each: relus(each) + 0.7 * noise(each), tau=own_tau)
    known = Prior.read([tmp_path / "prior"], SPACE)
    return Guided(own, Known(prior_score, tau=None), known=known, pool=pool), members


def architectures(count, *, seed):
    generator = np.random.default_rng(seed)
    return [SPACE.sample(generator) for _ in range(count)]


def test_a_prior_that_ranks_the_pool_leads(tmp_path):
    both, _ = guided(30, prior_score=lambda each: relus(each) + 0.03 * noise(each), tmp_path=tmp_path)
    assert both.weights[1] > 0.9 and sum(both.weights) == pytest.approx(1)
    assert len(both.prior.asked) == len(set(both.prior.asked))  # nothing is predicted twice
    others = architectures(300, seed=77)
    truth = [relus(each) for each in others]
    assert np.corrcoef(both.predict(others).mean, truth)[0, 1] > np.corrcoef(both.own.predict(others).mean, truth)[0, 1]


def test_an_unrelated_prior_loses_its_weight(tmp_path):
    both, _ = guided(60, prior_score=noise, tmp_path=tmp_path, own_tau=0.5)
    assert both.weights[1] < 0.1
    others = architectures(50, seed=77)
    alone = both.own.predict(others).mean
    assert np.corrcoef(both.predict(others).mean, alone)[0, 1] > 0.95


def test_where_neither_ranks_the_own_controller_decides():
    assert _weights(None, None, count=1) == _weights(0.0, -0.5, count=20) == (1.0, 0.0)


def test_members_of_the_prior_are_proposed_in_the_order_of_what_is_predicted(tmp_path):
    both, members = guided(30, prior_score=lambda each: relus(each) + 0.03 * noise(each), tmp_path=tmp_path)
    led_to = max(architectures(2000, seed=5), key=relus)
    both.own.proposals = [led_to]
    proposals = both.propose(members[:2], [2.0], ascents=1, exploration=0.0)
    predicted = [proposal.predicted for proposal in proposals]
    assert predicted == sorted(predicted, reverse=True)
    found = {proposal.architecture: proposal.step_size for proposal in proposals}
    assert found[led_to] == 2.0 and set(found.values()) == {0.0, 2.0}
    assert all(proposal.architecture not in both.pool for proposal in proposals if not proposal.step_size)


def test_half_of_the_first_round_comes_from_the_prior_and_equal_searches_are_equal(tmp_path):
    run("evolution", tmp_path / "earlier", budget=60)
    prior = Prior.read([tmp_path / "earlier"], SPACE)

    def pool_with(prior):
        entry = STRATEGIES["nao"]
        strategy = entry.make(SPACE, 1, **{**{name: SMALL[name] for name in ("controller", "ascent")}, "prior": prior})
        pool = Pool(None, SPACE, metric="score", higher_is_better=True)
        search(strategy, Judge(), pool=pool, rounds=Rounds(budget=19, initial=12, proposals=7))
        return pool

    pool = pool_with(prior)
    assert pool.history == pool_with(prior).history
    first = pool.history[:12]
    assert sum(each.candidate.origin == "random" for each in first) == 6
    assert {each.candidate.origin for each in first[:6]} <= {"prior", "ascent"}
    told, drawn = (np.mean([each.score for each in part]) for part in (first[:6], first[6:]))
    assert told > drawn + 0.2  # the score is the share of relus
    assert make("nao").prior is None
