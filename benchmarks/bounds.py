"""What does not grow with a search: memory, open files and processes; and how long large pools and folders take.

    python benchmarks/bounds.py children --count=1000         # a search of tiny recurrent cells, watched from outside
    python benchmarks/bounds.py pool --lines=100000            # written, read, and asked for ten proposals
    python benchmarks/bounds.py strategies --count=750,3000    # seconds of each strategy's own
    python benchmarks/bounds.py pictures --count=200000        # a folder of small pictures, listed and streamed

Each prints JSON lines. Memory is resident memory in MB, read from /proc (Linux).
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

PAGE = os.sysconf("SC_PAGE_SIZE")


def say(**row: Any) -> None:
    """Prints a line."""
    print(json.dumps(row), flush=True)


def megabytes(process: int) -> float:
    """Resident memory of a process; 0 where it is gone."""
    try:
        pages = int(pathlib.Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * PAGE / 2**20


def descendants(process: int) -> list[int]:
    """The processes that a process has started, and theirs."""
    parents: dict[int, list[int]] = {}
    for folder in pathlib.Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            parents.setdefault(parent, []).append(int(folder.name))
    found, open_ = [], [process]
    while open_:
        children = parents.get(open_.pop(), [])
        found += children
        open_ += children
    return found


def watched(program: subprocess.Popen, pool: pathlib.Path, *, every: int) -> None:
    """Tells memory, files and processes of a search each time so many more evaluations are there."""
    told = 0
    while program.poll() is None:
        lines = pool.read_bytes().count(b"\n") if pool.exists() else 0
        if lines >= told + every:
            told = lines - lines % every
            workers = descendants(program.pid)
            say(
                evaluations=lines,
                main_mb=round(megabytes(program.pid)),
                workers_mb=round(sum(map(megabytes, workers))),
                processes=len(workers),
                files=len(os.listdir(f"/proc/{program.pid}/fd")),
            )
        time.sleep(0.2)


def children(arguments: argparse.Namespace) -> None:
    """A search with workers, each child a training of its own."""
    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        text, work = pathlib.Path(folder) / "text", pathlib.Path(folder) / "work"
        text.mkdir()
        for name, lines in (("train", 2000), ("valid", 60), ("test", 60)):
            rows = (" ".join(f"w{word}" for word in generator.integers(0, 30, 8)) for _ in range(lines))
            (text / f"{name}.txt").write_text("\n".join(rows) + "\n")
        flags = f"--task=text --data_dir={text} --work_dir={work} --budget={arguments.count} --strategy=random "
        flags += (
            f"--workers={arguments.workers} --search_units=8 --search_steps={arguments.steps} --steps=10 --units=8 "
        )
        flags += "--proposals=50 --baselines= --audited=0 --finalists=1 --noreport --quiet"
        start = time.monotonic()
        program = subprocess.Popen([sys.executable, str(ROOT / "bin" / "nao_search"), *flags.split()], cwd=folder)
        watched(program, work / "pool.jsonl", every=arguments.every)
        if program.wait():
            raise SystemExit(program.returncode)
        rows_of = [json.loads(line) for line in (work / "timings.jsonl").read_text().splitlines()]
        trained = sum(row["seconds"] for row in rows_of if "id" in row)
        search = sum(row["seconds"] for row in rows_of if row.get("stage") == "search_random")
        say(
            evaluations=arguments.count,
            seconds=round(time.monotonic() - start),
            search_seconds=round(search, 1),
            worker_seconds_of_children=round(trained, 1),
            overhead_ms_per_child=round(1000 * (search * arguments.workers - trained) / arguments.count, 1),
        )


def pool(arguments: argparse.Namespace) -> None:
    """A pool of invented scores."""
    from nao_tf.architecture import RecurrentSpace
    from nao_tf.search.pool import Candidate, Evaluation, Pool
    from nao_tf.search.strategies import STRATEGIES

    space, generator = RecurrentSpace(), np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "pool.jsonl"
        made = Pool(path, space, metric="score", higher_is_better=True)
        number = 0
        while len(made) < arguments.lines:
            architecture = space.sample(generator).canonical
            if architecture in made:
                continue
            score = float(sum(architecture.values) + generator.normal())
            candidate = Candidate(architecture, "random")
            made.append(Evaluation(id=len(made), candidate=candidate, round=number // 10, score=score, parameters=None))
            number += 1
        start = time.perf_counter()
        read = Pool(path, space, metric="score", higher_is_better=True)
        loaded = time.perf_counter() - start
        say(lines=len(read), mb=round(path.stat().st_size / 2**20, 1), load_seconds=round(loaded, 2))
        importlib.import_module("nao_tf.controller.fit")  # what trains has loaded TensorFlow before, in a search
        for name in arguments.strategies:
            strategy = STRATEGIES[name].make(space, 1)
            start = time.perf_counter()
            proposed = strategy.ask(read, read.last_round + 1, 10)
            say(strategy=name, proposals=len(proposed), seconds=round(time.perf_counter() - start, 2))


def strategies(arguments: argparse.Namespace) -> None:
    """Searches on invented scores, which cost nothing."""
    from nao_tf.architecture import RecurrentSpace
    from nao_tf.search.evaluator import FunctionEvaluator
    from nao_tf.search.loop import Rounds, search
    from nao_tf.search.pool import Pool
    from nao_tf.search.strategies import STRATEGIES

    space = RecurrentSpace()
    for name in arguments.strategies:
        row: dict[str, Any] = {"strategy": name}
        for count in arguments.count:
            found = Pool(None, space, metric="score", higher_is_better=True)
            start = time.perf_counter()
            search(
                STRATEGIES[name].make(space, 1),
                FunctionEvaluator(lambda architecture: float(sum(architecture.values))),
                pool=found,
                rounds=Rounds(budget=count, initial=20, proposals=10),
            )
            row[f"seconds_{count}"] = round(time.perf_counter() - start, 2)
            row[f"peak_mb_{count}"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        say(**row)


def pictures(arguments: argparse.Namespace) -> None:
    """A folder of classes, read as `--task=images` does, and an epoch of batches of its training pictures."""
    from PIL import Image

    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        root, classes = pathlib.Path(folder), 10
        content = []
        for _ in range(100):
            path = root / "one.png"
            Image.fromarray(generator.integers(0, 256, [16, 16, 3]).astype(np.uint8)).save(path)
            content.append(path.read_bytes())
            path.unlink()
        for number in range(arguments.count):
            place = root / f"class{number % classes}"
            place.mkdir(exist_ok=True)
            (place / f"{number}.png").write_bytes(content[number % len(content)])
        flags = f"--task=images --data_dir={root} --image_size=16 --work_dir={root}-work --budget=2 --initial=2 "
        flags += (
            "--strategy=random --search_steps=5 --search_filters=4 --search_layers=1 --steps=5 --filters=4 --layers=1 "
        )
        flags += "--batch_size=32 --baselines= --audited=0 --finalists=1 --noreport --executor=inline"
        start = time.monotonic()
        program = subprocess.Popen([sys.executable, str(ROOT / "bin" / "nao_search"), *flags.split()], cwd=folder)
        peak, begun, work = 0.0, None, pathlib.Path(f"{root}-work")
        while program.poll() is None:
            peak = max(peak, megabytes(program.pid))
            if begun is None and (work / "tensorboard").exists():
                begun = time.monotonic() - start
            time.sleep(0.1)
        if program.returncode:
            raise SystemExit(program.returncode)
        say(pictures=arguments.count, seconds_until_training=begun and round(begun, 1),
            seconds=round(time.monotonic() - start, 1), peak_mb=round(peak))  # fmt: skip


def numbers(text: str) -> list[int]:
    """Numbers with commas between."""
    return [int(part) for part in text.split(",")]


def names(text: str) -> list[str]:
    """Names with commas between."""
    return text.split(",")


def main() -> None:
    """Reads the arguments and measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("children", help="memory, files and processes of a search")
    one.add_argument("--count", type=int, default=1000)
    one.add_argument("--every", type=int, default=50, help="evaluations between two lines")
    one.add_argument("--steps", type=int, default=4, help="training steps of a child")
    one.add_argument("--workers", type=int, default=2)
    one.set_defaults(run=children)
    two = commands.add_parser("pool", help="seconds of reading a large pool, and of proposals")
    two.add_argument("--lines", type=int, default=100_000)
    two.add_argument("--strategies", type=names, default="random,evolution,local,nao", help="with commas between")
    two.set_defaults(run=pool)
    three = commands.add_parser("strategies", help="seconds of strategies by the number of evaluations")
    three.add_argument("--count", type=numbers, default="750,3000", help="with commas between")
    three.add_argument("--strategies", type=names, default="random,evolution,local", help="with commas between")
    three.set_defaults(run=strategies)
    four = commands.add_parser("pictures", help="seconds and memory of a large folder")
    four.add_argument("--count", type=int, default=200_000)
    four.add_argument("--folder", help="where the pictures are written; default: that of temporary files")
    four.set_defaults(run=pictures)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
