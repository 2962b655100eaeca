"""How often an item is tried whose workers die: workers in memory that die as they are told to."""

import pickle
import random

import pytest

from nao_tf.search.executors import Work
from nao_tf.search.executors.workers import ATTEMPTS, MOST_ATTEMPTS, STARTS, Begun, Died, Finished, Worker, Workers


class Mortal(Worker):
    seconds, alive = 0.0, True

    def __init__(self):
        self.item = None

    def work(self, function, item):
        self.function, self.item = pickle.loads(function.pickled), item

    def kill(self):
        pass


class InMemory(Workers):
    """The first worker that is busy finishes, or dies.

    Args:
        dies: whether, of an item.
    """

    def __init__(self, dies, *, workers=2):
        super().__init__(workers)
        self.dies = dies

    def _new_worker(self):
        return Mortal()

    def _wait(self, busy, seconds):
        worker = busy[0]
        return [(worker, Died("killed") if self.dies(worker.item) else Finished(worker.function(worker.item)))]


class Starter(Mortal):
    """Says when it begins."""

    tells_begin = True


class Starting(InMemory):
    """The first worker dies before it begins, as often as it is told to, else it begins and finishes or dies."""

    def __init__(self, dies, *, starts):
        super().__init__(dies, workers=1)
        self.starts = starts

    def _new_worker(self):
        return Starter()

    def _wait(self, busy, seconds):
        if self.starts:
            self.starts -= 1
            return [(busy[0], Died("killed"))]
        return [(busy[0], Begun()), *super()._wait(busy, seconds)]


class Double(Work):
    def __call__(self, item):
        return 2 * item

    def lost(self, item, reason):
        return reason


def test_an_item_that_ends_its_workers_is_given_up_after_three():
    executor = InMemory(lambda item: item == 3)
    assert list(executor.map(Double(), range(6))) == [0, 2, 4, f"killed, {ATTEMPTS} times", 8, 10]


@pytest.mark.parametrize("seed", range(5))
def test_an_item_is_tried_more_often_where_all_workers_die_at_random(seed):
    draw = random.Random(seed)
    executor = InMemory(lambda item: draw.random() < 0.5)
    rounds = [list(executor.map(Double(), range(4))) for _ in range(10)]
    lost = sum(result != 2 * item for results in rounds for item, result in enumerate(results))
    assert lost <= 1  # three attempts would lose five of forty


def test_a_worker_that_dies_before_it_begins_is_not_the_fault_of_its_item():
    executor = Starting(lambda item: False, starts=STARTS - 1)
    assert list(executor.map(Double(), range(6))) == [0, 2, 4, 6, 8, 10]
    executor = Starting(lambda item: item == 0, starts=2)
    assert list(executor.map(Double(), range(3))) == [f"killed, {2 + ATTEMPTS} times", 2, 4]


def test_workers_that_die_while_they_have_nothing_to_do_are_replaced_and_speak_for_the_items():
    executor = InMemory(lambda item: False)
    assert list(executor.map(Double(), range(4))) == [0, 2, 4, 6]
    first, second = executor._idle
    first.alive = False
    assert executor._attempts_at(object()) == ATTEMPTS
    assert executor._replace_idle() == 1 and executor._idle[1] is second and executor._idle[0].alive
    for _ in range(30):
        executor._idle[0].alive = False
        assert executor._replace_idle() == 1
    assert executor._attempts_at(object()) > 10 * ATTEMPTS


def test_where_no_worker_starts_the_item_is_given_up():
    executor = Starting(lambda item: False, starts=STARTS)
    assert list(executor.map(Double(), range(3))) == [f"killed, {STARTS} times", 2, 4]


def test_where_everything_dies_all_is_given_up():
    executor = InMemory(lambda item: True)
    results = list(executor.map(Double(), range(8)))
    assert results[0] == f"killed, {ATTEMPTS} times" or results[0] == f"killed, {MOST_ATTEMPTS} times"
    assert all(result.startswith("killed") for result in results)
