"""The network of one architecture: its drop-path, and where its head stands."""

import numpy as np
import tensorflow as tf
from by_hand import floats

from nao_tf.architecture import ConvolutionalSpace
from nao_tf.child import regularisation
from nao_tf.child.images.cell import cells_of
from nao_tf.child.images.cell_network import CellNetwork

CELLS = cells_of(ConvolutionalSpace("enas").parse("NAO-WS"))


def network(**options):
    """A small one, built for images `[8, 8, 3]`."""
    made = CellNetwork(CELLS, 4, layers=2, macro="nao_ws", **options)
    made.build((None, 8, 8, 3))
    return made


def test_drop_path_grows_with_depth_and_progress(monkeypatch):
    kept = []
    drawn = regularisation.path_masks

    def recording(keep, branches, **options):
        kept.append(keep.numpy())
        return drawn(keep, branches, **options)

    monkeypatch.setattr(regularisation, "path_masks", recording)
    made, values = network(drop_path=0.5), tf.constant(floats(2, 8, 8, 3))
    for progress in (0.0, 0.5, 1.0):
        made.features(values, seed=tf.constant([0, 1]), progress=progress)
    np.testing.assert_allclose(kept, [[1, 1, 1, 1], [0.9375, 0.875, 0.8125, 0.75], [0.875, 0.75, 0.625, 0.5]])


def test_without_progress_or_without_a_seed_nothing_is_dropped():
    made, values = network(drop_path=0.5), tf.constant(floats(2, 8, 8, 3))
    expected = made.features(values)[0]
    seed = tf.constant([0, 1])
    np.testing.assert_allclose(made.features(values, seed=seed, progress=0.0)[0], expected, rtol=1e-5, atol=1e-6)
    assert np.abs(made.features(values, seed=seed)[0] - expected).max() > 1e-3


def test_its_cells_shrink_and_widen():
    made = network()
    assert made.compute_output_shape((5, 8, 8, 3)) == made(tf.zeros([5, 8, 8, 3])).shape
    assert [cell.filters for cell in made.cells] == [8, 16, 16, 16]  # two reductions, then two normal cells
