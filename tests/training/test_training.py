"""The training loop, with a training whose weights are one number."""

import math

import numpy as np
import pytest

from nao_tf.errors import DivergedError
from nao_tf.training import checkpoint
from nao_tf.training.training import Epoch, Training, advance, draw_members, run, seconds_of_steps, step_seed

STEPS = 130


class Sum(Training):
    """Adds up numbers that depend on seed and step. The loss of a step is its number, or not a number.

    Args:
        diverging: steps whose loss is not a number.
        recovers: whether the training can go back.
        epoch_length: steps of an epoch; None: there are none.
    """

    def __init__(self, diverging=(), recovers=False, epoch_length=None):
        self.diverging, self.recovers, self.epoch_length = diverging, recovers, epoch_length
        self.value, self.seen, self.finished, self.stop_at = 0.0, [], 0, None

    def start(self, seed):
        self.value, self.seed = 0.0, seed

    def step(self, number):
        if number == self.stop_at:
            raise KeyboardInterrupt
        self.seen.append(number)
        self.value += math.sin(self.seed + number)
        done = number + 1
        ended = self.epoch_length and done % self.epoch_length == 0
        self.completed_epoch = Epoch(done // self.epoch_length, done, 1.0, best=1.0, averaging=False) if ended else None
        return np.float32(math.nan if number in self.diverging else number)

    def arrays(self):
        return {"value": np.asarray(self.value)}

    def restore(self, arrays):
        self.value = float(arrays["value"])

    def recover(self, error):
        if not self.recovers:
            raise error
        self.value = 0.0

    def finish(self):
        self.finished += 1


@pytest.mark.parametrize("stops", [(0,), (6, 7, 8, 120, 129), (50, 51)])
def test_a_stopped_training_ends_as_an_undisturbed_one(stops, tmp_path):
    undisturbed, stopped, path = Sum(), Sum(), tmp_path / "training.npz"
    run(undisturbed, seed=3, steps=STEPS)
    for stop in stops:
        stopped.stop_at = stop
        with pytest.raises(KeyboardInterrupt):
            run(stopped, seed=3, steps=STEPS, checkpoint=path, every=7)
    stopped.stop_at, stopped.seen = None, []
    run(stopped, seed=3, steps=STEPS, checkpoint=path, every=7)
    assert stopped.value == undisturbed.value
    assert stopped.seen == list(range(stops[-1] - stops[-1] % 7, STEPS))
    assert (undisturbed.finished, stopped.finished) == (1, 1)
    stopped.start(9)
    assert math.isnan(run(stopped, seed=3, steps=STEPS, checkpoint=path))  # complete: only brings the weights back
    assert stopped.value == undisturbed.value and [file.name for file in tmp_path.iterdir()] == [path.name]


def test_means_of_losses_are_reported_on_a_grid_of_steps(tmp_path):
    reported, path = [], tmp_path / "training.npz"
    training = Sum()
    last = run(training, seed=1, steps=STEPS, report=lambda step, loss: reported.append((step, loss)))
    assert reported == [(50, 24.5), (100, 74.5), (130, 114.5)]
    assert last == np.mean(range(117, 130))
    training.stop_at = 60
    with pytest.raises(KeyboardInterrupt):
        run(training, seed=1, steps=STEPS, checkpoint=path, every=30)
    training.stop_at = None
    reported.clear()
    run(training, seed=1, steps=STEPS, checkpoint=path, report=lambda step, loss: reported.append((step, loss)))
    assert reported == [(100, 79.5), (130, 114.5)]


def test_a_loss_that_is_not_a_number_is_an_error_where_the_training_cannot_go_back(tmp_path):
    training, path = Sum(diverging={60}), tmp_path / "training.npz"
    with pytest.raises(DivergedError, match="training loss is nan at step 100"):
        run(training, seed=1, steps=STEPS, checkpoint=path, every=10)
    assert int(checkpoint.load(path)["step"]) == 90  # nothing is written once the divergence is known
    with pytest.raises(DivergedError, match="at step 130"):
        run(Sum(diverging={129}), seed=1, steps=STEPS)


def test_a_training_that_can_go_back_goes_on_and_its_bad_losses_are_forgotten():
    reported, training = [], Sum(diverging={60}, recovers=True)
    run(training, seed=1, steps=STEPS, report=lambda step, loss: reported.append(step))
    assert reported == [50, 130]
    assert training.value == pytest.approx(sum(math.sin(1 + number) for number in range(100, STEPS)))


def test_epochs_are_saved_before_they_are_announced(tmp_path):
    path, announced = tmp_path / "training.npz", []

    def on_epoch(epoch):
        announced.append((epoch.epoch, int(checkpoint.load(path)["step"])))

    run(Sum(epoch_length=40), seed=1, steps=STEPS, checkpoint=path, on_epoch=on_epoch)
    assert announced == [(1, 40), (2, 80), (3, 120)]


def test_advancing_keeps_the_weights():
    training = Sum()
    run(training, seed=1, steps=5)
    before = training.value
    advance(training, steps=3)
    assert training.value == pytest.approx(before + math.sin(1) + math.sin(2) + math.sin(3))


def test_members_are_drawn_in_proportion_to_their_shares():
    drawn = draw_members(3, steps=30_000, seed=[1, 2], shares=[100, 300, 600])
    np.testing.assert_allclose(np.bincount(drawn) / 30_000, [0.1, 0.3, 0.6], atol=0.01)
    even = draw_members(4, steps=40_000, seed=[1, 2])
    np.testing.assert_allclose(np.bincount(even) / 40_000, 0.25, atol=0.01)
    assert (draw_members(4, steps=50, seed=[1, 2]) == even[:50]).all()
    assert (draw_members(4, steps=50, seed=[1, 3]) != even[:50]).any()


def test_seeds_of_steps_leave_room_for_salts_and_fit_into_int32():
    large = step_seed(2**31 + 5, 7).numpy()
    assert large.tolist() == [5 * 2**10, 7]
    assert step_seed(6, 7).numpy()[0] - large[0] == 2**10


def test_the_first_steps_are_not_timed():
    calls = []

    def step(number):
        calls.append(number)
        return step_seed(0, number)

    assert len(seconds_of_steps(step, 4)) == 4 and calls == list(range(7))
