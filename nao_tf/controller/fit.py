"""Training the controller on a pool of architectures and their scores (NAO, algorithm 1, line 4).

Letters: E members of the ensemble, P architectures of the pool, B architectures of a batch, L spellings of each, T
tokens, N architectures to predict, K step sizes.
"""

import dataclasses
from collections.abc import Sequence
from typing import Self

import numpy as np
import tensorflow as tf

from nao_tf.architecture import Architecture, SearchSpace
from nao_tf.controller.compiled import CompiledController, Examples, TrainingState, compiled_for, weights_of
from nao_tf.controller.model import EncoderPredictorDecoder
from nao_tf.controller.prediction import Prediction
from nao_tf.controller.proposals import Proposal, propose
from nao_tf.controller.quality import PredictorQuality, hamming_distance, kendall_tau, pairwise_accuracy
from nao_tf.controller.settings import PRESETS, ControllerSettings
from nao_tf.controller.spellings import spellings_of
from nao_tf.controller.training_set import TrainingSet

STEPS_PER_CALL = 100  # training steps of one compiled call


@dataclasses.dataclass(frozen=True)
class Controller:
    """A controller that has learnt a pool of architectures and their scores; `Controller.fit` makes one.

    Attributes:
        space: the search space.
        model: the trained model; all its members.
        settings: its sizes and training.
        quality: on held-out architectures.
        losses: the joint loss of every member at the last training step, `[E]`.
    """

    space: SearchSpace
    model: EncoderPredictorDecoder
    settings: ControllerSettings
    quality: PredictorQuality
    losses: tuple[float, ...]

    @classmethod
    def fit(
        cls,
        space: SearchSpace,
        architectures: Sequence[Architecture],
        scores: Sequence[float] | np.ndarray,
        *,
        settings: ControllerSettings = PRESETS["default"],
        seed: int = 0,
    ) -> Self:
        """Trains a controller from scratch on a pool.

        An ensemble holds out in turn: the pool is dealt into as many parts as there are members, and member k never
        sees part k. A single member never sees the share `settings.held_out`. The architectures held out from a member
        have no influence on its weights, not even through the normalisation of the targets.

        Args:
            space: of the architectures.
            architectures: the pool, `[P]`, at least two.
            scores: their scores, `[P]`, on any scale, higher is better.
            settings: sizes and training.
            seed: of the initial weights, the parts, dropout and augmentation. The same seed gives the same weights.

        Returns:
            The trained controller and its quality on held-out architectures.

        Raises:
            ValueError: fewer than two architectures, another number of scores, an architecture of another space, or a
                score that is not finite.
        """
        training_set = TrainingSet.of(space, architectures, scores=scores, settings=settings, seed=seed)
        model = EncoderPredictorDecoder.for_space(space, settings, seed=seed)
        compiled = compiled_for(space, settings)
        losses = _train(model, compiled, training_set)
        quality = _quality(model, compiled, space, architectures, training_set)
        return cls(space=space, model=model, settings=settings, quality=quality, losses=losses)

    def predict(self, architectures: Sequence[Architecture]) -> Prediction:
        """The predicted scores of architectures `[N]`: mean and spread of the members, float32 `[N]` each.

        What a member predicts is its mean over the spellings of an architecture.

        Raises:
            ValueError: no architecture, or one of another space.
        """
        scores = self._member_scores(architectures)  # [E, N]
        return Prediction(np.mean(scores, axis=0), np.std(scores, axis=0))

    def propose(
        self,
        starts: Sequence[Architecture],
        step_sizes: Sequence[float],
        *,
        ascents: int = 1,
        exploration: float = 0.0,
    ) -> list[Proposal]:
        """New architectures by gradient ascent from each start, by each member, with each step size.

        Args:
            starts: usually the best of the pool, `[B]`.
            step_sizes: eta, `[K]`, positive; the authors use 1, 2, 3, … and 10, 20, 30.
            ascents: number of ascents; each one after the first starts from the most promising results so far.
            exploration: weight of the members' standard deviation in the ranking, added to their mean.

        Returns:
            The proposals, the most promising first; each architecture once, and none of the starts.

        Raises:
            ValueError: no start, one of another space, no step size, or one that is not positive.
        """
        return propose(
            self.space,
            starts,
            step_sizes=step_sizes,
            ascend=self._ascend,
            predict=self._member_scores,
            ascents=ascents,
            exploration=exploration,
        )

    def _member_scores(self, architectures):
        """The scores that each member predicts, float32 `[E, N]`."""
        compiled = compiled_for(self.space, self.settings)
        return _predicted(self.model, compiled, self.space, architectures)

    def _ascend(self, architectures, step_sizes):
        """The tokens that one ascent leads to, int32 `[K, E, B, T]`."""
        tokens = _for_members(self.space.token_array(architectures), self.model.members)  # [E, B, T]
        compiled = compiled_for(self.space, self.settings)
        return compiled.ascend(weights_of(self.model), tokens, step_sizes).numpy()


def _for_members(array, members):
    """The same array for each member: `[...]` -> `[E, ...]`."""
    return np.repeat(array[np.newaxis], members, axis=0)


def _train(model, compiled: CompiledController, training_set: TrainingSet) -> tuple[float, ...]:
    """Trains the model in place; the losses of its members at the last step, `[E]`."""
    members, batches = model.members, training_set.batches  # int32 [training steps, B]
    examples = Examples(
        tokens=tf.constant(_for_members(training_set.spellings, members)),  # [E, P, L, T]
        targets=tf.constant(training_set.targets),  # [E, P]
        weights=tf.constant(training_set.example_weights),  # [E, P]
        seeds=tf.constant(training_set.seeds),  # [E]
    )
    initial = weights_of(model)
    zeros = [tf.zeros_like(weight) for weight in initial]
    state, losses = TrainingState(weights=initial, first_moments=zeros, second_moments=zeros), tf.zeros([members])
    for step in range(0, len(batches), STEPS_PER_CALL):
        chunk = batches[step : step + STEPS_PER_CALL]
        padded = np.pad(chunk, [[0, STEPS_PER_CALL - len(chunk)], [0, 0]])  # one shape for all calls
        state, losses = compiled.train(
            state,
            examples,
            tf.constant(np.repeat(padded[:, np.newaxis], members, axis=1)),  # [STEPS_PER_CALL, E, B]
            tf.constant(step),
            tf.constant(len(chunk)),
            tf.constant(len(batches)),
        )
    for variable, value in zip(model.trainable_variables, state.weights, strict=True):
        variable.assign(value)
    return tuple(losses.numpy().tolist())


def _predicted(model, compiled: CompiledController, space: SearchSpace, architectures) -> np.ndarray:
    """The scores that each member predicts, the mean over spellings of each architecture, float32 `[E, N]`.

    An architecture is predicted as it was learnt, in several spellings: a string alone is judged by what the members
    happen to think of its order, and the mean ranks better (docs/results/nasbench201.md, "Predictor").
    """
    count = model.settings.spellings
    tokens = spellings_of(space, architectures, count=count)  # [N, L, T]
    flat = tokens.reshape(-1, tokens.shape[-1])  # [N L, T]
    scores = compiled.predict(weights_of(model), _for_members(flat, model.members)).numpy()  # [E, N L]
    return scores.reshape(model.members, -1, count).mean(axis=2)


def _quality(model, compiled: CompiledController, space, architectures, training_set: TrainingSet) -> PredictorQuality:
    """Each held-out architecture is judged by the member that never saw it."""
    member, index = np.nonzero(training_set.held_out)
    if not len(index):
        return PredictorQuality(held_out=0, pairwise_accuracy=None, kendall_tau=None, hamming_distance=None)
    weights, tokens = weights_of(model), _for_members(training_set.tokens, model.members)  # [E, P, T]
    scores = training_set.scores[index]
    predicted = _predicted(model, compiled, space, architectures)[member, index]  # from [E, P]
    reconstructed = compiled.reconstruct(weights, tokens).numpy()[member, index]  # from [E, P, T]
    return PredictorQuality(
        held_out=len(index),
        pairwise_accuracy=pairwise_accuracy(scores, predicted),
        kendall_tau=kendall_tau(scores, predicted),
        hamming_distance=hamming_distance(training_set.tokens[index], reconstructed),
    )
