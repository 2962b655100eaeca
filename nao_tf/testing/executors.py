"""What every executor keeps: results in the order of the items, exceptions in their place, work that travels."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import signal
from typing import Any

import pytest

from nao_tf.errors import DivergedError
from nao_tf.search.executors.executor import Executor, Work, close


class ExecutorContract:
    """Inherit, override `make_executor`, and name the class `Test…`.

    Attributes:
        dies: whether work may end its process, as it does in another process or job.
        losses: of the item that is tried again.
    """

    dies = True
    losses = 2

    def make_executor(self, directory: pathlib.Path) -> Executor:
        """A new executor for two items at a time.

        Args:
            directory: in which it may write.
        """
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def executor(cls, tmp_path_factory: pytest.TempPathFactory) -> Any:
        """One for the tests of the class, ended afterwards."""
        made = cls().make_executor(tmp_path_factory.mktemp("executor"))
        yield made
        close(made)

    def test_results_come_in_the_order_of_the_items(self, executor: Executor) -> None:
        """However many work at the same time, and also for no items at all."""
        assert list(executor.map(doubled, range(5))) == [0, 2, 4, 6, 8]
        assert list(executor.map(doubled, [])) == []

    def test_an_exception_stands_in_the_place_of_its_result(self, executor: Executor) -> None:
        """Results before it arrive, its type is kept, and the executor can be used again."""
        results = executor.map(diverging_at_one, range(3))
        assert next(iter(results)) == 0
        with pytest.raises(DivergedError, match="item 1"):
            next(iter(results))
        assert list(executor.map(doubled, [4])) == [8]

    def test_work_hears_of_its_results(self, executor: Executor) -> None:
        """`Work.arrived` is called once an item, in the process that waits."""
        if not self.dies:
            pytest.skip("an executor in this process returns each result at once")
        work = Recorded()
        assert list(executor.map(work, [3, 1])) == [30, 10]
        assert sorted(work.arrivals) == [(1, 10), (3, 30)]

    def test_a_lost_item_is_tried_again(self, executor: Executor, tmp_path: pathlib.Path) -> None:
        """What ends its process has its result from another one; the others lose nothing."""
        if not self.dies:
            pytest.skip("work in this process would end it")
        work = Ending(tmp_path, times=self.losses)
        assert list(executor.map(work, [0, 1, 2])) == ["0", "1", "2"]
        assert len(list(tmp_path.iterdir())) == self.losses

    def test_an_item_that_is_always_lost_is_given_up(self, executor: Executor, tmp_path: pathlib.Path) -> None:
        """After three times `Work.lost` gives its result."""
        if not self.dies:
            pytest.skip("work in this process would end it")
        list(executor.map(doubled, range(20)))  # where others die, an item is tried more often
        results = list(executor.map(Ending(tmp_path, times=99), [0, 1, 2]))
        assert results[::2] == ["0", "2"] and results[1].startswith("lost: ")
        assert len(list(tmp_path.iterdir())) == 3


def doubled(number: int) -> int:
    """Twice a number."""
    return 2 * number


def diverging_at_one(number: int) -> int:
    """The number, but for 1."""
    if number == 1:
        raise DivergedError("item 1 diverged")
    return number


class Recorded(Work):
    """Work that records what arrives."""

    def __init__(self):
        super().__init__()
        self.arrivals: list[tuple[int, int]] = []

    def __call__(self, item: int) -> int:
        """Ten times the item."""
        return 10 * item

    def arrived(self, item: int, result: int) -> None:
        """See `Work`."""
        self.arrivals.append((item, result))


@dataclasses.dataclass
class Ending(Work):
    """Work that ends its process at item 1, until there are so many files.

    Attributes:
        folder: that all processes see.
        times: how often.
    """

    folder: pathlib.Path
    times: int

    def __post_init__(self) -> None:
        super().__init__()

    def __call__(self, item: int) -> str:
        """The item as a text."""
        done = len(list(self.folder.iterdir()))
        if item == 1 and done < self.times:
            (self.folder / str(done)).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return str(item)

    def lost(self, item: int, reason: str) -> str:
        """See `Work`."""
        return f"lost: {reason}"
