import itertools

import numpy as np
import pytest

from nao_tf.architecture import (
    ArchitectureError,
    Bounded,
    CategoricalSpace,
    Constraint,
    NasBench201Space,
    RecurrentSpace,
    Subset,
)

SPACE = RecurrentSpace()


def relus(architecture):
    return architecture.values[1::2].count(1)


def at_most(count):
    return Constraint(lambda cell: (1 + relus(cell)) / (1 + count), f"--relus={count}")


@pytest.mark.parametrize("count", [11, 3, 0])  # every cell, the usual ones, one of 24
def test_a_bound_is_kept(count):
    bounded, generator = Bounded(SPACE, at_most(count)), np.random.default_rng(0)
    sample = [bounded.sample(generator) for _ in range(20)]
    assert len(set(sample)) == 20 and max(map(relus, sample)) <= count
    assert all(relus(bounded.mutate(cell, generator)) <= count for cell in sample)
    kept = set(bounded.neighbours(sample[0], np.random.default_rng(1)))
    every = SPACE.neighbours(sample[0], np.random.default_rng(1))
    assert kept == {cell for cell in every if relus(cell) <= count} and kept


def test_architectures_belong_to_the_whole_space():
    bounded, generator = Bounded(SPACE, at_most(2)), np.random.default_rng(0)
    over = SPACE.architecture([0, 1] * 11)
    assert SPACE.allows(over) and not bounded.allows(over)
    assert bounded.parse(over.text) == bounded.from_tokens(over.tokens) == bounded.architecture(over.values) == over
    sample = bounded.sample(generator)
    assert sample.space == over.space == SPACE and bounded.mutate(sample, generator).space == SPACE
    np.testing.assert_array_equal(bounded.token_array([over, sample]), SPACE.token_array([over, sample]))
    assert (bounded.size, bounded.name, bounded.published) == (SPACE.size, SPACE.name, SPACE.published)
    assert bounded.grammar is SPACE.grammar


def test_spaces_with_different_bounds_are_different():
    three, two = at_most(3), at_most(2)
    assert Bounded(SPACE, three) == Bounded(RecurrentSpace(), three)
    assert len({SPACE, Bounded(SPACE, three), Bounded(SPACE, three), Bounded(SPACE, two)}) == 3
    assert Bounded(SPACE, three) != SPACE != Bounded(SPACE, three)


def test_a_bound_that_everything_keeps_changes_no_draw():
    bounded = Bounded(SPACE, Constraint(lambda cell: 0.5, "a bound"))
    one, other = np.random.default_rng(3), np.random.default_rng(3)
    for _ in range(5):
        cell = SPACE.sample(one)
        assert cell == bounded.sample(other)
        assert SPACE.mutate(cell, one) == bounded.mutate(cell, other)
        assert SPACE.neighbours(cell, one) == bounded.neighbours(cell, other)


def test_a_bound_that_nothing_keeps_is_named():
    bounded = Bounded(SPACE, Constraint(lambda cell: 2 + sum(cell.values[1::2]), "--most=1"))
    with pytest.raises(ArchitectureError, match=r"rnn.* keeps --most=1; the smallest .* is 2 times as large"):
        bounded.sample(np.random.default_rng(0))


# ---- lists

GRID = CategoricalSpace("grid", {name: tuple("0123456789") for name in "abcdefghi"})  # 10^9 combinations
ROWS = [GRID.architecture(values) for values in np.random.default_rng(5).integers(0, 10, [200, 9])]
SPARSE = Subset(GRID, ROWS)


def distance(one, other):
    return sum(a != b for a, b in zip(one.values, other.values, strict=True))


def test_everything_drawn_is_of_the_list():
    generator = np.random.default_rng(0)
    sample = [SPARSE.sample(generator) for _ in range(4_000)]
    assert set(sample) == set(ROWS) == set(SPARSE.members)
    counts = [sample.count(row) for row in ROWS]
    assert 4 <= min(counts) and max(counts) <= 45  # 20 each on average
    assert (SPARSE.size, len(list(SPARSE.strings()))) == (200, 200)
    assert [GRID.architecture(values) for values in SPARSE.canonical_strings()] == list(SPARSE.members)


def test_mutants_are_the_nearest_of_the_list():
    generator = np.random.default_rng(1)
    for parent in ROWS[:20]:
        nearest = min(distance(parent, row) for row in ROWS if row != parent)
        expected = {row for row in ROWS if distance(parent, row) == nearest}
        assert {SPARSE.mutate(parent, generator) for _ in range(100)} == expected
    stranger = GRID.architecture([0] * 9)
    assert not SPARSE.allows(stranger) and SPARSE.allows(SPARSE.mutate(stranger, generator))


def test_neighbours_differ_in_one_integer():
    space = CategoricalSpace("small", {name: ("0", "1", "2") for name in "abcd"})
    every = [space.architecture(values) for values in itertools.product(range(3), repeat=4)]
    some = [cell for number, cell in enumerate(every) if number % 3]
    dense = Subset(space, some)
    orders = set()
    for seed in range(10):
        neighbours = dense.neighbours(some[0], np.random.default_rng(seed))
        orders.add(tuple(neighbours))
        assert set(neighbours) == {cell for cell in some if distance(cell, some[0]) == 1}
    assert len(orders) > 5
    lonely = Subset(space, [every[0], every[-1]])
    assert lonely.neighbours(every[0], np.random.default_rng(0)) == []
    assert lonely.mutate(every[0], np.random.default_rng(0)) == every[-1]


def test_every_spelling_of_a_listed_architecture_is_allowed():
    space = NasBench201Space()
    listed = Subset(space, [space.parse("1 0 0 3 4 0"), space.parse("1 0 0 4 3 0"), space.parse("0 0 0 3 0 0")])
    assert listed.size == 2  # the first two compute the same
    assert listed.allows(space.parse("1 0 0 4 3 0")) and listed.allows(space.parse("1 0 0 3 4 0"))
    assert not listed.allows(space.parse("0 0 0 2 0 0"))


def test_lists_are_equal_if_their_members_are():
    assert Subset(GRID, ROWS) == Subset(GRID, reversed(ROWS)) != Subset(GRID, ROWS[1:])
    assert len({SPARSE, Subset(GRID, reversed(ROWS)), Subset(GRID, ROWS[1:]), GRID}) == 3
    assert SPARSE != GRID and GRID != SPARSE


def test_lists_without_another_architecture():
    with pytest.raises(ValueError, match="a list of no architectures of grid; at least one"):
        Subset(GRID, [])
    with pytest.raises(ValueError, match="is another computation of grid"):
        Subset(GRID, ROWS[:1]).mutate(ROWS[0], np.random.default_rng(0))
