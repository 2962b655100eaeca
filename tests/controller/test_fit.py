import dataclasses
import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from controllers import SMALL, StaircaseSpace, fitted_default, scored_pool, synthetic_score

from nao_tf.architecture import RecurrentSpace
from nao_tf.controller import PRESETS, Controller
from nao_tf.controller.compiled import compiled_for, weights_of
from nao_tf.controller.quality import hamming_distance
from nao_tf.controller.spellings import spellings_of

AUGMENTED = dataclasses.replace(SMALL, spellings=3)


def _fingerprint(fitted):
    return hashlib.sha256(b"".join(np.asarray(weight).tobytes() for weight in fitted.model.weights)).hexdigest()


def _fit(count, settings=AUGMENTED, seed=5, scores=None):
    space, cells, own = scored_pool()
    return Controller.fit(space, cells[:count], own[:count] if scores is None else scores, settings=settings, seed=seed)


def _with_another_rank(scores, index):
    changed = scores.copy()
    changed[index] = -100 if scores[index] > np.median(scores) else 100
    return changed


def test_learns_a_score_that_can_be_read_off():
    fitted = fitted_default()
    space, cells, scores = scored_pool()
    assert fitted.quality.held_out == 100
    assert fitted.quality.kendall_tau > 0.5
    assert fitted.quality.pairwise_accuracy > 0.68
    tokens = np.array([cell.tokens for cell in cells], np.int32)
    again = fitted.model.decode(fitted.model.encode(tokens)).numpy()
    assert np.mean([hamming_distance(tokens, of_member) for of_member in again]) < 1.5
    assert np.corrcoef(fitted.predict(cells).mean, scores)[0, 1] > 0.9


def test_proposals_are_new_canonical_and_better():
    fitted = fitted_default()
    space, cells, scores = scored_pool()
    start = sorted(cells, key=synthetic_score)[-20:]
    proposals = fitted.propose(start, [1, 3, 10, 30, 100])
    assert len(proposals) > 20
    assert len({proposal.architecture for proposal in proposals}) == len(proposals)
    for proposal in proposals:
        assert proposal.architecture == proposal.architecture.canonical
        assert proposal.architecture != proposal.parent.canonical
        assert proposal.parent in start and proposal.step_size in (1, 3, 10, 30, 100)
    np.testing.assert_allclose(
        fitted.predict([proposal.architecture for proposal in proposals[:9]]).mean,
        [proposal.predicted for proposal in proposals[:9]],
        rtol=1e-5,
    )
    assert np.all(np.diff([proposal.predicted for proposal in proposals]) <= 0)
    best = [synthetic_score(proposal.architecture) for proposal in proposals[:10]]
    assert np.mean(best) > np.mean([synthetic_score(cell) for cell in start])


def test_further_ascents_start_from_the_best_of_those_before():
    fitted = _fit(30)
    _, cells, _ = scored_pool()
    start = list(cells[:8])
    once, twice = fitted.propose(start, [3, 10]), fitted.propose(start, [3, 10], ascents=2)
    parents = {proposal.architecture: proposal.parent for proposal in once}
    again = fitted.propose([proposal.architecture for proposal in once[:8]], [3, 10])
    new = {proposal.architecture: proposal for proposal in again if proposal.architecture not in {*parents, *start}}
    by_cell = {proposal.architecture: proposal for proposal in twice}
    assert new and set(by_cell) == {*parents, *new}
    for architecture, proposal in new.items():
        assert by_cell[architecture].parent == parents[proposal.parent]
    assert {proposal.parent for proposal in twice} <= set(start)
    assert np.all(np.diff([proposal.predicted for proposal in twice]) <= 0)
    with pytest.raises(ValueError, match="at least one"):
        fitted.propose(start, [3], ascents=0)


def test_exploration_ranks_by_the_upper_confidence_bound():
    fitted = _fit(30)
    _, cells, _ = scored_pool()
    proposals = fitted.propose(cells[:8], [3, 10], exploration=2.0)
    prediction = fitted.predict([proposal.architecture for proposal in proposals])
    spelled = spellings_of(fitted.space, [each.architecture for each in proposals], count=fitted.settings.spellings)
    of_spellings = fitted.model.predict_scores(spelled.reshape(-1, spelled.shape[-1])).numpy()  # [E, N L]
    of_members = of_spellings.reshape(fitted.model.members, *spelled.shape[:2]).mean(axis=2)  # [E, N]
    np.testing.assert_allclose(prediction.mean, of_members.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(prediction.spread, of_members.std(axis=0), rtol=1e-2, atol=1e-6)
    bounds = prediction.mean + 2 * prediction.spread
    assert np.all(np.diff(bounds) <= 1e-5) and np.any(np.diff(prediction.mean) > 1e-5)
    np.testing.assert_allclose([proposal.spread for proposal in proposals], prediction.spread, rtol=1e-3, atol=1e-6)
    assert {cell.architecture for cell in proposals} == {
        cell.architecture for cell in fitted.propose(cells[:8], [3, 10])
    }


def test_same_seed_same_weights_in_every_process():
    first, again = _fit(30), _fit(30)
    assert _fingerprint(first) == _fingerprint(again)
    assert first.quality == again.quality
    assert _fingerprint(_fit(30, seed=6)) != _fingerprint(first)
    program = "import test_fit; print(test_fit._fingerprint(test_fit._fit(30)))"
    here = os.path.dirname(os.path.abspath(__file__))
    path = os.pathsep.join([here, *(entry or os.getcwd() for entry in sys.path)])
    other = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.split()[-1] == _fingerprint(first)


def test_held_out_scores_do_not_touch_the_weights():
    settings = dataclasses.replace(SMALL, members=1, held_out=0.2)
    space, cells, scores = scored_pool()
    scores = np.array(scores[:30])
    first = _fit(30, settings, scores=scores)
    # A member's weights change with every score but the held out ones: find those, and change them all at once.
    untouched = []
    for index in range(30):
        changed = _with_another_rank(scores, index)
        if _fingerprint(_fit(30, settings, scores=changed)) == _fingerprint(first):
            untouched.append(index)
    assert len(untouched) == first.quality.held_out == 6
    changed = scores.copy()
    changed[untouched] = [100, -100, 50, 3, 2, 1]
    assert _fingerprint(_fit(30, settings, scores=changed)) == _fingerprint(first)


def test_an_ensemble_holds_out_in_turn():
    space, cells, scores = scored_pool()
    scores = np.array(scores[:30])
    first = _fit(30, SMALL, scores=scores)
    assert first.quality.held_out == 30
    members = [set(), set()]
    for index in range(30):
        changed = _with_another_rank(scores, index)
        other = _fit(30, SMALL, scores=changed)
        for member in range(2):
            if all(
                np.array_equal(one.numpy()[member], two.numpy()[member])
                for one, two in zip(first.model.weights, other.model.weights, strict=True)
            ):
                members[member].add(index)
    assert members[0] | members[1] == set(range(30)) and not members[0] & members[1]
    assert len(members[0]) == 15


def test_members_are_independent():
    space, cells, _ = scored_pool()
    generator = np.random.default_rng(0)
    fitted = _fit(30, SMALL)
    compiled, weights = compiled_for(space, SMALL), weights_of(fitted.model)
    tokens = np.stack([[cell.tokens for cell in cells[:8]]] * 2).astype(np.int32)
    targets = generator.random([2, 8]).astype(np.float32)
    ones = np.ones([2, 8], np.float32)
    other_tokens, other_targets = tokens.copy(), targets.copy()
    other_tokens[0], other_targets[0] = other_tokens[0, ::-1], 1 - other_targets[0]
    seed = tf.constant([1, 2])
    (_, one), (_, two) = (
        compiled.loss_and_gradients(
            weights,
            tf.constant(read),
            targets=tf.constant(learnt),
            example_weights=tf.constant(ones),
            dropout_seed=seed,
        )
        for read, learnt in ((tokens, targets), (other_tokens, other_targets))
    )
    for first, second in zip(one, two, strict=True):
        np.testing.assert_allclose(first[1], second[1], rtol=1e-5, atol=1e-7)
    assert any(np.max(np.abs(first[0] - second[0])) > 1e-3 for first, second in zip(one, two, strict=True))


def test_all_controllers_of_a_space_share_traces_and_compilations():
    space, cells, _ = scored_pool()
    compiled = compiled_for(space, AUGMENTED)
    for count in (10, 12, 40, 64):
        fitted = _fit(count)
        fitted.predict(cells[: count // 2])
        fitted.propose(cells[:3], [1.0, 2.0, 5.0][: count // 10])
    for same in (AUGMENTED, dataclasses.replace(AUGMENTED, held_out=0.5)):  # the share of the pool is data
        assert compiled_for(RecurrentSpace(), same) is compiled
    for function in (compiled.train, compiled.predict, compiled.ascend, compiled.reconstruct):
        assert function.experimental_get_tracing_count() == 1


def test_spaces_with_other_rules_share_no_program():
    class Falling(StaircaseSpace):
        def choices(self, prefix):
            return tuple(range((prefix[-1] if prefix else 3) + 1))

    assert Falling() != StaircaseSpace()
    assert compiled_for(Falling(), SMALL) is not compiled_for(StaircaseSpace(), SMALL)


@pytest.mark.parametrize("count", [2, 3, 7])
@pytest.mark.parametrize("members", [1, 2])
def test_small_pools_work(count, members):
    fitted = _fit(count, dataclasses.replace(SMALL, members=members))
    assert np.all(np.isfinite(fitted.losses))
    assert np.all(np.isfinite(fitted.predict(scored_pool()[1][:4]).mean))
    assert fitted.quality.held_out == (count if members == 2 else round(0.1 * count))
    if fitted.quality.held_out < 2:
        assert fitted.quality.pairwise_accuracy is None and fitted.quality.kendall_tau is None


@pytest.mark.parametrize("targets", ["rank", "min-max"])
def test_equal_scores_work(targets):
    fitted = _fit(6, dataclasses.replace(SMALL, targets=targets), scores=[2.0] * 6)
    assert np.all(np.isfinite(fitted.losses)) and fitted.quality.kendall_tau is None


def test_paper_preset_trains():
    space, cells, scores = scored_pool()
    settings = dataclasses.replace(PRESETS["paper"], epochs=30)
    fitted = Controller.fit(space, cells, scores, settings=settings, seed=1)
    assert fitted.quality.held_out == 10 and fitted.losses[0] < 0.6
    assert fitted.predict(cells[:5]).spread.tolist() == [0.0] * 5  # one member
    proposals = fitted.propose(cells[:5], [100.0, 1000.0])
    assert proposals and {proposal.parent for proposal in proposals} <= set(cells[:5])


def test_other_spaces_work():
    space = StaircaseSpace()
    generator = np.random.default_rng(0)
    pool = list(dict.fromkeys(space.sample(generator) for _ in range(40)))
    scores = [sum(architecture.values) for architecture in pool]
    fitted = Controller.fit(space, pool, scores, settings=SMALL, seed=0)
    proposals = fitted.propose(pool[:4], [10.0, 100.0])
    assert proposals and {proposal.architecture.space for proposal in proposals} == {space}


def test_wrong_input_is_refused():
    space, cells, scores = scored_pool()
    with pytest.raises(ValueError, match="at least 2"):
        Controller.fit(space, cells[:1], scores[:1], settings=SMALL)
    with pytest.raises(ValueError, match="scores of shape"):
        Controller.fit(space, cells[:3], scores[:2], settings=SMALL)
    with pytest.raises(ValueError, match="must be finite"):
        Controller.fit(space, cells[:2], [1.0, float("nan")], settings=SMALL)
    with pytest.raises(ValueError, match="of space"):
        Controller.fit(RecurrentSpace("nao"), cells[:2], scores[:2], settings=SMALL)
    fitted = _fit(10)
    with pytest.raises(ValueError, match="no architectures"):
        fitted.predict([])
    with pytest.raises(ValueError, match="no architectures"):
        fitted.propose([], [1.0])
    for sizes in ([], [0.0], [-1.0], [float("nan")]):
        with pytest.raises(ValueError, match="step sizes"):
            fitted.propose(cells[:2], sizes)
