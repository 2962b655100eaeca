"""Settings of the training of a language model, and their presets.

The `paper` values are those of the authors' scripts. The `cpu` values are tuned for minutes on two cores: the published
schedules assume a thousand epochs.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

from nao_tf.child.language.dropout_rates import PUBLISHED_DROPOUT, Dropout
from nao_tf.errors import InputError
from nao_tf.settings import plain
from nao_tf.training import schedules
from nao_tf.training.bounds import NOT_NEGATIVE, POSITIVE, check, one_of, optional, whole
from nao_tf.training.lengths import LENGTHS

OPTIMIZERS = ("adam", "sgd")


@dataclasses.dataclass(frozen=True)
class LanguageTraining:
    """The training of a language model.

    Attributes:
        units: U, the width of the embedding and of the cell.
        batch_size: B, sequences that are trained side by side.
        steps: training steps, one window each; 0: as many as fit the text, see `length`.
        window: T, time steps of truncated back-propagation.
        optimizer: a name of `OPTIMIZERS`.
        learning_rate: the highest.
        decay: whether the learning rate falls linearly to a hundredth of itself at the last step.
        warmup: steps over which the learning rate rises linearly at first; 0 for none.
        clip_norm: bound on the global norm of the gradient; 0 for none.
        weight_decay: L2 coefficient, added to the gradient after clipping.
        dropout: dropout rates.
        activation_penalty: alpha of AR.
        temporal_penalty: beta of TAR.
        scale: weights start uniform in +-scale; None: Glorot.
        evaluation_batch: sequences that are evaluated side by side during training and search.
        epochwise: whether every pass over the text is validated and the best weights are kept (`training.epochs`).
        window_deviation: standard deviation of a window's length around `window`, epochwise only; 0: all are equal.
        averaging_patience: epochs without improvement on validation before the mean of the iterates takes the place of
            the last one (NT-ASGD), epochwise only; None: never.
        patience: training steps without a gain on validation that bring on the end of the training, which is epochwise
            then; None: it ends with its last step.
        length: the row of `training.lengths.LENGTHS` that plans steps and patience where steps are 0; None: there is
            none.

    Raises:
        ValueError: a value that a field cannot have.
    """

    units: int
    batch_size: int
    steps: int
    window: int = 35
    optimizer: str = "adam"
    learning_rate: float = 1e-2
    decay: bool = True
    warmup: int = 0
    clip_norm: float = 1.0
    weight_decay: float = 0.0
    dropout: Dropout = Dropout()
    activation_penalty: float = 0.0
    temporal_penalty: float = 1e-3
    scale: float | None = None
    evaluation_batch: int = 64
    epochwise: bool = False
    window_deviation: float = 0.0
    averaging_patience: int | None = None
    patience: int | None = None
    length: str | None = None

    def __post_init__(self):
        check(self, _BOUNDS | {"steps": whole(0 if self.length else 1)})

    @property
    def validated(self) -> bool:
        """Whether epochs are validated, and the best weights kept."""
        return self.epochwise or self.patience is not None

    def identity(self) -> dict[str, Any]:
        """What decides a training, as JSON values; without a later field where work directories of before have none."""
        values = plain(self)
        del values["length"]
        if self.patience is None:
            del values["patience"]
        return values

    def fitted(self, per_epoch: int) -> Self:
        """The same training, as long as fits the data where its length was to be.

        Args:
            per_epoch: training steps of a pass over the text.
        """
        if self.steps or self.length is None:
            return self
        length = LENGTHS[self.length]
        patience = length.patience(per_epoch) if self.patience is None else self.patience
        return dataclasses.replace(self, steps=length.steps(per_epoch), patience=patience)

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        rising = schedules.warm_up(step, steps=self.warmup)
        falling = schedules.linear(step, steps=self.steps) if self.decay else 1.0
        return self.learning_rate * rising * falling


_BOUNDS = {
    **dict.fromkeys(("units", "batch_size", "window", "evaluation_batch"), whole(1)),
    "optimizer": one_of(OPTIMIZERS),
    "learning_rate": POSITIVE,
    "warmup": whole(0),
    "scale": optional(POSITIVE),
    "averaging_patience": optional(whole(0)),
    "patience": optional(whole(1)),
    "length": optional(one_of(LENGTHS)),
    **dict.fromkeys(
        ("clip_norm", "weight_decay", "activation_penalty", "temporal_penalty", "window_deviation"), NOT_NEGATIVE
    ),
}


_PUBLISHED_SHARED = LanguageTraining(
    units=300,
    batch_size=256,
    steps=20_400,  # 200 epochs of 102 windows between two evaluations
    optimizer="sgd",
    learning_rate=0.25,
    decay=False,
    clip_norm=10.0,
    weight_decay=5e-7,
    dropout=PUBLISHED_DROPOUT,
    scale=0.04,
    evaluation_batch=256,
)
_PUBLISHED_FINAL = LanguageTraining(
    units=850,
    batch_size=64,
    steps=1_728_000,  # 4,000 epochs of 432 windows: 14,524 time steps of the Penn Treebank, 33.6 a window
    optimizer="sgd",
    learning_rate=20.0,
    decay=False,
    clip_norm=0.25,
    weight_decay=8e-7,
    dropout=PUBLISHED_DROPOUT,
    scale=0.04,
    evaluation_batch=10,
    epochwise=True,
    window_deviation=5.0,
    averaging_patience=5,
)
_PUBLISHED_WIKITEXT2 = dataclasses.replace(
    _PUBLISHED_FINAL,
    units=700,
    steps=1_942_000,  # 2,000 epochs of 971 windows: about 2.09 million tokens
    weight_decay=5e-7,
    dropout=dataclasses.replace(PUBLISHED_DROPOUT, hidden=0.15),
)
# What ranks best of what was tried, see docs/results/penn_treebank.md. Without the warm-up some cells of long
# identity and relu chains diverge within the first 50 steps; without the activation penalty the states of many that
# ascent proposes grow without bound over the validation part.
_CPU_SCRATCH = LanguageTraining(
    units=64, batch_size=20, steps=500, learning_rate=1.5e-2, warmup=50, activation_penalty=0.1
)

# The trainings of a search, by preset: a child from scratch, a round of the shared child, a finalist.
SCRATCH_TRAININGS: Mapping[str, LanguageTraining] = {
    "cpu": _CPU_SCRATCH,
    "paper": dataclasses.replace(
        _PUBLISHED_FINAL,
        steps=249_000,  # 600 epochs of 415 windows
        epochwise=False,  # a search compares cells after equal steps
        window_deviation=0.0,
        averaging_patience=None,
    ),
}
SHARED_TRAININGS: Mapping[str, LanguageTraining] = {
    "cpu": dataclasses.replace(_CPU_SCRATCH, steps=1_327, learning_rate=1e-2, activation_penalty=0.0),
    "paper": _PUBLISHED_SHARED,
}
FINALIST_TRAININGS: Mapping[str, LanguageTraining] = {
    "cpu": LanguageTraining(
        units=128,
        batch_size=20,
        steps=5_308,  # 4 epochs of the Penn Treebank
        warmup=50,
        activation_penalty=0.1,
        dropout=Dropout(output=0.2, input=0.2),
    ),
    "paper": _PUBLISHED_FINAL,
}


# The training of one given architecture, by preset and task: its own table, since nothing is searched and all the time
# goes into one model. Tasks that are not listed take the entry of the Penn Treebank.
_CPU_FINAL = LanguageTraining(  # an hour on two cores
    units=200,
    batch_size=20,
    steps=23_886,  # 18 epochs of the Penn Treebank
    learning_rate=5e-3,
    warmup=100,
    dropout=Dropout(output=0.35, input=0.35, hidden=0.15, embedding=0.1),
    epochwise=True,
)
FINAL_TRAININGS: Mapping[str, Mapping[str, LanguageTraining]] = {
    "cpu": {"ptb": _CPU_FINAL},
    "paper": {"ptb": _PUBLISHED_FINAL, "wikitext2": _PUBLISHED_WIKITEXT2},
}


def final_training(preset: str, task: str) -> LanguageTraining:
    """The training of one given architecture.

    Args:
        preset: a key of `FINAL_TRAININGS`.
        task: the name of the corpus.

    Raises:
        InputError: no such preset.
    """
    if preset not in FINAL_TRAININGS:
        raise InputError(f"preset is {preset!r}; known are {', '.join(FINAL_TRAININGS)}")
    by_task = FINAL_TRAININGS[preset]
    return by_task.get(task, by_task["ptb"])
