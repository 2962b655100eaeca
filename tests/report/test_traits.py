"""What the best share: counts against counting by hand, and a difference that was planted."""

import collections

import numpy as np
import pytest

from nao_tf.architecture import ConvolutionalSpace, NasBench201Space, RecurrentSpace
from nao_tf.report.traits import FEWEST, compare, counted


def test_recurrent_cells_are_counted_without_the_numbers_of_their_nodes():
    counts = counted(RecurrentSpace().parse("NAO"))  # 0 relu, 0 relu, 1 relu, 3 tanh, 4 relu, 4 relu, 5 relu, …
    assert counts["nodes with relu"] == 9 and counts["nodes with tanh"] == counts["nodes with identity"] == 1
    assert counts["nodes that read node 0"] == counts["nodes with relu that read node 0"] == 2
    assert counts["depth of the tree"] == 6 and counts["nodes that no node reads"] == 6
    space = RecurrentSpace()
    generator = np.random.default_rng(0)
    values = space.sample(generator).values
    other = space.symmetry(values, generator)
    assert other != values and counted(space.architecture(other)) == counted(space.architecture(values))


def test_convolutional_cells_are_counted_each():
    space = ConvolutionalSpace("enas")
    architecture = space.parse("NAONet-V2")
    counts = counted(architecture)
    for index, kind in enumerate(("normal", "reduction")):
        values = architecture.values[20 * index : 20 * index + 20]
        operations = collections.Counter(space.operations[value] for value in values[1::2])
        for operation in space.operations:
            assert counts.get(f"{kind} cell: {operation}", 0) == operations[operation]
        own = sum(source > 1 for source in values[0::2])
        assert counts.get(f"{kind} cell: reads of own nodes", 0) == own


def test_a_planted_difference_is_found_and_noise_is_not_told():
    space, generator = NasBench201Space(), np.random.default_rng(0)
    pool = [space.architecture(generator.integers(5, size=6)) for _ in range(80)]
    ranked = sorted(pool, key=lambda architecture: architecture.values[4] != 3)
    traits = compare(ranked)
    assert traits[0].name == "nor_conv_3x3 from node 1 to 3" and traits[0].is_told
    assert traits[0].best > 0.5 and traits[0].worst == 0
    others = [trait for trait in traits if not trait.name.endswith("from node 1 to 3")]
    assert sum(trait.is_told for trait in others) <= 0.15 * len(others)
    best = ranked[:20]
    share = np.mean([architecture.values[0] == 1 for architecture in best])
    assert next(t for t in traits if t.name == "skip_connect from node 0 to 1").best == pytest.approx(share)
    assert compare(ranked[: FEWEST - 1]) == []
