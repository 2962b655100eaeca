"""bin/nao_search: search, train the best to the end, test the winner, export it, compare it, report it."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from nao_tf import files
from nao_tf.architecture import Architecture, ArchitectureError
from nao_tf.cli import flags
from nao_tf.cli.help import Usage
from nao_tf.cli.main import load_tensorflow, tell_end_to
from nao_tf.cli.main import run as run_program
from nao_tf.cli.report import write_after, write_table
from nao_tf.errors import InputError
from nao_tf.observer import Observer
from nao_tf.report.dry_run import dry_run_table, row_of_size, rows_of_cost, rows_of_data, rows_of_search
from nao_tf.report.shown import observer_of
from nao_tf.search.executors import EXECUTORS, Executor
from nao_tf.search.strategies import STRATEGIES
from nao_tf.settings import plain
from nao_tf.study import audit, fidelity
from nao_tf.study.rivals import searches_of
from nao_tf.study.study import Study
from nao_tf.tasks.sizes import check_sizes
from nao_tf.tasks.task import Task

FIDELITY = ("auto", "measure")

USAGE = Usage(
    "searches a network, trains the best to the end, tests and exports it, and compares it with rivals.",
    {
        "--task=ptb --data_dir=FOLDER --work_dir=runs/ptb": "a recurrent cell for a text; the same command goes on",
        "--task=table --table=FILE.csv --decisions=depth,width --score_column=accuracy": "the best row of any table",
    },
    ("task", "data_dir", "table", "work_dir", "budget", "minutes", "strategy", "baselines", "final_seeds", "dry_run"),
)


def run() -> None:
    """The program."""
    flags.define_task()
    flags.define("work_dir", "Everything a run writes; default runs/<task>. The same command goes on with it.")
    flags.define("strategy", "What proposes architectures.", choices=STRATEGIES, default="nao", group=flags.SEARCH)
    flags.define(
        "baselines",
        f"What else gets the same budget, with commas between: {', '.join(STRATEGIES)}, or a hand-made network (lstm "
        "for text, resnet for images); or nothing. Default: the hand-made network, random for a table.",
        group=flags.SEARCH,
    )
    flags.define(
        "architecture",
        "Architectures that are evaluated first: integers, readable form or published names, with ';' between.",
        group=flags.SEARCH,
    )
    flags.define(
        "prior",
        "The pool.jsonl of other runs in the same space, with commas between: what they tell is used.",
        group=flags.SEARCH,
    )
    flags.define(
        "fidelity",
        "How long children must train for their scores to rank: measure it on the data and end, or auto, take a tenth "
        "of the budget for it and search with the best lengths. With --rungs among those, else around the preset's.",
        choices=FIDELITY,
        group=flags.SEARCH,
    )
    flags.define("seed", "Same seed, same device, same versions: same pool.", default=1)
    flags.define("executor", "Where children are trained from scratch; default processes.", choices=EXECUTORS)
    flags.define("workers", "Children at a time: a number, or auto, one a GPU or core.", default="auto")
    flags.define("child_minutes", "A child that takes longer has failed.")
    flags.define(
        "child_resources",
        "What a child needs on a cluster, such as CPU=1,GPU=0.5 (ray) or slurm_partition=gpu,mem_gb=8 (slurm: "
        "parameters of submitit).",
    )
    flags.define("ray_address", "Of a Ray cluster; default: RAY_ADDRESS, or one on this machine for this run.")
    flags.define(
        "minutes",
        "For everything, final trainings and comparisons too: the searches end in time. Without --budget they evaluate "
        "as many architectures as fit; the number is told, and --budget of it gives the same pool.",
    )
    flags.define("distribution", "Training on several GPUs.", choices=flags.DISTRIBUTIONS, default="auto")
    flags.define_output()
    flags.define(
        "csv",
        "File for a table of all evaluations, when all is done; nao_report writes it later too.",
        group=flags.OUTPUT,
    )
    run_program(main, USAGE)


def main() -> None:
    """Runs with the flags as they were parsed."""
    kind, name, strategy = flags.task_class(), flags.value("task"), flags.value("strategy")
    settings, seed, baselines = flags.settings(), flags.seed(), flags.baselines(kind.default_baselines)
    minutes, lengths = flags.minutes(), flags.value("fidelity")
    flags.check_output()
    if lengths == "auto" and minutes is not None:
        raise InputError("--fidelity=auto takes a part of --budget, and --minutes has none; give --budget alone")
    by_time = minutes is not None and not flags.is_given("budget")
    if by_time:
        settings = dataclasses.replace(settings, budget=flags.ANY_NUMBER)
    Study.rivals_of(kind, baselines, strategy=strategy)  # refused before data are read
    # sums depend on the number of threads: with one, a pool does not depend on the cores of the machine
    threads = None if getattr(settings, "weight_sharing", False) else 1
    if name in kind.reads_with_tensorflow or (kind.uses_tensorflow and settings.bounds):
        load_tensorflow(threads=threads)  # to read the data, or to know the sizes of networks
    task = kind.load(name, settings)
    check_sizes(task)
    given, prior = flags.architectures(task), flags.prior(task, [strategy, *baselines])
    work = flags.value("work_dir") or f"runs/{name}"
    make_executor = flags.executor(task, folder=pathlib.Path(work))
    if lengths is not None:
        fidelity.check(task)
        tried = fidelity.candidates(task.settings, affordable=lengths == "auto")
    if flags.value("dry_run"):
        if task.uses_tensorflow:
            load_tensorflow(threads=threads)
        told = dry_run(task, given, strategy=strategy)
        rows = [
            *rows_of_data(task, told),
            *rows_of_search(
                task,
                Study.rounds_of(task, strategy),
                strategy=strategy,
                baselines=baselines,
                minutes=minutes,
                by_time=by_time,
                work=work,
            ),
            row_of_size(told),
            *([] if lengths is None else [("fidelity", f"of {', '.join(map(str, tried))} training steps, measured")]),
            *_cost(task, strategy, baselines=baselines, by_time=by_time, work=pathlib.Path(work)),
        ]
        lines = (*task.data_lines()[:-1], task.length_line(), *_refusals(task, given), dry_run_table(rows))
        print(*filter(None, lines), sep="\n", file=sys.stderr)
        print(json.dumps(told))
        return
    task.require_data()
    if flags.value("csv") is not None:
        files.check_output(flags.value("csv"), name="--csv")
    measured = executor = None
    if lengths is not None:
        load_tensorflow(threads=threads)
        with_rungs = task.with_settings(dataclasses.replace(task.settings, rungs=tried))
        executor = make_executor()
        measured = _measure(Study(with_rungs, work, seed=seed), executor)
        if lengths == "measure":
            print(json.dumps(measured.to_json()))
            return
        task = task.with_settings(fidelity.with_lengths(task.settings, measured))
    study = Study(
        task,
        pathlib.Path(work),
        fidelity=measured,
        strategy=strategy,
        seed=seed,
        given=[task.member(architecture) for architecture in given],
        minutes=minutes,
        prior=prior,
    )
    study.claim(baselines)
    study.executor = executor or make_executor()
    flags.write_flagfile(study.work.path / "flags.txt")
    with_tensorflow = study.needs_tensorflow(baselines)
    if with_tensorflow:
        load_tensorflow(threads=threads)
        study.devices = flags.devices()
    study.observer = _observer(study, with_tensorboard=with_tensorflow)
    study.run(baselines)
    if flags.value("csv") is not None:
        write_table(study.work.path)
    if flags.value("report"):
        write_after(study.work.path, study.observer.notice)


def _measure(study: Study, executor: Executor | None) -> fidelity.Fidelity:
    """Measures what scores of several lengths are worth, and tells it."""
    fidelity.claim(study.task, study.work, seed=study.seed)
    observer = _observer(study, with_tensorboard=False, live=False)  # the display is that of the search
    measured = fidelity.measure(study.task, study.work, seed=study.seed, executor=executor, observer=observer)
    for line in (*measured.table(), *measured.words):
        observer.notice(f"fidelity: {line}")
    return measured


def _observer(study: Study, *, with_tensorboard: bool, live: bool = True) -> Observer:
    quiet, verbose = flags.value("quiet"), flags.value("verbose")
    return observer_of(
        study, with_tensorboard=with_tensorboard, quiet=quiet, verbose=verbose, live=live, tell_end_to=tell_end_to
    )


def _cost(task, strategy, *, baselines, by_time, work):
    """Rows about the minutes and the bytes of a search."""
    from nao_tf.study import estimate  # loads what trains

    plan = estimate.Plan(
        evaluations=Study.rounds_of(task, strategy).budget,
        searches=len(searches_of(strategy, baselines)),
        finalists=task.settings.finalists,
        hand_made=task.rival in baselines,
        workers=flags.workers(),
        audited=audit.count_of(task.settings) if task.independent_scores else 0,
    )
    time = estimate.Duration(None, None, "the run ends with --minutes")
    if not by_time:
        time = estimate.duration(task, plan, work=work, seed=flags.seed(), timed=flags.value("estimate"))
    return rows_of_cost(time, estimate.disk(task, plan, parameters=task.typical_parameters()))


def _refusals(task, given):
    """A line for each given architecture that has a size, but that the search would refuse."""
    for architecture in given:
        try:
            task.member(architecture)
        except ArchitectureError as error:
            yield f"NOTICE: a search would refuse the architecture {architecture}: {error}"


def dry_run(task: Task, given: Sequence[Architecture], *, strategy: str) -> dict[str, Any]:
    """The data, the size of the first given architecture's final model, and the resolved settings."""
    architecture = given[0] if given else None
    rounds = Study.rounds_of(task, strategy)
    return {
        "task": task.name,
        **task.description(architecture),
        "strategy": strategy,
        "architecture": None if architecture is None else list(architecture.values),
        "text": None if architecture is None else architecture.text,
        "settings": {**plain(task.settings), "initial": rounds.initial, "proposals": rounds.proposals},
    }
