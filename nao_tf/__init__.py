"""Neural Architecture Optimization (Luo et al., NeurIPS 2018) in TensorFlow and Keras.

The names below are the public face; they are loaded when they are first used, so importing the package is quick, and
TensorFlow is loaded only by what computes with it.

* `search(space, evaluate, budget=…)` runs a search on anyone's function.
* `SearchSpace`, `Position`, `CategoricalSpace`, `Architecture`: what can be searched.
* `Controller` learns from architectures and their scores, and proposes better ones by gradient ascent.
* `Strategy`, `STRATEGIES`, `Candidate`: what proposes architectures.
* `Evaluator`, `Outcome`: what gives architectures their scores.
* `Pool`, `Evaluation`: what a search remembers.
* `Task`, `FinalModel`, `Metric`, `Rival`, `TASKS`: what is learned, on which data.
* `Study`, `StudySettings`, `Result`: a whole run, from the search to the exported model.
* `Observer`: receives what happens in a run.
* `InputError`, `RunError`, `DivergedError`: what goes wrong, in one line each.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Architecture": "nao_tf.architecture",
    "ArchitectureError": "nao_tf.architecture",
    "CategoricalSpace": "nao_tf.architecture",
    "Position": "nao_tf.architecture",
    "SearchSpace": "nao_tf.architecture",
    "Controller": "nao_tf.controller.fit",
    "ControllerSettings": "nao_tf.controller.settings",
    "DivergedError": "nao_tf.errors",
    "InputError": "nao_tf.errors",
    "RunError": "nao_tf.errors",
    "Observer": "nao_tf.observer",
    "Evaluator": "nao_tf.search.evaluator",
    "Outcome": "nao_tf.search.evaluator",
    "Candidate": "nao_tf.search.pool",
    "Evaluation": "nao_tf.search.pool",
    "Pool": "nao_tf.search.pool",
    "StudySettings": "nao_tf.search.settings",
    "STRATEGIES": "nao_tf.search.strategies",
    "Strategy": "nao_tf.search.strategy",
    "Result": "nao_tf.study.result",
    "Study": "nao_tf.study.study",
    "TASKS": "nao_tf.tasks",
    "FinalModel": "nao_tf.tasks.task",
    "Metric": "nao_tf.tasks.task",
    "Rival": "nao_tf.tasks.task",
    "Task": "nao_tf.tasks.task",
}
_PACKAGES = ("search", "testing")  # `search` is the package that holds all of a search, and can be called

__all__ = ["__version__", *_HOMES, *_PACKAGES]  # noqa: PLE0604

STRATEGIES: "Mapping[str, StrategyEntry]"
"""The strategies by their names; `nao_tf.search.strategies.register` adds one of your own."""

TASKS: "dict[str, type[Task]]"
"""The tasks of the programs by their names, which `--task` takes; a class may serve several."""

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nao_tf.architecture import Architecture, ArchitectureError, CategoricalSpace, Position, SearchSpace
    from nao_tf.controller.fit import Controller
    from nao_tf.controller.settings import ControllerSettings
    from nao_tf.errors import DivergedError, InputError, RunError
    from nao_tf.observer import Observer
    from nao_tf.search.evaluator import Evaluator, Outcome
    from nao_tf.search.pool import Candidate, Evaluation, Pool
    from nao_tf.search.settings import StudySettings
    from nao_tf.search.strategies import StrategyEntry
    from nao_tf.search.strategy import Strategy
    from nao_tf.study.result import Result
    from nao_tf.study.study import Study
    from nao_tf.tasks.task import FinalModel, Metric, Rival, Task


def __getattr__(name: str) -> Any:
    """Loads a public name when it is first used (PEP 562)."""
    if name in _PACKAGES:
        return importlib.import_module(f"nao_tf.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'nao_tf' has no attribute {name!r}; it has {', '.join(sorted(__all__))}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
