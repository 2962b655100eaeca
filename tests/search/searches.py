"""Small searches for the tests of strategies: a score, an evaluator that can be stopped, small settings."""

import dataclasses

from nao_tf.architecture import RecurrentSpace
from nao_tf.controller import ControllerSettings
from nao_tf.search.loop import search
from nao_tf.search.pool import Evaluation, Pool
from nao_tf.search.strategies import STRATEGIES
from nao_tf.search.strategies.mlp import MlpSettings
from nao_tf.search.strategies.mlp_ensemble import MlpEnsembleSettings
from nao_tf.search.strategies.nao import AscentSettings

SPACE = RecurrentSpace()


def relus(architecture):
    """The share of relus in a recurrent cell."""
    return architecture.values[1::2].count(1) / 11


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


class Judge:
    """Scores every candidate, and checks that it may be asked for.

    Args:
        score: of an architecture.
        stop_after: evaluations after which the program is killed.
        fails: whether the evaluation with a number fails.
    """

    def __init__(self, score=relus, stop_after=None, fails=lambda number: False):
        self.score, self.stop_after, self.fails, self.calls = score, stop_after, fails, 0

    def evaluate(self, pool, candidates, round, report=None):
        architectures = [candidate.architecture for candidate in candidates]
        assert len(set(architectures)) == len(architectures)
        for candidate in candidates:
            assert candidate.architecture == candidate.architecture.canonical
            if candidate.architecture in pool:  # it was evaluated in this round, before a kill
                assert pool.get(pool.id_of(candidate.architecture)).round == round
                continue
            if self.calls == self.stop_after:
                raise KeyboardInterrupt
            self.calls += 1
            failed = self.fails(len(pool))
            score = None if failed else self.score(candidate.architecture)
            yield Evaluation(len(pool), candidate, round, score, 1, "no luck" if failed else None)


def run(name, path=None, judge=None, seed=1, budget=40, initial=12, proposals=7, space=SPACE, maximise=True):
    """The pool of a search that is made anew, or goes on with the file at `path`."""
    pool = Pool(path, space, "score", higher_is_better=maximise)
    search(make(name, seed, space), judge or Judge(), pool, budget, initial, proposals)
    return pool


def strings(pool):
    """The integers of a pool, in order."""
    return [evaluation.candidate.architecture.values for evaluation in pool.evaluations]
