"""Checkpoints that are damaged or of another network are one line, and never weights."""

import numpy as np
import pytest

from nao_tf.errors import InputError
from nao_tf.training import checkpoint
from nao_tf.training.training import Training, run


class Counting(Training):
    """Its only weight counts the steps."""

    def start(self, seed):
        self.weight = np.zeros([2])

    def step(self, number):
        import tensorflow as tf

        self.weight = self.weight + 1
        return tf.constant(1.0)

    def arrays(self):
        return {"weight/0": self.weight}

    def restore(self, arrays):
        restored = arrays["weight/0"]
        if restored.shape != (2,):
            raise ValueError(f"shape {restored.shape}, not (2,)")
        self.weight = restored


def test_a_checkpoint_comes_back_and_none_is_none(tmp_path):
    assert checkpoint.load(tmp_path / "a.npz") is None
    run(Counting(), seed=1, steps=3, checkpoint=tmp_path / "a.npz")
    training = Counting()
    run(training, seed=1, steps=5, checkpoint=tmp_path / "a.npz")
    assert training.weight.tolist() == [5, 5]


@pytest.mark.parametrize(
    "arrays, said",
    [
        ({"step": np.asarray(1)}, "no array 'weight/0'"),
        ({"weight/0": np.zeros([2])}, "no array 'step'"),
        ({"weight/0": np.zeros([3]), "step": np.asarray(1)}, "of another network: shape"),
        ({"weight/0": np.zeros([2]), "step": np.arange(2)}, "of another network"),
        ({"weight/0": np.zeros([2]), "step": np.asarray("two")}, "of another network"),
    ],
)
def test_arrays_of_another_training_are_told(arrays, said, tmp_path):
    checkpoint.save(tmp_path / "a.npz", arrays)
    with pytest.raises(InputError, match=rf"a\.npz is damaged .*{said}.*; delete it"):
        run(Counting(), seed=1, steps=3, checkpoint=tmp_path / "a.npz")


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9])
def test_half_a_checkpoint_is_told(part, tmp_path):
    run(Counting(), seed=1, steps=3, checkpoint=tmp_path / "a.npz")
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(InputError, match=r"a\.npz is damaged .*; delete it"):
        run(Counting(), seed=1, steps=3, checkpoint=tmp_path / "a.npz")
