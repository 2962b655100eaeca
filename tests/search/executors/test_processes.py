"""Work in processes: order, exceptions, processes that die, hang or grow, and what is left of them."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time

import jobs
import pytest

from nao_tf.errors import DivergedError, InputError
from nao_tf.observer import Observer
from nao_tf.search.executors import LostError, Processes
from nao_tf.search.executors.working import resident_memory


@pytest.fixture(scope="module")
def two():
    with Processes(2) as processes:
        yield processes


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_results_come_in_the_order_of_the_items(workers):
    with Processes(workers) as processes:
        assert list(processes.map(jobs.slow_first, range(7))) == list(range(7))


def test_processes_are_used_again(two):
    first = set(two.map(jobs.process_of, range(6)))
    again = set(two.map(jobs.process_of, range(6)))
    assert first | again == first and len(first) <= 2 and os.getpid() not in first


def test_nothing_to_do(two):
    assert list(two.map(jobs.double, [])) == []


def test_an_exception_is_raised_in_its_place(two):
    results = two.map(jobs.fail, range(3))
    assert next(results) == 0
    with pytest.raises(ValueError, match="one is wrong") as raised:
        next(results)
    assert "in fail" in raised.value.__notes__[0]  # where it was raised
    assert list(two.map(jobs.double, [4])) == [8]  # the workers go on
    with pytest.raises(DivergedError):
        list(two.map(jobs.diverge, [1]))


def test_a_function_that_cannot_be_sent_is_named(two):
    with pytest.raises(InputError, match="cannot be sent to another process"):
        list(two.map(lambda item: item, [1]))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_process_that_dies_costs_its_item_only(two, tmp_path, how):
    work = jobs.Dying(tmp_path, item=2, times=2, how=how)
    assert list(two.map(work, range(5))) == [0, 10, 20, 30, 40]
    assert sorted(work.arrivals) == [0, 1, 2, 3, 4] and len(list(tmp_path.iterdir())) == 2


def test_an_item_that_ends_three_processes_is_given_up(tmp_path):
    work = jobs.Dying(tmp_path, item=1, times=99)
    with Processes(2) as two:  # that have not seen others die
        results = list(two.map(work, range(3)))
    assert results[::2] == [0, 20] and len(list(tmp_path.iterdir())) == 3
    assert results[1] == "its process was ended by SIGKILL, perhaps for want of memory, 3 times"


def test_plain_functions_that_are_lost_raise():
    with Processes(2) as two, pytest.raises(LostError, match="ended by SIGABRT, 3 times"):
        list(two.map(jobs.abort, [1]))


def test_a_hanging_process_is_ended(tmp_path):
    with Processes(2, minutes=2 / 60) as processes:
        start = time.monotonic()
        results = list(processes.map(jobs.Hanging(tmp_path, item=0, times=1), range(3)))
    assert results[0].startswith("took longer than 0.033") and results[1:] == [1, 2]
    assert time.monotonic() - start < 20


def test_a_process_that_grows_is_replaced_between_two_items():
    with Processes(1, memory=100 * 2**20) as processes:
        first, second, third = processes.map(jobs.grow, [100, 10, 10])
    assert first != second == third


def test_a_process_that_grows_within_an_item_is_ended(tmp_path):
    class_of = jobs.Dying(tmp_path, item=9, times=0)  # for its `lost`
    with Processes(1, memory=1) as processes:  # every process is too large at the first look
        assert next(processes.map(_Slow(class_of), [1])).startswith("out of memory: its process held")


class _Slow(jobs.Dying):
    def __init__(self, other):
        super().__init__(other.folder, item=other.item, times=other.times)

    def __call__(self, item):
        time.sleep(30)


def test_events_reach_the_observer(two, tmp_path):
    class Seen(Observer):
        steps: list = []

        def training(self, label, step, *, loss, steps=None):
            self.steps.append((label, step, loss))

    work = jobs.Dying(tmp_path, item=99, times=0)
    work.observer = Seen()
    list(two.map(work, [3]))
    assert Seen.steps == [("child", 3, 0.5)]


def test_each_process_has_its_threads_and_its_gpu():
    with Processes(2, threads=1, gpus=("0", "7")) as processes:
        names = ["TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"]
        one, other, *gpus = processes.map(jobs.threads, names)
    assert (one, other) == ("1", "1") and set(gpus) <= {"0", "7"}
    with Processes(1) as processes:
        assert list(processes.map(jobs.threads, ["CUDA_VISIBLE_DEVICES"])) == ["-1"]


def test_nothing_is_left_when_the_results_are_no_longer_wanted():
    before = {process.pid for process in multiprocessing.active_children()}
    files = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with Processes(2) as processes:
            results = processes.map(jobs.slow_first, range(5))
            next(results)
            results.close()
    assert {process.pid for process in multiprocessing.active_children()} <= before
    assert len(os.listdir("/proc/self/fd")) <= files


def test_workers_end_with_a_process_that_is_killed(tmp_path):
    program = textwrap.dedent(
        """
        import time
        import jobs
        from nao_tf.search.executors import Processes
        if __name__ == "__main__":
            processes = Processes(2)
            print(*set(processes.map(jobs.process_of, range(8))), flush=True)
            list(processes.map(time.sleep, [60, 60]))
        """
    )
    file = tmp_path / "program.py"
    file.write_text(program)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    running = subprocess.Popen([sys.executable, file], stdout=subprocess.PIPE, text=True, env=environment)
    workers = [int(number) for number in running.stdout.readline().split()]
    running.kill()
    running.wait()
    running.stdout.close()
    deadline = time.monotonic() + 10
    while any(resident_memory(worker) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert workers and not any(resident_memory(worker) for worker in workers)


@pytest.mark.parametrize("numbers", [(0, 1), (1, 0), (-2, 1)])
def test_numbers_of_workers_are_checked(numbers):
    with pytest.raises(InputError, match="at least one each"):
        Processes(numbers[0], threads=numbers[1])


def test_a_function_is_sent_once_and_kept(two, tmp_path):
    work = jobs.Counting()
    seen = [list(two.map(work, range(8))), list(two.map(jobs.double, range(8))), list(two.map(work, range(8)))]
    assert seen[1] == [2 * number for number in range(8)]
    assert max(seen[2]) > 8 // 2  # a process that knew it counted on


def test_the_machine_is_divided_among_long_items():
    four = Processes(4)
    assert four.divided(4) is four.divided(9) is four
    one, two = four.divided(1), four.divided(2)
    assert (one.workers, one.threads, two.workers, two.threads) == (1, 4, 2, 2)
    limited = Processes(2, minutes=1.0).divided(2)
    assert (limited.workers, limited.threads, limited.minutes) == (2, 1, None)
