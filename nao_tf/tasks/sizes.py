"""How large networks are: limits of what a search may propose, and objectives beside the score.

The sizes are those of the final model, not of the child that gave the score:

* `parameters`: trainable ones;
* `flops`: multiply-adds for one image, or for one token of a text;
* `latency_ms`: milliseconds of one request to the exported model.

Letters: N objectives.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nao_tf.architecture import Architecture, Bounded, Constraint, SearchSpace
from nao_tf.errors import InputError
from nao_tf.search.settings import SCORE, SIZES

if TYPE_CHECKING:
    from nao_tf.tasks.task import Latency, Task

LATENCY = "latency_ms"

LIMITS = {f"max_{name}": name for name in SIZES}  # flag -> size
_FORMS = {"parameters": "{:,.0f}", "flops": "{:,.0f}", "latency_ms": "{:.3g}"}


def size_text(name: str, size: float) -> str:
    """A size for people, without its name."""
    return _FORMS[name].format(size)


def limits_text(bounds: Mapping[str, float]) -> str:
    """Limits as the flags that they were given with."""
    return " and ".join(f"--{name}={bound:,.15g}" for name, bound in bounds.items())


def check_sizes(task: Task) -> None:
    """Refuses limits and objectives that say nothing about a task's networks.

    Raises:
        InputError: a size that the task does not know, or an objective in which its architectures do not differ.
    """
    objectives, others = [name for name in task.settings.objectives if name != SCORE], ", ".join(task.varying_sizes)
    for flag, size in LIMITS.items():
        if flag in task.settings.bounds and size not in task.sizes:
            raise InputError(
                f"--{flag} is of no use with --task={task.name}, which does not know the {size} of networks"
            )
    for name in objectives:
        if name in task.sizes and name not in task.varying_sizes:
            raise InputError(
                f"--objectives: all networks of --task={task.name} have equal {name}, which leaves nothing to choose; "
                f"what differs beside the {SCORE} is {others}"
            )
        if name not in task.sizes:
            raise InputError(
                f"--objectives: --task={task.name} does not know the {name} of networks; it has "
                f"{', '.join((SCORE, *task.varying_sizes))}"
            )


def all_sizes(task: Task, architecture: Architecture, *, latency: Latency | None) -> dict[str, float]:
    """The sizes of an architecture's final model, with the latency where something tells it."""
    sizes = task.sizes_of(architecture)
    return sizes if latency is None else {**sizes, LATENCY: latency.predict(architecture)}


def limited(
    space: SearchSpace, bounds: Mapping[str, float], *, task: Task, latency: Latency | None, of: str
) -> SearchSpace:
    """A space of which a search proposes only what keeps limits; the space itself where there are none.

    Args:
        space: the whole space.
        bounds: limits by the names of their flags.
        task: tells the sizes of an architecture's final model.
        latency: of networks; None: it is not limited yet.
        of: what the final models have in common, for errors ("3 layers of 16 filters").

    Raises:
        ArchitectureError: no architecture is so small.
    """
    bounds = {name: bound for name, bound in bounds.items() if latency is not None or LIMITS[name] != LATENCY}
    if not bounds:
        return space

    @functools.cache
    def excess(architecture: Architecture) -> float:
        sizes = all_sizes(task, architecture, latency=latency)
        return max(sizes[LIMITS[name]] / bound for name, bound in bounds.items())

    bounded = Bounded(space, Constraint(excess, f"{limits_text(bounds)} with {of}"))
    bounded.sample(np.random.default_rng(0))  # refused before anything is written
    return bounded


def front(goodness: Sequence[Sequence[float]]) -> list[int]:
    """The places of what nothing surpasses: no other is at least as good in all and better in one of N objectives.

    Args:
        goodness: of each, N figures, higher is better.

    Returns:
        The places, the highest first figure first. Of several with equal figures the first one's.
    """
    kept: list[int] = []
    # nothing is surpassed by what comes after it in this order
    for place in sorted(range(len(goodness)), key=lambda place: [-figure for figure in goodness[place]]):
        own = goodness[place]
        if not any(all(a >= b for a, b in zip(goodness[other], own, strict=True)) for other in kept):
            kept.append(place)
    return kept
