"""What earlier searches of the same space tell a new one: other data, shorter trainings, a table.

A prior is a pool that was filled by another run. Its scores are worth nothing here, their order may be worth much, and
how much is measured on the new pool as it grows: a prior that does not rank it loses its weight.

Letters: N architectures.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nao_tf.architecture import Architecture, ArchitectureError, SearchSpace
from nao_tf.controller import Prediction, PredictorQuality
from nao_tf.controller.proposals import Proposal, ordered
from nao_tf.controller.quality import kendall_tau
from nao_tf.errors import InputError
from nao_tf.search.checked_lines import fields_of, whole_lines
from nao_tf.search.ladder import Levels, Scores
from nao_tf.search.pool import Pool

if TYPE_CHECKING:
    from nao_tf.controller import Controller

MOST = 1000  # members of a prior that a controller learns; of more, so many evenly over the ranks


@dataclasses.dataclass(frozen=True)
class Prior:
    """The members of an earlier pool.

    Attributes:
        goodness: of each, higher is better, on any scale; the best first.
        digest: of the files that it was read from; decides, with others, what a search proposes.
    """

    goodness: Mapping[Architecture, float]
    digest: str

    @classmethod
    def read(cls, paths: Sequence[os.PathLike | str], space: SearchSpace) -> Prior:
        """Reads pools that other runs wrote, and changes nothing of them.

        Of a pool that climbed a ladder each member counts with its dearest score; what failed is left out. A member
        counts by its rank in its pool, one that several pools hold by the mean of its ranks.

        Args:
            paths: of the files.
            space: that the architectures belong to.

        Raises:
            InputError: there is no such file, a line of it is none of a pool, an architecture is of another space, or
                fewer than two members of a file have a score.
        """
        ranks: dict[Architecture, list[float]] = {}
        digest = hashlib.sha256()
        for path in paths:
            content = _content(pathlib.Path(path))
            digest.update(hashlib.sha256(content).digest())
            for architecture, rank in _ranks(content, path, space=space).items():
                ranks.setdefault(architecture, []).append(rank)
        mean = {architecture: float(np.mean(of_pools)) for architecture, of_pools in ranks.items()}
        ordered = sorted(mean, key=lambda architecture: -mean[architecture])
        if len(ordered) > MOST:
            ordered = [ordered[index] for index in np.linspace(0, len(ordered) - 1, MOST).astype(int)]
        return cls({architecture: mean[architecture] for architecture in ordered}, digest.hexdigest()[:16])


def _content(path: pathlib.Path) -> bytes:
    """A file. Raises InputError where there is none."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError(f"--prior={path}: there is no such file; it takes the pool.jsonl of another run") from error


def _ranks(content: bytes, path: os.PathLike | str, *, space: SearchSpace) -> dict[Architecture, float]:
    """The members of a pool that have a score, each with its rank between 0 and 1, higher is better."""
    goodness: dict[Architecture, float] = {}
    costs: dict[Architecture, float] = {}
    for number, line in enumerate(whole_lines(content), start=1):
        try:
            architecture, score, cost = _evaluation(line, space)
        except (ValueError, ArchitectureError) as error:
            raise InputError(f"--prior={path}: line {number} is none of a pool of {space.name}: {error}") from error
        if score is not None and cost >= costs.get(architecture, 0.0):
            goodness[architecture], costs[architecture] = score, cost
    if len(set(goodness.values())) < 2:
        raise InputError(f"--prior={path}: {len(goodness)} members with a score; at least two that differ")
    values = np.array(list(goodness.values()))
    ordered = np.sort(values)
    places = (np.searchsorted(ordered, values) + np.searchsorted(ordered, values, side="right") - 1) / 2
    return dict(zip(goodness, (places / (len(values) - 1)).tolist(), strict=True))


def _evaluation(line: bytes, space: SearchSpace) -> tuple[Architecture, float | None, float]:
    """The architecture of a line, how good it is, and the cost of its score. Raises ValueError, ArchitectureError."""
    fields = fields_of(line)
    if not isinstance(fields.get("architecture"), list):
        raise ValueError("it has no architecture")
    if not isinstance(fields.get("higher_is_better"), bool):
        raise ValueError("it does not say whether higher is better")
    values, score, cost = fields["architecture"], fields.get("score"), fields.get("cost", 1.0)
    if not all(type(value) is int for value in values):
        raise ValueError("its architecture is not made of whole numbers")
    for name, number in (("score", score), ("cost", cost)):
        if number is not None and (type(number) not in (int, float) or not math.isfinite(number)):
            raise ValueError(f"its {name} is no number")
    if score is not None and not fields["higher_is_better"]:
        score = -score
    return space.architecture(tuple(values)).canonical, score, float(cost or 0.0)


class Guided:
    """A controller of the pool, and one of each prior, weighted by how well they have ranked the pool.

    The prior's controller is the lowest level of `Levels`, the pool the next one: what it misses of the pool is learnt.
    Both predictions enter as standard deviations over the members of the pool, with the weight of their rank
    correlation with scores that they did not learn, less its standard error, squared.

    Args:
        own: controller of the pool.
        prior: its controller.
        known: the prior's members.
        pool: of this search.
    """

    def __init__(self, own: Controller, prior: Controller, *, known: Prior, pool: Pool):
        self.own, self.prior, self.known, self.pool = own, prior, known, pool
        members = [evaluation.candidate.architecture for evaluation in pool.ranked]
        goodness = {evaluation.candidate.architecture: pool.goodness(evaluation) for evaluation in pool.ranked}
        once = _Remembering(prior)
        self._levels = Levels(once, [known.goodness, goodness])
        self._predictors: tuple[Scores, Scores] = (own, self._levels)
        means = [predictor.predict(members).mean for predictor in self._predictors]
        self._scales = [(float(np.mean(mean)), float(np.std(mean)) or 1.0) for mean in means]
        scores = np.array([goodness[member] for member in members])
        told = kendall_tau(scores, once.predict(members).mean)
        self.weights = _weights(own.quality.kendall_tau, told, count=len(members))

    @property
    def quality(self) -> PredictorQuality:
        """That of the pool's own controller."""
        return self.own.quality

    @property
    def model(self) -> Any:
        """That of the pool's own controller."""
        return self.own.model

    def predict(self, architectures: Sequence[Architecture]) -> Prediction:
        """The weighted predictions, `[N]` each, as standard deviations over the members of the pool."""
        mean, variance = np.zeros(len(architectures)), np.zeros(len(architectures))
        for predictor, weight, (centre, scale) in zip(self._predictors, self.weights, self._scales, strict=True):
            prediction = predictor.predict(architectures)
            mean += weight * (prediction.mean - centre) / scale
            variance += weight * (prediction.spread / scale) ** 2
        return Prediction(mean, np.sqrt(variance))

    def propose(
        self, starts: Sequence[Architecture], step_sizes: Sequence[float], *, ascents: int, exploration: float
    ) -> list[Proposal]:
        """Where both controllers lead from the starts, and the prior's own members, the most promising first.

        Args:
            starts: see `Controller.propose`.
            step_sizes: see `Controller.propose`.
            ascents: see `Controller.propose`.
            exploration: weight of the predictions' standard deviation in the order.
        """
        proposals: dict[Architecture, Proposal] = {}
        for controller in (self.own, self.prior):
            for proposal in controller.propose(starts, step_sizes, ascents=ascents, exploration=exploration):
                proposals.setdefault(proposal.architecture, proposal)
        for proposal in _of_members(self.known):
            if proposal.architecture not in self.pool:
                proposals.setdefault(proposal.architecture, proposal)
        return ordered(list(proposals.values()), self.predict, exploration=exploration)


class _Remembering:
    """A controller that predicts what it was asked for at first only once.

    Args:
        controller: it.
    """

    def __init__(self, controller: Controller):
        self._controller = controller
        self._known: dict[Architecture, tuple[float, float]] = {}  # mean and spread

    def predict(self, architectures: Sequence[Architecture]) -> Prediction:
        """The predictions of the controller, `[N]` each."""
        if self._known and all(architecture in self._known for architecture in architectures):
            mean, spread = np.array([self._known[architecture] for architecture in architectures]).reshape(-1, 2).T
            return Prediction(mean, spread)
        prediction = self._controller.predict(architectures)
        if not self._known:
            pairs = zip(prediction.mean.tolist(), prediction.spread.tolist(), strict=True)
            self._known = dict(zip(architectures, pairs, strict=True))
        return prediction


def from_prior(
    controller: Controller, prior: Prior, *, starts: Sequence[Architecture], step_sizes: Sequence[float]
) -> list[Proposal]:
    """What a prior alone proposes: where its controller leads, and its own members, the most promising first.

    Args:
        controller: of the prior.
        prior: its members.
        starts: of the ascents.
        step_sizes: of the ascents.
    """
    proposals = {proposal.architecture: proposal for proposal in controller.propose(starts, step_sizes)}
    for proposal in _of_members(prior):
        proposals.setdefault(proposal.architecture, proposal)
    return ordered(list(proposals.values()), controller.predict, exploration=0.0)


def _of_members(prior: Prior) -> list[Proposal]:
    """The members of a prior as proposals. No ascent led to them: their step size is 0."""
    return [Proposal(member, member, 0.0, 0.0, 0.0, origin="prior") for member in prior.goodness]


def _weights(own: float | None, prior: float | None, *, count: int) -> tuple[float, float]:
    """The weights of two predictions with rank correlations tau over so many members; they sum to 1."""
    error = math.sqrt(2 * (2 * count + 5) / (9 * count * (count - 1))) if count > 1 else 1.0  # of tau without agreement
    squares = [max(0.0, (tau or 0.0) - error) ** 2 for tau in (own, prior)]
    total = sum(squares)
    return (squares[0] / total, squares[1] / total) if total else (1.0, 0.0)
