import numpy as np
import pytest

from nao_tf.architecture import ConvolutionalSpace
from nao_tf.architecture.cells import IDENTITY, OPERATIONS
from nao_tf.architecture.type_and_kernel import KERNELS, TYPES, type_and_kernel


def test_every_operation_is_a_pair_of_its_own():
    assert len({type_and_kernel(operation) for operation in OPERATIONS}) == len(OPERATIONS)
    assert type_and_kernel(IDENTITY) == (7, 14) and type_and_kernel("conv 1x7+7x1") == (9, 20)
    assert sorted([*TYPES.values(), *KERNELS.values()]) == list(range(7, 21))  # after 0, the start, and nodes 1 to 6


def test_types_and_kernels_are_masked_apart():
    grammar = ConvolutionalSpace("nao").grammar
    assert set(np.flatnonzero(grammar[1].any(0))) == {7, 9, 11, 12}  # identity, conv, both poolings
    kernels = {last: tuple(np.flatnonzero(grammar[2, last])) for last in (7, 9, 11, 12)}
    assert kernels == {7: (14,), 9: (14, 16, 19, 20), 11: (15, 16, 17), 12: (15, 16, 17)}


@pytest.mark.parametrize("name", ["nao", "nao19"])
def test_each_branch_reads_earlier_nodes_only(name):
    grammar = ConvolutionalSpace(name).grammar
    sources = [np.flatnonzero(grammar[position].any(0)).tolist() for position in range(0, 60, 3)]
    assert sources == 2 * [list(range(1, 3 + node)) for node in range(5) for _ in range(2)]
