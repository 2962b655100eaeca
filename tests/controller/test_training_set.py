import dataclasses

import numpy as np
import pytest
from controllers import SMALL, scored_pool

from nao_tf.controller.training_set import NORMALISATIONS, TrainingSet, normalise_by_range, normalise_by_rank


def training_set(count, seed=5, **changes):
    space, cells, scores = scored_pool()
    settings = dataclasses.replace(SMALL, **changes)
    return TrainingSet.of(space, cells[:count], scores=scores[:count], settings=settings, seed=seed)


def test_pools_larger_than_a_batch_are_read_in_shuffled_epochs():
    batches = training_set(40, batch_size=16, steps=None, epochs=5).batches
    assert batches.shape == (10, 16)  # two batches an epoch; the other 8 architectures are dropped
    epochs = batches.reshape(5, 32)
    assert all(len(set(epoch)) == 32 and max(epoch) < 40 for epoch in epochs.tolist())
    assert len({tuple(epoch) for epoch in epochs.tolist()}) == 5
    assert set(epochs.ravel()) == set(range(40))  # by chance each is read at some time


@pytest.mark.parametrize(("steps", "epochs", "made"), [(7, 5, 10), (12, 5, 12), (12, None, 12), (None, 2, 4)])
def test_of_steps_and_epochs_what_is_longer_counts(steps, epochs, made):
    assert len(training_set(40, batch_size=16, steps=steps, epochs=epochs).batches) == made  # two batches an epoch


def test_smaller_pools_are_read_whole_in_every_step():
    data = training_set(40, batch_size=64, steps=7)
    np.testing.assert_array_equal(data.batches, [list(range(64))] * 7)
    assert data.example_weights.shape == data.targets.shape == (2, 512)
    np.testing.assert_array_equal(data.example_weights.sum(axis=1), [20, 20])  # each member sees its half, no padding


@pytest.mark.parametrize("targets", ["rank", "min-max"])
def test_targets_are_normalised_among_the_scores_that_a_member_sees(targets):
    data = training_set(30, targets=targets)
    scores = np.array(scored_pool()[2][:30])
    for hidden, row in zip(data.held_out, data.targets, strict=True):
        np.testing.assert_allclose(row[:30][~hidden], NORMALISATIONS[targets](scores[~hidden]), rtol=1e-6)
        assert not np.any(row[:30][hidden]) and not np.any(row[30:])


def test_spellings_compute_the_same_and_the_own_one_is_first():
    space, cells, _ = scored_pool()
    data = training_set(20, spellings=4)
    assert data.spellings.shape == (512, 4, space.token_length)
    for cell, spellings in zip(cells[:20], data.spellings.tolist(), strict=False):
        assert tuple(spellings[0]) == cell.tokens
        assert {space.from_tokens(tokens).canonical for tokens in spellings} == {cell.canonical}


@pytest.mark.parametrize(("members", "held_out"), [(1, 0.2), (3, 0.2), (3, 0.0), (1, 0.0)])
def test_an_ensemble_holds_out_in_turn_and_a_single_member_a_share(members, held_out):
    hidden = training_set(30, members=members, held_out=held_out).held_out
    if not held_out:
        assert not np.any(hidden)
    elif members == 1:
        assert hidden.sum() == 6
    else:
        np.testing.assert_array_equal(hidden.sum(axis=0), [1] * 30)
        np.testing.assert_array_equal(hidden.sum(axis=1), [10] * 3)


def test_normalisations():
    np.testing.assert_allclose(normalise_by_rank(np.array([5.0, -1.0, 5.0, 9.0])), [0.5, 0.125, 0.5, 0.875])
    np.testing.assert_allclose(normalise_by_range(np.array([5.0, -1.0, 9.0])), [0.6, 0.0, 1.0])
    np.testing.assert_array_equal(normalise_by_range(np.ones(3)), [0.5] * 3)
