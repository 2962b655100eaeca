"""The search loop: ask, evaluate, remember, until the budget is spent."""

from __future__ import annotations

from collections.abc import Callable

from nao_tf.errors import RunError
from nao_tf.search.pool import Evaluation, Pool
from nao_tf.search.strategy import Strategy

FAILURES_AT_FIRST = 5  # more than chance: something is wrong with the set-up, not with the architectures


class FailingError(RunError):
    """The first evaluations of a search all failed."""


def search(
    strategy: Strategy,
    evaluator,
    pool: Pool,
    budget: int,
    initial: int,
    proposals: int,
    on_evaluation: Callable[[Evaluation], None] = lambda evaluation: None,
    on_round: Callable[[int], None] = lambda round: None,
    report: Callable | None = None,
) -> None:
    """Evaluates `budget` architectures.

    A search that was stopped goes on where it stood: rounds that are complete are not asked for again; the round that
    was under way is asked for again from the pool as it was when the round began, which gives the same candidates.

    Args:
        strategy: what proposes.
        evaluator: what scores.
        pool: what remembers.
        budget: architectures in all.
        initial: architectures of round 0.
        proposals: architectures of every later round.
        on_evaluation: called after each evaluation.
        on_round: called when a round is complete.
        report: called with training step and loss while children train.

    Raises:
        FailingError: the first `FAILURES_AT_FIRST` evaluations all failed. Once one has succeeded a failure is the
            architecture's own, and the strategy learns from it.
    """
    round, asked = 0, 0
    while asked < budget:
        count = min(initial if round == 0 else proposals, budget - asked)
        if pool.complete(round, asked + count):
            asked, round = asked + count, round + 1
            continue
        candidates = strategy.ask(pool.before(round), round, count)
        if not candidates:
            return  # the space is exhausted
        for evaluation in evaluator.evaluate(pool, candidates, round, report):
            pool.append(evaluation)
            on_evaluation(evaluation)
            if len(pool) >= FAILURES_AT_FIRST and not pool.ranked:
                reason = pool.get(len(pool) - 1).reason
                raise FailingError(f"the first {len(pool)} evaluations all failed; the last: {reason}")
        on_round(round)
        asked, round = asked + len(candidates), round + 1
