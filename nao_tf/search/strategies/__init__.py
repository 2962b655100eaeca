"""The strategies by their names. Importing this, and making a strategy, loads no TensorFlow."""

import dataclasses
import types
from collections.abc import Callable, Mapping

from nao_tf.controller.settings import ControllerSettings
from nao_tf.search.strategies.evolution import EvolutionSettings, RegularisedEvolution
from nao_tf.search.strategies.local import LocalSearch
from nao_tf.search.strategies.mlp import MlpSearch, MlpSettings
from nao_tf.search.strategies.nao import AscentSettings, NeuralArchitectureOptimization
from nao_tf.search.strategies.random import RandomSearch
from nao_tf.search.strategies.reinforce import Reinforce, ReinforceSettings
from nao_tf.search.strategy import Strategy


@dataclasses.dataclass(frozen=True)
class StrategyEntry:
    """A row of `STRATEGIES`.

    Attributes:
        make: called as `make(space, seed, *, observer=None, **settings)`.
        initial: its own best size of the random start, for budgets of a few hundred.
        proposals: its own best size of a later round.
        settings: the default of each of its settings, a frozen dataclass, by the keyword that `make` takes it by; None
            for a `Prior`, which a task's settings do not hold.
        needs_tensorflow: whether asking it loads TensorFlow.
    """

    make: Callable[..., Strategy]
    initial: int
    proposals: int
    settings: Mapping[str, object] = dataclasses.field(default_factory=dict)
    needs_tensorflow: bool = False


_entries: dict[str, StrategyEntry] = {
    "nao": StrategyEntry(
        NeuralArchitectureOptimization,
        initial=20,
        proposals=5,
        settings={"controller": ControllerSettings(), "ascent": AscentSettings(), "prior": None},
        needs_tensorflow=True,
    ),
    "random": StrategyEntry(RandomSearch, initial=50, proposals=10),  # sizes without effect
    "evolution": StrategyEntry(
        RegularisedEvolution, initial=20, proposals=1, settings={"evolution": EvolutionSettings()}
    ),
    "reinforce": StrategyEntry(Reinforce, initial=20, proposals=10, settings={"reinforce": ReinforceSettings()}),
    "local": StrategyEntry(LocalSearch, initial=10, proposals=1),
    "mlp": StrategyEntry(MlpSearch, initial=50, proposals=10, settings={"mlp": MlpSettings()}),
}
STRATEGIES: Mapping[str, StrategyEntry] = types.MappingProxyType(_entries)  # `register` adds to it


def register(name: str, entry: StrategyEntry) -> None:
    """Adds a strategy of a user's own to `STRATEGIES`.

    Raises:
        ValueError: the name is taken.
    """
    if name in _entries:
        raise ValueError(f"strategy {name!r} is there already; registered are {', '.join(_entries)}")
    _entries[name] = entry
