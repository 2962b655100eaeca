"""What good architectures share and bad ones lack: counts of operations, connections and shape, compared."""

from __future__ import annotations

import collections
import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence

from nao_tf.architecture import Architecture, ConvolutionalSpace, NasBench201Space, RecurrentSpace
from nao_tf.architecture.cells import CELLS
from nao_tf.architecture.nasbench201 import EDGES

FEWEST = 12  # members that succeeded, of which anything is said
SHARE = 4  # the best and the worst of so many
INPUTS = ("h[k-2]", "h[k-1]")  # of a convolutional cell, as drawings have them
TOLD = 2.0  # standard errors from 0 at which a difference is called one


@dataclasses.dataclass(frozen=True)
class Trait:
    """How often something occurs in the best and in the worst of a pool.

    Attributes:
        name: of what is counted.
        best: its mean in the best quarter.
        worst: its mean in the worst quarter.
        error: standard error of the difference.
    """

    name: str
    best: float
    worst: float
    error: float

    @property
    def difference(self) -> float:
        """Of the best from the worst."""
        return self.best - self.worst

    @property
    def is_told(self) -> bool:
        """Whether the difference is more than chance would often make it."""
        return abs(self.difference) > TOLD * self.error


def compare(ranked: Sequence[Architecture]) -> list[Trait]:
    """The traits in which the best quarter of architectures differs from the worst, the largest differences first.

    Sorted by the difference in its standard errors. Traits that are everywhere equal are left out.

    Args:
        ranked: the architectures, the best first; fewer than `FEWEST` say nothing.
    """
    if len(ranked) < FEWEST:
        return []
    quarter = len(ranked) // SHARE
    counts = [counted(architecture) for architecture in ranked]
    best, worst = counts[:quarter], counts[-quarter:]
    traits = []
    for name in dict.fromkeys(name for count in best + worst for name in count):
        of_best, of_worst = ([float(count.get(name, 0)) for count in part] for part in (best, worst))
        error = math.sqrt((_variance(of_best) + _variance(of_worst)) / quarter)
        trait = Trait(name, statistics.fmean(of_best), statistics.fmean(of_worst), error)
        if trait.difference:
            traits.append(trait)
    return sorted(traits, key=lambda trait: -abs(trait.difference) / (trait.error + 1 / quarter))


def _variance(values: Sequence[float]) -> float:
    return statistics.variance(values) if len(values) > 1 else 0.0


def counted(architecture: Architecture) -> Mapping[str, float]:
    """What there is in an architecture, by its name: how often, or how large."""
    space = architecture.space
    if isinstance(space, RecurrentSpace):
        return _of_recurrent(space, architecture.values)
    if isinstance(space, ConvolutionalSpace):
        return _of_convolutional(space, architecture.values)
    if isinstance(space, NasBench201Space):
        return {
            f"{position.words[value]} from node {source} to {target}": 1.0
            for position, value, (source, target) in zip(space.positions, architecture.values, EDGES, strict=True)
        }
    return {
        f"{position.description} = {position.words[value]}": 1.0
        for position, value in zip(space.positions, architecture.values, strict=True)
    }


def _of_recurrent(space, values) -> Mapping[str, float]:
    """Activations, and the shape of the tree; the numbers of the nodes mean nothing."""
    counts: collections.Counter[str] = collections.Counter()
    depth = [0]
    read = set()
    for source, activation in zip(values[0::2], values[1::2], strict=True):
        counts[f"nodes with {space.activations[activation]}"] += 1
        depth.append(depth[source] + 1)
        read.add(source)
    first = [space.activations[activation] for source, activation in zip(values[0::2], values[1::2], strict=True)
             if source == 0]  # fmt: skip
    for activation in first:
        counts[f"nodes with {activation} that read node 0"] += 1
    shape = {
        "nodes that read node 0": len(first),
        "nodes that no node reads": sum(node not in read for node in range(1, len(depth))),
        "depth of the tree": max(depth),
    }
    return {**counts, **{name: float(value) for name, value in shape.items()}}


def _of_convolutional(space, values) -> Mapping[str, float]:
    """Operations and inputs of each cell, and what is concatenated."""
    counts: collections.Counter[str] = collections.Counter()
    for kind, cell in zip(CELLS, space.cells_of(values), strict=True):
        depth = [0, 0]
        for node in cell.nodes:
            depth.append(1 + max(depth[branch.source] for branch in node))
            for branch in node:
                counts[f"{kind} cell: {branch.operation}"] += 1
                source = INPUTS[branch.source] if branch.source < len(INPUTS) else "own nodes"
                counts[f"{kind} cell: reads of {source}"] += 1
        counts[f"{kind} cell: depth"] = max(depth)
        counts[f"{kind} cell: loose ends"] = len(cell.loose_ends)
    return dict(counts)
