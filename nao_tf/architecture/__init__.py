"""What an architecture is. Pure Python and NumPy: nothing here imports TensorFlow."""

from nao_tf.architecture.categorical import CategoricalSpace
from nao_tf.architecture.constraint import Bounded, Constraint, Restriction, Subset
from nao_tf.architecture.convolutional import ConvolutionalSpace, parse_cells
from nao_tf.architecture.nasbench201 import NasBench201Space
from nao_tf.architecture.position import ArchitectureError, Position
from nao_tf.architecture.recurrent import NUMBERINGS, RecurrentSpace
from nao_tf.architecture.space import Architecture, SearchSpace
from nao_tf.architecture.tokens import START_TOKEN, IntegerForm, TokenForm

__all__ = [
    "NUMBERINGS",
    "START_TOKEN",
    "Architecture",
    "ArchitectureError",
    "Bounded",
    "CategoricalSpace",
    "Constraint",
    "ConvolutionalSpace",
    "IntegerForm",
    "NasBench201Space",
    "Position",
    "RecurrentSpace",
    "Restriction",
    "SearchSpace",
    "Subset",
    "TokenForm",
    "parse_cells",
]
