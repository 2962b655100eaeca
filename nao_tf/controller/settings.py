"""The settings of the controller: its sizes and its training. Loads no TensorFlow."""

import dataclasses
from collections.abc import Mapping

CHOICES: Mapping[str, tuple[str, ...]] = {
    "predictor_reading": ("states", "mean"),
    "initialisation": ("glorot", "authors"),
    "learning_rate_decay": ("constant", "linear", "cosine"),
    "targets": ("rank", "min-max"),
}
MOST_PREDICTOR_LAYERS = 60  # each has a random stream of its own for dropout, see `ensemble.dropout.Stream`


@dataclasses.dataclass(frozen=True)
class ControllerSettings:
    """Sizes and training of the controller. The defaults are those measured here to search best; see `PRESETS`.

    Attributes:
        members: of the ensemble.
        embedding_width: width of one token's embedding in the encoder.
        hidden: units of both LSTMs, and the width of the decoder's token embedding.
        predictor_reading: the input of the predictor: all `states` side by side, or their `mean`.
        predictor_layers: hidden layers of the predictor.
        predictor_width: units of each hidden layer.
        embedding_dropout: dropped share of the encoder's token embeddings, in training.
        state_dropout: dropped share of the encoder's outputs, in training.
        predictor_dropout: dropped share of the predictor's hidden units, in training.
        initialisation: initial weights, `glorot` or `authors`.
        prediction_weight: lambda of the joint loss, the share of the prediction loss.
        learning_rate: of Adam, at the first step.
        learning_rate_decay: `constant`, or `linear` or `cosine` to zero.
        weight_decay: L2 coefficient, added to the gradient after clipping.
        clip_norm: largest norm of the gradient of a member's weights.
        steps: of a training; None where `epochs` alone counts.
        epochs: passes over the pool of a training; None where `steps` alone count. With both, what is longer counts.
        batch_size: architectures of a step; the whole pool when it is smaller.
        targets: the scores as the predictor learns them: by `rank`, or scaled by `min-max`.
        held_out: share of the pool that a single member never sees; an ensemble holds out in turn, each member its own
            part. 0: every member learns from the whole pool, and no quality is measured.
        spellings: of each architecture that are learnt, its own first, and that a prediction is the mean of; 1: its own
            alone.
    """

    members: int = 5  # measured: 10 of 10 searches on the table find the best cell, one member 8 of 10
    embedding_width: int = 16  # with two tokens a step, the encoder's input is as wide as its state
    hidden: int = 32  # measured to be enough for pools of a few hundred
    predictor_reading: str = "states"  # measured: the mean loses positions (4 instead of 8 of 10 searches succeed)
    predictor_layers: int = 2
    predictor_width: int = 200  # authors' code
    embedding_dropout: float = 0.0  # 0.1 in the authors' code for recurrent cells; measured: no better with spellings
    state_dropout: float = 0.0
    predictor_dropout: float = 0.1  # authors' code, without weight sharing
    initialisation: str = "glorot"
    # Measured on 3 pools of 100 recurrent cells with a noisy score, 300 steps (held-out tau; tokens wrong when
    # reconstructing held-out cells): rate 5e-3 / 1e-2 / 2e-2 without spellings 0.61, 5.7 / 0.62, 3.9 / 0.63, 5.0; 1e-2
    # with 8 spellings 0.69, 5.2; and clipped at 1 and with prediction weight 0.5 0.70, 2.7; that at 2e-2 0.69, 0.3.
    prediction_weight: float = 0.5  # 0.8 in the authors' scripts
    learning_rate: float = 2e-2
    learning_rate_decay: str = "cosine"
    weight_decay: float = 1e-4  # authors' code
    clip_norm: float = 1.0  # 5 in the authors' code
    steps: int | None = 300
    epochs: int | None = None
    batch_size: int = 256  # whole pools of the usual budgets
    targets: str = "rank"  # min-max squashes the top of the pool when a few members fail
    held_out: float = 0.1
    spellings: int = 8  # measured: tau 0.62 with 1, 0.69 with 8, 0.70 with 32

    def __post_init__(self):
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(f"controller {name} {getattr(self, name)!r}; known are {', '.join(known)}")
        if self.steps is None and self.epochs is None:
            raise ValueError("controller training takes steps, epochs, or both")
        for name in ("members", "hidden", "embedding_width", "batch_size", "spellings"):
            if getattr(self, name) < 1:
                raise ValueError(f"controller {name} {getattr(self, name)}; at least 1")
        if not 0 <= self.predictor_layers <= MOST_PREDICTOR_LAYERS:
            raise ValueError(f"controller predictor_layers {self.predictor_layers}; 0 to {MOST_PREDICTOR_LAYERS}")
        if not 0 <= self.held_out < 1:
            raise ValueError(f"held out share {self.held_out}; at least 0 and below 1")


PRESETS: Mapping[str, ControllerSettings] = {
    "default": ControllerSettings(),
    # For spaces of few tokens and small pools, where every example counts. Against the default on 16 pools of 50 cells
    # of NAS-Bench-201: ranks cells outside the pool as well (Kendall's tau 0.55 both), in a quarter of the time.
    # Holding nothing out: docs/results/nasbench201.md, "Tuning"; steps and epochs: "Predictor".
    "small": ControllerSettings(hidden=16, predictor_width=64, batch_size=32, held_out=0.0, steps=600, epochs=60),
    # The authors' code for recurrent cells with weight sharing.
    "paper": ControllerSettings(
        members=1,
        embedding_width=48,
        hidden=96,
        predictor_reading="mean",  # NAO, section 3.2
        predictor_layers=4,
        predictor_width=200,
        embedding_dropout=0.1,
        state_dropout=0.0,
        predictor_dropout=0.0,
        initialisation="authors",
        prediction_weight=0.8,  # all scripts; the paper states 0.9 for convolutional cells
        learning_rate=1e-3,
        learning_rate_decay="constant",
        weight_decay=1e-4,
        clip_norm=5.0,
        steps=None,
        epochs=1000,
        batch_size=100,
        targets="min-max",
        held_out=0.1,  # the authors' test architectures were in the training file too; here they are not
        spellings=1,
    ),
}
