"""What a dry run tells people: a table of the data, of what will be trained, how long it takes and what it writes."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nao_tf.architecture import Architecture
from nao_tf.search.loop import Rounds
from nao_tf.study.estimate import Duration
from nao_tf.study.rivals import searches_of
from nao_tf.tasks.sizes import limits_text
from nao_tf.tasks.task import Task

LONGEST = 100  # characters of a row's architecture


def dry_run_table(rows: Iterable[tuple[str, str]]) -> str:
    """Rows of a name and what there is to tell; those with nothing are left out."""
    told = [(name, text) for name, text in rows if text]
    width = max(len(name) for name, _ in told)
    return "\n".join(f"  {name:{width}s}  {text}" for name, text in told)


def rows_of_data(task: Task, description: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is learned from.

    Args:
        task: of the run.
        description: see `Task.description`.
    """
    sizes = ""
    if "tokens" in description:
        sizes = ", ".join(f"{count:,} {part}" for part, count in description["tokens"].items()) + " tokens"
    elif "image_shape" in description:
        sizes = " x ".join(map(str, description["image_shape"])) + " pixels and channels"
    return [("data", task.data_lines()[-1]), ("sizes", sizes)]


def rows_of_search(
    task: Task,
    rounds: Rounds,
    *,
    strategy: str,
    baselines: Sequence[str],
    minutes: float | None,
    by_time: bool,
    work: str,
) -> list[tuple[str, str]]:
    """What a search evaluates, and what is trained after it.

    Args:
        task: of the run.
        rounds: of the strategy.
        strategy: its name.
        baselines: what it is compared with.
        minutes: that everything has; None: the budget decides.
        by_time: whether the minutes decide alone.
        work: the work directory.
    """
    settings = task.settings
    climbs = task.climbs
    amount = f"{rounds.budget:,} architectures" if not climbs else f"a cost of {rounds.budget:,} full evaluations"
    if by_time:
        amount = f"as many architectures as fit into {minutes:g} minutes"
    elif minutes is not None:
        amount += f", or as many as fit into {minutes:g} minutes"
    plan = f"{rounds.initial:,} at first, then {rounds.proposals:,} a round"
    if not climbs and rounds.budget < rounds.initial:
        plan = f"within the first round of {rounds.initial:,}, which no score guides"
    score = getattr(settings, "score", None)
    steps = getattr(score, "steps", None)
    each = "a look-up" if not task.uses_tensorflow else ""
    if steps is not None:
        shared = getattr(settings, "weight_sharing", False)
        lengths = " or ".join(f"{length:,}" for length in getattr(settings, "rungs", ()) or (steps,))
        each = f"{lengths} training steps " + ("of one shared child a round" if shared else "each, from scratch")
    finals = f"the best {settings.finalists:,}" if settings.finalists > 1 else "the best"
    return [
        ("search", f"{strategy}: {amount}; {plan}"),
        ("a score", each),
        ("limits", limits_text(settings.bounds)),
        ("objectives", ", ".join(settings.objectives) if len(settings.objectives) > 1 else ""),
        *_rows_of_final(task, finals),
        ("rivals", _rivals(task, baselines, strategy)),
        ("work directory", _place(work)),
    ]


def rows_of_training(
    task: Task, architecture: Architecture, *, baselines: Sequence[str], work: str
) -> list[tuple[str, str]]:
    """What the training of one architecture trains.

    Args:
        task: of the run.
        architecture: is trained.
        baselines: what it is compared with.
        work: the work directory.
    """
    text = architecture.text if len(architecture.text) <= LONGEST else f"{architecture.text[:LONGEST]}…"
    return [
        *_rows_of_final(task, f"the {task.noun} {text}"),
        ("rivals", _rivals(task, baselines, "")),
        ("work directory", _place(work)),
    ]


def row_of_size(description: Mapping[str, Any]) -> tuple[str, str]:
    """How large a final model is, as far as that is known.

    Args:
        description: see `Task.description`.
    """
    parameters, multiply_adds = description.get("parameters"), description.get("multiply_adds")
    words = [] if parameters is None else [f"{parameters:,} parameters"]
    words += [] if multiply_adds is None else [f"{multiply_adds:,} multiply-adds an image"]
    return "size", ", ".join(words)


def rows_of_cost(duration: Duration, disk: float | None) -> list[tuple[str, str]]:
    """How long a run takes on this machine, and what it writes.

    Args:
        duration: see `nao_tf.study.estimate`.
        disk: bytes; None: they cannot be told.
    """
    parts = [(duration.search, "of the search"), (duration.final, "of final trainings")]
    told = [(seconds / 60, words) for seconds, words in parts if seconds is not None]
    minutes = f"not estimated: {duration.reason}"
    if told:
        each = ", ".join(f"{_rounded(one)} {words}" for one, words in told)
        minutes = f"about {_rounded(sum(one for one, _ in told))}: {each}, {duration.reason}; exports come on top"
    return [("minutes", minutes), ("disk", "" if disk is None else f"about {_rounded(disk / 1e6)} MB")]


def _rounded(number: float) -> str:
    """Two digits that mean something."""
    return f"{float(f'{number:.2g}'):,.10g}"


def _rows_of_final(task, what) -> list[tuple[str, str]]:
    steps, seeds = getattr(task.final_settings(), "steps", None), task.settings.final_seeds
    if steps is None:
        return [("then", f"{what}, tested")]
    trained = f"trained for {steps:,} steps" + (f" with {seeds} seeds each" if seeds > 1 else "")
    return [("to the end", f"{what}, {trained}")]


def _rivals(task, baselines, strategy) -> str:
    """The rivals, and what each is given."""
    searches = [name for name in searches_of(strategy, baselines) if name != strategy]
    words = [f"{task.rival}, hand-made, of equal size for as many seconds"] if task.rival in baselines else []
    if searches:
        words.append(f"{', '.join(searches)} with the same budget and final training")
    return "; ".join(words)


def _place(work) -> str:
    path = pathlib.Path(work)
    there = path.is_dir() and any(path.iterdir())
    return f"{work}, which holds a run already: the same command goes on with it" if there else work
