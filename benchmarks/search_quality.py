"""Compares search strategies on a table, with many seeds each: the quality of the result, and the evaluations it takes.

Prints a JSON line a strategy: mean and standard deviation over the seeds of the test figure of the cell that has the
best score among the first 100, 150, … evaluations; the number of evaluations until the best cell of the table was
evaluated (a seed that never reaches it counts as the largest budget; `found` is the number of seeds that do); duplicate
proposals, a search; the predictor's quality on cells outside the pool, at every budget; seconds a search. All that
again for the even and for the odd seeds: a claim that the two do not share is not made. Which strategy is ahead of
which in both halves is written to the error stream, and a picture shows the way there.

An evaluation is counted once per distinct canonical cell. A strategy may name a preset: nao:paper.

With --rungs=COLUMN:COST,COLUMN:COST a search climbs a ladder, whose last rung is the score, and all is counted in cost,
one evaluation on the last rung being 1: the budgets, and `cost_to_best`, which the lines then have in place of
`evaluations_to_best`, is the cost until the best cell of the table was evaluated on the last rung.

    python -m benchmarks.search_quality --table=FILE --strategies=nao,nao:paper,mlp,local --seeds=50
    python -m benchmarks.search_quality --table=FILE --strategies=nao --first_seed=1000    # to tune on
    python -m benchmarks.search_quality --table=FILE --rungs=c10_val_12ep:0.06,c10_val_200ep:1 --budgets=15,30
    python -m benchmarks.search_quality --table=FILE --strategies=nao --prior=pool.jsonl
    python -m benchmarks.search_quality --table=FILE --decisions=layer1,layer2 --score_column=acc_run1
"""

import argparse
import importlib.util
import itertools
import json
import os
import pathlib
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the matrices are small and the processes share the cores
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run by its path

import numpy as np  # noqa: E402

from benchmarks.searches import Contender, Course, Source, Work, compete, contender  # noqa: E402
from nao_tf.errors import InputError  # noqa: E402
from nao_tf.search.prior import Prior  # noqa: E402
from nao_tf.search.rungs import rungs_of  # noqa: E402
from nao_tf.search.strategies import STRATEGIES  # noqa: E402

EVALUATIONS_TO_BEST, COST_TO_BEST = "evaluations_to_best", "cost_to_best"
HALVES = {"all": (0, 1), "even": (0,), "odd": (1,)}  # of the seeds, by their remainder


def summary(courses: list[Course], budgets: list[int], *, to_best: str = EVALUATIONS_TO_BEST) -> dict:
    """Test figures at each budget and evaluations, or their cost, until the best cell, over the seeds."""
    largest = max(budgets)
    evaluations = [course.evaluations_to_best or largest for course in courses]
    tests = {budget: [course.test[min(budget, len(course.test)) - 1] for course in courses] for budget in budgets}
    return {
        "seeds": len(courses),
        "test": {
            str(budget): {"mean": round(float(np.mean(values)), 4), "std": round(_deviation(values), 4)}
            for budget, values in tests.items()
        },
        to_best: {
            "mean": round(float(np.mean(evaluations)), 2),
            "median": float(np.median(evaluations)),
            "found": sum(course.evaluations_to_best is not None for course in courses),
        },
    }


def _deviation(values):
    """The standard deviation of the distribution that the seeds are drawn from; 0 for one seed."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def line(
    contender: Contender, courses: list[Course], *, budgets: list[int], to_best: str = EVALUATIONS_TO_BEST
) -> dict:
    """The JSON line of a strategy."""
    predictor = {}
    for budget in budgets:
        rows = [course.predictor[budget] for course in courses if course.predictor]
        if rows:
            predictor[str(budget)] = {
                "pairwise_accuracy": round(float(np.mean([row["pairwise_accuracy"] for row in rows])), 4),
                "kendall_tau": round(float(np.mean([row["kendall_tau"] for row in rows])), 4),
                "held_out": rows[0]["held_out"],
                "seeds": len(rows),
            }
    halves = {
        name: summary(part, budgets, to_best=to_best)
        for name in ("even", "odd")
        if (part := [course for course in courses if course.seed % 2 in HALVES[name]])
    }
    return {
        "strategy": contender.label,
        **summary(courses, budgets, to_best=to_best),
        "duplicates": round(float(np.mean([course.duplicates for course in courses])), 2),
        "predictor": predictor,
        "seconds": round(float(np.mean([course.seconds for course in courses])), 3),
        "initial": contender.initial,
        "proposals": contender.proposals,
        "halves": halves,
    }


def agreement(lines: list[dict], budgets: list[int]) -> list[str]:
    """For every two strategies, the one that is ahead in each figure in both halves of the seeds."""

    def ahead(one, other, path, lower):
        for key in path:
            one, other = one[key], other[key]
        return 0 if one == other else (1 if (one < other) == lower else -1)

    # name, where it stands in a line, whether lower is better
    figures: list[tuple[str, tuple[str, ...], bool]] = [
        (f"test at {budget}", ("test", str(budget), "mean"), False) for budget in budgets
    ]
    to_best = COST_TO_BEST if COST_TO_BEST in lines[0] else EVALUATIONS_TO_BEST
    figures.append((to_best.replace("_", " "), (to_best, "mean"), True))
    sentences = []
    for one, other in itertools.combinations(lines, 2):
        parts = []
        for name, path, lower in figures:
            signs = {
                ahead(one["halves"][half], other["halves"][half], path, lower)
                for half in one["halves"].keys() & other["halves"].keys()
            }
            winner = {1: one["strategy"], -1: other["strategy"], 0: "neither"}
            parts.append(f"{name}: {winner[signs.pop()] if len(signs) == 1 else 'the halves disagree'}")
        sentences.append(f"{one['strategy']} or {other['strategy']}, who is ahead in both halves — {'; '.join(parts)}")
    return sentences


def draw(
    path: pathlib.Path,
    results: list[tuple[Contender, list[Course]]],
    *,
    budgets: list[int],
    test: str,
    unit: str = "evaluations",
) -> None:
    """The picture: test figure of the best so far with its standard error, and the share of seeds with the best cell.

    Args:
        path: of the PNG file.
        results: of every strategy.
        budgets: the largest ends the picture.
        test: the name of the test figure.
        unit: of the budgets.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(13, 5), layout="constrained")
    for each, courses in results:
        length = min(len(course.test) for course in courses)
        values = np.array([course.test[:length] for course in courses])  # [seeds, evaluations]
        evaluations, mean = np.arange(1, length + 1), values.mean(0)
        error = [_deviation(column) / np.sqrt(len(values)) for column in values.T]
        left.plot(evaluations, mean, label=f"{each.label} ({len(courses)} seeds)")
        left.fill_between(evaluations, mean - error, mean + error, alpha=0.2)
        reached = np.array([course.evaluations_to_best or np.inf for course in courses])
        right.plot(evaluations, [np.mean(reached <= number) for number in evaluations], label=each.label)
    every = np.concatenate([[course.test[-1] for course in courses] for _, courses in results])
    starts = [np.mean([course.test[min(19, len(course.test) - 1)] for course in courses]) for _, courses in results]
    if min(starts) < max(every):
        left.set_ylim(min(starts), max(every) + 0.05 * (max(every) - min(starts)))  # the first few would flatten all
    left.set(xlabel=unit, ylabel=f"{test} of the cell with the best score")
    right.set(xlabel=unit, ylabel="share of seeds that have evaluated the best cell", ylim=(0, 1.02))
    for axes in (left, right):
        axes.set_xlim(0, max(budgets))
        axes.grid(alpha=0.3)
        axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", required=True, help="CSV file with an arch column in NAS-Bench-201 notation")
    parser.add_argument("--score_column", default="c10_val_200ep")
    parser.add_argument("--test_column", default="c10_test_200ep")
    parser.add_argument("--rungs", help="COLUMN:COST,COLUMN:COST of a ladder; the last is the score")
    parser.add_argument(
        "--decisions", help="columns that make an architecture, with commas; the table has no column arch"
    )
    parser.add_argument(
        "--prior", help="pool.jsonl of other searches in the space, with commas, for strategies that learn"
    )
    parser.add_argument("--strategies", default=",".join(STRATEGIES))
    parser.add_argument("--seeds", type=int, default=50, help="how many seeds")
    parser.add_argument("--first_seed", type=int, default=0, help="tune on others than are reported")
    parser.add_argument(
        "--half", choices=HALVES, default="all", help="which of them: tune on one half, report on the other"
    )
    parser.add_argument("--budgets", default="100,150,300")
    parser.add_argument("--initial", type=int, help="random start; default: each strategy's own")
    parser.add_argument("--proposals", type=int, help="architectures a round; default: each strategy's own")
    parser.add_argument("--processes", type=int, help="default: one a core")
    parser.add_argument("--held_out", type=int, default=500, help="cells that judge a predictor; 0: none is judged")
    parser.add_argument("--predictor_seeds", type=int, default=10, help="seeds on which a predictor is judged")
    parser.add_argument("--picture", help="default: runs/search_quality.png")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Runs the comparison. Raises InputError."""
    given = parse(arguments)
    try:
        budgets = sorted({int(budget) for budget in given.budgets.split(",")})
    except ValueError:
        raise InputError(f"--budgets={given.budgets}; numbers with commas between them, such as 100,150,300") from None
    if given.first_seed < 0:
        raise InputError(f"--first_seed={given.first_seed}; at least 0")
    for name in ("seeds", "initial", "proposals", "processes"):
        if getattr(given, name) is not None and getattr(given, name) < 1:
            raise InputError(f"--{name}={getattr(given, name)}; at least 1")
    if budgets[0] < 1:
        raise InputError(f"--budgets={given.budgets}; at least 1 evaluation")
    given.rungs = rungs_of(given.rungs.split(",")) if given.rungs else ()
    if given.rungs:
        given.score_column = given.rungs[-1].name
    to_best = COST_TO_BEST if given.rungs else EVALUATIONS_TO_BEST
    every = range(given.first_seed, given.first_seed + given.seeds)
    seeds = [seed for seed in every if seed % 2 in HALVES[given.half]]
    if not seeds:
        raise InputError(f"--seeds={given.seeds} --half={given.half} leaves no seed")
    can_draw = importlib.util.find_spec("matplotlib") is not None
    if given.picture and not can_draw:
        raise InputError("--picture takes matplotlib: pip install '.[benchmarks]'")
    contenders = [
        contender(label, initial=given.initial, proposals=given.proposals) for label in given.strategies.split(",")
    ]
    decisions = tuple(name.strip() for name in given.decisions.split(",")) if given.decisions else ()
    path = pathlib.Path(given.table)
    source = Source(path, given.score_column, given.test_column, rungs=given.rungs, decisions=decisions)
    table = source.read()
    if given.prior:
        prior = Prior.read(given.prior.split(","), table.space)
        contenders = [each.with_prior(prior) for each in contenders]
    print(
        f"{given.table}: {len(table.rows):,} different cells, searched by {table.score_column}, "
        f"tested by {table.test_column}; the best cell has {table.best.score:g} and {table.best.test:g}",
        file=sys.stderr,
    )
    results, lines = [], []
    for each in contenders:
        start = time.perf_counter()
        judged = frozenset(seeds[: given.predictor_seeds])
        work = Work(each, seeds, source, budgets=budgets, held_out=given.held_out, judged=judged)
        courses = compete(work, processes=given.processes)
        results.append((each, courses))
        lines.append(line(each, courses, budgets=budgets, to_best=to_best))
        print(json.dumps(lines[-1]), flush=True)
        print(f"{each.label}: {time.perf_counter() - start:.1f} s for {len(seeds)} seeds", file=sys.stderr)
    if given.half == "all":
        print("\n".join(agreement(lines, budgets)), file=sys.stderr)
    if can_draw:
        picture = pathlib.Path(given.picture or ROOT / "runs" / "search_quality.png")
        unit = f"cost, in evaluations of {given.score_column}" if given.rungs else "evaluations"
        draw(picture, results, budgets=budgets, test=given.test_column, unit=unit)
        print(f"picture: {picture}", file=sys.stderr)
    else:
        print("no picture: matplotlib is not installed (pip install '.[benchmarks]')", file=sys.stderr)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
