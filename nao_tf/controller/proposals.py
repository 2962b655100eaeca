"""New architectures by gradient ascent of fitted controllers (NAO, algorithm 1, lines 5 and 6).

Letters: C controllers, E members of an ensemble, B architectures of a batch, T tokens, K step sizes.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nao_tf.architecture import Architecture
from nao_tf.controller.batching import in_parts, predict_members

if TYPE_CHECKING:  # it uses this module
    from nao_tf.controller.fitted import FittedController


@dataclasses.dataclass(frozen=True)
class Proposal:
    """An architecture that gradient ascent came to.

    Attributes:
        architecture: in canonical form.
        parent: the architecture that the ascent, or the first of several, started from.
        step_size: eta of the ascent that led there, the smallest of those asked for.
        predicted: the mean of the members' predictions for the architecture itself, higher is better.
        spread: their standard deviation.
    """

    architecture: Architecture
    parent: Architecture
    step_size: float
    predicted: float
    spread: float


def improve_together(
    controllers: Sequence[FittedController],
    architectures: Sequence[Sequence[Architecture]],
    step_sizes: Sequence[float],
    ascents: int = 1,
    exploration: float = 0.0,
) -> list[list[Proposal]]:
    """The proposals of several controllers, as `FittedController.improve` gives them, by batched programs.

    Args:
        controllers: `[C]`, with the same settings and space.
        architectures: where each of them starts, `[C]` of `[B]` each.
        step_sizes: eta, positive.
        ascents: how often; every further ascent starts from the most promising of what those before came to, as many
            as the first started from.
        exploration: kappa; proposals are ranked by the mean of the members' predictions and kappa times their standard
            deviation, an upper confidence bound (Srinivas et al., 2010). 0: by the mean alone.

    Raises:
        ValueError: as `FittedController.improve`.
    """
    sizes = np.sort(np.asarray(step_sizes, np.float32).reshape(-1))  # [K]
    if not len(sizes) or not np.all(sizes > 0) or not np.all(np.isfinite(sizes)):
        raise ValueError(f"step sizes {list(step_sizes)}; at least one, all positive and finite")
    if ascents < 1:
        raise ValueError(f"{ascents} ascents; at least one")
    starts = [{cell.canonical: cell for cell in part} for part in architectures]  # the root of each
    left = [dict.fromkeys(part) for part in starts]  # where an ascent has started
    found: list[dict[Architecture, Proposal]] = [{} for _ in controllers]
    for ascent in range(ascents):
        some = [index for index, of_search in enumerate(starts) if of_search or ascent == 0]
        new = _ascend_together([controllers[index] for index in some], [starts[index] for index in some], sizes)
        for index, of_search in zip(some, new, strict=True):
            found[index] = {**of_search, **found[index]}  # what came first stays
            best = _ranked((found[index][cell] for cell in found[index].keys() - left[index].keys()), exploration)
            starts[index] = {cell.architecture: cell.parent for cell in best[: len(architectures[index])]}
            left[index].update(dict.fromkeys(starts[index]))
    return [
        _ranked((of_search[cell] for cell in of_search.keys() - {cell.canonical for cell in part}), exploration)
        for of_search, part in zip(found, architectures, strict=True)
    ]


def _ranked(proposals, exploration):
    """Proposals, the most promising first."""
    return sorted(
        proposals,
        key=lambda proposal: (-proposal.predicted - exploration * proposal.spread, proposal.architecture.values),
    )


def _ascend_together(controllers, starts, sizes) -> list[dict[Architecture, Proposal]]:
    """What one ascent of each controller comes to, from starts whose roots are given: `{canonical start: root}`."""
    tokens = [controller.space.token_array(list(part)) for controller, part in zip(controllers, starts, strict=True)]
    moved = in_parts(controllers, tokens, lambda program: functools.partial(program.improve, step_sizes=sizes), 1)
    found = [
        _distinct(controller.space, part, candidates, sizes)
        for controller, part, candidates in zip(controllers, starts, moved, strict=True)
    ]
    proposals: list[dict[Architecture, Proposal]] = [{} for _ in controllers]
    some = [index for index, of_search in enumerate(found) if of_search]  # the others came to nothing new
    predicted = predict_members([controllers[index] for index in some], [list(found[index]) for index in some])
    for index, scores in zip(some, predicted, strict=True):
        for (cell, (root, size)), of_members in zip(found[index].items(), scores.T, strict=True):
            proposals[index][cell] = Proposal(cell, root, size, float(of_members.mean()), float(of_members.std()))
    return proposals


def _distinct(space, starts, candidates, sizes):
    """What an ascent came to, `[K, E, B, T]`, by canonical architecture: the root of its start, and the step size."""
    found: dict[Architecture, tuple[Architecture, float]] = {}
    canonical: dict[tuple[int, ...], Architecture] = {}
    for size, of_size in zip(sizes, candidates, strict=True):
        for of_member in of_size:  # [B, T]
            for (start, root), string in zip(starts.items(), map(tuple, of_member.tolist()), strict=True):
                if string not in canonical:
                    canonical[string] = space.from_tokens(string).canonical
                if canonical[string] != start:
                    found.setdefault(canonical[string], (root, float(size)))
    return found
