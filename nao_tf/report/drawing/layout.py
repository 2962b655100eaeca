"""Layered layout of directed graphs without circles: every node below all that it reads, few crossings, straight lines.

The four steps of Sugiyama, Tagawa and Toda (1981): layers by the longest path, order within the layers by barycentres
and exchanges of neighbours, coordinates by least squares with a distance to keep, and edges that pass a layer through a
place of their own in it. So no edge ever runs through a node.

Letters: x grows to the right and y downwards, in pixels; a place is the centre of what stands there.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Hashable, Iterable, Sequence

STARTS = 10  # random orders to begin with, from which the one with the fewest crossings is taken
SWEEPS = 4  # down and up, for an order
RELAXATIONS = 20  # down and up, for coordinates
LANE = 8.0  # width of the place where an edge passes a layer
# How much an edge wants to be straight: between two nodes, beside one, between two passed layers.
STRAIGHTNESS = (1.0, 2.0, 8.0)


@dataclasses.dataclass(frozen=True)
class Item:
    """A node to be placed.

    Attributes:
        key: names it.
        width: in pixels.
        height: in pixels.
        layer: where it stands, from 0; None: below everything that it reads.
        ports: where edges come in, from the centre to the right, one edge each; none: all at the centre. Which edge
            gets which is chosen here.
        wide: whether it counts among the few that a layer may have.
    """

    key: Hashable
    width: float
    height: float
    layer: int | None = None
    ports: tuple[float, ...] = ()
    wide: bool = False


@dataclasses.dataclass(frozen=True)
class Link:
    """An edge to be drawn.

    Attributes:
        source: key of the node that it leaves.
        target: key of the node that it enters.
        key: names it among all edges.
    """

    source: Hashable
    target: Hashable
    key: Hashable


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where everything stands.

    Attributes:
        places: x and y of the centre of every node.
        routes: the corners of every edge from the lower side of its source to the upper side of its target: the first
            to the second are a curve, the second to the third a vertical line past a layer, and so on in turn.
        ports: for every edge into a node with ports, which one it got.
        width: of the whole.
        height: of the whole.
    """

    places: dict[Hashable, tuple[float, float]]
    routes: dict[Hashable, list[tuple[float, float]]]
    ports: dict[Hashable, int]
    width: float
    height: float


@dataclasses.dataclass
class _Spot:
    """A node, or the place where an edge passes a layer."""

    key: Hashable
    width: float
    height: float
    layer: int
    ports: tuple[float, ...] = ()
    x: float = 0.0

    @property
    def is_lane(self):
        return self.height == 0


@dataclasses.dataclass
class _Segment:
    """A part of an edge between two neighbouring layers."""

    upper: _Spot
    lower: _Spot
    link: Hashable
    port: int | None = None

    @property
    def offset(self):
        """Of its lower end from the centre of the lower spot."""
        return 0.0 if self.port is None else self.lower.ports[self.port]

    @property
    def weight(self):
        return STRAIGHTNESS[self.upper.is_lane + self.lower.is_lane]


def lay_out(
    items: Sequence[Item],
    links: Sequence[Link],
    *,
    gap: float = 16.0,
    layer_gap: float = 34.0,
    most_wide: int | None = None,
) -> Layout:
    """Places nodes and edges.

    Args:
        items: the nodes, each after all that it reads.
        links: the edges.
        gap: between two neighbours of a layer.
        layer_gap: between two layers.
        most_wide: how many wide nodes a layer may have; further ones go to the next.

    Raises:
        ValueError: an edge from a node that is not placed above its target.
    """
    layer_of = _layers(items, links, most_wide)
    spots = {item.key: _Spot(item.key, item.width, item.height, layer_of[item.key], item.ports) for item in items}
    layers: list[list[_Spot]] = [[] for _ in range(max(layer_of.values()) + 1)]
    for item in items:
        layers[layer_of[item.key]].append(spots[item.key])
    segments = _segments(links, spots, layers)
    _order(layers, segments)
    _straighten(layers, segments, gap)
    left = min(spot.x - spot.width / 2 for layer in layers for spot in layer)
    right = max(spot.x + spot.width / 2 for layer in layers for spot in layer)
    centres, tops, bottoms = _heights(layers, layer_gap)
    places = {key: (spot.x - left, centres[spot.layer]) for key, spot in spots.items()}
    routes: dict[Hashable, list[tuple[float, float]]] = {}
    ports: dict[Hashable, int] = {}
    for segment in segments:
        route = routes.setdefault(segment.link, [])
        upper, lower = segment.upper, segment.lower
        above = bottoms[upper.layer] if upper.is_lane else centres[upper.layer] + upper.height / 2
        below = tops[lower.layer] if lower.is_lane else centres[lower.layer] - lower.height / 2
        route += [(upper.x - left, above), (lower.x + segment.offset - left, below)]
        if segment.port is not None:
            ports[segment.link] = segment.port
    return Layout(places, routes, ports, right - left, bottoms[-1])


def _layers(items, links, most_wide) -> dict[Hashable, int]:
    """The layer of every node."""
    sources: dict[Hashable, list[Hashable]] = {item.key: [] for item in items}
    for link in links:
        sources[link.target].append(link.source)
    layer_of: dict[Hashable, int] = {}
    wide: dict[int, int] = {}
    for item in items:
        missing = [source for source in sources[item.key] if source not in layer_of]
        if missing:
            raise ValueError(f"node {item.key!r} reads {missing[0]!r}, which does not come before it")
        lowest = max((layer_of[source] + 1 for source in sources[item.key]), default=0)
        layer = lowest if item.layer is None else item.layer
        if layer < lowest:
            raise ValueError(f"node {item.key!r} in layer {layer} reads one of layer {lowest - 1}")
        while item.wide and most_wide is not None and wide.get(layer, 0) >= most_wide:
            layer += 1
        wide[layer] = wide.get(layer, 0) + item.wide
        layer_of[item.key] = layer
    return layer_of


def _segments(links, spots, layers) -> list[_Segment]:
    """The parts of all edges, from above to below; what an edge passes gets a lane in the layers between."""
    segments = []
    taken: dict[Hashable, int] = {}
    for link in links:
        upper, target = spots[link.source], spots[link.target]
        for layer in range(upper.layer + 1, target.layer):
            lane = _Spot((link.key, layer), LANE, 0.0, layer)
            layers[layer].append(lane)
            segments.append(_Segment(upper, lane, link.key))
            upper = lane
        port = taken.get(link.target, 0) if target.ports else None
        taken[link.target] = taken.get(link.target, 0) + 1
        segments.append(_Segment(upper, target, link.key, port))
    return segments


# ---- order within the layers


def _order(layers: list[list[_Spot]], segments: list[_Segment]) -> None:
    """Sorts the layers so that few edges cross; chooses ports on the way."""
    between = _between(layers, segments)
    generator = random.Random(0)
    best: tuple[int, list[list[_Spot]], list[int | None]] | None = None
    for start in range(STARTS):
        if start:
            for layer in layers:
                generator.shuffle(layer)
        fewest = -1
        for _ in range(SWEEPS):
            for index in range(1, len(layers)):
                _by_barycentre(layers[index], layers[index - 1], between[index - 1], downwards=True)
            _choose_ports(layers, segments)
            for index in range(len(layers) - 2, -1, -1):
                _by_barycentre(layers[index], layers[index + 1], between[index], downwards=False)
            _exchange_neighbours(layers, between)
            _choose_ports(layers, segments)
            crossings = sum(_crossings(layers[index : index + 2], part) for index, part in enumerate(between))
            if best is None or crossings < best[0]:
                best = crossings, [list(layer) for layer in layers], [segment.port for segment in segments]
            if crossings == fewest:
                break  # it repeats itself
            fewest = crossings
        if best is not None and best[0] == 0:
            break
    assert best is not None
    for layer, order in zip(layers, best[1], strict=True):
        layer[:] = order
    for segment, port in zip(segments, best[2], strict=True):
        segment.port = port


def _between(layers, segments) -> list[list[_Segment]]:
    """The segments below each layer but the last."""
    between: list[list[_Segment]] = [[] for _ in layers[1:]]
    for segment in segments:
        between[segment.upper.layer].append(segment)
    return between


def _by_barycentre(layer, other, segments, *, downwards) -> None:
    """Sorts a layer by the mean place of what each spot is tied to in a neighbouring layer."""
    place = {id(spot): index for index, spot in enumerate(other)}
    ties: dict[int, list[float]] = {}
    for segment in segments:
        spot, tied = (segment.lower, segment.upper) if downwards else (segment.upper, segment.lower)
        ties.setdefault(id(spot), []).append(place[id(tied)] + (0 if downwards else segment.offset / 1000))
    own = {id(spot): index for index, spot in enumerate(layer)}
    layer.sort(key=lambda spot: _mean(ties.get(id(spot), [own[id(spot)]])))


def _exchange_neighbours(layers, between) -> None:
    """Exchanges neighbours as long as that takes away crossings; only what is tied to the two has to be counted."""
    ends: list[dict[int, list[tuple[_Spot, float]]]] = [{} for _ in layers]  # by side: what a spot is tied to
    starts: list[dict[int, list[tuple[_Spot, float]]]] = [{} for _ in layers]
    for segment in (segment for part in between for segment in part):
        ends[segment.lower.layer].setdefault(id(segment.lower), []).append((segment.upper, 0.0))
        starts[segment.upper.layer].setdefault(id(segment.upper), []).append((segment.lower, segment.offset / 1000))
    improved = True
    while improved:
        improved = False
        place = {id(spot): index for layer in layers for index, spot in enumerate(layer)}
        for index, layer in enumerate(layers):
            for left in range(len(layer) - 1):
                gain = 0
                for ties in (ends[index], starts[index]):
                    of_left, of_right = (
                        [place[id(tied)] + offset for tied, offset in ties.get(id(spot), ())]
                        for spot in layer[left : left + 2]
                    )
                    gain += sum((one > other) - (one < other) for one in of_left for other in of_right)
                if gain > 0:
                    layer[left : left + 2] = layer[left : left + 2][::-1]
                    place |= {id(layer[left]): left, id(layer[left + 1]): left + 1}
                    improved = True


def _choose_ports(layers, segments) -> None:
    """Gives the ports of every node to its edges in the order in which they come from above."""
    place = {id(spot): index for layer in layers for index, spot in enumerate(layer)}
    into: dict[int, list[_Segment]] = {}
    for segment in segments:
        if segment.port is not None:
            into.setdefault(id(segment.lower), []).append(segment)
    for entering in into.values():
        for port, segment in enumerate(sorted(entering, key=lambda segment: place[id(segment.upper)])):
            segment.port = port


def _crossings(pair, segments) -> int:
    """How many pairs of segments between two layers cross."""
    upper, lower = ({id(spot): index for index, spot in enumerate(layer)} for layer in pair)
    ends = [(upper[id(one.upper)], lower[id(one.lower)] + one.offset / 1000) for one in segments]
    return sum(
        (above < other_above and below > other_below) or (above > other_above and below < other_below)
        for index, (above, below) in enumerate(ends)
        for other_above, other_below in ends[:index]
    )


# ---- coordinates


def _straighten(layers: list[list[_Spot]], segments: list[_Segment], gap: float) -> None:
    """Sets x of every spot: edges as straight as the order and the distances allow."""
    for layer in layers:
        x = 0.0
        for spot in layer:
            spot.x = x + spot.width / 2
            x += spot.width + gap
    above: dict[int, list[tuple[_Spot, float, float]]] = {}  # tied spot, where this one wants to be from it, weight
    below: dict[int, list[tuple[_Spot, float, float]]] = {}
    for segment in segments:
        above.setdefault(id(segment.lower), []).append((segment.upper, -segment.offset, segment.weight))
        below.setdefault(id(segment.upper), []).append((segment.lower, segment.offset, segment.weight))
    for sweep in range(RELAXATIONS):
        both = sweep >= RELAXATIONS // 2
        for layer in layers:
            _relax(layer, [above, below] if both else [above], gap)
        for layer in reversed(layers):
            _relax(layer, [above, below] if both else [below], gap)
    for layer in reversed(layers[:-1]):  # at last, every node over the middle of what reads it
        _relax(layer, [below], gap)


def _relax(layer, ties, gap) -> None:
    """Moves the spots of a layer to where their ties want them, in their order and with their distances."""
    wanted, weights = [], []
    for spot in layer:
        pulls = [(tied.x + offset, weight) for tie in ties for tied, offset, weight in tie.get(id(spot), ())]
        total = sum(weight for _, weight in pulls)
        wanted.append(sum(x * weight for x, weight in pulls) / total if pulls else spot.x)
        weights.append(total or 0.01)
    gaps = [(left.width + right.width) / 2 + gap for left, right in zip(layer, layer[1:], strict=False)]
    for spot, x in zip(layer, separated(wanted, weights, gaps=gaps), strict=True):
        spot.x = x


def separated(wanted: Sequence[float], weights: Sequence[float], *, gaps: Sequence[float]) -> list[float]:
    """The places nearest to the wanted ones by weighted squares that keep the order and the gaps.

    With the gaps taken off this is isotonic regression, solved by pooling what is out of order.

    Args:
        wanted: the places, `[N]`.
        weights: positive, `[N]`.
        gaps: least distance of each from the next, `[N - 1]`.
    """
    offsets = [0.0]
    for gap in gaps:
        offsets.append(offsets[-1] + gap)
    blocks: list[tuple[float, float, int]] = []  # mean, weight, length
    for place, weight, offset in zip(wanted, weights, offsets, strict=False):
        mean, length = place - offset, 1
        while blocks and blocks[-1][0] >= mean:
            other, other_weight, other_length = blocks.pop()
            mean = (mean * weight + other * other_weight) / (weight + other_weight)
            weight, length = weight + other_weight, length + other_length
        blocks.append((mean, weight, length))
    means = [mean for mean, _, length in blocks for _ in range(length)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=False)]


def _heights(layers, layer_gap) -> tuple[list[float], list[float], list[float]]:
    """For every layer the y of its centre, of its upper and of its lower side."""
    centres, tops, bottoms = [], [], []
    y = 0.0
    for layer in layers:
        height = max((spot.height for spot in layer), default=0.0)
        tops.append(y)
        centres.append(y + height / 2)
        bottoms.append(y + height)
        y += height + layer_gap
    return centres, tops, bottoms


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return sum(values) / len(values)
