"""A strategy of your own: simulated annealing in one class, searched with and tested by the contract that all keep.

Run it: python examples/own_strategy.py, or its tests: pytest examples/own_strategy.py
"""

import math

import numpy as np

import nao_tf
from nao_tf.architecture import NasBench201Space


class SimulatedAnnealing(nao_tf.Strategy):
    """Mutates a current architecture, which a worse one replaces the less often, the longer the search has gone on.

    As every strategy it has no state of its own: the way through the pool is walked again whenever it is asked.
    """

    def ask(self, pool, round, count):
        """`count` new mutants of the current architecture; random ones where there is none."""
        generator, taken, candidates = np.random.default_rng([self.seed, round]), set(), []
        current = self.current(pool)
        for _ in range(100 * count if round and current else 0):
            if len(candidates) == count:
                break
            mutant = self.space.mutate(current.candidate.architecture, generator)
            if self.is_new(mutant, pool, taken=taken):
                candidates.append(nao_tf.Candidate(mutant, "mutation", parent=current.id))
        return candidates + self.draw(pool, taken, count=count - len(candidates), generator=generator)

    def current(self, pool):
        """The member that the walk has come to."""
        generator, current = np.random.default_rng([self.seed, 1]), None
        scored = [member for member in pool.evaluations if member.score is not None]
        spread = np.std([member.score for member in scored]) if scored else 0.0
        for step, member in enumerate(scored):
            chance = generator.random()  # one number a member, so that the walk is the same however it is cut
            loss = 0.0 if current is None else pool.goodness(current) - pool.goodness(member)
            if current is None or loss <= 0 or chance < math.exp(-loss * (step + 1) / (10 * spread)):
                current = member
        return current


class TestSimulatedAnnealing(nao_tf.testing.StrategyContract):
    """The contract that all strategies keep: equal seeds, resumption, bounds, failures, directions, spent spaces."""

    def make_strategy(self, space, seed):
        """The strategy under test."""
        return SimulatedAnnealing(space, seed)


def main(budget: int = 100) -> dict[str, float]:
    """The best invented accuracy that it and random search find among the cells of NAS-Bench-201."""
    space = NasBench201Space()
    worth = (0.0, 3.0, 4.0, 7.0, 1.5)  # of each operation

    def evaluate(architecture):
        return sum(worth[value] * (1 + 0.1 * edge) for edge, value in enumerate(architecture.values))

    best = {}
    for name, strategy in (("annealing", SimulatedAnnealing(space, 1)), ("random", "random")):
        pool = nao_tf.search(space, evaluate, budget=budget, strategy=strategy, initial=20, proposals=5)
        best[name] = pool.best.score
        print(f"{name:10s} {best[name]:.2f}  {pool.best.candidate.architecture.text}")
    return best


if __name__ == "__main__":
    main()
