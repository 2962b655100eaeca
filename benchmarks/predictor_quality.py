"""How well a controller ranks a table of NAS-Bench-201 that it has seen a small random part of.

    python -m benchmarks.predictor_quality --table=FILE --sizes=78,156,469,1563 --draws=10

Prints a JSON line a size: Kendall's tau-b between the predictions for all other rows and their figures, mean and
standard deviation over the draws. That is the protocol of the literature on predictors (78 rows are 0.5 % of 15,625):
every row counts with its own figure, also where several rows are the same computation, and the rows that are learnt are
drawn uniformly. The draws of a smaller size are the beginnings of those of a larger one.
"""

import argparse
import csv
import json
import os
import pathlib
import statistics
import sys
import time
from collections.abc import Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run by its path

import numpy as np  # noqa: E402

from nao_tf.architecture import Architecture, NasBench201Space  # noqa: E402
from nao_tf.controller.quality import kendall_tau  # noqa: E402
from nao_tf.controller.settings import PRESETS  # noqa: E402
from nao_tf.errors import InputError  # noqa: E402

BATCH = 4096  # architectures that are predicted at once


def rows_of(path: pathlib.Path, column: str) -> tuple[list[Architecture], np.ndarray]:
    """The architectures of a table and their figures, `[rows]`. Raises InputError."""
    space = NasBench201Space()
    with open(path, newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames is None or not {"arch", column} <= set(reader.fieldnames):
            raise InputError(f"{path} has no columns arch and {column}")
        rows = [(space.parse(row["arch"]), float(row[column])) for row in reader]
    return [architecture for architecture, _ in rows], np.array([figure for _, figure in rows])


def tau_of_draw(
    architectures: Sequence[Architecture], figures: np.ndarray, *, size: int, draw: int, preset: str
) -> float:
    """Kendall's tau on all rows that a controller has not learnt.

    Args:
        architectures: of all rows.
        figures: of all rows, higher is better.
        size: rows that it learns.
        draw: number of the draw, the seed of everything random.
        preset: of the controller.
    """
    from nao_tf.controller import Controller  # loads TensorFlow

    order = np.random.default_rng(draw).permutation(len(figures))
    learnt, others = order[:size], order[size:]
    controller = Controller.fit(
        NasBench201Space(),
        [architectures[index] for index in learnt],
        figures[learnt],
        settings=PRESETS[preset],
        seed=draw,
    )
    parts = np.array_split(others, max(1, len(others) // BATCH))
    predicted = [controller.predict([architectures[index] for index in part]).mean for part in parts]
    tau = kendall_tau(figures[others], np.concatenate(predicted))
    assert tau is not None, "all predictions or all figures are equal"
    return tau


def main(arguments: list[str] | None = None) -> None:
    """Measures. Raises InputError."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", required=True, type=pathlib.Path, help="CSV file with an arch column")
    parser.add_argument("--column", default="c10_test_200ep", help="the figure")
    parser.add_argument("--sizes", default="78,156,469", help="rows that are learnt, with commas")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--first_draw", type=int, default=0, help="tune on others than are reported")
    parser.add_argument("--preset", default="small", choices=PRESETS, help="of the controller")
    given = parser.parse_args(arguments)
    architectures, figures = rows_of(given.table, given.column)
    for size in (int(size) for size in given.sizes.split(",")):
        if not 2 <= size < len(figures):
            raise InputError(f"--sizes={given.sizes}: from 2 to {len(figures) - 1}")
        start = time.perf_counter()
        taus = [
            tau_of_draw(architectures, figures, size=size, draw=draw, preset=given.preset)
            for draw in range(given.first_draw, given.first_draw + given.draws)
        ]
        line = {
            "learnt": size,
            "kendall_tau": {"mean": round(statistics.mean(taus), 4), "std": round(statistics.pstdev(taus), 4)},
            "draws": given.draws,
            "preset": given.preset,
            "column": given.column,
            "seconds_a_draw": round((time.perf_counter() - start) / given.draws, 1),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
