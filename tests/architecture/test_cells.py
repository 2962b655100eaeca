from nao_tf.architecture.cells import SPACES, Branch, branch_description, cells_from
from nao_tf.architecture.published_cells import published_cells


def test_loose_ends_of_the_published_network():
    normal, reduction = published_cells()["NAONet"]
    assert normal.loose_ends == (3, 5, 6)  # nodes 4, 6 and 7
    assert reduction.loose_ends == (3, 4, 5, 6)
    assert normal.nodes[0][1] == Branch(1, "average pooling 5x5")


def test_branches_are_dealt_to_nodes_and_cells_in_order():
    branches = [(number % 2, f"operation {number}") for number in range(20)]
    normal, reduction = cells_from(branches)
    assert [[branch.operation for branch in node] for cell in (normal, reduction) for node in cell.nodes] == [
        [f"operation {number}", f"operation {number + 1}"] for number in range(0, 20, 2)
    ]
    assert branch_description(0, "input") == "first input of node 3, normal cell"
    assert branch_description(19, "operation") == "second operation of node 7, reduction cell"


def test_the_first_numbers_of_the_papers_space_are_not_searched():
    assert {name: (numbering.first_searched, len(numbering.searched)) for name, numbering in SPACES.items()} == {
        "nao": (5, 11),
        "enas": (0, 5),
        "nao_v2": (0, 10),
        "nao19": (0, 19),
    }
