"""The scores that an ensemble predicts.

Letters: N architectures.
"""

from typing import NamedTuple

import numpy as np


class Prediction(NamedTuple):
    """Predicted scores of architectures, higher is better.

    Attributes:
        mean: of the members of the ensemble, `[N]`, on the scale of the targets that they were trained on.
        spread: standard deviation of the members, `[N]`: how much they disagree. 0 where there is one member.
    """

    mean: np.ndarray
    spread: np.ndarray
