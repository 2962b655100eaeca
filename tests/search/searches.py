"""Small searches for the tests of strategies: a score, an evaluator that can be stopped, small settings."""

import dataclasses

from nao_tf.controller import ControllerSettings
from nao_tf.search.loop import Rounds, search
from nao_tf.search.pool import Pool
from nao_tf.search.strategies import STRATEGIES
from nao_tf.search.strategies.mlp import MlpSettings
from nao_tf.search.strategies.mlp_ensemble import MlpEnsembleSettings
from nao_tf.search.strategies.nao import AscentSettings
from nao_tf.testing.strategies import SPACE, Judge, relus

__all__ = ["SMALL", "SPACE", "Judge", "make", "relus", "run", "strings"]

# So small that a search takes a second.
SMALL = {
    "controller": ControllerSettings(
        members=2, embedding_width=8, hidden=16, predictor_layers=1, predictor_width=16, spellings=1, steps=60
    ),
    "ascent": AscentSettings(starts=10, step_sizes=(1, 5)),
    "mlp": MlpSettings(ensemble=MlpEnsembleSettings(members=2, units=(32,), steps=60), sample=60, mutants=60),
}


def make(name, seed=1, space=SPACE, observer=None, **changes):
    """A strategy with small settings; `changes` are values of them, by the name of the settings."""
    entry = STRATEGIES[name]
    settings = {key: SMALL.get(key, default) for key, default in entry.settings.items()}
    for key, values in changes.items():
        settings[key] = dataclasses.replace(settings[key], **values)
    return entry.make(space, seed, observer=observer, **settings)


def run(name, path=None, judge=None, seed=1, budget=40, initial=12, proposals=7, space=SPACE, maximise=True):
    """The pool of a search that is made anew, or goes on with the file at `path`."""
    pool = Pool(path, space, metric="score", higher_is_better=maximise)
    rounds = Rounds(budget=budget, initial=initial, proposals=proposals)
    search(make(name, seed, space), judge or Judge(), pool=pool, rounds=rounds)
    return pool


def strings(pool):
    """The integers of a pool, in order."""
    return [evaluation.candidate.architecture.values for evaluation in pool.evaluations]
