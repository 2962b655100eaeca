"""The settings of a search: budget, rounds, and those of every strategy."""

from __future__ import annotations

import dataclasses
import math

from nao_tf.controller.settings import ControllerSettings
from nao_tf.search.strategies.evolution import EvolutionSettings
from nao_tf.search.strategies.mlp import MlpSettings
from nao_tf.search.strategies.nao import AscentSettings
from nao_tf.search.strategies.reinforce import ReinforceSettings

SCORE = "score"
SIZES = ("parameters", "flops", "latency_ms")  # of final models
OBJECTIVES = (SCORE, *SIZES)


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
        max_parameters: trainable parameters that a final model may have; none: any number.
        max_flops: multiply-adds that a final model may need for an image or a token; none: any number.
        max_latency_ms: milliseconds that a request to the exported final model may take on this machine; none: any.
        objectives: score alone, or score and some of parameters, flops and latency_ms: what is better in none of them
            is no finalist, and the rest is told as the front.
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
    max_parameters: int | None = None
    max_flops: int | None = None
    max_latency_ms: float | None = None
    objectives: tuple[str, ...] = (SCORE,)
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
        for name, bound in self.bounds.items():
            if not 0 < bound < math.inf:
                raise ValueError(f"{name} of {bound:g}; more than 0")
        for name in self.objectives:
            if name not in OBJECTIVES:
                raise ValueError(f"objective {name!r} is not one of {', '.join(OBJECTIVES)}")
        if SCORE not in self.objectives or len(set(self.objectives)) < len(self.objectives):
            raise ValueError(f"the objectives are {SCORE} and others of {', '.join(OBJECTIVES[1:])}, each once")

    @property
    def bounds(self) -> dict[str, float]:
        """Limits of the size of what a search may propose, by the names of their flags."""
        bounds = {f"max_{name}": getattr(self, f"max_{name}") for name in SIZES}
        return {name: bound for name, bound in bounds.items() if bound is not None}
