import itertools
import math

import numpy as np
import pytest

from nao_tf.architecture import ArchitectureError, NasBench201Space
from nao_tf.architecture.nasbench201 import OPERATIONS

SPACE = NasBench201Space()
# any functions will do that make nothing of nothing and are unlikely to agree by chance
FUNCTIONS = (
    lambda x: 0.0,
    lambda x: x,
    lambda x: math.sin(1.7 * x),
    lambda x: 0.3 * x + 0.11 * x**2,
    lambda x: math.tanh(0.9 * x) ** 3,
)


def output(values, given=0.83):
    """What a cell computes of a number, every operation being one of `FUNCTIONS`."""
    operations = iter(values)
    nodes = [given]
    for target in (1, 2, 3):
        nodes.append(sum(FUNCTIONS[next(operations)](nodes[source]) for source in range(target)))
    return round(nodes[3], 9)


def test_the_space_has_the_published_sizes():
    assert (SPACE.size, len(set(SPACE.strings()))) == (15_625, 15_625)
    assert len(list(SPACE.canonical_strings())) == 6_466  # Dong and Yang (2020), section 2
    assert (SPACE.vocabulary_size, SPACE.token_length) == (6, 6)


def test_cells_that_count_as_the_same_compute_the_same():
    for values in SPACE.strings():
        assert output(values) == output(SPACE.canonicalise(values))


def test_the_canonical_form_is_the_first_of_its_class():
    members = {}
    for values in itertools.product(range(5), repeat=6):
        members.setdefault(SPACE.canonicalise(values), []).append(values)
    assert all(min(cells) == canonical for canonical, cells in members.items())


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        # node 1 is read by nobody
        ("|nor_conv_3x3~0|+|nor_conv_1x1~0|none~1|+|none~0|none~1|skip_connect~2|", "0 2 0 0 0 1", True),
        ("1 0 0 3 4 0", "1 0 0 4 3 0", True),  # nodes 0 and 1 hold the same
        ("0 0 0 3 2 0", "0 0 0 3 4 0", True),  # an operation on nothing brings nothing
        ("0 0 0 3 0 0", "0 0 0 2 0 0", False),
        ("0 0 0 0 0 0", "0 0 0 1 0 0", False),
    ],
)
def test_hand_written_cells(one, other, same):
    assert (SPACE.parse(one).canonical == SPACE.parse(other).canonical) is same


def test_numbering_of_nodes_that_do_not_read_each_other():
    # nodes 1 and 2 swapped: the benchmark's own expression counts zeros, so these two are different architectures
    one, other = SPACE.parse("3 2 0 0 2 4"), SPACE.parse("2 3 0 0 4 2")
    assert one.canonical != other.canonical and output(one.values) == output(other.values)


def test_symmetry_draws_every_member_of_the_class():
    generator = np.random.default_rng(0)
    values = (1, 0, 0, 3, 4, 0)
    members = {cell for cell in SPACE.strings() if SPACE.canonicalise(cell) == SPACE.canonicalise(values)}
    assert {SPACE.symmetry(values, generator) for _ in range(60 * len(members))} == members


def test_the_notation_is_that_of_the_benchmark():
    text = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|none~0|nor_conv_3x3~1|skip_connect~2|"
    cell = SPACE.parse(text)
    assert cell.values == (4, 2, 1, 0, 3, 1) and cell.text == text
    words = "avg_pool_3x3, nor_conv_1x1, skip_connect, none, nor_conv_3x3, skip_connect"
    assert SPACE.parse(words) == SPACE.parse("4 2 1 0 3 1") == SPACE.parse(f"  {text}\n") == cell
    assert len({SPACE.text(values) for values in SPACE.strings()}) == SPACE.size


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("|none~0|+|none~0|none~1|", "2 nodes; nasbench201 takes 3"),
        ("|none~0|+|none~0|+|none~0|none~1|none~2|", r"node 2 is '\|none~0\|'; it takes 2 edges"),
        ("none~0+|none~0|none~1|+|none~0|none~1|none~2|", "node 1 is 'none~0'; it takes 1 edges"),
        ("|max_pool~0|+|none~0|none~1|+|none~0|none~1|none~2|", r"edge 0 of node 1: 'max_pool~0' .* none~0, skip"),
        ("|none~0|+|none~1|none~0|+|none~0|none~1|none~2|", r"edge 0 of node 2: 'none~1' is not allowed"),
        ("0 0 5 0 0 0", r"position 2 \(operation from node 1 to 2\): 5 is not allowed"),
    ],
)
def test_errors_name_the_edge_and_what_is_allowed(text, message):
    with pytest.raises(ArchitectureError, match=message):
        SPACE.parse(text)


def test_operations_are_in_the_order_of_the_benchmark():
    assert OPERATIONS == ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
