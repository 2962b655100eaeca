"""The search loop: ask, evaluate, remember, until the budget is spent."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence

from nao_tf.architecture import Architecture
from nao_tf.errors import RunError
from nao_tf.observer import Observer
from nao_tf.search.evaluator import Evaluator, Outcome
from nao_tf.search.pool import Candidate, Evaluation, Pool
from nao_tf.search.strategy import Strategy

FAILURES_AT_FIRST = 5  # more than chance: something is wrong with the set-up, not with the architectures


class FailingError(RunError):
    """The first evaluations of a search all failed."""


@dataclasses.dataclass(frozen=True)
class Rounds:
    """The sizes of the rounds of a search.

    Attributes:
        budget: architectures in all; on a ladder the cost of all evaluations, in evaluations on the last rung.
        initial: architectures of round 0.
        proposals: architectures of every later round.
    """

    budget: float
    initial: int
    proposals: int


def search(
    strategy: Strategy,
    evaluator: Evaluator,
    *,
    pool: Pool,
    rounds: Rounds,
    given: Sequence[Architecture] = (),
    known: Pool | None = None,
    name: str = "search",
    observer: Observer | None = None,
    enough: Callable[[Pool], bool] | None = None,
    remembered: Callable[[Evaluation], None] | None = None,
) -> None:
    """Evaluates architectures until the pool holds as many as the budget says.

    A search that was stopped goes on where it stood: rounds that are complete are not asked for again; the round that
    was under way is asked for again from the pool as it was when the round began, which gives the same candidates.

    A strategy is always asked for a whole round. Where the budget ends within it, only the first candidates are
    evaluated, so that a larger budget later completes the round and the pool is the one that it would have led to at
    once. (Not with shared weights: there the child of the cut round has been trained without the members that were
    added later.)

    On a ladder, where the pool has rungs, a round is promotions and new architectures, and the budget is their cost.

    Args:
        strategy: proposes.
        evaluator: scores.
        pool: remembers.
        rounds: budget and sizes.
        given: architectures that are evaluated first, as a part of round 0.
        known: a pool that the same evaluator has filled; what is in it is not evaluated again.
        name: of the search, for the observer.
        observer: receives rounds and evaluations.
        enough: asked after each evaluation; where it says so, the search ends before the budget does.
        remembered: told each evaluation that the pool has got.

    Raises:
        FailingError: the first `FAILURES_AT_FIRST` evaluations all failed. Once one has succeeded a failure is the
            architecture's own, and the strategy learns from it.
    """
    observer = observer or Observer()
    round, asked = 0, 0.0
    if pool.rungs:  # only the last of the rounds that the pool holds may be incomplete
        round = pool.last_round
        asked = pool.before(round).cost
    while asked < rounds.budget:
        whole = max(rounds.initial, len(given)) if round == 0 else rounds.proposals
        count = int(min(whole, rounds.budget - asked))
        if not pool.rungs and pool.complete(round, int(asked) + count):
            asked, round = asked + count, round + 1
            continue
        asked_for = _candidates(strategy, pool.before(round), round, whole, given)
        candidates = _affordable(asked_for, pool, rounds.budget - asked)
        if not candidates:
            return  # the space is exhausted, or what is left does not pay for the next evaluation
        for evaluation in _evaluations(evaluator, pool, candidates, round, known, observer):
            pool.append(evaluation)
            if remembered is not None:
                remembered(evaluation)
            observer.evaluation(name, evaluation, pool=pool)
            if len(pool) >= FAILURES_AT_FIRST and pool.best is None:
                reason = pool.get(len(pool) - 1).reason
                raise FailingError(f"the first {len(pool)} evaluations all failed; the last: {reason}")
            if enough is not None and enough(pool):
                return
        observer.round(name, round, pool=pool)
        if len(candidates) < len(asked_for):
            return  # a larger budget completes this round first
        asked, round = asked + sum(pool.cost_of(candidate.rung) for candidate in candidates), round + 1


def _candidates(strategy, before, round, count, given) -> list[Candidate]:
    """What a round evaluates."""
    if round and before.rungs:
        return strategy.climb(before, round, count)
    if round or not given:
        return strategy.ask(before, round, count)
    first = {architecture.canonical: Candidate(architecture.canonical, "given") for architecture in given}
    others = (candidate for candidate in strategy.ask(before, round, count) if candidate.architecture not in first)
    return [*first.values(), *others][:count]


def _affordable(candidates, pool, budget) -> list[Candidate]:
    """The first of the candidates, as many as a budget pays for."""
    costs = itertools.accumulate(pool.cost_of(candidate.rung) for candidate in candidates)
    # the costs of a ladder are decimal fractions, whose sum may be a rounding error above the budget
    return [candidate for candidate, cost in zip(candidates, costs, strict=True) if cost <= budget + 1e-9]


def _evaluations(evaluator, pool, candidates, round, known, observer) -> Iterator[Evaluation]:
    """The evaluations of a round that the pool lacks, each as soon as it is made."""
    members = pool.evaluations if evaluator.rescores else []
    first = 0 if evaluator.rescores else len(pool)  # the identifier of the first of `requested`
    requested = [member.candidate for member in members]
    requested += [candidate for candidate in candidates if not pool.has(candidate)]
    # members are scored again in the order of their identifiers, so what was done before a kill comes first
    done = sum(1 for _ in itertools.takewhile(lambda member: member.round == round, members))
    earlier = {} if known is None or evaluator.rescores else _outcomes(known, requested)
    missing = [member for member in requested if member.architecture not in earlier]
    architectures = [member.architecture for member in missing]
    ladder = {"rungs": [member.rung for member in missing]} if pool.rungs else {}
    outcomes = evaluator.evaluate(architectures, round=round, done=done, observer=observer, **ladder)
    ids = itertools.count(first)
    new = {candidate.architecture: next(ids) for candidate in requested if candidate.rung == 0}
    for candidate in requested[done:]:
        outcome = earlier.get(candidate.architecture) or next(outcomes)
        id = new[candidate.architecture] if candidate.rung == 0 else pool.id_of(candidate.architecture)
        yield Evaluation.of(outcome, candidate, id=id, round=round)
    next(outcomes, None)  # all are remembered: the evaluator may tidy up


def _outcomes(known, candidates) -> dict[Architecture, Outcome]:
    """The outcomes that a pool tells, by architecture."""
    outcomes = {}
    for candidate in candidates:
        id = known.id_of(candidate.architecture)
        evaluation = None if id is None else known.get(id)
        if evaluation is not None and evaluation.candidate.rung != candidate.rung:  # it went on, or came less far
            made = (each for each in known.on_rung(candidate.rung) if each.id == id)
            evaluation = next(made, None)
        if evaluation is not None:
            outcomes[candidate.architecture] = Outcome(evaluation.score, evaluation.parameters, evaluation.reason)
    return outcomes
