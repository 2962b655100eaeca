"""A user's own space, searched by every strategy without touching the package."""

import pytest
from searches import Judge, run, strings

from nao_tf.architecture import Position, SearchSpace
from nao_tf.search.strategies import STRATEGIES

# ---- the user's space: 20 lines

OPERATIONS = ("convolution", "pooling", "attention")


class FourNodes(SearchSpace):
    """Four nodes; each reads an earlier one, node 0 being the input, and applies an operation."""

    def __init__(self):
        positions = []
        for node in range(1, 5):
            positions.append(Position(f"input of node {node}", "input", tuple(f"node {n}" for n in range(node))))
            positions.append(Position(f"operation of node {node}", "operation", OPERATIONS))
        super().__init__("four nodes", positions, tokens_per_encoder_step=2)

    def canonicalise(self, values):
        """Nodes that read the input and that no node reads may change places with their neighbours of that kind."""
        nodes = list(zip(values[0::2], values[1::2], strict=True))
        read = {source for source, _ in nodes}
        free = [index for index, (source, _) in enumerate(nodes) if source == 0 and index + 1 not in read]
        for index, node in zip(free, sorted(nodes[index] for index in free), strict=True):
            nodes[index] = node
        return tuple(value for node in nodes for value in node)


# ---- its search


def depth_and_attention(architecture):
    depth = [0]
    for source in architecture.values[0::2]:
        depth.append(depth[source] + 1)
    return max(depth) + architecture.values[1::2].count(2)


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_searches_it(name):
    space = FourNodes()
    pool = run(name, judge=Judge(depth_and_attention), space=space, budget=60, initial=20, proposals=10)
    assert len({space.canonicalise(values) for values in strings(pool)}) == 60
    if name != "random":
        assert pool.ranked[0].score >= 7  # the best of all has 8
