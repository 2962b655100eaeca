"""What an architecture is. Pure Python and NumPy: nothing here imports TensorFlow."""

from nao_tf.architecture.convolutional import ConvolutionalSpace, parse_cells
from nao_tf.architecture.nasbench201 import NasBench201Space
from nao_tf.architecture.recurrent import NUMBERINGS, RecurrentSpace
from nao_tf.architecture.space import START_TOKEN, Architecture, ArchitectureError, Position, SearchSpace

__all__ = [
    "NUMBERINGS",
    "START_TOKEN",
    "Architecture",
    "ArchitectureError",
    "ConvolutionalSpace",
    "NasBench201Space",
    "Position",
    "RecurrentSpace",
    "SearchSpace",
    "parse_cells",
]
