import numpy as np
import tensorflow as tf

from nao_tf.child import regularisation

SEED = tf.constant([3, 4])


def test_cutout_is_one_square_an_image_cut_off_at_the_border():
    images = tf.ones([200, 10, 8, 2])
    found = regularisation.cutout(images, 4, SEED, 1).numpy()
    sizes = set()
    for image in found:
        assert (image[..., 0] == image[..., 1]).all()
        rows, columns = np.where(image[..., 0] == 0)
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert len(rows) == height * width and 2 <= height <= 4 and 2 <= width <= 4
        sizes.add((height, width))
    assert len(sizes) > 1 and (4, 4) in sizes
    np.testing.assert_array_equal(found, regularisation.cutout(images, 4, SEED, 1))
    assert regularisation.cutout(images, 0, SEED, 1) is images


def test_paths_are_kept_in_their_share_and_scaled():
    masks = regularisation.path_masks(tf.constant([0.9, 0.5]), 10, 2000, SEED, 1).numpy()
    assert masks.shape == (2, 10, 2000)
    for mask, keep in zip(masks, (0.9, 0.5), strict=True):
        np.testing.assert_allclose(np.unique(mask), [0, 1 / keep], rtol=1e-6)
        np.testing.assert_allclose(mask.mean(), 1, atol=0.02)
