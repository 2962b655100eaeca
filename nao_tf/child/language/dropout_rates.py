"""The dropout rates of a language model. No TensorFlow here: presets and flags are read before it is loaded."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Dropout:
    """Dropout rates; the names in brackets are those of the authors' scripts.

    Attributes:
        output: outputs of the cell, before the softmax (dropout).
        hidden: the operands of the cell's kernels, except the input (dropouth).
        input: the input of the cell (dropoutx).
        embedding: units of the embedded words (dropouti, "locked").
        words: whole words of the vocabulary (dropoute).

    Raises:
        ValueError: a rate is outside 0 <= rate < 1.
    """

    output: float = 0.0
    hidden: float = 0.0
    input: float = 0.0
    embedding: float = 0.0
    words: float = 0.0

    def __post_init__(self):
        for name, rate in dataclasses.asdict(self).items():
            if not 0 <= rate < 1:
                raise ValueError(f"dropout rate {name} is {rate}; rates lie in 0 <= rate < 1")


# Search with and without weight sharing, and the final models, on Penn Treebank (authors' scripts).
PUBLISHED_DROPOUT = Dropout(output=0.75, hidden=0.25, input=0.75, embedding=0.2)
