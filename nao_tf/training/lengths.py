"""How long trainings on data of any size are: planned from the size of the data, ended by validation.

The presets' numbers of steps are those of the Penn Treebank and CIFAR-10. On data of any other size a training is
planned to be some passes over the training data, between bounds; validation ends a final one before, see
`training.epochs`. What is planned is a bound rather than a guess: a small text is learnt by heart after a few passes,
while a few pictures, which are moved and mirrored, teach for hundreds.

No TensorFlow here: settings are read before it loads.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

FITTED = ("cpu",)  # presets whose lengths follow the size of own data; the others are as published


@dataclasses.dataclass(frozen=True)
class Length:
    """The length of a training on data of any size.

    Attributes:
        epochs: passes over the training data that are planned.
        least: training steps that are planned at least.
        most: training steps that are planned at most.
        patient_epochs: passes without a gain on validation that bring on the end of a training.
        patient_steps: training steps without a gain that do, at least; 0: a training ends with its last step.
    """

    epochs: int
    least: int
    most: int
    patient_epochs: int = 0
    patient_steps: int = 0

    def steps(self, per_epoch: int) -> int:
        """Training steps that are planned where a pass over the training data has some number of them."""
        return min(max(self.epochs * per_epoch, self.least), self.most)

    def patience(self, per_epoch: int) -> int | None:
        """Training steps without a gain that bring on the end; None: only the last step does."""
        patience = max(self.patient_epochs * per_epoch, self.patient_steps)
        return patience if 0 < patience < self.steps(per_epoch) else None


# The most are the numbers of the presets, but for pictures: those of the final models are an hour on two cores.
# The least of children are the shortest that were seen to rank networks. Validation of pictures is noisy at high
# learning rates, hence the patience: two fifths of the training. See docs/results/own_data.md.
LENGTHS: Mapping[str, Length] = {
    "text_child": Length(epochs=10, least=100, most=500),
    "text_round": Length(epochs=10, least=100, most=1_327),
    "text_finalist": Length(epochs=60, least=1_000, most=5_308, patient_epochs=3, patient_steps=200),
    "text_final": Length(epochs=60, least=1_000, most=23_886, patient_epochs=3, patient_steps=200),
    "image_child": Length(epochs=40, least=150, most=300),
    "image_round": Length(epochs=40, least=150, most=900),
    "image_final": Length(epochs=40, least=2_500, most=10_000, patient_epochs=16, patient_steps=1_000),
}


def words(what: str, steps: int, *, per_epoch: int, patience: int | None) -> str:
    """The length of a training, for people.

    Args:
        what: is trained, as "final models".
        steps: that are planned.
        per_epoch: steps of a pass over the training data.
        patience: steps without a gain on validation that bring on the end; None: it ends with its last step.
    """
    planned = f"{steps:,} steps ({steps / per_epoch:.3g} epochs)"
    if patience is None:
        return f"{what} {planned}"
    return f"{what} at most {planned}, ended by validation where {patience:,} steps bring no gain"


def line(parts: Sequence[str], size: str) -> str:
    """The lengths of several trainings, for people, with the reason.

    Args:
        parts: of `words`.
        size: of the training data, as "540 images".
    """
    return f"lengths that fit {size}: {'; '.join(parts)}"


def line_of_study(
    settings: Any, chosen: Mapping[str, bool], *, per_epoch: Callable[[Any], int], size: str, training: bool
) -> str | None:
    """The lengths of a study that follow from the size of its data, for people; None where none does.

    Args:
        settings: of the study, with the trainings `score` and `final`.
        chosen: whether the length of each of them was chosen here, by its name.
        per_epoch: the steps of a pass over the training data, of a training.
        size: of the training data, as "540 images".
        training: whether one given architecture is trained instead of a search.
    """
    child = "rounds of the shared child" if settings.weight_sharing else "children of the search"
    parts = {"final models": ("final", settings.final)}
    if not training:
        parts = {child: ("score", settings.score), **parts}
    told = [
        words(what, part.steps, per_epoch=per_epoch(part), patience=part.patience)
        for what, (name, part) in parts.items()
        if chosen[name]
    ]
    return line(told, size) if told else None
