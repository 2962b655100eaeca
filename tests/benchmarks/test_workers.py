"""The clock of simulated workers."""

import pytest

from benchmarks.workers import Simulated

SECONDS = {"a": 4.0, "b": 1.0, "c": 2.0, "d": 2.0}


@pytest.mark.parametrize(("workers", "clock"), [(1, 9.0), (2, 5.0), (3, 4.0), (9, 4.0)])
def test_items_wait_for_the_next_free_worker(workers, clock):
    executor = Simulated(workers, SECONDS.__getitem__)
    assert list(executor.map(str.upper, SECONDS)) == ["A", "B", "C", "D"]
    assert (executor.clock, executor.busy) == (clock, 9.0)


def test_a_round_begins_when_the_one_before_has_ended():
    executor = Simulated(2, SECONDS.__getitem__)
    for _ in range(2):
        list(executor.map(str.upper, ["a", "b"]))
    assert executor.clock == 8.0 and executor.busy == 10.0
    assert list(executor.map(str.upper, [])) == [] and executor.clock == 8.0
