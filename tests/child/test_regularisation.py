"""Dropout masks, penalties, cutout and drop-path."""

import numpy as np
import pytest
import tensorflow as tf

from nao_tf.child.language.dropout_rates import Dropout
from nao_tf.child.regularisation import activation_penalties, cutout, mask, path_masks

SEED = tf.constant([3, 4])


@pytest.mark.parametrize("rate", [0.2, 0.75])
def test_masks_are_scaled_and_drop_their_rate(rate):
    result = mask([200, 200], rate, seed=SEED, salt=0).numpy()
    np.testing.assert_allclose(np.unique(result), [0, 1 / (1 - rate)], rtol=1e-6)
    assert abs(np.mean(result == 0) - rate) < 0.01
    assert abs(np.mean(result) - 1) < 0.05


def test_masks_are_functions_of_seed_and_salt():
    first = mask([50, 50], 0.5, seed=SEED, salt=0).numpy()
    np.testing.assert_array_equal(first, mask([50, 50], 0.5, seed=SEED, salt=0))
    for seed, salt in ((SEED, 1), (SEED + [0, 1], 0), (SEED + [1024, 0], 0)):
        assert 0.4 < np.mean(first != mask([50, 50], 0.5, seed=seed, salt=salt)) < 0.6
    assert mask([50, 50], 0.0, seed=SEED, salt=0) is None


@pytest.mark.parametrize("activation, temporal", [(0.0, 0.0), (2.0, 0.0), (0.0, 1e-3), (0.5, 0.25)])
def test_penalties_are_mean_squares(activation, temporal):
    generator = np.random.default_rng(0)
    dropped, outputs = generator.normal(size=[2, 6, 3, 4])
    expected = activation * np.mean(dropped**2) + temporal * np.mean((outputs[1:] - outputs[:-1]) ** 2)
    result = activation_penalties(tf.constant(dropped), tf.constant(outputs), activation=activation, temporal=temporal)
    np.testing.assert_allclose(result, expected, rtol=1e-12)


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_impossible_rates_are_refused(rate):
    with pytest.raises(ValueError, match="hidden"):
        Dropout(hidden=rate)


def test_cutout_is_one_square_an_image_cut_off_at_the_border():
    images = tf.ones([200, 10, 8, 2])
    result = cutout(images, 4, seed=SEED, salt=1).numpy()
    sizes = set()
    for image in result:
        assert (image[..., 0] == image[..., 1]).all()
        rows, columns = np.where(image[..., 0] == 0)
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert len(rows) == height * width and 2 <= height <= 4 and 2 <= width <= 4
        sizes.add((height, width))
    assert len(sizes) > 1 and (4, 4) in sizes
    np.testing.assert_array_equal(result, cutout(images, 4, seed=SEED, salt=1))
    assert cutout(images, 0, seed=SEED, salt=1) is images


def test_paths_are_kept_in_their_share_and_scaled():
    masks = path_masks(tf.constant([0.9, 0.5]), 10, batch=2000, seed=SEED, salt=1).numpy()
    assert masks.shape == (2, 10, 2000)
    for drawn, keep in zip(masks, (0.9, 0.5), strict=True):
        np.testing.assert_allclose(np.unique(drawn), [0, 1 / keep], rtol=1e-6)
        np.testing.assert_allclose(drawn.mean(), 1, atol=0.02)
