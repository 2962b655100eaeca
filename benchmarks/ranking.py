"""Does the score of the search rank architectures as training them longer does?

Scores random cells, or with --task=cifar10 pairs of cells, as the preset's search does, then trains each from scratch
for an epoch of the text or five of the images (or `--truth_steps`) with two other seeds and a schedule of its own, and
prints Kendall's tau between the score and each truth, beside the tau between the two truths: the most that any score
can reach. A JSON line a cell goes to --log, and a run goes on from it. With --pool the cells are those of a search,
from the best to the worst in even distances, and the score is the one that the search saw.

    python benchmarks/ranking.py --data_dir=FOLDER --cells=16 --log=ranking.jsonl
    python benchmarks/ranking.py --task=cifar10 --data_dir=FOLDER --cells=12 --log=ranking_of_images.jsonl
    python benchmarks/ranking.py --task=cifar10 --data_dir=FOLDER --cells=12 --pool=runs/cifar10/pool.jsonl
"""

import argparse
import copy
import dataclasses
import json
import pathlib
import sys
import time
from collections.abc import Callable

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from nao_tf.architecture import Architecture, SearchSpace  # noqa: E402
from nao_tf.controller.quality import kendall_tau  # noqa: E402
from nao_tf.data.streams import streams, window_count  # noqa: E402
from nao_tf.search.pool import Pool  # noqa: E402
from nao_tf.settings import replaced  # noqa: E402
from nao_tf.tasks.images import ImageTask  # noqa: E402
from nao_tf.tasks.language import LanguageTask  # noqa: E402
from nao_tf.tasks.task import Task, without_ladder  # noqa: E402


@dataclasses.dataclass(frozen=True)
class Ranked:
    """A task whose scores are measured.

    Attributes:
        task: of the package.
        unit: of the validation loss.
        truth: settings of the training that is the truth; they stay when the preset's score changes.
        truth_steps: training steps of the truth, unless the command line names others.
        loss: the validation loss that a child has for an architecture.
    """

    task: Task
    unit: str
    truth: dict
    truth_steps: int
    loss: Callable

    def child(self, settings):
        """The child of some settings, as a search trains it from scratch."""
        return with_score(self.task, settings, weight_sharing=False).evaluator(seed=0).child

    def shared_child(self, settings):
        """The shared child of some settings."""
        return with_score(self.task, settings, weight_sharing=True).evaluator(seed=0, directory=".").child


def with_score(task: Task, score, *, weight_sharing: bool) -> Task:
    """The task with other settings of its scores."""
    changed = copy.copy(task)
    changed.settings = dataclasses.replace(task.settings, score=score, weight_sharing=weight_sharing)
    return changed


def text_task(data_dir: str | None) -> Ranked:
    """Penn Treebank."""
    settings = without_ladder(LanguageTask.presets("ptb", "cpu", weight_sharing=False))
    task = LanguageTask.load("ptb", replaced(settings, "data.directory", value=data_dir))
    score = settings.score
    return Ranked(
        task=task,
        unit="token",
        truth={"learning_rate": 1e-2, "warmup": 0},
        truth_steps=window_count(streams(task.corpus.train, score.batch_size), score.window),
        loss=lambda child, architecture: child.likelihood(architecture),
    )


def image_task(data_dir: str | None) -> Ranked:
    """CIFAR-10."""
    settings = ImageTask.presets("cifar10", "cpu", weight_sharing=False)
    task = ImageTask.load("cifar10", replaced(settings, "data.directory", value=data_dir))
    return Ranked(
        task=task,
        unit="image",
        truth={"learning_rate": 0.1, "warmup": 10},
        truth_steps=5 * (len(task.data.train) // settings.score.batch_size),
        loss=lambda child, architecture: child.score(architecture),
    )


def from_scratch(ranked: Ranked, settings) -> Callable[[Architecture, int], float]:
    """What trains an architecture under a seed and returns its validation loss."""
    child = ranked.child(settings)

    def loss(architecture, seed):
        child.train(architecture, seed=seed)
        return ranked.loss(child, architecture)

    return loss


def in_shared_child(ranked: Ranked, architectures: list[Architecture], *, steps: int, seed: int) -> list[float]:
    """The validation losses in one shared child."""
    shared = type(ranked.task).presets(ranked.task.name, "cpu", weight_sharing=True).score
    child = ranked.shared_child(dataclasses.replace(shared, steps=steps))
    child.start(seed)
    child.train_together(architectures, seed=seed)
    return [ranked.loss(child, architecture) for architecture in architectures]


TASKS = {"ptb": text_task, "cifar10": image_task}


def random_cells(space: SearchSpace, count: int, seed: int) -> list:
    """Different random cells."""
    generator, cells = np.random.default_rng(seed), []
    while len(cells) < count:
        cell = space.sample(generator)
        if cell not in cells:
            cells.append(cell)
    return cells


def cells_of_pool(pool: Pool, count: int) -> tuple[list, list[float]]:
    """Cells of a search from its best to its worst in even distances, and their scores."""
    ranked = pool.ranked
    if count > len(ranked):
        sys.exit(f"error: {pool.path} has {len(ranked)} scored cells, and --cells={count} are asked for")
    chosen = [ranked[index] for index in np.linspace(0, len(ranked) - 1, count).round().astype(int)]
    return [row.candidate.architecture for row in chosen], [row.score for row in chosen]


def main() -> None:
    """Runs the measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=TASKS, default="ptb")
    parser.add_argument("--data_dir")
    parser.add_argument("--cells", type=int, default=16)
    parser.add_argument("--pool", help="pool.jsonl of a search; default: random cells")
    parser.add_argument("--seed", type=int, default=11, help="which cells, and the seeds of the truths")
    parser.add_argument("--search_seed", type=int, default=1)
    parser.add_argument("--steps", type=int, help="of the score; default: the preset's")
    parser.add_argument("--learning_rate", type=float, help="of the score; default: the preset's")
    parser.add_argument("--warmup", type=int, help="of the score; default: the preset's")
    parser.add_argument("--shared_steps", type=int, default=0, help="score by one shared child too")
    parser.add_argument("--truth_steps", type=int, help="default: see above")
    parser.add_argument("--truths", type=int, default=2, help="how many, each with a seed of its own")
    parser.add_argument("--log", default="ranking.jsonl")
    arguments = parser.parse_args()
    ranked = TASKS[arguments.task](arguments.data_dir)
    table = {}
    if arguments.pool:
        metric = ranked.task.metric.name
        pool = Pool(arguments.pool, ranked.task.space, metric=metric, higher_is_better=False)
        cells, table["pool"] = cells_of_pool(pool, arguments.cells)
    else:
        cells = random_cells(ranked.task.space, arguments.cells, arguments.seed)

    scratch, columns = ranked.task.settings.score, {}
    if not arguments.pool:
        changes = {name: getattr(arguments, name) for name in ("steps", "learning_rate", "warmup")}
        changes = {name: value for name, value in changes.items() if value is not None}
        scored = dataclasses.replace(scratch, **changes)
        name = f"score_{scored.steps}_{scored.learning_rate}_{scored.warmup}_{arguments.search_seed}"
        columns[name] = (from_scratch(ranked, scored), arguments.search_seed)
    if arguments.truths:
        truth_steps = arguments.truth_steps or ranked.truth_steps
        judge = from_scratch(ranked, dataclasses.replace(scratch, steps=truth_steps, **ranked.truth))
        for index in range(arguments.truths):
            columns[f"truth_{truth_steps}_{chr(ord('a') + index)}"] = (judge, arguments.seed + 1000 * (index + 1))

    log = pathlib.Path(arguments.log)
    known = {}
    if log.exists():
        for line in log.read_text().splitlines():
            row = json.loads(line)
            known[row["column"], row["cell"]] = row["valid"]
    seconds = {}
    for column, (loss_of, seed) in columns.items():
        for cell in cells:
            if (column, str(cell)) not in known:
                start = time.perf_counter()
                valid = loss_of(cell, seed)
                seconds.setdefault(column, []).append(time.perf_counter() - start)
                known[column, str(cell)] = valid
                with open(log, "a") as file:
                    file.write(json.dumps({"column": column, "cell": str(cell), "valid": valid}) + "\n")
            table.setdefault(column, []).append(known[column, str(cell)])
    if arguments.shared_steps:
        start, column = time.perf_counter(), f"shared_{arguments.shared_steps}"
        table[column] = in_shared_child(ranked, cells, steps=arguments.shared_steps, seed=arguments.search_seed)
        seconds[column] = [(time.perf_counter() - start) / len(cells)]

    kind = "cells of a search" if arguments.pool else "random cells"
    name = ranked.task.dataset()["dataset"]
    print(f"{name}, {len(cells)} {kind}, validation negative log likelihood in nats a {ranked.unit}")
    for column, values in table.items():
        spent = f", {np.median(seconds[column]):.1f} s a cell" if column in seconds else ""
        print(f"{column}: mean {np.mean(values):.4f}, spread {np.std(values):.4f}{spent}")
    names = list(table)
    for index, one in enumerate(names):
        for other in names[index + 1 :]:
            print(f"kendall_tau {one} ~ {other}: {kendall_tau(np.array(table[one]), np.array(table[other])):.3f}")


if __name__ == "__main__":
    main()
