"""A search on anyone's function."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from nao_tf.architecture import Architecture, SearchSpace
from nao_tf.errors import InputError
from nao_tf.observer import Observer
from nao_tf.search.evaluator import Evaluator, FunctionEvaluator, Outcome
from nao_tf.search.executors import Executor
from nao_tf.search.loop import Rounds
from nao_tf.search.loop import search as run
from nao_tf.search.pool import Pool
from nao_tf.search.strategies import STRATEGIES
from nao_tf.search.strategy import Strategy


def search(
    space: SearchSpace,
    evaluate: Callable[[Architecture], float | Outcome] | Evaluator,
    *,
    budget: int,
    strategy: str | Strategy = "nao",
    seed: int = 1,
    initial: int | None = None,
    proposals: int | None = None,
    given: Sequence[Architecture] = (),
    metric: str = "score",
    higher_is_better: bool = True,
    path: os.PathLike | str | None = None,
    observer: Observer | None = None,
    executor: Executor | None = None,
    **settings: Any,
) -> Pool:
    """Searches a space for the architectures that a function scores best.

    >>> import nao_tf
    >>> space = nao_tf.CategoricalSpace("net", {"depth": ["2", "4", "8"], "width": ["16", "32", "64"]})
    >>> pool = nao_tf.search(space, lambda architecture: -sum(architecture.values), budget=5, strategy="random")
    >>> pool.best.candidate.architecture.text
    'depth=2, width=16'

    Args:
        space: of the architectures.
        evaluate: gives an architecture its score, or an `Outcome`; see `FunctionEvaluator`. Or an `Evaluator`.
        budget: architectures that are evaluated in all; fewer where the space has no more. Of an evaluator with rungs
            the cost, in evaluations on its last rung.
        strategy: a name of `STRATEGIES`, or a strategy that was made for this space.
        seed: of everything random; equal seeds and scores give equal pools.
        initial: architectures of the first round, which is random; None: the strategy's own number, or the budget.
        proposals: new architectures of each later round; None: the strategy's own number.
        given: architectures that are evaluated first.
        metric: the name of the score in the pool.
        higher_is_better: the direction of the score.
        path: of a file that keeps the pool; a search goes on with the evaluations that it holds.
        observer: receives rounds and evaluations.
        executor: where the function runs; this process where it is not given.
        settings: of the strategy: dataclasses by the names in its `STRATEGIES` entry, such as `ascent` for nao.

    Returns:
        The evaluated architectures, the best of them as `Pool.best`.

    Raises:
        InputError: an unknown strategy, a budget below 1, or a file that holds another pool.
        FailingError: the first evaluations all failed.
    """
    if budget < 1:
        raise InputError(f"budget of {budget} evaluations; at least 1")
    evaluator = evaluate if isinstance(evaluate, Evaluator) else FunctionEvaluator(evaluate, executor=executor)
    if isinstance(strategy, str):
        if strategy not in STRATEGIES:
            raise InputError(f"strategy {strategy!r} is not one of {', '.join(STRATEGIES)}")
        entry = STRATEGIES[strategy]
        unknown = [name for name in settings if name not in entry.settings]
        if unknown:
            known = ", ".join(entry.settings) or "none"
            raise InputError(f"strategy {strategy} has no settings {unknown[0]!r}; it has {known}")
        name, own_initial, own_proposals = strategy, entry.initial, entry.proposals
        proposer = entry.make(space, seed, observer=observer, **settings)
    else:
        name, own_initial, own_proposals, proposer = type(strategy).__name__, 20, 10, strategy
    pool = Pool(path, space, metric=metric, higher_is_better=higher_is_better, rungs=evaluator.rungs)
    rounds = Rounds(
        budget=budget,
        initial=own_initial if initial is None else initial,
        proposals=own_proposals if proposals is None else proposals,
    )
    if observer:
        observer.search(name, pool, budget=budget)
    run(proposer, evaluator, pool=pool, rounds=rounds, given=given, name=name, observer=observer)
    return pool
