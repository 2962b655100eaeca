"""The colours of operations, for light and for dark pages.

Every kind of operation has a fill and an ink, its text and outline, which is legible on the fill (contrast above 4.5).
"""

from __future__ import annotations

from collections.abc import Mapping

# fill and ink on light pages, fill and ink on dark ones
KINDS: Mapping[str, tuple[str, str, str, str]] = {
    "plain": ("#f4f4f8", "#33333f", "#26262f", "#d6d6e0"),
    "blue": ("#dbe7fb", "#1d4486", "#1c3157", "#a9c7ff"),
    "orange": ("#fde6cf", "#8a3f00", "#4a2a0d", "#ffc48a"),
    "green": ("#d8f0dd", "#165c2c", "#143d22", "#9fe0b2"),
    "grey": ("#e6e6ea", "#3f3f4a", "#34343c", "#d0d0da"),
    "purple": ("#eadffa", "#55288c", "#34205a", "#d2b5ff"),
    "red": ("#fbdcdf", "#8c1a2b", "#551a24", "#ffadb8"),
    "teal": ("#d2eff0", "#0b5357", "#0f3d40", "#8fdde2"),
    "yellow": ("#fbf0bf", "#665000", "#443706", "#f0d980"),
    "absent": ("#ffffff", "#6d6d7a", "#16161d", "#9393a1"),
}
# Light and dark: background, text, lines, heat of the gradient, what changed.
PAGE: Mapping[str, tuple[str, str]] = {
    "paper": ("#fbfbfd", "#16161d"),
    "ink": ("#24242e", "#e4e4ec"),
    "line": ("#84848f", "#80808f"),
    "frame": ("#c9c9d4", "#454553"),
    "heat": ("#e0342b", "#ff6b57"),
    "changed": ("#7a1fd0", "#d7a6ff"),
}
ACTIVATIONS: Mapping[str, str] = {"tanh": "blue", "relu": "orange", "sigmoid": "green", "identity": "grey"}
# The beginnings of the names of operations, the first that fits; those of convolutional cells and of NAS-Bench-201.
OPERATIONS: tuple[tuple[str, str], ...] = (
    ("separable conv", "blue"),
    ("dilated separable conv", "purple"),
    ("conv", "teal"),
    ("nor_conv", "teal"),
    ("average pooling", "green"),
    ("avg_pool", "green"),
    ("max pooling", "orange"),
    ("min pooling", "red"),
    ("identity", "grey"),
    ("skip_connect", "grey"),
    ("zero", "absent"),
    ("none", "absent"),
)
OTHERS = ("yellow", "red", "purple", "blue", "teal", "green", "orange")  # of a user's own operations, in turn


def kind_of(operation: str, operations: tuple[str, ...] = ()) -> str:
    """The kind of an operation.

    Args:
        operation: its name.
        operations: all of the space, by whose order those that are not known here get a colour.
    """
    for beginning, kind in OPERATIONS:
        if operation.startswith(beginning):
            return kind
    place = operations.index(operation) if operation in operations else 0
    return OTHERS[place % len(OTHERS)]
