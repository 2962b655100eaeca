"""REINFORCE (Williams, 1992) with an LSTM policy, as in NAS-RL (Zoph and Le, 2017) and ENAS (Pham et al., 2018)."""

import dataclasses

import numpy as np

from nao_tf.architecture import Architecture, SearchSpace
from nao_tf.observer import Observer
from nao_tf.search.pool import Candidate, Evaluation, Pool
from nao_tf.search.strategies.policy import Policy, PolicySettings
from nao_tf.search.strategy import Strategy

BATCHES = 100  # of samples in a round at most; the places that they do not fill are drawn at random


@dataclasses.dataclass(frozen=True)
class ReinforceSettings:
    """The policy and its training signal.

    Attributes:
        policy: sizes and training of the policy.
        batch_size: architectures that are sampled side by side.
        baseline_decay: of the moving average of the rewards, from round to round.
    """

    policy: PolicySettings = PolicySettings()
    batch_size: int = 16
    baseline_decay: float = 0.8

    def __post_init__(self):
        if self.batch_size < 1:
            raise ValueError(f"reinforce batch_size {self.batch_size}; at least 1")
        if not 0 <= self.baseline_decay < 1:
            raise ValueError(f"reinforce baseline_decay {self.baseline_decay}; at least 0 and below 1")


@dataclasses.dataclass
class _Learner:
    """The state of the training before `round`.

    Attributes:
        policy: after them.
        baseline: moving average of the rewards; None before the first.
        round: the next to learn from.
        evaluations: of the pool that it learnt from.
        last: of them, by which the pool is known.
    """

    policy: Policy
    baseline: float | None = None
    round: int = 0
    evaluations: int = 0
    last: Evaluation | None = None

    def knows(self, pool: Pool) -> bool:
        """Whether a pool goes on from the one that was learnt from."""
        history = pool.history
        return self.evaluations == 0 or (
            len(history) >= self.evaluations and history[self.evaluations - 1] is self.last
        )


@dataclasses.dataclass(frozen=True)
class _Samples:
    """The samples of a round.

    Attributes:
        tokens: of all samples, the known ones too.
        until_last_new: number of samples up to the last new one.
        new: the architectures that the pool did not hold, in canonical form.
    """

    tokens: list[tuple[int, ...]]
    until_last_new: int
    new: list[Architecture]


class Reinforce(Strategy):
    """Samples from a policy and makes samples likelier that scored above a moving average.

    The reward is the share of the pool that an architecture beats, which needs no scale of the score. Samples that the
    pool holds already cost no evaluation, but their scores teach the policy too, as they do in the published searches,
    which evaluate repetitions again.

    The policy is a function of the pool: kept from round to round while a search runs, and learnt again round by round,
    with the same samples, when it is resumed.

    Args:
        space: the search space.
        seed: of everything random.
        reinforce: settings of the policy and its training signal.
        observer: not called, nothing predicts scores.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        *,
        reinforce: ReinforceSettings | None = None,
        observer: Observer | None = None,
    ):
        super().__init__(space, seed, observer=observer)
        self.reinforce = ReinforceSettings() if reinforce is None else reinforce
        self._learner: _Learner | None = None

    def ask(self, pool: Pool, round: int, count: int) -> list[Candidate]:
        """See `Strategy.ask`."""
        generator = np.random.default_rng([self.seed, round])
        taken: set[Architecture] = set()
        candidates: list[Candidate] = []
        if round > 0:
            samples = self._sample(self.policy(pool, round), pool, round=round, count=count)
            self.duplicates += len(samples.tokens) - len(samples.new)
            taken.update(samples.new)
            candidates = [Candidate(architecture, "policy") for architecture in samples.new]
        return candidates + self.draw(pool, taken, count=count - len(candidates), generator=generator)

    def policy(self, pool: Pool, round: int) -> Policy:
        """The policy after the training of the rounds before `round`."""
        learner = self._learner
        if learner is None or learner.round > round or not learner.knows(pool):
            seed = int(np.random.default_rng([self.seed, 2]).integers(2**31))
            learner = _Learner(Policy(self.space, self.reinforce.policy, seed=seed))
        while learner.round < round:
            self._learn(learner, pool.before(learner.round + 1))
        self._learner = learner
        return learner.policy

    def _sample(self, policy, pool, *, round, count) -> _Samples:
        """Samples until `count` architectures are new to the pool as it was when a round began."""
        generator = np.random.default_rng([self.seed, round, 1])
        tokens: list[tuple[int, ...]] = []
        new: dict[Architecture, None] = {}
        until_last_new = 0
        for _ in range(BATCHES):
            for string in map(tuple, policy.sample(self.reinforce.batch_size, generator).tolist()):
                architecture = self.space.from_tokens(string).canonical
                if not self.space.allows(architecture):
                    continue  # it has no score to learn from
                tokens.append(string)
                id = pool.id_of(architecture)
                if architecture in new or (id is not None and pool.first_round(id) < round):
                    continue
                new[architecture] = None
                until_last_new = len(tokens)
                if len(new) == count:
                    return _Samples(tokens=tokens, until_last_new=until_last_new, new=list(new))
        return _Samples(tokens=tokens, until_last_new=until_last_new, new=list(new))

    def _learn(self, learner, after):
        """One step up the gradient, with the samples of a round and their scores at its end."""
        members = after.new_in(learner.round)
        tokens = [member.candidate.architecture.tokens for member in members if member.candidate.origin != "policy"]
        sampled = len(members) - len(tokens)
        if sampled:
            samples = self._sample(learner.policy, after, round=learner.round, count=sampled)
            tokens += samples.tokens[: samples.until_last_new]  # the same for any larger number of samples in vain
        scored = np.sort([after.goodness(evaluation) for evaluation in after.ranked])
        learnt, rewards = [], []
        for string in tokens:
            id = after.id_of(self.space.from_tokens(string))
            if id is not None:  # a failed evaluation has a reward of 0
                learnt.append(string)
                rewards.append(np.searchsorted(scored, after.goodness(after.get(id))) / max(1, len(scored)))
        if learnt:
            mean, decay = float(np.mean(rewards)), self.reinforce.baseline_decay
            baseline = mean if learner.baseline is None else learner.baseline
            learner.policy.learn(np.array(learnt), np.array(rewards) - baseline)
            learner.baseline = decay * baseline + (1 - decay) * mean
        learner.round += 1
        learner.evaluations = len(after.history)
        learner.last = after.history[-1] if after.history else None
