"""How many children a search trains in a time: with one worker and two, and simulated for whole clusters.

    python benchmarks/workers.py throughput --task=ptb --children=12 --steps=500 [--executors=processes,ray]
    python benchmarks/workers.py simulate --table=FILE.csv --workers=1,8,64,512 --proposals=10,100

`throughput` trains the same random architectures with one worker of one thread, with one worker of as many threads as
there are cores (a process that trains one child after the other, as other programs do), and with a worker a core, of
each executor that is named. The programs of all are compiled before, the rounds are taken in turn, and each figure is
the median of the rounds.

`simulate` runs a search of a table with a clock of its own: each child takes a time that grows with its parameters,
children wait for a free worker in the order in which they were asked for, and a round begins when the last child of the
round before has ended. It tells the hours and the share of the time in which workers have nothing to do.
"""

import argparse
import dataclasses
import heapq
import json
import os
import pathlib
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from nao_tf.architecture import Architecture  # noqa: E402
from nao_tf.search.evaluator import FunctionEvaluator, Outcome  # noqa: E402
from nao_tf.search.executors import (  # noqa: E402
    EXECUTORS,
    Executor,
    ExecutorRequest,
    Processes,
    close,
    workers_of_machine,
)
from nao_tf.search.loop import Rounds, search  # noqa: E402
from nao_tf.search.pool import Pool  # noqa: E402
from nao_tf.search.strategies import STRATEGIES  # noqa: E402
from nao_tf.tasks import TASKS  # noqa: E402
from nao_tf.tasks.task import without_ladder  # noqa: E402

MEASURED = {"processes", "ray"}  # executors that use all cores of this machine
FIXED = 0.2  # share of the mean time that every child takes, whatever its size


class Simulated:
    """An executor with a clock of its own.

    Args:
        workers: children at a time.
        seconds: of an architecture's child.

    Attributes:
        clock: seconds since the search began.
        busy: seconds of all workers in which they trained.
    """

    def __init__(self, workers: int, seconds: Callable[[Architecture], float]):
        self.workers, self._seconds = workers, seconds
        self.clock = self.busy = 0.0

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """The results at once; the clock goes on by the time that the slowest worker needs."""
        items = list(items)
        free = [self.clock] * min(self.workers, max(1, len(items)))  # when each worker is free
        for item in items:
            seconds = self._seconds(item)
            self.busy += seconds
            heapq.heappush(free, heapq.heappop(free) + seconds)
        self.clock = max(free)
        return map(function, items)


def simulate(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each number of workers and proposals."""
    kind = TASKS[arguments.task]
    settings = kind.presets(arguments.task, "cpu")
    data = dataclasses.replace(settings.data, file=arguments.table)
    task = kind.load(arguments.task, dataclasses.replace(settings, data=data))
    sizes = [row.parameters for row in task.table.rows.values()]
    mean = statistics.fmean(sizes)
    rows = []
    for proposals in arguments.proposals:
        for workers in arguments.workers:

            def seconds(architecture: Architecture) -> float:
                share = task.table.row(architecture).parameters / mean
                return 60 * arguments.minutes * (FIXED + (1 - FIXED) * share)

            executor = Simulated(workers, seconds)

            def score(architecture: Architecture) -> Outcome:
                row = task.table.row(architecture)
                return Outcome(row.score, row.parameters)

            pool = Pool(None, task.space, metric=task.metric.name, higher_is_better=task.metric.higher_is_better)
            strategy = STRATEGIES[arguments.strategy].make(task.space, arguments.seed)
            initial = max(proposals, arguments.initial)
            rounds = Rounds(budget=arguments.budget, initial=initial, proposals=proposals)
            start = time.perf_counter()
            search(strategy, FunctionEvaluator(score, executor=executor), pool=pool, rounds=rounds)
            own = time.perf_counter() - start  # of the strategy: no worker has anything to do then
            wall = executor.clock + own
            row = {
                "workers": workers,
                "proposals": proposals,
                "hours": round(wall / 3600, 3),
                "idle": round(1 - executor.busy / (workers * wall), 3),
                "strategy_share": round(own / wall, 4),
                "best": pool.best.score if pool.best else None,
            }
            print(json.dumps(row), flush=True)
            rows.append(row)
    return rows


def throughput(arguments: argparse.Namespace) -> None:
    """Prints children a minute for each division of the machine."""
    import numpy as np

    kind = TASKS[arguments.task]
    axes = {"weight_sharing": False} if "weight_sharing" in kind.axes else {}
    settings = without_ladder(kind.presets(arguments.task, "cpu", **axes))
    settings = dataclasses.replace(settings, score=dataclasses.replace(settings.score, steps=arguments.steps))
    data = dataclasses.replace(settings.data, directory=arguments.data_dir)
    task = kind.load(arguments.task, dataclasses.replace(settings, data=data))
    cores, draw = workers_of_machine(), np.random.default_rng(1)
    divisions: dict[str, Executor] = {
        "one worker, one thread": Processes(1),
        f"one worker, {cores} threads": Processes(1, threads=cores),
    }
    for name in arguments.executors:
        divisions[f"{cores} workers of {name}"] = EXECUTORS[name](ExecutorRequest(workers=cores))
    evaluators = {name: task.evaluator(seed=1, executor=executor) for name, executor in divisions.items()}
    rates: dict[str, list[float]] = {name: [] for name in divisions}
    for number in range(arguments.rounds + 1):  # the first compiles
        count = arguments.children if number else 2 * cores
        architectures = [task.space.sample(draw) for _ in range(count)]
        for name, evaluator in evaluators.items():
            start = time.perf_counter()
            outcomes = list(evaluator.evaluate(architectures, round=number))
            minutes = (time.perf_counter() - start) / 60
            assert len(outcomes) == count
            if number:
                rates[name].append(count / minutes)
    middle = {name: statistics.median(values) for name, values in rates.items()}
    reference = middle[f"{cores} workers of {arguments.executors[0]}"]
    for name, rate in middle.items():
        spread = f"{min(rates[name]):.2f} to {max(rates[name]):.2f}"
        times = f"{cores} workers of {arguments.executors[0]}: {reference / rate:.2f} times as many"
        print(f"{name:32s} {rate:6.2f} children a minute ({spread}); {times}")
    for executor in divisions.values():
        close(executor)


def executors_of_names(text: str) -> list[str]:
    """Names of executors with commas between."""
    names = text.split(",")
    if unknown := sorted(set(names) - MEASURED):
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(sorted(MEASURED))}")
    return names


def numbers(text: str) -> list[int]:
    """Numbers with commas between."""
    return [int(part) for part in text.split(",")]


def main() -> None:
    """Reads the arguments and measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    measured = commands.add_parser("throughput", help="children a minute on this machine")
    measured.add_argument("--task", default="ptb", help="ptb, wikitext2, text, cifar10 or cifar100")
    measured.add_argument("--data_dir", help="folder of the data; none: the embedded sample")
    measured.add_argument("--children", type=int, default=12, help="of a round")
    measured.add_argument("--rounds", type=int, default=3, help="that are measured")
    measured.add_argument("--steps", type=int, default=500, help="training steps of a child")
    measured.add_argument(
        "--executors", type=executors_of_names, default="processes", help="with a worker a core: processes, ray"
    )
    measured.set_defaults(run=throughput)
    simulated = commands.add_parser("simulate", help="hours and idle share on clusters")
    simulated.add_argument("--task", default="nasbench201", help="a task of tables")
    simulated.add_argument("--table", required=True, help="CSV file")
    simulated.add_argument("--strategy", default="random", choices=STRATEGIES)
    simulated.add_argument("--budget", type=int, default=1000, help="children in all")
    simulated.add_argument("--initial", type=int, default=20, help="children of the first round, at least")
    simulated.add_argument("--proposals", type=numbers, default="10", help="children of a later round, with commas")
    simulated.add_argument("--workers", type=numbers, default="1,8,64,512", help="children at a time, with commas")
    simulated.add_argument("--minutes", type=float, default=30.0, help="mean time of a child")
    simulated.add_argument("--seed", type=int, default=1)
    simulated.set_defaults(run=simulate)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
