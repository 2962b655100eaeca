import numpy as np
import pytest
import tensorflow as tf

from nao_tf.controller.ensemble.dropout import STREAMS_PER_STEP, Stream, dropout, random_bits, step_seeds


def test_the_share_is_dropped_and_the_mean_kept():
    dropped = dropout(tf.ones([100, 1000]), 0.3, seed=tf.constant([1, 2]), stream=3).numpy()
    assert abs(np.mean(dropped == 0) - 0.3) < 0.005
    assert abs(np.mean(dropped) - 1) < 0.01


def test_every_bit_is_fair_and_all_streams_of_all_steps_are_unrelated():
    count = 1 << 15
    members = tf.constant([0, 1])
    sequences = [
        sequence
        for step in (0, 1, 2)
        for stream in (Stream.TOKEN_EMBEDDING, Stream.ENCODER_STATE, Stream.SPELLING)
        for sequence in random_bits(step_seeds(members, tf.constant(step)), stream, count=count).numpy()
    ]
    assert len(sequences) == 18
    for index, sequence in enumerate(sequences):
        bits = sequence[:, np.newaxis] >> np.arange(32) & 1
        assert np.all(np.abs(bits.mean(axis=0) - 0.5) < 0.015)
        values = sequence / 2.0**32
        assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 0.03
        for other in sequences[:index]:
            assert abs(np.corrcoef(values, other / 2.0**32)[0, 1]) < 0.03


def test_no_two_of_the_streams_of_a_training_are_equal():
    seeds = tf.concat([step_seeds(tf.range(5), tf.constant(step)) for step in range(20)], axis=0)  # [100, 2]
    streams = [random_bits(seeds, stream, count=2).numpy() for stream in range(STREAMS_PER_STEP)]
    assert len({tuple(row) for row in np.concatenate(streams).tolist()}) == 100 * STREAMS_PER_STEP


def test_the_mask_of_a_member_depends_on_its_own_seed_only():
    inputs = tf.ones([2, 3, 50])
    both = dropout(inputs, 0.5, seed=tf.constant([[1, 0], [2, 0]]), stream=0).numpy()
    other = dropout(inputs, 0.5, seed=tf.constant([[7, 0], [2, 0]]), stream=0).numpy()
    np.testing.assert_array_equal(both[1], other[1])
    assert np.any(both[0] != other[0])


def test_no_seed_means_no_dropout():
    inputs = tf.ones([3])
    assert dropout(inputs, 0.5, seed=None, stream=0) is inputs


@pytest.mark.parametrize("stream", [-1, STREAMS_PER_STEP])
def test_a_stream_that_another_step_has_is_refused(stream):
    with pytest.raises(ValueError, match="a training step has 64"):
        random_bits(tf.constant([1, 0]), stream, count=1)
