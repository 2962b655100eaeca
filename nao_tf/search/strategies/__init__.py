"""The strategies by their names. Importing this loads no TensorFlow; making a strategy that needs it does."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from nao_tf.architecture import SearchSpace
from nao_tf.search.strategies.evolution import RegularisedEvolution
from nao_tf.search.strategies.local import LocalSearch
from nao_tf.search.strategies.mlp import PerceptronSearch
from nao_tf.search.strategies.random import RandomSearch
from nao_tf.search.strategies.reinforce import Reinforce
from nao_tf.search.strategy import Strategy


@dataclasses.dataclass(frozen=True)
class StrategyEntry:
    """A row of `STRATEGIES`.

    Attributes:
        make: called with space, seed and the options of the strategy.
        initial: its own best size of the random start, for budgets of a few hundred.
        proposals: its own best size of a round behind that.
        needs_tensorflow: whether making it loads TensorFlow.
    """

    make: Callable[..., Strategy]
    initial: int
    proposals: int
    needs_tensorflow: bool = False


def _neural_architecture_optimization(space: SearchSpace, seed: int, **options) -> Strategy:
    from nao_tf.controller import PRESETS
    from nao_tf.search.strategies.nao import NeuralArchitectureOptimization

    return NeuralArchitectureOptimization(space, seed, **{"settings": PRESETS["default"], **options})


STRATEGIES: Mapping[str, StrategyEntry] = {
    "nao": StrategyEntry(_neural_architecture_optimization, initial=20, proposals=5, needs_tensorflow=True),
    "random": StrategyEntry(RandomSearch, initial=50, proposals=10),  # of no effect
    "evolution": StrategyEntry(RegularisedEvolution, initial=20, proposals=1),
    "reinforce": StrategyEntry(Reinforce, initial=20, proposals=10),
    "local": StrategyEntry(LocalSearch, initial=10, proposals=1),
    "mlp": StrategyEntry(PerceptronSearch, initial=50, proposals=10),
}
