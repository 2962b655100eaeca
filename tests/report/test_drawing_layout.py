"""The layered layout, against independent computations."""

import itertools

import numpy as np
import pytest
from scipy.optimize import isotonic_regression

from nao_tf.report.drawing.layout import Item, Link, lay_out, separated


def crossings(layout, links):
    """Pairs of edges between two neighbouring layers that cross, by the ends of their curves."""
    segments = [(*route[at], *route[at + 1]) for route in layout.routes.values() for at in range(0, len(route) - 1, 2)]
    return sum(
        (x - other_x) * (end - other_end) < -1e-6
        for (x, y, end, _), (other_x, other_y, other_end, _) in itertools.combinations(segments, 2)
        if abs(y - other_y) < 30
    )


def test_trees_have_no_crossings():
    generator = np.random.default_rng(0)
    for _ in range(10):
        items, links = [Item(0, 60, 30)], []
        for node in range(1, 14):
            items.append(Item(node, 60, 30))
            links.append(Link(int(generator.integers(node)), node, node))
        layout = lay_out(items, links)
        assert crossings(layout, links) == 0
        for link in links:
            assert layout.places[link.source][1] < layout.places[link.target][1]


def test_parents_stand_over_the_middle_of_their_children():
    items = [Item(node, 60, 30) for node in range(1, 16)]
    layout = lay_out(items, [Link(node // 2, node, node) for node in range(2, 16)])
    for node in range(1, 8):
        children = [layout.places[child][0] for child in (2 * node, 2 * node + 1)]
        assert layout.places[node][0] == pytest.approx(sum(children) / 2, abs=1)


def test_edges_that_cross_in_the_given_order_are_sorted_out():
    items = [Item(name, 40, 20) for name in ("a", "b", "c")] + [Item(name, 40, 20) for name in ("x", "y", "z")]
    links = [Link("a", "z", 1), Link("b", "y", 2), Link("c", "x", 3)]
    layout = lay_out(items, links)
    assert crossings(layout, links) == 0
    for source, target in (("a", "z"), ("b", "y"), ("c", "x")):
        assert layout.places[source][0] == pytest.approx(layout.places[target][0])


def test_edges_get_the_ports_on_their_side():
    items = [Item("left", 40, 20), Item("right", 40, 20), Item("node", 120, 40, ports=(-30.0, 30.0))]
    links = [Link("right", "node", "first"), Link("left", "node", "second")]
    layout = lay_out(items, links)
    x = {name: layout.places[name][0] for name in ("left", "right")}
    order = sorted(("first", "second"), key=lambda key: x["right" if key == "first" else "left"])
    assert [layout.ports[key] for key in order] == [0, 1]
    assert layout.routes[order[0]][-1][0] == pytest.approx(layout.places["node"][0] - 30)
    assert crossings(layout, links) == 0


def test_few_wide_nodes_stand_beside_each_other():
    items = [Item("in", 20, 20), *(Item(node, 50, 20, wide=True) for node in range(5))]
    layout = lay_out(items, [Link("in", node, node) for node in range(5)], most_wide=2)
    heights = [layout.places[node][1] for node in range(5)]
    assert all(heights.count(height) <= 2 for height in heights) and len(set(heights)) == 3


def test_places_are_the_nearest_that_keep_their_distance():
    generator = np.random.default_rng(0)
    for size in (1, 2, 7, 20):
        wanted, weights = generator.normal(0, 50, size), generator.uniform(0.1, 5, size)
        gaps = generator.uniform(0, 30, size - 1)
        offsets = np.concatenate([[0], np.cumsum(gaps)])
        expected = isotonic_regression(wanted - offsets, weights=weights).x + offsets
        np.testing.assert_allclose(separated(wanted, weights, gaps=gaps), expected, atol=1e-9)


def test_a_node_that_comes_before_what_it_reads_is_refused():
    with pytest.raises(ValueError, match="'a' reads 'b'"):
        lay_out([Item("a", 1, 1), Item("b", 1, 1)], [Link("b", "a", 0)])
    with pytest.raises(ValueError, match="layer 0"):
        lay_out([Item("a", 1, 1), Item("b", 1, 1, layer=0)], [Link("a", "b", 0)])
