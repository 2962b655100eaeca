import numpy as np
import tensorflow as tf

from nao_tf.controller.ensemble.dropout import dropout, random_bits


def test_the_share_is_dropped_and_the_mean_kept():
    dropped = dropout(tf.ones([100, 1000]), 0.3, tf.constant([1, 2]), 3).numpy()
    assert abs(np.mean(dropped == 0) - 0.3) < 0.005
    assert abs(np.mean(dropped) - 1) < 0.01


def test_every_bit_is_fair_and_sequences_are_unrelated():
    number = 1 << 15
    sequences = [
        random_bits(tf.constant([seed, step]), offset, number).numpy()
        for seed in (0, 1)
        for step in (0, 1)
        for offset in (0, 1)
    ]
    for index, sequence in enumerate(sequences):
        bits = sequence[:, np.newaxis] >> np.arange(32) & 1
        assert np.all(np.abs(bits.mean(axis=0) - 0.5) < 0.015)
        values = sequence / 2.0**32
        assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 0.03
        for other in sequences[:index]:
            # Seed 1 of step 0 and seed 0 of another step may coincide in no place that matters: the keys are hashed.
            assert abs(np.corrcoef(values, other / 2.0**32)[0, 1]) < 0.03 or np.array_equal(sequence, other)
    assert len({sequence.tobytes() for sequence in sequences}) >= 6


def test_no_seed_means_no_dropout():
    inputs = tf.ones([3])
    assert dropout(inputs, 0.5, None, 0) is inputs
