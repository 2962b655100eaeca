"""Random search."""

import numpy as np

from nao_tf.search.pool import Candidate, Pool
from nao_tf.search.strategy import Strategy


class RandomSearch(Strategy):
    """Every architecture is drawn from the space, whatever came before."""

    def ask(self, pool: Pool, round: int, count: int) -> list[Candidate]:
        """See `Strategy.ask`."""
        return self.draw(pool, set(), count=count, generator=np.random.default_rng([self.seed, round]))
