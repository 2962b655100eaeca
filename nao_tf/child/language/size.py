"""How large a language model of one recurrent cell is, by arithmetic alone.

All architectures of the space are equally large: each node has one pair of matrices, whatever it reads and computes.

Letters: V words, U units, N nodes.
"""

from nao_tf.architecture.recurrent import NODES


def size_of_language_model(units: int, vocabulary: int, *, nodes: int = NODES) -> tuple[int, int]:
    """Trainable parameters, and multiply-adds of a token: those of the cell's products and of the softmax.

    Args:
        units: U, of the embedding, which is that of the softmax too, and of the state.
        vocabulary: V.
        nodes: N.
    """
    cell = 4 * units**2 + nodes * 2 * units**2  # [2 U, 2 U], N times [U, 2 U]
    return (vocabulary * units + vocabulary + cell, cell + vocabulary * units)
