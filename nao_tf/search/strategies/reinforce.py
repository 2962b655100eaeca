"""REINFORCE (Williams, 1992) with an LSTM policy, as in NAS-RL (Zoph and Le, 2017) and ENAS (Pham et al., 2018)."""

from __future__ import annotations

import dataclasses

import numpy as np

from nao_tf.architecture import SearchSpace
from nao_tf.search.pool import Candidate, Pool
from nao_tf.search.strategies.policy import Policy, PolicySettings
from nao_tf.search.strategy import Strategy

BATCHES = 100  # of samples in a round at most; what they do not find new is drawn at random
DEFAULT_SETTINGS = PolicySettings()


@dataclasses.dataclass
class _Learner:
    """What the rounds before `round` have taught.

    Attributes:
        policy: after them.
        baseline: moving average of the rewards; None before the first.
        round: the next to learn from.
        history: of the pool that it learnt from.
    """

    policy: Policy
    baseline: float | None = None
    round: int = 0
    history: tuple = ()


class Reinforce(Strategy):
    """Samples from a policy and makes likelier what scored above a moving average.

    The reward is the share of the pool that an architecture beats, which needs no scale of the score. Samples that the
    pool holds already cost no evaluation, but their scores teach the policy too, as they do in the published searches,
    which evaluate repetitions again.

    The policy is a function of the pool: kept from round to round while a search runs, and learnt again round by round,
    with the same samples, when it is resumed.

    Args:
        space: the search space.
        seed: of everything random.
        settings: of the policy.
        batch_size: architectures that are sampled side by side.
        baseline_decay: of the moving average of the rewards, from round to round.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        settings: PolicySettings = DEFAULT_SETTINGS,
        batch_size: int = 16,
        baseline_decay: float = 0.8,
    ):
        super().__init__(space, seed)
        self.settings, self.batch_size, self.baseline_decay = settings, batch_size, baseline_decay
        self._learner: _Learner | None = None

    def ask(self, pool: Pool, round: int, count: int) -> list[Candidate]:
        """See `Strategy.ask`."""
        generator = np.random.default_rng([self.seed, round])
        taken: set = set()
        candidates: list[Candidate] = []
        if round > 0:
            samples, _, found = self._sample(self.policy(pool, round), pool, round, count)
            self.duplicates += len(samples) - len(found)
            taken.update(found)
            candidates = [Candidate(architecture, "policy") for architecture in found]
        return candidates + self.draw(pool, taken, count - len(candidates), generator)

    def policy(self, pool: Pool, round: int) -> Policy:
        """The policy that the rounds before `round` have taught."""
        learner = self._learner
        if learner is None or learner.round > round or learner.history != pool.before(learner.round).history:
            seed = int(np.random.default_rng([self.seed, 2]).integers(2**31))
            learner = _Learner(Policy(self.space, self.settings, seed))
        while learner.round < round:
            self._learn(learner, pool.before(learner.round), pool.before(learner.round + 1))
        self._learner = learner
        return learner.policy

    def _sample(self, policy, pool, round, count):
        """Samples until `count` architectures are new: tokens of all samples, how many up to the last new, the new."""
        generator = np.random.default_rng([self.seed, round, 1])
        samples: list[tuple[int, ...]] = []
        found: dict = {}
        until_last_new = 0
        for _ in range(BATCHES):
            for tokens in map(tuple, policy.sample(self.batch_size, generator).tolist()):
                architecture = self.space.from_tokens(tokens).canonical
                if not self.space.allows(architecture):
                    continue  # it has no score to learn from
                samples.append(tokens)
                if architecture in pool or architecture in found:
                    continue
                found[architecture] = None
                until_last_new = len(samples)
                if len(found) == count:
                    return samples, until_last_new, list(found)
        return samples, until_last_new, list(found)

    def _learn(self, learner, before, after):
        """One step up the gradient, with the samples of a round and the scores they came to have in it."""
        members = [evaluation for evaluation in after.evaluations if after.first_round(evaluation.id) == learner.round]
        tokens = [member.candidate.architecture.tokens for member in members if member.candidate.origin != "policy"]
        sampled = len(members) - len(tokens)
        if sampled:
            samples, until_last_new, _ = self._sample(learner.policy, before, learner.round, sampled)
            tokens += samples[:until_last_new]  # the same, however many more the round had asked for in vain
        scored = np.sort([after.goodness(evaluation) for evaluation in after.ranked])
        learnt, rewards = [], []
        for string in tokens:
            id = after.id_of(self.space.from_tokens(string))
            if id is not None:  # what failed has a reward of 0
                learnt.append(string)
                rewards.append(np.searchsorted(scored, after.goodness(after.get(id))) / max(1, len(scored)))
        if learnt:
            mean = float(np.mean(rewards))
            baseline = mean if learner.baseline is None else learner.baseline
            learner.policy.learn(np.array(learnt), np.array(rewards) - baseline)
            learner.baseline = self.baseline_decay * baseline + (1 - self.baseline_decay) * mean
        learner.round += 1
        learner.history = after.history
