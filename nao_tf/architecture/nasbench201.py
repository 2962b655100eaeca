"""The space of NAS-Bench-201 cells (Dong and Yang, ICLR 2020): four nodes, one of five operations on each edge."""

import functools
import itertools
import re
from collections.abc import Sequence

import numpy as np

from nao_tf.architecture.position import ArchitectureError, Position
from nao_tf.architecture.space import BRACKETS, Architecture, SearchSpace, shown, unquoted

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")  # order of the benchmark's code
NONE, SKIP = OPERATIONS.index("none"), OPERATIONS.index("skip_connect")
NODES = 3  # computed nodes, after node 0, the input of the cell
EDGES = tuple((source, target) for target in range(1, NODES + 1) for source in range(target))  # as the notation goes


class NasBench201Space(SearchSpace):
    """Cells of NAS-Bench-201: 6 integers, the operation of each edge; 6 tokens out of 6 words.

    A node is the sum of its edges' outputs; node 0 is the cell's input, node 3 its output. The edges in order are
    0>1, 0>2, 1>2, 0>3, 1>3, 2>3, and the text of a cell is the benchmark's own:
    `|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|`.

    Cells with the same computation, as the benchmark's code writes it, are one: their canonical form is the first of
    them in lexicographic order.
    """

    def __init__(self):
        super().__init__(
            "nasbench201",
            [
                Position(description=f"operation from node {source} to {target}", kind="operation", words=OPERATIONS)
                for source, target in EDGES
            ],
        )

    def canonicalise(self, values: Sequence[int]) -> tuple[int, ...]:
        """The first of all cells with the same computation in lexicographic order."""
        return _classes()[tuple(values)][0]

    def symmetry(self, values: Sequence[int], generator: np.random.Generator) -> tuple[int, ...]:
        """A random cell with the same computation."""
        members = _classes()[tuple(values)]
        return members[int(generator.integers(len(members)))]

    def text(self, values: Sequence[int]) -> str:
        """The notation of the benchmark: for each node its incoming edges, "|operation~source|…|", joined by "+"."""
        operation = dict(zip(EDGES, (OPERATIONS[value] for value in values), strict=True))
        return "+".join(
            "|" + "".join(f"{operation[source, target]}~{source}|" for source in range(target))
            for target in range(1, NODES + 1)
        )

    def parse(self, text: str) -> Architecture:
        """Reads a cell: the notation of the benchmark, integers, or the operations separated by commas.

        Raises:
            ArchitectureError: none of these; the message names the edge and what is allowed there.
        """
        text = unquoted(text)
        if text[:1] + text[-1:] in BRACKETS and "~" in text:
            text = unquoted(text[1:-1])
        if "~" not in text:
            return super().parse(text)
        nodes = text.split("+")
        if len(nodes) != NODES:
            raise ArchitectureError(f"{shown(text)} has {len(nodes)} nodes; {self.name} takes {NODES}, joined by '+'")
        values = []
        for target, node in enumerate(nodes, start=1):
            edges = re.fullmatch(r"\|(.*)\|", node.strip())
            words = edges[1].split("|") if edges else []
            if len(words) != target:
                raise ArchitectureError(
                    f"node {target} is {shown(node.strip())}; it takes {target} edges: "
                    + "|".join(["", *(f"operation~{source}" for source in range(target)), ""])
                )
            for source, word in enumerate(words):
                operation, _, end = word.partition("~")
                if operation not in OPERATIONS or end != str(source):
                    raise ArchitectureError(
                        f"edge {source} of node {target}: {shown(word)} is not allowed; "
                        f"allowed are {', '.join(f'{name}~{source}' for name in OPERATIONS)}"
                    )
                values.append(OPERATIONS.index(operation))
        return self.architecture(values)


# ---- which cells compute the same


def _expression(values: Sequence[int]) -> str:
    """The computation of the cell as the benchmark's code writes it (`to_unique_str`): 6,466 different ones.

    A node is the sorted sum of its terms, a skip stands for the node that it reads, and an edge without output is the
    term #. The zeros stay in the sums and a sum under a skip keeps its order, so some cells that do compute the same
    count as different; which ones depends on how the symbols sort, so they are the benchmark's own.
    """
    nodes = ["0"]
    operations = iter(values)
    for target in range(1, NODES + 1):
        terms = []
        for source, operation in zip(range(target), operations, strict=False):  # the next `target` operations
            if operation == NONE or nodes[source] == "#":
                terms.append("#")
            else:
                terms.append(nodes[source] if operation == SKIP else f"({nodes[source]})@{OPERATIONS[operation]}")
        nodes.append("+".join(sorted(terms)))
    return nodes[-1]


@functools.cache
def _classes() -> dict[tuple[int, ...], list[tuple[int, ...]]]:
    """For every cell all those that compute the same, in lexicographic order."""
    members: dict[str, list[tuple[int, ...]]] = {}
    class_of = {}
    for values in itertools.product(range(len(OPERATIONS)), repeat=len(EDGES)):
        class_of[values] = members.setdefault(_expression(values), [])
        class_of[values].append(values)
    return class_of
