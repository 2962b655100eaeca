"""New architectures by gradient ascent from known ones (NAO, algorithm 1, lines 5 and 6).

Letters: E members of an ensemble, B architectures of a batch, T tokens, K step sizes, N architectures.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from nao_tf.architecture import Architecture, SearchSpace
from nao_tf.controller.prediction import Prediction


@dataclasses.dataclass(frozen=True)
class Proposal:
    """An architecture at the end of a gradient ascent.

    Attributes:
        architecture: in canonical form.
        parent: the start of the ascent, or of the first of several.
        step_size: eta of the ascent, the smallest that leads to the architecture.
        predicted: the mean of the members' predictions for the architecture itself, higher is better.
        spread: their standard deviation.
        origin: as in `nao_tf.search.pool.Candidate`.
    """

    architecture: Architecture
    parent: Architecture
    step_size: float
    predicted: float
    spread: float
    origin: str = "ascent"


def propose(
    space: SearchSpace,
    starts: Sequence[Architecture],
    *,
    step_sizes: Sequence[float],
    ascend: Callable[[Sequence[Architecture], np.ndarray], np.ndarray],
    predict: Callable[[Sequence[Architecture]], np.ndarray],
    ascents: int = 1,
    exploration: float = 0.0,
) -> list[Proposal]:
    """New architectures by gradient ascent from each start, by each member, with each step size.

    Args:
        space: of the architectures.
        starts: usually the best of the pool, `[B]`.
        step_sizes: eta, `[K]`, positive; the authors use 1, 2, 3, … and 10, 20, 30.
        ascend: the ascent of a controller, `(architectures [B], step sizes [K]) -> tokens int32 [K, E, B, T]`.
        predict: its members' predictions, `architectures [N] -> scores [E, N]`.
        ascents: number of ascents; each one after the first starts from the most promising results of those before, as
            many as there are starts.
        exploration: kappa; proposals are ranked by the mean of the members' predictions plus kappa times their standard
            deviation, an upper confidence bound (Srinivas et al., 2010). 0: by the mean alone.

    Returns:
        The proposals, the most promising first; each architecture once, and none of the starts.

    Raises:
        ValueError: no start, one of another space, no step size, or one that is not positive.
    """
    sizes = np.sort(np.asarray(step_sizes, np.float32).reshape(-1))  # [K]
    if not len(sizes) or not np.all(sizes > 0) or not np.all(np.isfinite(sizes)):
        raise ValueError(f"step sizes {list(step_sizes)}; at least one, all positive and finite")
    if ascents < 1:
        raise ValueError(f"{ascents} ascents; at least one")
    given = {architecture.canonical: architecture for architecture in starts}
    root_of = given  # where the next ascent starts: canonical form -> the given start at the root of its ascents
    visited = set(given)
    proposals: dict[Architecture, Proposal] = {}
    for ascent in range(ascents):
        if ascent and not root_of:
            break  # no new architecture to start from
        results = _results(space, root_of, sizes, tokens=ascend(list(root_of), sizes))
        if results:
            scores = predict(list(results))  # [E, N]
            for (architecture, (root, size)), of_members in zip(results.items(), scores.T, strict=True):
                proposals.setdefault(  # an earlier ascent that led to it stays
                    architecture,
                    Proposal(
                        architecture=architecture,
                        parent=root,
                        step_size=size,
                        predicted=float(of_members.mean()),
                        spread=float(of_members.std()),
                    ),
                )
        best = _ranked((proposals[key] for key in proposals.keys() - visited), exploration)[: len(starts)]
        root_of = {proposal.architecture: proposal.parent for proposal in best}
        visited.update(root_of)
    return _ranked((proposals[key] for key in proposals.keys() - given.keys()), exploration)


def ordered(
    proposals: Sequence[Proposal],
    predict: Callable[[Sequence[Architecture]], Prediction],
    *,
    exploration: float = 0.0,
) -> list[Proposal]:
    """Proposals with what a predictor says of them, the most promising first; of equals the earlier.

    Args:
        proposals: `[N]`, at least one.
        predict: the predictor, `architectures [N] -> mean and standard deviation [N]`.
        exploration: kappa, see `propose`.
    """
    mean, spread = predict([proposal.architecture for proposal in proposals])
    order = np.argsort(-mean - exploration * spread, kind="stable")
    return [
        dataclasses.replace(proposals[index], predicted=float(mean[index]), spread=float(spread[index]))
        for index in order
    ]


def _ranked(proposals: Iterable[Proposal], exploration: float) -> list[Proposal]:
    """Proposals, the most promising first."""
    return sorted(
        proposals,
        key=lambda proposal: (-proposal.predicted - exploration * proposal.spread, proposal.architecture.values),
    )


def _results(space, root_of, sizes, *, tokens):
    """The architectures of an ascent's tokens `[K, E, B, T]`: `{canonical form: (root, smallest step size)}`."""
    results: dict[Architecture, tuple[Architecture, float]] = {}
    canonical: dict[tuple[int, ...], Architecture] = {}
    for size, of_size in zip(sizes, tokens, strict=True):
        for of_member in of_size:  # [B, T]
            for (start, root), string in zip(root_of.items(), map(tuple, of_member.tolist()), strict=True):
                if string not in canonical:
                    canonical[string] = space.from_tokens(string).canonical
                if canonical[string] != start:
                    results.setdefault(canonical[string], (root, float(size)))
    return results
