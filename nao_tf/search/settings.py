"""The settings of a search: budget, rounds, and those of every strategy."""

from __future__ import annotations

import dataclasses

from nao_tf.controller.settings import ControllerSettings
from nao_tf.search.strategies.evolution import EvolutionSettings
from nao_tf.search.strategies.mlp import MlpSettings
from nao_tf.search.strategies.nao import AscentSettings
from nao_tf.search.strategies.reinforce import ReinforceSettings


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudySettings:
    """Budget, rounds and strategies of a study; a task's own settings are a subclass with more fields.

    Attributes:
        budget: architectures that are evaluated in all.
        initial: architectures of the first round; none: the strategy's own number.
        proposals: new architectures of each later round; none: the strategy's own number.
        finalists: how many of the best are trained to the end; the best of them on validation is tested.
        final_seeds: trainings of each final model and each rival, with a seed each; their spread tells whether a
            difference is more than noise.
        audited: members of the pool that are scored again with another seed, to tell how far scores can be trusted;
            none: a twelfth of the budget where that is enough to tell anything.
        fidelity_architectures: that --fidelity trains for every length.
        controller: encoder, predictor and decoder of the strategy nao.
        ascent: the gradient ascent of the strategy nao.
        evolution: the strategy evolution.
        reinforce: the strategy reinforce.
        mlp: the strategy mlp.
    """

    budget: int = 100
    initial: int | None = None
    proposals: int | None = None
    finalists: int = 1
    final_seeds: int = 1
    audited: int | None = None
    fidelity_architectures: int = 12
    controller: ControllerSettings = ControllerSettings()
    ascent: AscentSettings = AscentSettings()
    evolution: EvolutionSettings = EvolutionSettings()
    reinforce: ReinforceSettings = ReinforceSettings()
    mlp: MlpSettings = MlpSettings()

    def __post_init__(self):
        for name in ("budget", "initial", "proposals", "finalists", "final_seeds"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} of {value}; at least 1")
        if self.fidelity_architectures < 6:
            raise ValueError(f"fidelity_architectures of {self.fidelity_architectures}; fewer than 6 tell nothing")
        if self.audited is not None and self.audited < 0:
            raise ValueError(f"audited of {self.audited}; at least 0")

    @property
    def bounds(self) -> dict[str, int]:
        """Bounds on the size of what a search may propose, by the names of their flags; none for most tasks."""
        return {}
